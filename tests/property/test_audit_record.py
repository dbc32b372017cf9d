"""Whatever happens can be written down and read back the same."""

import json
from typing import Any, cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.audit.record import ENVELOPE, join, split
from devagent.core.codec import canonical, parse
from devagent.core.events import Event, Unlogged
from tests.support.log_events import any_event, event_of


def floats_and_nulls(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return floats_and_nulls(list(cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return [bad for one in cast("list[Any]", value) for bad in floats_and_nulls(one)]
    return [value] if value is None or isinstance(value, float) else []


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_every_event_reads_back_equal(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(event_of(kind))
    header, body = split(event)
    header, body = parse(canonical(header)), parse(canonical(body))
    content = "open" if body else "none"
    assert join(header, body, content) == event


@given(any_event().filter(lambda event: not isinstance(event, Unlogged)))
def test_no_header_holds_a_float_or_a_null(event: Event) -> None:
    header, _ = split(event)
    assert floats_and_nulls(json.loads(canonical(header))) == []


@given(any_event())
def test_content_never_stands_in_the_header(event: Event) -> None:
    header, body = split(event)
    assert not type(event).BODY & header.keys()
    assert body.keys() <= type(event).BODY | {"decision"}


def test_no_field_of_an_event_collides_with_the_logs_own() -> None:
    for kind in get_args(Event):
        assert not set(kind.__struct_encode_fields__) & ENVELOPE, kind
        assert set(kind.__struct_encode_fields__) >= kind.BODY
