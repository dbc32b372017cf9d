"""Sub-agents: what they may, what they cost, and what is on record of them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from devagent.audit.verify import verify_session
from devagent.core.events import Event
from devagent.core.events.calls import ToolCalled, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied, ModelRequested, SubagentEnded, SubagentStarted
from devagent.core.events.turns import TurnEnded
from devagent.core.limits import Budget, Limits
from devagent.repl.approver import Unattended
from devagent.session import Options, Session, open_session
from tests.support.command_line import KEY, logged, logs, own_file
from tests.support.messages_server import Call, MessagesServer, Recorded, Step
from tests.support.repositories import small
from tests.support.verifiers import second

READ = Call("workspace__read", {"path": "notes.md"})


def task(name: str) -> Call:
    return Call("agent__task", {"task": f"{name}: read notes.md"}, id=f"toolu_{name}")


def of(name: str, **fields: object) -> Step:
    """A step for the sub-agent that was asked so."""
    return Step(match=f'"text":"{name}: ', **fields)  # pyright: ignore[reportArgumentType]


@asynccontextmanager
async def a_session(
    tmp_path: Path, steps: Sequence[Step], limits: Limits | None = None
) -> AsyncGenerator[tuple[Session, MessagesServer]]:
    folder = small(tmp_path / "repository")
    (folder / "notes.md").write_text("The answer is 42.", encoding="utf-8")
    async with MessagesServer(steps) as server, asyncio.timeout(60):
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
        }
        options = Options(
            folder=str(folder), mode="run", approver=Unattended(), limits=limits or Limits()
        )
        yield await open_session(options, environment), server


async def said(session: Session, text: str = "Ask around") -> list[Event]:
    async with aclosing(session.turn(text)) as events:
        return [event async for event in events]


def verified() -> None:
    (folder,) = map(Path, logs())
    assert verify_session(str(folder)).summary == "verify: ok"
    (line,) = second([folder])
    assert line.startswith("verify: ok")


async def test_two_sub_agents_read_side_by_side_and_their_answers_are_the_results(
    tmp_path: Path,
) -> None:
    asked: list[Recorded] = []
    steps = [
        of("ada", calls=[READ]),
        of("bea", calls=[READ]),
        of("ada", text="Ada says 42."),
        of("bea", text="Bea says 42."),
        Step(calls=[task("ada"), task("bea")]),
        Step(text="Both say 42."),
    ]
    async with a_session(tmp_path, steps) as (session, server):
        server.on_request.append(asked.append)
        events = await said(session)
        await session.close("done", 0)
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.stop, ended.usage.input) == ("done", 60)
    results = asked[-1].body["messages"][-1]["content"]
    assert {r["tool_use_id"]: r["content"] for r in results} == {
        "toolu_ada": "Ada says 42.",
        "toolu_bea": "Bea says 42.",
    }
    children = [one for one in asked if "You are a sub-agent" in one.body["system"][0]["text"]]
    assert len(children) == 4
    for child in children:
        names = {tool["name"] for tool in child.body["tools"]}
        assert "workspace__read" in names
        assert names.isdisjoint({"agent__task", "workspace__write", "workspace__shell"})
        assert "Ask around" not in str(child.body["messages"])
    recorded = logged(logs()[0])
    judged = [e for e in recorded if isinstance(e, ToolJudged)]
    assert {(e.agent, e.full_name) for e in judged} == {
        ("main", "agent.task"),
        ("main/task", "workspace.read"),
    }
    started = [e.call for e in recorded if isinstance(e, SubagentStarted)]
    assert sorted(started) == ["toolu_ada", "toolu_bea"]
    assert all(
        e.call.startswith(("toolu_ada/", "toolu_bea/")) for e in judged if e.agent == "main/task"
    )
    replied = [e.task for e in recorded if isinstance(e, ModelReplied)]
    assert sorted(replied) == ["", "", "toolu_ada", "toolu_ada", "toolu_bea", "toolu_bea"]
    assert [e.replies for e in recorded if isinstance(e, SubagentEnded)] == [2, 2]
    verified()


async def test_both_are_under_way_before_either_is_done(tmp_path: Path) -> None:
    steps = [
        of("ada", text="1"), of("bea", text="2"), Step(calls=[task("ada"), task("bea")]), Step(text="3"),
    ]  # fmt: skip
    async with a_session(tmp_path, steps) as (session, _):
        events = await said(session)
        await session.close("done", 0)
    asked = [e.task for e in events if isinstance(e, ModelRequested | ModelReplied) and e.task]
    assert set(asked[:2]) == {"toolu_ada", "toolu_bea"}


async def test_a_sub_agent_changes_nothing_and_asks_no_other(tmp_path: Path) -> None:
    own_file(
        "policy.toml",
        'version = 1\nname = "mine"\nlayer = "local"\n'
        '[[rule]]\nid = "all"\neffect = "allow"\ntools = ["**"]\n',
    )
    writing = Call("workspace__write", {"path": "new.txt", "content": "x"})
    steps = [
        of("ada", calls=[writing, task("bea")]),
        of("ada", text="I could not."),
        Step(calls=[task("ada")]),
        Step(text="Well."),
    ]
    async with a_session(tmp_path, steps) as (session, _):
        events = await said(session)
        await session.close("done", 0)
    refused = [e for e in events if isinstance(e, ToolJudged) and "/" in e.call]
    assert [e.decision.error for e in refused] == ["no_such_tool", "no_such_tool"]
    assert not (tmp_path / "repository/new.txt").exists()
    verified()


async def test_what_is_denied_to_the_caller_is_denied_to_its_sub_agent(tmp_path: Path) -> None:
    own_file(
        "policy.toml",
        'version = 1\nname = "mine"\nlayer = "local"\n'
        '[[rule]]\nid = "no-notes"\neffect = "deny"\nprincipals = ["agent:main"]\n'
        'resources = ["path:notes.md"]\n',
    )
    steps = [
        of("ada", calls=[READ]), of("ada", text="No."), Step(calls=[task("ada")]), Step(text="No."),
    ]  # fmt: skip
    async with a_session(tmp_path, steps) as (session, server):
        events = await said(session)
        await session.close("done", 0)
    (denied,) = [e for e in events if isinstance(e, ToolJudged) and "/" in e.call]
    assert (denied.agent, denied.decision.effect) == ("main/task", "deny")
    assert "local/mine#no-notes" in denied.decision.rules
    assert "42" not in str([one.body for one in server.requests])


async def test_its_budget_is_within_its_callers_and_its_end_is_told(tmp_path: Path) -> None:
    steps = [
        of("ada", text="I look.", calls=[READ], times=0),
        Step(calls=[task("ada")]),
        Step(text="It did not finish."),
    ]
    limits = Limits(max_turns=4, run=Budget(tokens=100_000), identical_calls=None)
    async with a_session(tmp_path, steps, limits) as (session, server):
        events = await said(session)
        await session.close("done", 0)
    (ended,) = [e for e in events if isinstance(e, SubagentEnded)]
    assert (ended.stop, ended.replies) == ("limit", 3)
    (finished,) = [e for e in events if isinstance(e, ToolFinished) and e.call == "toolu_ada"]
    assert (finished.outcome, finished.err) == ("failed", "limit")
    assert "max_turns: 3 of 3 replies" in finished.text
    assert "I look." in finished.text
    last = events[-1]
    assert isinstance(last, TurnEnded)
    assert (last.stop, len(server.requests)) == (
        "limit",
        4,
    )  # four replies in all: the run's own limit
    verified()


async def test_an_interrupt_reaches_it_and_the_record_is_closed(tmp_path: Path) -> None:
    waiting = asyncio.Event()
    steps = [
        of("ada", fault="stall", text="…"),
        of("bea", fault="stall", text="…"),
        Step(calls=[task("ada"), task("bea")]),
    ]
    async with a_session(tmp_path, steps) as (session, server):

        def seen(request: Recorded) -> None:
            if len(server.requests) == 3:
                waiting.set()

        server.on_request.append(seen)
        turn = asyncio.ensure_future(said(session))
        await waiting.wait()
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn
        await session.close("interrupted", 130)
    recorded = logged(logs()[0])
    cut = {e.call for e in recorded if isinstance(e, ToolFinished) and e.outcome == "cut"}
    assert cut == {"toolu_ada", "toolu_bea"}
    verified()


async def test_a_session_with_sub_agents_goes_on(tmp_path: Path) -> None:
    steps = [
        of("ada", calls=[READ]), of("ada", text="42."), Step(calls=[task("ada")]), Step(text="42."),
        Step(text="As I said."),
    ]  # fmt: skip
    async with a_session(tmp_path, steps) as (session, server):
        await said(session)
        await session.close("done", 0)
        options = Options(
            folder=str(tmp_path / "repository"),
            mode="run",
            approver=Unattended(),
            resume=session.id,
        )
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
        }
        again = await open_session(options, environment)
        events = await said(again, "And?")
        await again.close("done", 0)
        before, after = (server.requests[n].body["messages"] for n in (-2, -1))
    assert len(after) == len(before) + 2
    assert [block["text"] for block in after[-1]["content"]] == ["And?"]
    assert not [e for e in events if isinstance(e, ToolCalled)]
    verified()


async def test_one_whose_prompt_no_longer_fits_ends_and_says_so(tmp_path: Path) -> None:
    too_long = of("ada", status=400, error="invalid_request_error", message="prompt is too long")
    steps = [too_long, Step(calls=[task("ada")]), Step(text="Too much.")]
    async with a_session(tmp_path, steps) as (session, server):
        events = await said(session)
        await session.close("done", 0)
    (ended,) = [e for e in events if isinstance(e, SubagentEnded)]
    assert (ended.stop, ended.replies, len(server.requests)) == ("failed", 0, 3)
    assert ended.reason.startswith("the conversation no longer fits the model's context window")
    assert "compaction.done" not in [str(e.__struct_config__.tag) for e in events]
    verified()
