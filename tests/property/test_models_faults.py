"""Whatever the service does wrong: a reply is whole or there is none, and nothing waits for ever."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devagent.core.errors import ModelError
from devagent.core.events.model import ModelFailed, ModelReplied
from devagent.models.failures import Failure, Redactor
from devagent.models.server_sent_events import EventLines
from devagent.models.stream import ReplyStream
from tests.support.messages_server import STREAMS, Call, MessagesServer, Step
from tests.support.model_client import ToldTime, client, events, shown

RUNS, BATCH = 400, 40
WORDS = ("alpha ", "βeta ", "日本 ", "👩‍💻 ", "\\n", '"', "{}", "data: x\n\n", "\x00", "\r\n")


def texts(chance: random.Random) -> list[str]:
    return ["".join(chance.choices(WORDS, k=3)) for _ in range(chance.randint(1, 12))]


def whole(chance: random.Random) -> dict[str, Any]:
    """A reply and how the wire cuts it."""
    args = {"".join(texts(chance)): chance.choice([1, None, [1.5], {"a": "".join(texts(chance))}])}
    return {
        "text": texts(chance),
        "thinking": texts(chance) if chance.random() < 0.4 else "",
        "calls": [Call("good__call", args)] if chance.random() < 0.6 else [],
        "chunks": chance.choice(["whole", "primes", "random", "random"]),
        "seed": chance.randint(0, 1 << 30),
    }


def broken(chance: random.Random) -> Step:
    """A reply that must not count; its call has a name that would show."""
    reply: dict[str, Any] = {**whole(chance), "calls": [Call("bad__call", {"path": "x" * 50})]}
    kind = chance.randrange(7)
    if kind == 0:
        return Step(status=chance.choice([408, 409, 429, 500, 503, 529]), message="busy")
    if kind == 1:
        return Step(status=429, headers={"retry-after": str(chance.randint(0, 3))})
    if kind == 2:
        return Step(fault="stall", at=chance.randint(0, 1500), **reply)
    if kind == 3:
        return Step(fault=chance.choice(["early_end", "malformed", "page"]), **reply)
    return Step(fault="disconnect", at=chance.randint(0, 1500), **reply)


async def run(seed: int) -> None:
    chance = random.Random(seed)
    good = Step(**whole(chance))
    steps = [*(broken(chance) for _ in range(chance.randint(0, 4))), good]
    time = ToldTime()
    async with MessagesServer(steps) as server, asyncio.timeout(30):
        model = client(server.base_url, time, stall_s=0.03)
        seen: list[Any] = []
        given_up_for = ""
        try:
            seen = await events(model)
        except ModelError as error:
            given_up_for = error.kind
        finally:
            await model.aclose()
    if given_up_for:
        # Only damage is not borne with for long; everything else has passed by then.
        assert given_up_for == "protocol"
        assert sum(step.fault in ("malformed", "page") for step in steps) > 1
        return
    assert [type(e) for e in seen if isinstance(e, ModelReplied | ModelFailed)] == [
        *[ModelFailed] * (len(steps) - 1),
        ModelReplied,
    ]
    reply = seen[-1]
    assert reply.text == shown(seen) == "".join(good.text)
    assert [(c.name, c.args) for c in reply.calls] == [(c.name, c.args) for c in good.calls]
    assert sum(time.slept) <= 60


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
async def test_no_fault_makes_it_hang_or_call_half_a_tool(first: int) -> None:
    for seed in range(first, first + BATCH):
        try:
            await run(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


RECORDED = [path.read_bytes() for path in sorted(STREAMS.glob("*.sse"))]


@given(st.sampled_from(RECORDED), st.integers(0, 5000))
def test_a_stream_that_is_cut_anywhere_is_never_done(data: bytes, at: int) -> None:
    stream = ReplyStream(Redactor())
    stream.feed(data[: min(at, len(data.rstrip()))])  # a blank line may end with CR alone
    assert not stream.done
    with pytest.raises(Failure):
        stream.end()


@given(st.sampled_from(RECORDED), st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_the_cuts_between_chunks_change_nothing(data: bytes, sizes: list[int]) -> None:
    at_once, in_pieces = ReplyStream(Redactor()), ReplyStream(Redactor())
    first = at_once.feed(data)
    pieces: list[tuple[str, str]] = []
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        pieces += in_pieces.feed(data[at : at + size])
        at, number = at + size, number + 1
    assert in_pieces.message == at_once.message
    for kind in ("text", "thinking"):
        assert "".join(t for k, t in pieces if k == kind) == "".join(
            t for k, t in first if k == kind
        )


@given(st.sampled_from(RECORDED), st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_damage_is_a_failure_or_a_whole_message_and_nothing_else(
    data: bytes, at: int, noise: bytes
) -> None:
    at = min(at, len(data))
    stream = ReplyStream(Redactor())
    try:
        stream.feed(data[:at] + noise + data[at:])
    except Failure:
        return
    if stream.done:
        for block in stream.content:
            if block["type"] == "tool_use":
                assert isinstance(block["input"], dict)
                assert block["id"]
                assert block["name"]


def test_a_block_that_does_not_say_its_kind_is_a_failure() -> None:
    told = b'"content_block": {"type"'
    data = next(one for one in RECORDED if told in one)
    with pytest.raises(Failure):
        ReplyStream(Redactor()).feed(data.replace(told, b'"content_block": {" type"', 1))


@given(st.binary(max_size=200), st.lists(st.integers(1, 9), min_size=1))
def test_events_are_the_same_however_their_bytes_are_cut(data: bytes, sizes: list[int]) -> None:
    wire = data.replace(b"a", b"\r\n").replace(b"b", b"\ndata: ").replace(b"c", b"\r") + b"\n\n"
    at_once = EventLines().feed(wire)
    reader = EventLines()
    pieces: list[bytes] = []
    at = number = 0
    while at < len(wire):
        size = sizes[number % len(sizes)]
        pieces += reader.feed(wire[at : at + size])
        at, number = at + size, number + 1
    assert pieces == at_once
