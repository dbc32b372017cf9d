"""What a script may rely on: every line of a real stream fits the schema; limits, brakes and dry runs say
what they did, on record too."""

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from devagent.audit.approval_file import Approvals, write
from devagent.audit.device import Device
from devagent.audit.verify import verify_session
from devagent.cli.stream_schema import stream_schema
from devagent.core.approvals import standing_approval
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.ground import ApprovalsLoaded
from devagent.core.events.session import SessionStarted
from devagent.core.events.turns import BudgetStopped, BudgetWarned, TurnCut
from devagent.settings.places import places
from tests.support.command_line import Finished, devagent, logged, logs, own_file, running
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.terminal import needs_tmux, terminal
from tests.support.workplace import (
    COMMIT,
    PUSH_MAIN,
    STATUS,
    commits,
    committing,
    workplace,
)

STREAM = ("run", "Do it", "--output-format", "stream-json")
SLEEP = Call("workspace__shell", {"command": "sleep 30"})
STRICT = jsonschema_rs.Draft202012Validator(stream_schema(strict=True))


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def misfits(done: Finished) -> Iterator[str]:
    """What of the output does not fit the schema or the promised order."""
    kinds = [line["type"] for line in done.lines]
    if kinds[-1] != "result" or kinds.count("result") != 1:
        yield f"no single result at the end: {kinds}"
    if len(kinds) > 1 and (kinds[0] != "init" or kinds.count("init") != 1):
        yield f"no single init at the beginning: {kinds}"
    for line in done.lines:
        if not STRICT.is_valid(line):
            yield f"{line['type']}: {json.dumps(line)[:500]}"


def only(kind: type[Any]) -> Any:
    (log,) = logs()
    (found,) = [event for event in logged(log) if isinstance(event, kind)]
    return found


def of(kind: type[Any]) -> list[Any]:
    (log,) = logs()
    return [event for event in logged(log) if isinstance(event, kind)]


def kinds_from(name: str) -> list[str]:
    """The types of the last session's events, from the first of this type on."""
    events: list[Event] = logged(logs()[0])
    tags = [str(event.__struct_config__.tag) for event in events]
    return tags[tags.index(name) :]


async def test_every_line_of_a_governed_run_fits_the_schema(work: Path) -> None:
    look, change, last = committing()
    change.calls += [PUSH_MAIN, Call("git__branch", {"action": "create", "name": "b"})]
    change.calls += [Call("no__such", {}), Call("git__log", {"count": "x"})]
    steps = [Step(status=529), look, change, last]
    async with MessagesServer(steps) as server:
        done = await devagent(*STREAM, server=server, cwd=work)
        assert done.code == 3
        assert list(misfits(done)) == []
        more = await devagent(*STREAM, "--resume", "last", server=server, cwd=work)
    assert more.code == 6
    assert list(misfits(more)) == []
    assert {"model.failed", "approval.answered", "session.resumed", "text.delta"} <= {
        line["type"] for line in [*done.lines, *more.lines]
    }


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["--json-schema", "none.json"], None, 2),
        (["-f", "none.txt"], None, 2),
        ([], b"a\0b", 2),
        (["--resume", "nobody"], None, 2),
        (["--policy", "none.toml"], None, 78),
        (["--approvals", "none.json"], None, 78),
    ],
)
async def test_a_run_that_never_began_has_its_one_result_too(
    work: Path, arguments: list[str], stdin: bytes | None, code: int
) -> None:
    async with MessagesServer() as server:
        done = await devagent(*STREAM, *arguments, server=server, cwd=work, stdin=stdin)
    assert done.code == code
    assert [line["type"] for line in done.lines] == ["result"]
    assert list(misfits(done)) == []
    assert done.result["reason"]


async def test_a_signal_while_the_prompt_is_waited_for_ends_with_the_one_result(
    work: Path,
) -> None:
    async with running(
        "run", "-", "--output-format", "json", cwd=work, stdin=asyncio.subprocess.PIPE
    ) as process:
        await process.feed(b"word " * 200_000)
        process.send(signal.SIGTERM)
        done = await process.finished()
    assert done.code == 130
    assert done.result["stop"] == "interrupted"


