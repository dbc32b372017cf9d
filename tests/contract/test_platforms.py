"""One contract for all platforms: the same conversation, the same events, whatever the wire.

Every platform is a server on loopback with credentials of nobody's.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from devagent.core.errors import ModelError
from devagent.core.ports import ModelEvent
from devagent.core.usage import Usage
from devagent.models import OpenModel
from devagent.models.choices import Choices, KeySource, ModelFacts, Platform
from devagent.models.platforms import open_on_platform
from tests.support.messages_server import Answers, Call, MessagesServer, Recorded, Step
from tests.support.messages_server import answer as messages_answer
from tests.support.model_client import (
    KEY,
    ToldTime,
    ask,
    client,
    events,
    failures,
    pace_of,
    replied,
    shown,
    thought,
    tool,
)
from tests.support.other_wires import bedrock_answer, chat_answer

PRICED = ModelFacts(price_as="claude-sonnet-5-5", images=True)
VARIABLE = "CONTRACT_TEST_VALUE"


class Case(Struct, frozen=True):
    """A platform: what its server answers like, how a model of it is opened, where its key goes."""

    answers: Answers
    opened: Callable[[str, ToldTime, dict[str, Any]], OpenModel]
    sent: Callable[[Recorded], bool]
    path: str


def platform(kind: Any, model: str, **fields: Any) -> Callable[..., OpenModel]:
    def opened(base_url: str, time: ToldTime, patience: dict[str, Any]) -> OpenModel:
        table = Platform(
            name="there",
            type=kind,
            base_url=base_url + fields.get("under", ""),
            models={model: PRICED},
            **{name: value for name, value in fields.items() if name != "under"},
        )
        return open_on_platform(
            f"there/{model}",
            Choices(platforms={"there": table}),
            environment={VARIABLE: KEY},
            pace=pace_of(time, **patience),
            prices=None,
        )

    return opened


def service(base_url: str, time: ToldTime, patience: dict[str, Any]) -> OpenModel:
    return client(base_url, time, **patience)


def bearer(request: Recorded) -> bool:
    return request.headers.get("authorization") == f"Bearer {KEY}"


NAMED = KeySource(variable=VARIABLE)
CASES = {
    "anthropic": Case(
        messages_answer, service, lambda r: r.headers.get("x-api-key") == KEY, "/v1/messages"
    ),
    "gateway": Case(
        messages_answer,
        platform(
            "messages", "claude-sonnet-5-5", under="/llm", key=NAMED, headers={"X-Team": "data"}
        ),
        lambda r: bearer(r) and r.headers.get("x-team") == "data",
        "/llm/v1/messages",
    ),
    "openai": Case(
        chat_answer,
        platform("openai", "org/qwen3-coder", under="/v1", key=NAMED),
        bearer,
        "/v1/chat/completions",
    ),
    "bedrock": Case(
        bedrock_answer,
        platform("bedrock", "eu.anthropic.claude-sonnet-5-5-v1:0", region="eu-central-1"),
        lambda r: "Credential=AKIATEST/" in r.headers["authorization"],
        "/model/eu.anthropic.claude-sonnet-5-5-v1:0/invoke-with-response-stream",
    ),
    "vertex": Case(
        messages_answer,
        platform("vertex", "claude-sonnet-5-5", region="europe-west1", project="acme", key=NAMED),
        bearer,
        "/projects/acme/locations/europe-west1/publishers/anthropic/models/claude-sonnet-5-5:streamRawPredict",
    ),
    "foundry": Case(
        messages_answer,
        platform("foundry", "claude-sonnet-5-5", key=NAMED),
        lambda r: r.headers.get("api-key") == KEY,
        "/v1/messages",
    ),
}


@pytest.fixture(params=CASES, autouse=True)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIATEST")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return CASES[request.param]


async def asked(
    case: Case, steps: list[Step], *requests: Any, **patience: Any
) -> tuple[list[list[ModelEvent]], list[Recorded], ToldTime]:
    """The events of one reply after another, what was asked, and how time went."""
    time = ToldTime()
    async with MessagesServer(steps, answers=case.answers) as server:
        model = case.opened(server.base_url, time, patience)
        try:
            seen = [await events(model, one) for one in requests or (ask(),)]
        finally:
            await model.aclose()
    return seen, server.requests, time


async def failing(case: Case, steps: list[Step], **patience: Any) -> tuple[ModelError, list[Any]]:
    """The error that a reply ends with, and the events before it."""
    seen: list[Any] = []

    async def read(model: OpenModel) -> None:
        async for event in model.reply(ask()):
            seen.append(event)  # noqa: PERF401 - what came before the error counts

    async with MessagesServer(steps, answers=case.answers) as server:
        model = case.opened(server.base_url, ToldTime(), patience)
        try:
            with pytest.raises(ModelError) as caught:
                await read(model)
        finally:
            await model.aclose()
    return caught.value, seen


CALLS = [Call("git__log", {"limit": 3, "path": "é"}, "toolu_test_one"), Call("git__show", {}, "toolu_test_two")]  # fmt: skip


async def test_a_reply_with_parallel_calls_comes_as_deltas_and_then_whole(case: Case) -> None:
    step = Step(
        thinking=["Let me ", "see."],
        text=["It ", "works."],
        calls=CALLS,
        usage={"input_tokens": 1000, "output_tokens": 200, "cache_read_input_tokens": 500},
    )
    (seen,), (request,), _ = await asked(case, [step], ask(tools=(tool(), tool("git.show"))))
    reply = replied(seen)
    assert (thought(seen), shown(seen), reply.text) == ("Let me see.", "It works.", "It works.")
    assert [(c.id, c.name, c.args) for c in reply.calls] == [(c.id, c.name, c.args) for c in CALLS]
    assert reply.stop == "tool_use"
    assert reply.usage == Usage(input=1000, output=200, cache_read=500)
    assert reply.cost is not None
    assert reply.cost.usd_micros == 1000 * 2 + 200 * 10 + 50
    assert reply.request_id == "req_test_1"
    assert case.sent(request)
    assert request.path == case.path


async def test_the_conversation_goes_on_in_one_format(case: Case) -> None:
    steps = [Step(text="Looking.", calls=CALLS), Step(text="Three commits.")]
    tools = (tool(), tool("git.show"))
    first = ask(tools=tools)
    async with MessagesServer(steps, answers=case.answers) as server:
        model = case.opened(server.base_url, ToldTime(), {})
        reply = replied(await events(model, first))
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.id}"}
            for call in reply.calls
        ]
        then = [
            *first.messages,
            {"role": "assistant", "content": reply.content},
            {"role": "user", "content": results},
        ]
        last = replied(await events(model, ask(messages=then, tools=tools)))
        await model.aclose()
    assert (last.text, last.stop, last.calls) == ("Three commits.", "end_turn", ())
    sent = msgspec.json.encode(server.requests[1].body).decode()
    for call in CALLS:
        assert sent.count(f"result of {call.id}") == 1
        assert sent.index(f'"id":"{call.id}"') < sent.index(f"result of {call.id}")


async def test_images_and_documents_reach_the_service(case: Case) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aWNvbg=="}
    paper = {"type": "base64", "media_type": "application/pdf", "data": "cGFwZXI="}
    blocks = [
        {"type": "image", "source": picture},
        {"type": "document", "source": paper, "title": "plan.pdf"},
        {"type": "text", "text": "What is this?"},
    ]
    messages = [{"role": "user", "content": blocks}]
    _, (request,), _ = await asked(case, [Step(text="A plan.")], ask(messages=messages))
    sent = msgspec.json.encode(request.body).decode()
    for part in ("aWNvbg==", "cGFwZXI=", "image/png", "application/pdf", "What is this?"):
        assert part in sent


async def test_a_cut_off_reply_says_so(case: Case) -> None:
    (seen,), _, _ = await asked(case, [Step(text="So", stop="max_tokens")])
    assert replied(seen).stop == "max_tokens"


async def test_a_busy_service_is_asked_again_after_the_time_that_it_names(case: Case) -> None:
    steps = [
        Step(status=429, error="rate_limit_error", headers={"retry-after": "3"}),
        Step(status=529, error="overloaded_error"),
        Step(text="There."),
    ]
    (seen,), _, time = await asked(case, steps)
    assert [(f.err, f.status) for f in failures(seen)] == [("rate_limited", 429), ("overloaded", 529)]  # fmt: skip
    assert replied(seen).text == "There."
    assert time.slept == [3.0, 1.0]


@pytest.mark.parametrize("fault", ["early_end", "malformed", "disconnect"])
async def test_no_half_reply_counts(case: Case, fault: Any) -> None:
    half = Step(text="Half", calls=[Call("git__push", {"to": "x" * 50})], fault=fault, at=1000)
    (seen,), requests, _ = await asked(case, [half, Step(text="Whole.")])
    assert replied(seen).calls == ()
    assert replied(seen).text == "Whole."
    assert len(failures(seen)) == 1
    assert len(requests) == 2


async def test_an_error_within_the_stream_is_tried_again_by_its_kind(case: Case) -> None:
    steps = [Step(text="Half", stream_error="overloaded_error", message="busy"), Step(text="Whole.")]  # fmt: skip
    (seen,), _, _ = await asked(case, steps)
    assert [f.err for f in failures(seen)] == ["overloaded"]
    assert replied(seen).text == "Whole."


@pytest.mark.parametrize("at", [0, 900])
async def test_silence_is_not_waited_for_without_end(case: Case, at: int) -> None:
    # Long enough that what a cloud's library loads on its first call is not taken for silence.
    steps = [Step(text=["drip "] * 40, fault="stall", at=at), Step(text="There.", times=0)]
    warm = Step(text="Warm.")
    (_, seen), _, _ = await asked(case, [warm, *steps], ask(), ask(), stall_s=0.3)
    # A busy machine may be silent, too.
    assert {f.err for f in failures(seen)} == {"stalled"}


async def test_a_refused_key_ends_it_at_once_and_is_not_shown(case: Case) -> None:
    step = Step(status=401, error="authentication_error", message="bad key", echo_key=True)
    error, seen = await failing(case, [step])
    assert (error.kind, error.status) == ("authentication", 401)
    assert [f.retry_in_ms for f in seen] == [None]
    assert KEY not in f"{error} {error!r} {seen}"


async def test_a_conversation_that_does_not_fit_is_told_apart(case: Case) -> None:
    step = Step(
        status=400, error="invalid_request_error", message="prompt is too long: 210000 tokens"
    )
    error, _ = await failing(case, [step])
    assert error.kind == "too_large"


async def test_endless_failure_is_given_up(case: Case) -> None:
    error, seen = await failing(case, [Step(status=503, times=0)], give_up_s=20.0)
    assert error.kind in ("overloaded", "server")
    assert seen[-1].retry_in_ms is None
