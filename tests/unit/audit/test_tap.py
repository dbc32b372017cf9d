"""No log, no act: what is on disk when a tool starts, and what a cut turn leaves behind."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from devagent.audit.reader import read_events
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError, ModelError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolStarted
from devagent.core.events.model import TextDelta
from devagent.core.events.turns import TurnCut
from tests.support.log_events import call, new_log, started, turn


class Loop:
    """A loop whose tool notes what the log's file held at the moment it ran."""

    def __init__(
        self, log: SessionLog, events: Sequence[Event], fails: Exception | None = None
    ) -> None:
        self.events, self.fails = events, fails
        self.file = Path(log.folder) / "events.jsonl"
        self.seen_by_tool: list[str] = []
        self.closed = False

    async def turn(self) -> AsyncGenerator[Event, None]:
        try:
            for event in self.events:
                yield event
                if isinstance(event, ToolStarted):
                    self.seen_by_tool.append(self.file.read_text())
                    if self.fails:
                        raise self.fails
        finally:
            self.closed = True


def kinds(folder: str) -> list[str]:
    return [str(event.__struct_config__.tag) for event in read_events(folder)]


async def drain(events: AsyncGenerator[Event, None]) -> list[Event]:
    async with aclosing(events):
        return [event async for event in events]


async def test_the_verdict_is_on_disk_before_the_tool_starts(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        loop = Loop(log, turn(call("allow")))
        await drain(tapped(loop.turn(), log))
    (on_disk,) = loop.seen_by_tool
    assert [
        kind
        for kind in ("tool.judged", "tool.started", "tool.finished")
        if f'"type":"{kind}"' in on_disk
    ] == [
        "tool.judged",
        "tool.started",
    ]


async def test_each_event_is_written_before_it_is_handed_on(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        events = turn(call("allow"), call("deny", "c2"))
        async with aclosing(tapped(Loop(log, events).turn(), log)) as tap:
            handed = 0
            async for event in tap:
                handed += 1
                assert event == events[handed - 1]
                assert log.count == handed


async def test_deltas_are_handed_on_and_never_written(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        events = turn()
        events.insert(3, TextDelta(turn=1, text="Pu"))
        assert await drain(tapped(Loop(log, events).turn(), log)) == events
    assert "text.delta" not in kinds(log.folder)


async def test_a_full_disk_means_that_the_tool_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b'"type":"tool.judged"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    log = new_log(str(tmp_path))
    loop = Loop(log, turn(call("allow")))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LogError, match="No space left on device") as raised:
        await drain(tapped(loop.turn(), log))
    assert log.folder in raised.value.what
    assert log.sid in raised.value.hint
    assert loop.seen_by_tool == []
    assert loop.closed
    monkeypatch.undo()
    with pytest.raises(LogError, match="No space left on device"):
        log.write(TurnCut(turn=1, err="late"))
    log.close()
    assert verify_session(log.folder).ok


async def test_a_disk_that_loses_data_stops_the_tool_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log = new_log(str(tmp_path))
    loop = Loop(log, turn(call("allow")))
    monkeypatch.setattr("devagent.audit.files.to_disk", broken)
    with pytest.raises(LogError, match="Input/output error"):
        await drain(tapped(loop.turn(), log))
    assert loop.seen_by_tool == []
    log.close()


async def test_a_reader_that_goes_away_leaves_a_closed_record(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        log.write(started())
        loop = Loop(log, turn(call("allow")))
        async with aclosing(tapped(loop.turn(), log)) as tap:
            async for event in tap:
                if isinstance(event, ToolStarted):
                    break
        assert loop.closed
    assert kinds(log.folder)[-3:] == ["tool.started", "tool.finished", "turn.cut"]
    finished, cut = list(read_events(log.folder))[-2:]
    assert finished == ToolFinished(turn=1, call="c1", outcome="cut", err="reader_gone")
    assert cut == TurnCut(turn=1, err="reader_gone")
    assert verify_session(log.folder).ok


async def test_a_cancelled_turn_closes_the_loop_first_and_then_the_record(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        log.write(started())
        under_way = asyncio.Event()
        order: list[str] = []

        async def loop() -> AsyncGenerator[Event, None]:
            try:
                for event in turn(call("allow")):
                    yield event
                    if isinstance(event, ToolStarted):
                        under_way.set()
                        await asyncio.Event().wait()
            finally:
                order.append(f"loop closed at {log.count}")

        task = asyncio.create_task(drain(tapped(loop(), log)))
        async with asyncio.timeout(5):
            await under_way.wait()
        before = log.count
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert order == [f"loop closed at {before}"]
    assert list(read_events(log.folder))[-1] == TurnCut(turn=1, err="cancelled")
    assert verify_session(log.folder).ok


async def test_a_failure_of_the_house_is_named_by_its_class_and_goes_on_up(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        log.write(started())
        failure = ModelError("The service is overloaded", kind="overloaded")
        with pytest.raises(ModelError) as raised:
            await drain(tapped(Loop(log, turn(call("allow")), fails=failure).turn(), log))
        assert raised.value is failure
    finished, cut = list(read_events(log.folder))[-2:]
    assert isinstance(finished, ToolFinished)
    assert (finished.outcome, cut) == ("cut", TurnCut(turn=1, err="overloaded"))


async def test_a_turn_that_stops_without_its_end_is_cut(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        await drain(tapped(Loop(log, turn()[:-1]).turn(), log))
    assert list(read_events(log.folder))[-1] == TurnCut(turn=1, err="not_ended")


async def test_a_record_that_cannot_be_closed_does_not_hide_why_the_turn_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = new_log(str(tmp_path))

    async def loop() -> AsyncGenerator[Event, None]:
        for event in turn()[:3]:
            yield event
        monkeypatch.setattr(os, "write", full)
        raise ModelError("The service is overloaded", kind="overloaded")

    with pytest.raises(ModelError, match="overloaded") as raised:
        await drain(tapped(loop(), log))
    assert "No space left on device" in raised.value.__notes__[0]
    monkeypatch.undo()
    log.close()
