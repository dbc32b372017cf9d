"""The Messages API client over loopback: what is sent, what comes back, and each fault."""

import asyncio
from typing import Any

import msgspec
import pytest

from devagent.core.errors import ConfigError, ModelError
from devagent.core.events.model import TextDelta
from devagent.core.ports import ModelEvent
from devagent.core.usage import Usage
from devagent.models import Credential
from devagent.models.messages_body import encode_request
from devagent.models.patience import RetryPolicy
from devagent.models.sampling import Sampling
from tests.support.messages_server import Call, MessagesServer, Recorded, Step
from tests.support.model_client import (
    KEY,
    ToldTime,
    ask,
    client,
    events,
    failures,
    replied,
    shown,
    thought,
    tool,
)


async def test_a_reply_comes_as_deltas_and_then_whole() -> None:
    step = Step(
        thinking=["Let me ", "see."],
        text=["It ", "works."],
        calls=[Call("git__log", {"limit": 3}, "toolu_1")],
        usage={"input_tokens": 1000, "output_tokens": 200, "cache_read_input_tokens": 5000},
    )
    async with MessagesServer([step]) as server:
        model = client(server.base_url)
        seen = await events(model)
        await model.aclose()
    reply = replied(seen)
    assert (thought(seen), shown(seen)) == ("Let me see.", "It works.")
    assert reply.text == "It works."
    assert [(call.id, call.name, call.args) for call in reply.calls] == [
        ("toolu_1", "git__log", {"limit": 3})
    ]
    assert reply.content[0]["signature"] == "c2lnbmVk"
    assert (reply.stop, reply.model) == ("tool_use", "claude-sonnet-5-5")
    assert reply.usage == Usage(input=1000, output=200, cache_read=5000)
    assert reply.cost is not None
    assert reply.cost.usd_micros == 1000 * 2 + 200 * 10 + 500
    assert reply.request_id == "req_test_1"


async def test_deltas_of_one_burst_are_one_event_and_keep_their_order() -> None:
    step = Step(thinking=["a"] * 50, text=["b"] * 50)
    async with MessagesServer([step]) as server:
        model = client(server.base_url)
        seen = await events(model)
        await model.aclose()
    kinds = [isinstance(event, TextDelta) for event in seen[:-1]]
    assert kinds == sorted(kinds)
    assert len(kinds) < 20
    assert shown(seen) == "b" * 50


async def test_headers_are_those_of_the_api() -> None:
    async with MessagesServer([Step(text="a"), Step(text="b")]) as server:
        by_key = client(server.base_url + "/gateway/")
        by_token = client(server.base_url, credential=Credential("auth_token", "tok-1"))
        await events(by_key)
        await events(by_token)
        await by_key.aclose()
        await by_token.aclose()
        first, second = server.requests
    assert first.path == "/gateway/v1/messages"
    assert first.headers["x-api-key"] == KEY
    assert first.headers["anthropic-version"] == "2023-06-01"
    assert first.headers["user-agent"].startswith("devagent/")
    assert "authorization" not in first.headers
    assert second.headers["authorization"] == "Bearer tok-1"
    assert "x-api-key" not in second.headers


async def failing(
    server: MessagesServer, time: ToldTime | None = None, **changed: Any
) -> tuple[ModelError, list[ModelEvent]]:
    """The error that a reply ends with, and the events before it."""
    model = client(server.base_url, time, **changed)
    seen: list[ModelEvent] = []

    async def read() -> None:
        async for event in model.reply(ask()):
            seen.append(event)  # noqa: PERF401 - what came before the error counts

    try:
        with pytest.raises(ModelError) as caught:
            await read()
    finally:
        await model.aclose()
    return caught.value, seen


def body_of(**changed: Any) -> dict[str, Any]:
    return msgspec.json.decode(
        encode_request(ask(**changed), "claude-sonnet-5-5", Sampling(max_tokens=4096))
    )


def test_cache_points_are_on_the_last_tool_the_system_text_and_the_last_two_user_messages() -> None:
    messages: list[dict[str, Any]] = [
        {"role": role, "content": f"{role} {n}"} for n in range(3) for role in ("user", "assistant")
    ]
    messages.append({"role": "user", "content": [{"type": "text", "text": "now"}]})
    body = body_of(messages=messages, tools=(tool("git.log"), tool("git.show")))
    point = {"type": "ephemeral"}
    assert [t.get("cache_control") for t in body["tools"]] == [None, point]
    assert [b.get("cache_control") for b in body["system"]] == [point]
    points = [m["content"][-1].get("cache_control") for m in body["messages"]]
    assert points == [None, None, None, None, point, None, point]
    assert [t["name"] for t in body["tools"]] == ["git__log", "git__show"]


