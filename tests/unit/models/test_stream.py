"""Reading a stream: tolerant where the protocol grows, strict where a half reply could act."""

from typing import Any

import msgspec
import pytest

from devagent.models.failures import Failure, Redactor
from devagent.models.server_sent_events import EventLines
from devagent.models.stream import ReplyStream

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"role": "assistant", "content": [], "usage": {}},
}
STOP: dict[str, Any] = {"type": "message_stop"}
ENDING: dict[str, Any] = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {},
}


def encoded(*events: dict[str, Any] | bytes) -> bytes:
    return b"".join(
        event if isinstance(event, bytes) else b"data: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    )


def opened(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(fields: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def text_delta(text: str) -> dict[str, Any]:
    return delta({"type": "text_delta", "text": text})


def closed(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def read(*events: dict[str, Any] | bytes) -> ReplyStream:
    stream = ReplyStream(Redactor())
    stream.feed(encoded(*events))
    return stream


TOOL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "git__log", "input": {}}
TEXT: dict[str, Any] = {"type": "text", "text": ""}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_may_end_in_each_way_wherever_the_chunks_are_cut(end: str, size: int) -> None:
    lines = ["\ufeff: comment", "event: a", "data: 1", "", "", "data:2", "data: 3", "id", "", "x"]
    wire = end.join(lines).encode()
    reader = EventLines()
    events = [e for at in range(0, len(wire), size) for e in reader.feed(wire[at : at + size])]
    assert events == [b" 1", b"2\n 3"]


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([STOP], "not begun"),
        ([ENDING], "before the start"),
        ([opened(TEXT)], "before the start"),
        ([START, START], "twice"),
        ([{"type": "message_start"}], "without a message"),
        ([START, text_delta("a")], "not open"),
        ([START, opened(TEXT), closed(), text_delta("a")], "not open"),
        ([START, opened(TEXT), closed(), closed()], "not open"),
        ([START, opened(TEXT, 1)], "out of order"),
        ([START, opened(TEXT), opened(TEXT)], "out of order"),
        ([START, opened(TEXT), ENDING, STOP], "within a content block"),
        ([START, opened(TEXT), delta({"type": "text_delta"})], "without text"),
        ([START, opened(TOOL), delta({"type": "input_json_delta", "partial_json": {}})], "input"),
        ([b"data: {\n\n"], "JSON object"),
        ([b"data: []\n\n"], "JSON object"),
        ([b"data: " + b"[" * 100_000 + b"\n\n"], "JSON object"),
    ],
)
def test_what_is_not_the_protocol_is_refused(events: list[Any], what: str) -> None:
    with pytest.raises(Failure, match=what) as caught:
        read(*events)
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    "parts",
    [['{"a": 1'], ["[1]"], ["1"], ["null"], ['{"a": NaN}'], ['{"a": 1e999}'], ['{"a": 1}}'], ["{"]],
)
def test_a_tool_input_that_is_no_json_object_is_never_a_call(parts: list[str]) -> None:
    deltas = [delta({"type": "input_json_delta", "partial_json": part}) for part in parts]
    with pytest.raises(Failure, match="JSON object"):
        read(START, opened(TOOL), *deltas, closed())


@pytest.mark.parametrize("changed", [{"id": ""}, {"id": None}, {"name": 7}, {"input": None}])
def test_a_tool_call_needs_an_id_a_name_and_an_input(changed: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="without a usable"):
        read(START, opened({**TOOL, **changed}), closed())


def test_a_tool_without_deltas_has_the_input_it_began_with() -> None:
    stream = read(START, opened({**TOOL, "input": {"limit": 1}}), closed(), ENDING, STOP)
    assert stream.content[0]["input"] == {"limit": 1}


def test_large_numbers_in_a_tool_input_stay_exact() -> None:
    part = '{"n": 123456789012345678901234567890}'
    stream = read(
        START, opened(TOOL), delta({"type": "input_json_delta", "partial_json": part}), closed()
    )
    assert stream.content[0]["input"] == {"n": 123456789012345678901234567890}


def test_nothing_after_message_stop_counts() -> None:
    stream = read(START, ENDING, STOP, b"data: {\n\n")
    assert stream.done
    stream.feed(b"data: nonsense\n\n")
    assert stream.content == []


def test_a_body_that_ends_before_message_stop_is_a_broken_connection() -> None:
    stream = read(START, opened(TEXT))
    with pytest.raises(Failure) as caught:
        stream.end()
    assert (caught.value.kind, caught.value.again) == ("connection", True)


def test_unknown_and_missing_stop_reasons_are_kept_apart() -> None:
    ending = {"type": "message_delta", "delta": {"stop_reason": "novel"}}
    assert read(START, ending, STOP).stop_reason == "novel"
    assert read(START, STOP).stop_reason == "missing"


def test_later_usage_overwrites_and_nulls_do_not() -> None:
    start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 9}},
    }
    usage = {"input_tokens": None, "output_tokens": 40, "cache_creation_input_tokens": 3}
    stream = read(start, {"type": "message_delta", "delta": {}, "usage": usage})
    counted = stream.usage
    assert (counted.input, counted.output) == (5, 40)
    assert (counted.cache_read, counted.cache_write) == (9, 3)


def test_halves_of_a_surrogate_pair_meet_across_deltas_and_bursts() -> None:
    def half(escape: bytes) -> bytes:
        return (
            b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
            + escape
            + b'"}}\n\n'
        )

    stream = ReplyStream(Redactor())
    shown = ""
    for piece in (
        encoded(START, opened(TEXT), half(b"a\\ud83d")),
        half(b"\\ude00b"),
        half(b"\\udcff \xff"),
        encoded(closed(), ENDING, STOP),
    ):
        shown += "".join(text for _, text in stream.feed(piece))
    assert stream.content[0]["text"] == "a😀b� �"
    assert shown == stream.content[0]["text"]


def test_lone_surrogates_in_a_tool_input_become_the_replacement_character() -> None:
    part = r'{"path": "a\udcffb"}'
    stream = read(
        START,
        opened(TOOL),
        delta({"type": "input_json_delta", "partial_json": part}),
        closed(),
        ENDING,
        STOP,
    )
    assert stream.content[0]["input"] == {"path": "a�b"}


def test_an_error_event_names_its_kind_and_hides_the_key() -> None:
    stream = ReplyStream(Redactor("topsecret"), "req_1")
    error = {"type": "rate_limit_error", "message": "topsecret \x1b[31mtoo fast"}
    with pytest.raises(Failure) as caught:
        stream.feed(encoded(START, {"type": "error", "error": error}))
    assert caught.value.kind == "rate_limited"
    assert caught.value.what.endswith("[hidden] too fast")


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devagent.models.server_sent_events.EVENT_LIMIT", 1000)
    reader = EventLines()
    reader.feed(b"data: ")
    for _ in range(19):
        reader.feed(b"x" * 50)
    with pytest.raises(Failure, match="without end"):
        reader.feed(b"x" * 50)