async def test_the_time_limit_cuts_a_call_under_way_and_is_on_record(work: Path) -> None:
    own_file("policy.toml", 'version = 1\nname = "m"\n[[rule]]\nid = "a"\neffect = "allow"\n')
    async with MessagesServer([Step(text="I wait.", calls=[SLEEP])]) as server:
        done = await devagent(*STREAM, "--time-limit", "2.5", server=server, cwd=work)
    assert done.code == 5
    assert (done.result["stop"], done.result["result"]) == ("limit", "I wait.")
    assert done.result["reason"] == "time_limit: 2.5 s are over"
    assert done.result["log"] == "verify: ok"
    assert list(misfits(done)) == []
    assert "budget.stopped" in [line["type"] for line in done.lines]
    assert only(BudgetStopped).limit == "time_limit"
    assert only(TurnCut).err == "time_limit"
    assert only(ToolFinished).outcome == "cut"
    assert kinds_from("budget.stopped") == [
        *("budget.stopped", "tool.finished", "turn.cut", "session.ended")
    ]


async def test_policys_seconds_cut_a_turn_as_the_flag_does(work: Path) -> None:
    own_file("policy.toml", 'version = 1\nname = "m"\n[budget.turn]\nseconds = 0.4\n')
    async with MessagesServer([Step(text="Half", fault="stall", at=700)]) as server:
        done = await devagent(*STREAM, server=server, cwd=work)
    assert done.code == 5
    assert done.result["reason"].endswith("([budget.turn] in policy)")
    assert only(BudgetStopped).scope == "turn"


async def test_tokens_and_dollars_warn_at_80_percent_and_stop_with_what_there_is(
    work: Path,
) -> None:
    steps = [
        Step(text="One.", calls=[STATUS], usage={"input_tokens": 85_000}),
        Step(text="Two.", calls=[STATUS], usage={"input_tokens": 90_000}),
    ]
    for flag, limit in (("--token-limit", "100000"), ("--max-cost", "0.175")):
        async with MessagesServer(steps) as server:
            done = await devagent(*STREAM, flag, limit, server=server, cwd=work)
        assert (done.code, done.result["result"]) == (5, "One.")
        assert list(misfits(done)) == []
        events = logged(logs()[0])
        (warned,) = [event for event in events if isinstance(event, BudgetWarned)]
        (stopped,) = [event for event in events if isinstance(event, BudgetStopped)]
        assert warned.limit == stopped.limit
        assert "what comes next would take about" in stopped.reason


async def test_a_prompt_that_is_too_dear_is_not_even_sent(work: Path) -> None:
    async with MessagesServer([Step(text="Never.")]) as server:
        done = await devagent(
            *STREAM, "--max-cost", "0.01", server=server, cwd=work, stdin=b"word " * 200_000
        )
    assert done.code == 5
    # Its tokens may be counted, which costs nothing.
    assert {request.path for request in server.requests} <= {"/v1/messages/count_tokens"}
    assert "what comes next would take about" in done.result["reason"]


async def test_going_in_circles_is_told_to_the_model_and_then_stopped(work: Path) -> None:
    steps = [Step(calls=[STATUS], times=0)]
    async with MessagesServer(steps) as server:
        done = await devagent(*STREAM, server=server, cwd=work)
    assert done.code == 5
    assert done.result["reason"].startswith("repeated_calls: git.status was called 4 times")
    assert list(misfits(done)) == []
    assert len(server.requests) == 4
    told = server.requests[3].body["messages"][-1]["content"]
    assert [block["type"] for block in told] == ["tool_result", "text"]
    assert "One more and the turn ends" in told[-1]["text"]
    assert only(BudgetStopped).limit == "repeated_calls"