def test_the_next_request_begins_with_the_bytes_of_the_one_before() -> None:
    first = [{"role": "user", "content": "one"}]
    then = [
        *first,
        {"role": "assistant", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    point = b'"cache_control":{"type":"ephemeral"}'

    def bare(messages: list[dict[str, Any]]) -> bytes:
        request = ask(messages=messages, tools=(tool(),))
        body = encode_request(request, "claude-sonnet-5-5", Sampling(max_tokens=1))
        return body.replace(b"," + point, b"").replace(point + b",", b"")

    shorter, longer = bare(first), bare(then)
    assert b'"messages":[{"content":[{"text":"one","type":"text"}],"role":"user"}]' in shorter
    assert longer.startswith(shorter.removesuffix(b'],"stream":true}'))
    assert b": " not in longer.replace(b"What git.log does.", b"")


def test_what_was_given_is_not_changed_by_sending_it() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    given = msgspec.json.encode(messages)
    body_of(messages=messages)
    assert msgspec.json.encode(messages) == given


def test_blank_text_and_empty_messages_are_left_out_because_the_service_refuses_them() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "text", "text": " \n"}]},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]},
    ]
    sent = body_of(messages=messages, system=" ")["messages"]
    assert [(m["role"], [b["text"] for b in m["content"]]) for m in sent] == [
        ("user", ["a"]),
        ("user", ["b"]),
    ]


def test_lone_surrogates_are_made_well_formed_before_they_are_sent() -> None:
    assert body_of(text="name \udcff.txt")["messages"][0]["content"][0]["text"] == "name �.txt"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_passing_failure_is_told_and_tried_again(status: int) -> None:
    time = ToldTime()
    steps = [Step(status=status, message="busy"), Step(status=status), Step(text="There.")]
    async with MessagesServer(steps) as server:
        model = client(server.base_url, time)
        seen = await events(model)
        await model.aclose()
    assert replied(seen).text == "There."
    told = failures(seen)
    assert [(f.attempt, f.status, f.retry_in_ms) for f in told] == [
        (1, status, 500),
        (2, status, 1000),
    ]
    assert told[0].request_id == "req_test_1"
    assert "busy" in told[0].reason
    assert time.slept == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (400, "invalid_request", ""),
        (401, "authentication", "devagent auth login"),
        (403, "permission", "organisation"),
        (404, "not_found", "`model`"),
        (413, "too_large", "new session"),
        (302, "invalid_request", "base_url"),
    ],
)
async def test_a_lasting_failure_ends_at_once_with_a_hint(
    status: int, kind: str, hint: str
) -> None:
    async with MessagesServer([Step(status=status, message="No.")]) as server:
        error, seen = await failing(server)
        assert len(server.requests) == 1
    assert (error.kind, error.status, error.exit_code) == (kind, status, 6)
    assert hint in error.hint
    assert [event.retry_in_ms for event in failures(seen)] == [None]
    assert len(seen) == 1


async def test_retry_after_is_honoured_in_seconds_milliseconds_and_as_a_date() -> None:
    time = ToldTime()
    date = {
        "date": "Sun, 06 Nov 1994 08:49:30 GMT",
        "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT",
    }
    steps = [
        Step(status=429, headers={"retry-after": "3"}),
        Step(status=429, headers={"retry-after-ms": "250", "retry-after": "9"}),
        Step(status=529, headers=date),
        Step(text="There."),
    ]
    async with MessagesServer(steps) as server:
        model = client(server.base_url, time)
        seen = await events(model)
        await model.aclose()
    assert time.slept == [3.0, 0.25, 7.0]
    assert [f.retry_in_ms for f in failures(seen)] == [3000, 250, 7000]


async def test_a_retry_after_beyond_all_patience_ends_at_once_and_says_so() -> None:
    time = ToldTime()
    async with MessagesServer([Step(status=429, headers={"retry-after": "3600"})]) as server:
        error, seen = await failing(server, time)
    assert "3600 s" in error.what
    assert error.retry_after_s == 3600
    assert time.slept == []
    assert [f.retry_in_ms for f in failures(seen)] == [None]


