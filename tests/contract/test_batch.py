"""A batch of prompts: sent once, written once, recorded once, wherever it is killed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from devagent.audit.verify import verify_session
from devagent.core.errors import ConfigError, LimitError, ModelError, UsageError
from devagent.core.events.model import BatchNoted, ModelReplied
from devagent.core.limits import Budget, Limits
from devagent.repl.approver import Unattended
from devagent.session import Options, batching
from devagent.session.batch_costs import BatchCosts
from devagent.session.batch_files import read_prompts
from devagent.session.batching import Outcome, run_batch
from tests.support.batches import PATH, FakeBatches
from tests.support.command_line import KEY, devagent, logged, logs, own_file
from tests.support.messages_server import MessagesServer

PROMPTS = b"".join(
    b'{"custom_id": "%b", "prompt": "%b?"}\n' % (one, one) for one in (b"a", b"b", b"c")
)
CREATE = f"POST {PATH}"


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as server, asyncio.timeout(60):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        server.batches = FakeBatches()
        yield server


def fake(server: MessagesServer) -> FakeBatches:
    assert isinstance(server.batches, FakeBatches)
    return server.batches


async def batched(
    folder: Path,
    prompts: bytes = PROMPTS,
    limits: Limits | None = None,
) -> Outcome:
    options = Options(
        folder=str(folder), mode="run", approver=Unattended(), limits=limits or Limits()
    )
    output = str(folder / "answers.jsonl")
    return await run_batch(options, read_prompts(prompts), output, lambda _: None, poll_s=0.01)


def answers(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


def recorded() -> list[ModelReplied]:
    found = [e for folder in logs() for e in logged(folder) if isinstance(e, ModelReplied)]
    assert {verify_session(folder).summary for folder in logs()} == {"verify: ok"}
    return found


def sent_and_done(server: MessagesServer, folder: Path) -> None:
    """Once sent, once written in the prompts' order, once recorded."""
    assert fake(server).seen.count(CREATE) == 1
    assert [(one["custom_id"], one["text"]) for one in answers(folder)] == [
        ("a", "Re: a?"), ("b", "Re: b?"), ("c", "Re: c?"),
    ]  # fmt: skip
    assert [reply.text for reply in recorded()] == ["Re: a?", "Re: b?", "Re: c?"]


async def test_prompts_are_answered_at_half_the_price_and_on_record(
    service: MessagesServer, tmp_path: Path
) -> None:
    done = await batched(tmp_path)
    sent_and_done(service, tmp_path)
    assert (done.prompts, done.failed, done.unpriced) == (3, 0, False)
    single = (
        1_000 * 3 + 100 * 15
    )  # micro-dollars of one answer at the usual price of the default model
    costs = [reply.cost.usd_micros for reply in recorded() if reply.cost]
    assert sum(costs) == done.usd_micros
    assert 0 < done.usd_micros <= 3 * single
    (sent,) = fake(service).created.values()
    assert "stream" not in sent[0]["params"]
    assert [one["params"]["messages"][0]["content"][0]["text"] for one in sent] == [
        "a?",
        "b?",
        "c?",
    ]
    steps = [e.step for e in logged(logs()[0]) if isinstance(e, BatchNoted)]
    assert steps == ["sending", "created", "ended"]


async def test_the_same_command_again_does_nothing(service: MessagesServer, tmp_path: Path) -> None:
    first = await batched(tmp_path)
    seen = len(service.requests)
    assert await batched(tmp_path) == first
    assert len(service.requests) == seen
    sent_and_done(service, tmp_path)


async def test_a_batch_whose_creation_was_answered_to_nobody_is_found_and_not_sent_again(
    service: MessagesServer, tmp_path: Path
) -> None:
    service.batches = FakeBatches(lose=1, polls=0)
    await batched(tmp_path)
    sent_and_done(service, tmp_path)
    steps = [e.step for e in logged(logs()[0]) if isinstance(e, BatchNoted)]
    assert steps == ["sending", "found", "ended"]


async def test_another_batch_of_the_same_size_is_not_taken_for_ours(
    service: MessagesServer, tmp_path: Path
) -> None:
    fakes = service.batches = FakeBatches(lose=1, polls=0)
    other = {
        "custom_id": "x-0",
        "params": {"model": "m", "messages": [{"content": [{"text": "x"}]}]},
    }
    fakes.add([other, other, other])
    await batched(tmp_path)
    sent_and_done(service, tmp_path)