async def test_refusals_in_a_row_end_the_turn_and_are_listed(work: Path) -> None:
    steps = [
        Step(calls=[Call("git__fetch", {"remote": f"r{n}"}) for n in range(5)]),
        Step(calls=[Call("git__fetch", {"remote": "again"})]),
        Step(text="never"),
    ]
    async with MessagesServer(steps) as server:
        done = await devagent(*STREAM, server=server, cwd=work)
    assert done.code == 5
    assert done.result["reason"].startswith("refusals: 6 calls in a row")
    assert len(server.requests) == 2
    assert only(BudgetWarned).limit == "refusals"


async def test_a_dry_run_judges_and_carries_out_nothing(work: Path) -> None:
    before = commits(work)
    _, change, last = committing()
    change.calls += [PUSH_MAIN, Call("git__branch", {"action": "create", "name": "b"})]
    async with MessagesServer([change, last]) as server:
        done = await devagent(*STREAM, "--dry-run", server=server, cwd=work)
    assert done.code == 0
    assert list(misfits(done)) == []
    assert commits(work) == before
    result = done.result
    assert [(one["tool"], one["effect"]) for one in result["judged"]] == [
        ("git.add", "allow"), ("git.commit", "allow"), ("git.push", "deny"), ("git.branch", "ask"),
    ]  # fmt: skip
    assert [one["tool"] for one in result["permission_denials"]] == ["git.push", "git.branch"]
    assert done.lines[0]["dry_run"] is True
    assert "dry run" in server.requests[0].body["system"][0]["text"]
    told = server.requests[1].body["messages"][-1]["content"]
    assert ["[dry run]" in block["content"] for block in told] == [True, True, False, True]
    assert [block.get("is_error", False) for block in told] == [False, False, True, True]
    assert only(SessionStarted).dry_run
    assert all(event.dry_run for event in of(ToolJudged))
    assert of(ToolStarted) == []
    assert verify_session(logs()[0]).ok


async def test_a_dry_run_in_text_says_what_would_become_of_each_call(work: Path) -> None:
    async with MessagesServer([Step(calls=[COMMIT, PUSH_MAIN]), Step(text="My plan.")]) as server:
        done = await devagent("run", "Do it", "--dry-run", server=server, cwd=work)
    assert (done.code, done.stdout) == (0, "My plan.\n")
    assert "dry run, nothing was carried out" in done.stderr
    assert "allowed by local/mine#work: git.commit" in done.stderr
    assert "denied by local/mine#main-by-review: git.push" in done.stderr


async def test_a_session_that_began_as_a_dry_run_goes_on_for_real(work: Path) -> None:
    add_and_commit = committing()[1]
    async with MessagesServer([add_and_commit, Step(text="Planned.")]) as server:
        dry = await devagent(*STREAM, "--dry-run", server=server, cwd=work)
    assert dry.code == 0
    again = committing()[1]
    for number, call in enumerate(again.calls):
        call.id = f"toolu_real_{number}"
    async with MessagesServer([again, Step(text="Done.")]) as server:
        done = await devagent(*STREAM, "--resume", "last", server=server, cwd=work)
    assert done.code == 0, done
    assert commits(work)[0] == "Say three"
    assert "judged" not in done.result
    assert verify_session(logs()[0]).ok


BRANCH = Call("git__branch", {"action": "create", "name": "b"})