async def test_endless_overload_is_given_up_within_the_limit() -> None:
    time = ToldTime()
    async with MessagesServer([Step(status=529, times=0)]) as server:
        error, seen = await failing(server, time, give_up_s=60.0)
    assert error.kind == "overloaded"
    assert "given up" in error.what
    assert 40 < sum(time.slept) <= 60
    assert [f.retry_in_ms is None for f in failures(seen)] == [False] * (len(seen) - 1) + [True]


async def test_the_services_own_word_on_retrying_is_taken() -> None:
    steps = [
        Step(status=400, headers={"x-should-retry": "true"}),
        Step(status=529, headers={"x-should-retry": "false"}),
    ]
    async with MessagesServer(steps) as server:
        error, seen = await failing(server)
    assert error.status == 529
    assert len(seen) == 2


async def test_a_stream_that_breaks_off_is_void_and_asked_for_again() -> None:
    calls = [Call("git__push", {"branch": "main"})]
    steps = [
        Step(text="Half of it", calls=calls, fault="disconnect", at=1100),
        Step(text="Half of it", calls=calls, fault="early_end"),
        Step(text="Whole.", calls=calls),
    ]
    async with MessagesServer(steps) as server:
        model = client(server.base_url)
        seen = await events(model)
        await model.aclose()
    assert [f.err for f in failures(seen)] == ["connection", "connection"]
    assert shown(seen) == "Whole."
    assert len(replied(seen).calls) == 1


@pytest.mark.parametrize("at", [0, 60, 700])
async def test_silence_before_the_head_or_in_the_middle_is_a_stall(at: int) -> None:
    steps = [Step(text="Never shown whole", fault="stall", at=at), Step(text="There.")]
    async with MessagesServer(steps) as server:
        model = client(server.base_url, stall_s=0.05)
        seen = await events(model)
        await model.aclose()
    assert [f.err for f in failures(seen)] == ["stalled"]
    assert shown(seen) == "There."


async def test_endless_silence_is_given_up_within_the_limit() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with MessagesServer([Step(fault="stall", times=0)]) as server:
        error, seen = await failing(
            server,
            clock=loop.time,
            sleep=asyncio.sleep,
            stall_s=0.1,
            give_up_s=0.4,
            retries=RetryPolicy(first_s=0.01),
        )
    assert error.kind == "stalled"
    assert len(seen) >= 3
    assert loop.time() - began < 5


async def test_a_slow_stream_is_no_stall() -> None:
    step = Step(text=["drip "] * 4, chunks="primes", seed=8, pause_ms=4)
    async with MessagesServer([step]) as server:
        model = client(server.base_url, stall_s=2.0)
        seen = await events(model)
        await model.aclose()
    assert shown(seen) == "drip " * 4
    assert failures(seen) == []


async def test_a_damaged_reply_is_asked_for_again_once() -> None:
    async with MessagesServer([Step(text="abc", fault="malformed", times=0)]) as server:
        error, seen = await failing(server)
        assert len(server.requests) == 2
    assert error.kind == "protocol"
    assert "not a JSON object" in error.what
    assert [f.retry_in_ms is None for f in failures(seen)] == [False, True]


async def test_a_page_instead_of_a_stream_is_named() -> None:
    async with MessagesServer([Step(fault="page", times=0)]) as server:
        error, _ = await failing(server)
    assert error.kind == "protocol"
    assert "text/html" in error.what
    assert "base_url" in error.hint


async def test_an_error_event_in_the_stream_is_tried_again_by_its_kind() -> None:
    steps = [
        Step(text="Half", stream_error="overloaded_error"),
        Step(text="Half", stream_error="invalid_request_error"),
    ]
    async with MessagesServer(steps) as server:
        error, seen = await failing(server)
    assert [(f.err, f.request_id) for f in failures(seen)] == [
        ("overloaded", "req_test_1"),
        ("invalid_request", "req_test_2"),
    ]
    assert error.kind == "invalid_request"
    assert shown(seen) == ""


async def test_the_key_is_in_no_error_even_when_the_service_echoes_it() -> None:
    steps = [
        Step(status=529, message="busy for", echo_key=True),
        Step(status=401, message="bad key", echo_key=True),
    ]
    async with MessagesServer(steps) as server:
        error, seen = await failing(server)
    assert KEY not in f"{error} {error!r} {error.__dict__} {seen}"
    assert "[hidden]" in error.what
    assert KEY not in repr(Credential("api_key", KEY))


