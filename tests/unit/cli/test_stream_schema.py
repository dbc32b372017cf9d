"""The published schema of stream-json is current, and says what is a line and what is not."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from devagent.cli.result import Result
from devagent.cli.stream_schema import stream_schema
from devagent.core.codec import to_plain
from devagent.core.events import Event
from devagent.core.events.model import TextDelta, ThinkingDelta
from devagent.core.events.turns import BudgetStopped, TurnStarted

PUBLISHED = Path(__file__).parents[3] / "docs" / "stream-json.schema.json"


def fits(line: dict[str, Any], *, strict: bool = True) -> bool:
    return jsonschema_rs.Draft202012Validator(stream_schema(strict=strict)).is_valid(line)


def test_the_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json.loads(
        json.dumps(stream_schema())
    ), "python -m devagent.cli.stream_schema > docs/stream-json.schema.json"


@pytest.mark.parametrize(
    "event",
    [TurnStarted(turn=1), TextDelta(turn=1, text="Hi"), BudgetStopped(turn=1, limit="tokens")],
)
def test_an_event_fits_as_it_is_printed(event: Event) -> None:
    assert fits(to_plain(event))
    assert not fits({**to_plain(event), "turn": "one"})


def test_a_result_fits_and_needs_all_that_is_promised() -> None:
    whole = Result().plain(duration_ms=1)
    assert fits(whole)
    for name in whole:
        assert not fits({key: value for key, value in whole.items() if key != name}), name


def test_a_later_version_may_add_and_the_strict_schema_sees_it() -> None:
    more = {**to_plain(TurnStarted(turn=1)), "colour": "red"}
    new = {"type": "turn.paused", "turn": 1}
    for line in (more, new):
        assert fits(line, strict=False)
        assert not fits(line)


def test_unfinished_thoughts_are_not_part_of_the_stream() -> None:
    assert not fits(to_plain(ThinkingDelta(turn=1, text="hm")))
    assert "ThinkingDelta" not in stream_schema()["$defs"]
