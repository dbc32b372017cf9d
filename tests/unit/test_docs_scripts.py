"""The page for scripts is whole: every exit code, every field of a result, every limit stands in it."""

from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

from devagent.agent.spending import SUBAGENT_TOKENS, SUBAGENT_TURNS
from devagent.agent.tasks import MAX_ANSWER
from devagent.cli.result import EXIT_CODES
from devagent.cli.run import run
from devagent.cli.stream_lines import Counts, Denial, Judged, ResultLine
from devagent.host.inprocess import DEFAULT_TIME_LIMIT_S
from devagent.host.toolbox import MAX_TEXT_BYTES
from devagent.models.keys import COMMAND_S

PAGE = (Path(__file__).parents[2] / "docs/scripts.md").read_text(encoding="utf-8")
LIMITS = ("max_turns", "max_cost", "tokens", "time_limit", "calls", "repeated_calls", "refusals")


@pytest.mark.parametrize("kind", [ResultLine, Counts, Denial, Judged])
def test_every_field_stands_in_the_page(kind: type[Struct]) -> None:
    missing = [one.encode_name for one in fields(kind) if f"`{one.encode_name}`" not in PAGE]
    assert missing == []


def test_every_exit_code_has_its_line_with_what_stopped_it() -> None:
    for stop, code in EXIT_CODES.items():
        assert f"| {code} | `{stop}` |" in PAGE
    assert all(f"\n| {code} | " in PAGE for code in (2, 141))


def test_every_limit_has_its_line() -> None:
    assert [name for name in LIMITS if f"\n| `{name}` | " not in PAGE] == []


def test_every_option_that_sets_a_limit_is_named() -> None:
    options = {name for one in run.params for name in one.opts if "limit" in name or "max" in name}
    assert {name for name in options if name not in PAGE} == set()


def test_the_limits_that_end_no_run_stand_in_the_page_as_they_are() -> None:
    calls = (
        f"{MAX_TEXT_BYTES:,} bytes",
        f"| {DEFAULT_TIME_LIMIT_S:.0f} s;",
        f"| {COMMAND_S:.0f} s |",
    )
    below = (
        f"{SUBAGENT_TURNS} replies",
        f"{SUBAGENT_TOKENS:,} tokens",
        f"{MAX_ANSWER:,} characters",
    )
    assert [one for one in (*calls, *below) if one not in PAGE] == []