async def test_connections_are_kept_for_the_next_request() -> None:
    async with MessagesServer([Step(text="a", times=0)]) as server:
        model = client(server.base_url)
        for _ in range(3):
            await events(model)
        await model.aclose()
        assert (server.connections, len(server.requests)) == (1, 3)


async def test_a_connection_that_the_service_closed_meanwhile_is_replaced_silently() -> None:
    steps = [Step(text="a", close=True), Step(text="b"), Step(text="c")]
    async with MessagesServer(steps) as server:
        model = client(server.base_url)
        seen = [*await events(model), *await events(model)]
        await model.aclose()
    assert failures(seen) == []


async def test_an_idle_connection_is_not_used_for_ever() -> None:
    time = ToldTime()
    async with MessagesServer([Step(text="a", times=0)]) as server:
        model = client(server.base_url, time)
        await events(model)
        time.at += 3600
        await events(model)
        await model.aclose()
        assert server.connections == 2


async def test_the_first_request_takes_the_connection_that_was_opened_ahead() -> None:
    async with MessagesServer([Step(text="a")]) as server:
        model = client(server.base_url)
        ahead, seen = await asyncio.gather(model.connect(), events(model))
        await model.aclose()
        assert server.connections == 1
    assert ahead
    assert replied(seen).text == "a"


async def test_opening_ahead_leaves_its_failure_to_the_request() -> None:
    async with MessagesServer() as server:
        base_url = server.base_url
    model = client(base_url, give_up_s=0.0)
    assert not await model.connect()
    with pytest.raises(ModelError) as caught:
        await events(model)
    assert caught.value.kind == "connection"
    assert "127.0.0.1" in caught.value.what


async def test_a_reply_that_is_left_early_closes_its_connection_and_the_next_one_works() -> None:
    steps = [Step(text=["a"] * 500, chunks="primes", pause_ms=1), Step(text="b")]
    async with MessagesServer(steps) as server:
        model = client(server.base_url)
        reply = model.reply(ask())
        async for event in reply:
            assert isinstance(event, TextDelta)
            break
        await reply.aclose()
        assert replied(await events(model)).text == "b"
        await model.aclose()
        assert server.connections == 2


async def test_replies_can_run_side_by_side() -> None:
    steps = [Step(text="left", match="LEFT"), Step(text="right", match="RIGHT")]
    async with MessagesServer(steps) as server:
        model = client(server.base_url)
        left, right = await asyncio.gather(events(model, ask("LEFT")), events(model, ask("RIGHT")))
        await model.aclose()
    assert (replied(left).text, replied(right).text) == ("left", "right")


async def test_a_cancelled_reply_leaves_nothing_behind() -> None:
    async with MessagesServer([Step(fault="stall"), Step(text="b")]) as server:
        asked = asyncio.Event()

        def told(_: Recorded) -> None:
            asked.set()

        server.on_request.append(told)
        model = client(server.base_url)
        task = asyncio.create_task(events(model))
        async with asyncio.timeout(5):
            await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert replied(await events(model)).text == "b"
        await model.aclose()


async def test_a_large_prompt_goes_out_whole() -> None:
    text = "lorem ipsum " * 400_000
    async with MessagesServer([Step(text="a")]) as server:
        model = client(server.base_url)
        await events(model, ask(text))
        await model.aclose()
        assert server.requests[0].body["messages"][0]["content"][0]["text"] == text


async def test_a_prompt_that_is_too_long_has_a_kind_of_its_own() -> None:
    step = Step(
        status=400,
        error="invalid_request_error",
        message="prompt is too long: 210000 tokens > 200000 maximum",
    )
    async with MessagesServer([step]) as server:
        error, _ = await failing(server)
    assert error.kind == "too_large"


def test_without_a_key_there_is_no_model() -> None:
    with pytest.raises(ConfigError, match="no key"):
        client("http://127.0.0.1:1", credential=None)


@pytest.mark.parametrize("secret", ["", " ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        client("http://127.0.0.1:1", credential=Credential("api_key", secret))
    assert not secret.strip() or secret not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://gateway.example", "http://10.0.0.7:8080", "http://127.evil.example"]
)
def test_a_key_never_goes_out_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigError, match="in the clear"):
        client(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.0.0.9", "http://[::1]:2", "https://gateway.example"]
)
def test_loopback_and_tls_may_carry_it(url: str) -> None:
    assert client(url).name == "claude-sonnet-5-5"