async def test_an_ask_is_answered_by_a_signed_file_and_by_no_other(
    work: Path, tmp_path: Path
) -> None:
    async with MessagesServer([Step(calls=[BRANCH]), Step(text="Planned.")]) as server:
        dry = await devagent(*STREAM, "--dry-run", server=server, cwd=work)
    assert [one["effect"] for one in dry.result["judged"]] == ["ask"]
    asked = only(ToolJudged)
    today = datetime.now(UTC).date().isoformat()
    given = standing_approval(
        asked, by="user:bo", scope="always", given=today, days=7, folder=str(work)
    )
    data = write(
        Approvals(issued=today, expires=given.expires, approvals=(given,)), Device(places().data)
    )
    file = tmp_path / "approvals"
    file.write_bytes(data)
    async with MessagesServer([Step(calls=[BRANCH]), Step(text="Done.")]) as server:
        done = await devagent(*STREAM, "--approvals", str(file), server=server, cwd=work)
    assert done.code == 0, done
    assert list(misfits(done)) == []
    events = logged(logs()[0])
    (loaded,) = [event for event in events if isinstance(event, ApprovalsLoaded)]
    (answered,) = [event for event in events if isinstance(event, ApprovalAnswered)]
    assert loaded.ids == (given.id,)
    assert (answered.approval.method, answered.approval.approval_id) == ("file", given.id)
    assert answered.approval.by == "user:bo"
    file.write_bytes(data.replace(b'"branch:b"', b'"branch:c"'))
    async with MessagesServer() as server:
        changed = await devagent(*STREAM, "--approvals", str(file), server=server, cwd=work)
    assert changed.code == 78
    assert "was changed after it was signed" in changed.result["reason"]
    assert server.requests == []


async def test_a_days_budget_holds_over_all_sessions_and_says_which(work: Path) -> None:
    own_file("policy.toml", 'version = 1\nname = "m"\n[budget.day]\ntokens = 150_000\n')
    step = Step(text="Hello.", usage={"input_tokens": 100_000})
    async with MessagesServer([step, step, Step(text="never")]) as server:
        codes = [(await devagent(*STREAM, server=server, cwd=work)).code for _ in range(2)]
        third = await devagent(*STREAM, server=server, cwd=work)
    assert codes == [0, 0]
    assert third.code == 5
    assert third.result["reason"] == (
        "tokens: the day's budget of 150,000 tokens is used up ([budget.day] in policy)"
    )
    assert len(server.requests) == 2
    assert list(misfits(third)) == []


PRICES = '{"dated": "2026-11-21", "models": {"claude-sonnet-5-5": {"input": 1000, "output": 0, "cache_write": 0, "cache_read": 0}}}'


async def test_a_price_table_of_ones_own_is_what_costs_are_taken_from(work: Path) -> None:
    own_file("prices.json", PRICES)
    own_file("config.toml", 'prices = "prices.json"\n')
    async with MessagesServer([Step(text="Hello.", usage={"input_tokens": 70})]) as server:
        done = await devagent(*STREAM, server=server, cwd=work)
        assert (done.code, done.result["cost_usd_micros"]) == (0, 70_000)
        own_file("prices.json", "{}")
        broken = await devagent(*STREAM, server=server, cwd=work)
    assert broken.code == 78
    assert "price table" in broken.result["reason"]


@needs_tmux
async def test_what_a_dry_run_asked_about_is_approved_at_a_terminal_call_by_call(
    work: Path, tmp_path: Path
) -> None:
    other = Call("git__branch", {"action": "create", "name": "other"})
    async with MessagesServer([Step(calls=[BRANCH, other, BRANCH]), Step(text="So.")]) as server:
        assert (await devagent(*STREAM, "--dry-run", server=server, cwd=work)).code == 0
    file = tmp_path / "approvals"
    arguments = ("policy", "approvals", "export", "--from-session", "last", "-o", str(file))
    async with terminal(*arguments, cwd=work) as screen:
        await screen.shows("write branch:b", "Approve this wherever the file is used? [y/N]")
        await screen.types("y")
        await screen.shows("Approve this wherever the file is used? [y/N]", after="branch:other")
        await screen.types("n")
        await screen.shows("1 approval in", "[exit 0]")
    async with MessagesServer([Step(calls=[BRANCH, other]), Step(text="Done.")]) as server:
        done = await devagent(*STREAM, "--approvals", str(file), server=server, cwd=work)
    assert done.code == 3
    assert [one["resources"] for one in done.result["permission_denials"]] == [
        ["repo:.", "branch:other"]
    ]
    assert git(work, "branch", "--list", "b").split() == ["b"]
