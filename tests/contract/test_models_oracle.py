"""The service's own SDK as the oracle: the same streams give equal messages, and what we send is what
its types accept."""

from collections.abc import Iterable
from typing import Any, Union, get_args

import anthropic
import pytest
from anthropic.types import ContentBlockParam
from anthropic.types import Model as SdkModel
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from devagent.models import known_models
from devagent.models.failures import Redactor
from devagent.models.messages_body import as_input
from devagent.models.plain import is_array, is_object
from devagent.models.stream import ReplyStream
from tests.support.messages_server import STREAMS, MessagesServer, Step
from tests.support.model_client import ask, client, events, replied, tool

RECORDED = sorted(path.name for path in STREAMS.glob("*.sse"))
BLOCKS_OF_REQUESTS: Any = Union[tuple(k for k in get_args(ContentBlockParam) if is_typeddict(k))]  # noqa: UP007 - made at run time
"""What a message of a request may hold (the SDK's own union takes blocks of responses as well)."""
CHUNKS = ("whole", "bytes", "primes", "random")


def without_nulls(value: Any) -> Any:
    """Nulls say the same as absence, and the SDK's models drop or add them freely."""
    if is_object(value):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if is_array(value):
        return [without_nulls(v) for v in value]
    return value


def ours(data: bytes, size: int) -> dict[str, Any]:
    stream = ReplyStream(Redactor())
    for at in range(0, len(data), size):
        stream.feed(data[at : at + size])
    assert stream.done
    return stream.message


async def theirs(name: str) -> dict[str, Any]:
    async with (
        MessagesServer([Step(stream=name)]) as server,
        anthropic.AsyncAnthropic(api_key="k", base_url=server.base_url, max_retries=0) as sdk,
        sdk.messages.stream(
            model="claude-sonnet-5-5",
            max_tokens=100,
            messages=[{"role": "user", "content": "Hello"}],
        ) as stream,
    ):
        message = await stream.get_final_message()
    return message.to_dict(mode="json", warnings=False)  # of the block from the future


@pytest.mark.parametrize("name", RECORDED)
async def test_our_reading_of_a_recorded_stream_equals_the_sdks(name: str) -> None:
    data = (STREAMS / name).read_bytes()
    expected = without_nulls(await theirs(name))
    if name == "from_the_future.sse":
        # The SDK leaves the deltas of a block it does not know out; we carry the block whole.
        poem = {"type": "poem", "lines": ["a", "b"], "title": "TU", "meta": 2}
        expected["content"][0] = poem
    for size in (1, 2, 3, 7, 61, 1021, len(data)):
        assert without_nulls(ours(data, size)) == expected


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_stream_arrives_whole_however_the_wire_cuts_it(
    name: str, chunks: Any
) -> None:
    expected = ours((STREAMS / name).read_bytes(), 1 << 20)
    async with MessagesServer([Step(stream=name, chunks=chunks, seed=7)]) as server:
        model = client(server.base_url)
        reply = replied(await events(model))
        await model.aclose()
    assert reply.content == [as_input(block) for block in expected["content"]]
    assert reply.stop == expected["stop_reason"]


def conversation(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "fine", "is_error": False}
        for block in content
        if block["type"] == "tool_use"
    ]
    return [
        {"role": "user", "content": "Look at the repository."},
        {"role": "assistant", "content": content},
        {"role": "user", "content": results or "Go on."},
    ]


def accepted(kind: Any, value: Any) -> Any:
    """``value`` as the SDK's types read it: what they do not know is dropped, so a comparison tells.

    Raises pydantic.ValidationError, or AssertionError for what fits a type of responses only.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return whole(adapter.validate_python(value))


def whole(value: Any) -> Any:
    """Lazily validated parts validated, all the way down."""
    assert not isinstance(value, BaseModel), f"{value!r} is no type of requests"
    if is_object(value):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [whole(part) for part in iter(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value


@pytest.mark.parametrize("name", [n for n in RECORDED if n != "from_the_future.sse"])
async def test_what_came_is_accepted_by_the_sdks_types_when_it_is_sent_back(name: str) -> None:
    async with MessagesServer([Step(stream=name), Step(text="Done.")]) as server:
        model = client(server.base_url)
        first = replied(await events(model))
        request = ask(messages=conversation(first.content), tools=(tool("git.log"), tool("git.x")))
        await events(model, request)
        await model.aclose()
        sent = server.requests[-1].body
    assert accepted(MessageCreateParamsStreaming, {**sent, "messages": []}) == {
        **sent,
        "messages": [],
    }
    for message in sent["messages"]:
        assert set(message) == {"role", "content"}
        for block in message["content"]:
            assert accepted(BLOCKS_OF_REQUESTS, block) == block


def test_a_field_that_the_sdk_does_not_know_would_be_noticed() -> None:
    odd = {"type": "text", "text": "a", "surprise": 1}
    assert accepted(BLOCKS_OF_REQUESTS, odd) != odd


def test_the_known_models_are_those_of_the_sdk() -> None:
    literal = next(part for part in get_args(SdkModel) if part is not str)
    assert known_models() == get_args(literal)


async def test_the_sdk_understands_our_server_without_streaming_too() -> None:
    async with (
        MessagesServer([Step(text="Hello.", thinking="Hm.")]) as server,
        anthropic.AsyncAnthropic(api_key="k", base_url=server.base_url, max_retries=0) as sdk,
    ):
        message = await sdk.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=100,
            messages=[{"role": "user", "content": "Hello"}],
        )
        count = await sdk.messages.count_tokens(
            model="claude-sonnet-5-5", messages=[{"role": "user", "content": "Hello"}]
        )
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert count.input_tokens > 0
