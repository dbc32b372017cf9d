"""No log, no act: the real loop behind the real tap and a real log."""

import asyncio
import errno
import os
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.loop import Agent
from devagent.audit.reader import read_events
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.turns import TurnCut
from devagent.core.ports import MayRead, Meanwhile, Progress
from devagent.core.tools import ToolResult, ToolSpec
from tests.support.agent_parts import (
    FakeApprover,
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    kinds,
    reply,
    said,
    turn_of,
    use,
)
from tests.support.log_events import new_log, started


def opened(tmp_path: Path) -> SessionLog:
    log = new_log(str(tmp_path))
    log.write(started())
    return log


async def until(
    kind: type[Event], agent: Agent, log: SessionLog, fails: Exception | None = None
) -> None:
    """A reader that leaves, or fails, when it has seen an event of this type."""
    async with aclosing(tapped(agent.turn("push it"), log)) as events:
        async for event in events:
            if isinstance(event, kind):
                if fails:
                    raise fails
                return
    raise AssertionError("the turn ended without it")


async def all_of(agent: Agent, log: SessionLog, text: str = "push it") -> list[Event]:
    async with aclosing(tapped(agent.turn(text), log)) as events:
        return [event async for event in events]


@pytest.mark.parametrize("kind", [ToolJudged, ToolStarted])
async def test_a_reader_that_stops_before_the_tool_means_that_it_never_runs(
    tmp_path: Path, kind: type[Event]
) -> None:
    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(reply(use("c1"))), toolbox=toolbox)
    with opened(tmp_path) as log:
        await until(kind, agent, log)
    assert toolbox.ran == []
    events = list(read_events(log.folder))
    assert events[-1] == TurnCut(turn=1, err="reader_gone")
    assert verify_session(log.folder).ok


@pytest.mark.parametrize("kind", [ToolJudged, ToolStarted])
async def test_a_reader_that_raises_before_the_tool_means_that_it_never_runs(
    tmp_path: Path, kind: type[Event]
) -> None:
    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(reply(use("c1"))), toolbox=toolbox)
    with opened(tmp_path) as log:
        with pytest.raises(BrokenPipeError):
            await until(kind, agent, log, BrokenPipeError(errno.EPIPE, "nobody reads any more"))
        assert isinstance(list(read_events(log.folder))[-1], TurnCut)
    assert toolbox.ran == []


@pytest.mark.parametrize(
    "kind", ["turn.started", "prompt", "model.replied", "tool.called", "tool.judged"]
)
async def test_a_write_that_fails_before_the_tool_means_that_it_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if f'"type":"{kind}"'.encode() in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(reply(use("c1")), reply(said("So."))), toolbox=toolbox)
    with opened(tmp_path) as log:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(LogError, match="No space left on device"):
            await all_of(agent, log)
        monkeypatch.undo()
        assert toolbox.ran == []
        with pytest.raises(LogError, match="No space left on device"):
            await all_of(agent, log, "again")
    assert toolbox.ran == []


async def test_a_start_that_cannot_be_brought_to_the_disk_means_that_the_tool_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(reply(use("c1"))), toolbox=toolbox)
    with opened(tmp_path) as log:
        monkeypatch.setattr("devagent.audit.files.to_disk", broken)
        with pytest.raises(LogError, match="Input/output error"):
            await all_of(agent, log)
        monkeypatch.undo()
    assert toolbox.ran == []


async def test_nobody_is_asked_while_the_verdict_is_not_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b'"type":"approval.asked"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    approver, toolbox = FakeApprover(), FakeToolbox()
    agent = agent_of(FakeModel(reply(use("c1"))), FakeJudge("ask"), toolbox, approver)
    with opened(tmp_path) as log:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(LogError):
            await all_of(agent, log)
        monkeypatch.undo()
    assert (approver.asked, toolbox.ran) == ([], [])


async def test_the_tool_runs_when_verdict_and_start_are_on_record(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        on_record: list[str] = []

        def look() -> ToolResult:
            on_record.extend(kinds(list(read_events(log.folder))))
            return ToolResult("done")

        model = FakeModel(reply(use("c1")), reply(said("So.")))
        await all_of(agent_of(model, toolbox=FakeToolbox(look)), log)
    assert on_record[-3:] == ["tool.called", "tool.judged", "tool.started"]


async def test_a_turn_that_is_cancelled_in_a_tool_has_its_closing_record(tmp_path: Path) -> None:
    running = asyncio.Event()

    class Slow(FakeToolbox):
        async def run(
            self,
            tool: ToolSpec,
            args: Mapping[str, Any],
            obligations: Mapping[str, Any],
            may_read: MayRead | None = None,
            progress: Progress | None = None,
            meanwhile: Meanwhile | None = None,
        ) -> ToolResult:
            running.set()
            await asyncio.Event().wait()
            return await super().run(tool, args, obligations, may_read, progress)

    agent = agent_of(FakeModel(reply(use("c1"))), toolbox=Slow())
    with opened(tmp_path) as log:
        task = asyncio.create_task(all_of(agent, log))
        async with asyncio.timeout(5):
            await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    *_, finished, cut = read_events(log.folder)
    assert finished == ToolFinished(turn=1, call="c1", outcome="cut", err="cancelled")
    assert cut == TurnCut(turn=1, err="cancelled")
    assert verify_session(log.folder).ok


EVERY_KIND = [
    "turn.started",
    "prompt",
    "model.requested",
    "model.replied",
    "tool.called",
    "tool.judged",
    "approval.asked",
    "approval.answered",
    "tool.started",
    "tool.finished",
    "turn.ended",
]


@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_wherever_a_turn_is_cut_the_resumed_conversation_is_the_live_one(
    tmp_path: Path, kind: str
) -> None:
    calls = reply(said("I"), use("c1"), use("c2"))
    live_model = FakeModel(calls, *[reply(said("So."))] * 2)
    live = agent_of(live_model, FakeJudge("ask"))
    with opened(tmp_path) as log:
        async with aclosing(tapped(live.turn("push it"), log)) as events:
            async for event in events:
                if event.__struct_config__.tag == kind:
                    break
        resumed_model = FakeModel(*[reply(said("So."))] * 2)
        resumed = agent_of(resumed_model, FakeJudge("ask"))
        for event in read_events(log.folder):
            resumed.apply(event)
        assert resumed.turns == live.turns
        requests = len(live_model.requests)
        await all_of(live, log, "go on")
        await turn_of(resumed, "go on")
    assert resumed_model.requests[0] == live_model.requests[requests]
    assert verify_session(log.folder).ok
