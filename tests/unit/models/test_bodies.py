"""What is asked for besides the conversation: thinking, effort, caching, betas; and the chat form of it all."""

from typing import Any

import msgspec
import pytest

from devagent.core.codec import well_formed_value
from devagent.core.errors import ConfigError, ModelError
from devagent.models import messages_body
from devagent.models.chat import ChatStream
from devagent.models.chat_body import chat_messages, encode_chat
from devagent.models.failures import Failure, Redactor
from devagent.models.messages_body import Written, encode_request, message_body
from devagent.models.sampling import Sampling
from tests.support.messages_server import MessagesServer, Step
from tests.support.model_client import ask, client, events, tool


def body(sampling: Sampling, **changed: Any) -> dict[str, Any]:
    return msgspec.json.decode(encode_request(ask(**changed), "claude-sonnet-5-5", sampling))


@pytest.mark.parametrize(
    ("sampling", "sent"),
    [
        (Sampling(), {}),
        (Sampling(thinking="adaptive"), {"thinking": {"type": "adaptive"}}),
        (Sampling(thinking="off"), {"thinking": {"type": "disabled"}}),
        (Sampling(thinking_tokens=2048), {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (Sampling(effort="low"), {"output_config": {"effort": "low"}}),
        (Sampling(temperature=0.2), {"temperature": 0.2}),
        (Sampling(temperature=1.0, thinking="adaptive"), {"thinking": {"type": "adaptive"}}),
    ],
)
def test_only_what_was_chosen_is_sent(sampling: Sampling, sent: dict[str, Any]) -> None:
    found = body(sampling)
    usual = {"model", "max_tokens", "system", "messages", "stream"}
    assert {name: found[name] for name in found if name not in usual} == sent


def test_cache_points_have_the_life_that_was_chosen_or_there_are_none() -> None:
    text = str(body(Sampling(cache="1h"), tools=(tool(),)))
    assert text.count("'cache_control': {") == text.count("'ttl': '1h'") == 3
    assert "cache_control" not in str(body(Sampling(cache="off"), tools=(tool(),)))


async def test_a_feature_brings_its_beta_header_and_nothing_else_does() -> None:
    async with MessagesServer([Step(text="a"), Step(text="b")]) as server:
        for sampling in (Sampling(), Sampling(features=("context_1m", "interleaved_thinking"))):
            model = client(server.base_url, sampling=sampling)
            await events(model)
            await model.aclose()
        plain, featured = (request.headers.get("anthropic-beta") for request in server.requests)
    assert plain is None
    assert featured == "context-1m-2025-08-07,interleaved-thinking-2025-05-14"


async def test_the_service_counts_what_would_be_sent() -> None:
    async with MessagesServer() as server:
        model = client(server.base_url)
        counted = await model.count(ask("x" * 4000))
        await model.aclose()
        (request,) = server.requests
    assert counted is not None
    assert counted > 1000
    assert request.path == "/v1/messages/count_tokens"
    assert set(request.body) == {"model", "system", "messages"}


async def test_a_service_that_does_not_count_is_no_failure() -> None:
    async with MessagesServer() as server:
        base_url = server.base_url
    model = client(base_url)
    assert await model.count(ask()) is None
    await model.aclose()


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Length": "3"}, "'Content-Length' cannot be set"),
        ({"x y": "a"}, "'x y' cannot be set"),
        ({"x-a": "a\r\nx-b: c"}, "characters that no header can carry"),
    ],
)
def test_a_header_that_would_change_the_request_is_refused(
    headers: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        client("http://127.0.0.1:1", headers=headers)


async def test_what_stands_in_a_header_of_the_config_is_in_no_error() -> None:
    step = Step(status=400, message="who is hush-4711?")
    async with MessagesServer([step]) as server:
        model = client(server.base_url, headers={"x-gateway": "hush-4711"})
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert "hush-4711" not in str(caught.value)


def test_a_conversation_in_chat_form_has_each_result_right_behind_its_call() -> None:
    given: list[dict[str, Any]] = [
        {"role": "user", "content": "Look."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                {"type": "text", "text": "Yes."},
                {"type": "tool_use", "id": "c1", "name": "git__log", "input": {"n": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one", "is_error": True},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "git__log", "arguments": '{"n":1}'},
    }
    assert chat_messages(given) == [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "Yes.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "user", "content": "And now?"},
    ]


def test_a_chat_server_is_asked_for_its_counts() -> None:
    sent = msgspec.json.decode(encode_chat(ask(tools=(tool(),)), "q", Sampling(effort="high")))
    assert sent["stream_options"] == {"include_usage": True}
    assert (sent["reasoning_effort"], sent["messages"][0]["role"]) == ("high", "system")
    assert sent["tools"][0]["function"]["name"] == "git__log"


def chat(*chunks: dict[str, Any] | str) -> ChatStream:
    stream = ChatStream(Redactor())
    for chunk in chunks:
        data = chunk if isinstance(chunk, str) else msgspec.json.encode(chunk).decode()
        stream.feed(f"data: {data}\n\n".encode())
    return stream


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def called(
    index: int | None, name: str, arguments: Any, identity: str | None = None
) -> dict[str, Any]:
    call: dict[str, Any] = {"function": {"name": name, "arguments": arguments}, "id": identity}
    return delta(tool_calls=[call if index is None else {**call, "index": index}])


def test_calls_without_index_or_telling_id_get_ids_of_their_own() -> None:
    whole = chat(
        called(None, "a", {"x": 1}, "call_0"), called(None, "b", "{}", "call_1"), delta("stop"), "[DONE]"
    )  # fmt: skip
    first, second = whole.content
    assert (first["name"], first["input"], second["name"], second["input"]) == ("a", {"x": 1}, "b", {})  # fmt: skip
    assert len({first["id"], second["id"], "call_0", "call_1"}) == 4
    assert whole.stop_reason == "tool_use"


def test_a_stream_that_is_properly_closed_after_its_finish_is_whole() -> None:
    stream = chat(delta(content="So."), delta("stop"))
    assert not stream.done
    stream.end()
    assert stream.done
    assert stream.content == [{"type": "text", "text": "So."}]


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ((called(0, "a", '{"x": ', "call_0123456789"), delta("tool_calls"), "[DONE]"), "protocol"),
        ((called(0, "a", "[1]", "call_0123456789"), delta("tool_calls"), "[DONE]"), "protocol"),
        ((called(0, "", "{}", "call_0123456789"), delta("tool_calls"), "[DONE]"), "protocol"),
        ((delta(content="So."), "[DONE]"), "protocol"),
        (("{not json",), "protocol"),
        ((delta(tool_calls=["x"]),), "protocol"),
        (({"error": {"message": "boom", "code": 503}},), "overloaded"),
        (({"object": "error", "message": "boom", "code": 400, "type": "invalid_request_error"},), "invalid_request"),
    ],
)  # fmt: skip
def test_a_stream_that_is_not_right_is_a_failure(chunks: tuple[Any, ...], kind: str) -> None:
    with pytest.raises(Failure) as caught:
        chat(*chunks)
    assert caught.value.kind == kind


def test_a_stream_that_broke_has_no_content() -> None:
    stream = chat(delta(content="So."), called(0, "a", "{}", "call_0123456789"))
    with pytest.raises(Failure) as caught:
        stream.end()
    assert (caught.value.kind, caught.value.again, stream.content) == ("connection", True, [])


def test_what_was_written_before_gives_the_same_bytes_whatever_happens_to_the_conversation() -> (
    None
):
    written = Written()
    odd = "half \ud83d"
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": [{"type": "text", "text": odd}, {"type": "text", "text": " "}]},
        {"role": "user", "content": [{"type": "text", "text": " "}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "t", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "And?"},
    ]  # fmt: skip
    for sampling in (Sampling(), Sampling(cache="off")):
        messages: list[dict[str, Any]] = []
        for turn in [*turns, *turns]:
            messages.append(dict(turn))
            request = ask(messages=messages)
            fresh = encode_request(request, "m", sampling)
            assert encode_request(request, "m", sampling, written) == fresh
            plain = well_formed_value(message_body(request, "m", sampling))
            assert msgspec.json.decode(fresh) == {**plain, "stream": True}
        messages[-1]["content"] = [{"type": "text", "text": "Another."}]
        del messages[:3]
        request = ask(messages=messages)
        assert encode_request(request, "m", sampling, written) == encode_request(request, "m", sampling)  # fmt: skip


def test_a_long_conversation_is_not_written_anew_for_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    write = messages_body.canonical

    def counting(value: Any) -> bytes:
        counted.append(1)
        return write(value)

    monkeypatch.setattr(messages_body, "canonical", counting)
    written = Written()
    messages: list[dict[str, Any]] = []
    for number in range(200):
        messages.append({"role": "user", "content": f"{number}"})
        messages.append({"role": "assistant", "content": f"{number}"})
        encode_request(ask(messages=messages), "m", Sampling(), written)
    assert len(counted) < 200 * 5