async def test_where_there_is_certainly_none_it_is_sent_again(
    service: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = fake(service)
    keep = fakes.add

    def dropped(requests: list[dict[str, Any]]) -> str:
        name = keep(requests)
        if fakes.seen.count(CREATE) == 1:
            del fakes.created[name]  # it never came through
        return name

    monkeypatch.setattr(fakes, "add", dropped)
    fakes.lose = 1
    await batched(tmp_path)
    assert fakes.seen.count(CREATE) == 2
    assert len(fakes.created) == 1
    assert len(answers(tmp_path)) == 3


@pytest.mark.parametrize(
    "point", ["keep_state:2", "keep_state:3", "keep_state:4", "replace_file:1", "_plain:2", "of:5"]
)
async def test_killed_anywhere_it_goes_on_and_sends_writes_and_records_once(
    service: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Whatever the process was about to do the n-th time, it did not come to it."""
    name, _, number = point.partition(":")
    places: dict[str, Any] = {"_plain": batching._Work, "of": BatchCosts}  # pyright: ignore[reportPrivateUsage]
    place = places.get(name, batching)
    inner, calls = getattr(place, name), 0

    def killed(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(number):
            raise KeyboardInterrupt
        return inner(*args)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, killed)
        with pytest.raises(KeyboardInterrupt):
            await batched(tmp_path)
    if name == "keep_state" and number == "2":
        fake(service).polls = 0  # it is found by its results, which are there once it has ended
    await batched(tmp_path)
    sent_and_done(service, tmp_path)


async def test_prompts_without_an_answer_are_told_with_the_reason(
    service: MessagesServer, tmp_path: Path
) -> None:
    service.batches = FakeBatches(errored=("b?",))
    done = await batched(tmp_path)
    assert done.failed == 1
    assert answers(tmp_path)[1] == {
        "custom_id": "b", "status": "errored", "error": "invalid_request_error: not this one",
    }  # fmt: skip
    assert [reply.text for reply in recorded()] == ["Re: a?", "Re: c?"]


async def test_a_refused_creation_leaves_nothing_to_go_on_with(
    service: MessagesServer, tmp_path: Path
) -> None:
    fake(service).refuse = 400
    with pytest.raises(ModelError):
        await batched(tmp_path)
    assert not (tmp_path / "answers.jsonl.state").exists()
    fake(service).refuse = 0
    await batched(tmp_path)
    assert len(answers(tmp_path)) == 3


async def test_a_budget_that_the_prompts_alone_would_pass_stops_it_before_anything_is_sent(
    service: MessagesServer, tmp_path: Path
) -> None:
    with pytest.raises(LimitError) as stopped:
        await batched(tmp_path, limits=Limits(run=Budget(tokens=5)))
    assert (stopped.value.exit_code, service.requests) == (5, [])
    assert "nothing was sent" in stopped.value.what


async def test_a_model_that_policy_does_not_allow_is_not_asked(
    service: MessagesServer, tmp_path: Path
) -> None:
    own_file(
        "policy.toml",
        'version = 1\nname = "mine"\nlayer = "local"\n[models]\nallow = ["claude-odd-*"]\n',
    )
    with pytest.raises(ConfigError, match="does not allow the model"):
        await batched(tmp_path)
    assert service.requests == []


async def test_other_prompts_for_the_same_output_are_refused(
    service: MessagesServer, tmp_path: Path
) -> None:
    await batched(tmp_path)
    with pytest.raises(UsageError, match="belongs to another batch"):
        await batched(tmp_path, b'{"custom_id": "z", "prompt": "Z"}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no prompt"),
        (b"{", "line 1"),
        (b'{"custom_id": "a", "prompt": " "}', "blank"),
        (
            b'{"custom_id": "a", "prompt": "x"}\n{"custom_id": "a", "prompt": "y"}',
            "line 2: .* twice",
        ),
        (b'{"custom_id": "a", "prompt": "x", "tools": []}', "line 1"),
    ],
)
def test_a_file_that_is_not_right_is_told_with_its_line(text: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_prompts(text)


async def test_the_command_says_what_it_did(service: MessagesServer, tmp_path: Path) -> None:
    fake(service).polls = 0
    (tmp_path / "prompts.jsonl").write_bytes(PROMPTS)
    done = await devagent("batch", "prompts.jsonl", server=service, cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("prompts.jsonl.results.jsonl: 3 prompts, $0.0")
    assert "at batch prices" in done.stderr
    assert (tmp_path / "prompts.jsonl.results.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_server_of_these_tests_answers_as_the_sdk_expects() -> None:
    fakes = FakeBatches(polls=0)
    params = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
    }
    name = fakes.add([{"custom_id": "x", "params": params}])
    assert MessageBatch.model_validate(fakes.told(name), strict=False).processing_status == "ended"
    line = fakes._result(fakes.created[name][0])  # pyright: ignore[reportPrivateUsage]
    assert MessageBatchIndividualResponse.model_validate(line).result.type == "succeeded"
