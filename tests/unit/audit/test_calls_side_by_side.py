"""Calls at once in one log: turns that open and end round them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from devagent.audit.tap import SideBySide
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.turns import TurnCut, TurnEnded, TurnStarted
from tests.support.log_events import call


class FakeLog:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failure: LogError | None = None

    def write(self, event: Event) -> int:
        if self.failure is not None:
            raise self.failure
        self.events.append(event)
        return len(self.events)

    def close_turn(self, err: str) -> None:
        raise AssertionError("each call closes what is its own")


def kinds(log: FakeLog) -> list[str]:
    return [type(event).__name__ for event in log.events]


async def carried_out(turn: int, number: int, held: asyncio.Event) -> AsyncGenerator[Event, None]:
    for event in call(name=f"c{number}", turn=turn):
        if isinstance(event, ToolFinished):
            await held.wait()
        yield event


async def through(calls: SideBySide, number: int, held: asyncio.Event) -> None:
    async with aclosing(calls.tapped(lambda turn: carried_out(turn, number, held))) as events:
        async for _ in events:
            await asyncio.sleep(0)


async def test_a_turn_spans_calls_that_follow_each_other_closely() -> None:
    log, held = FakeLog(), asyncio.Event()
    held.set()
    calls = SideBySide(log, idle_s=30)
    for number in range(3):
        await through(calls, number, held)
    assert kinds(log).count("TurnStarted") == 1
    assert "TurnEnded" not in kinds(log)
    calls.end_turn()
    calls.end_turn()
    assert kinds(log)[-1] == "TurnEnded"
    assert kinds(log).count("TurnEnded") == 1


async def test_where_nothing_runs_for_a_while_the_turn_ends_and_the_next_call_begins_another() -> (
    None
):
    log, held = FakeLog(), asyncio.Event()
    held.set()
    calls = SideBySide(log, idle_s=0)
    for number in range(2):
        await through(calls, number, held)
        async with asyncio.timeout(10):
            while not isinstance(log.events[-1], TurnEnded):
                await asyncio.sleep(0)
    turns = [e.turn for e in log.events if isinstance(e, TurnStarted | TurnEnded)]
    assert turns == [1, 1, 2, 2]


async def test_a_call_that_is_cut_is_closed_on_record_and_the_others_go_on() -> None:
    log, held = FakeLog(), asyncio.Event()
    calls = SideBySide(log, idle_s=0)
    running = [asyncio.create_task(through(calls, number, held)) for number in range(2)]
    async with asyncio.timeout(10):
        while kinds(log).count("ToolStarted") < 2:
            await asyncio.sleep(0)
    running[0].cancel()
    await asyncio.wait([running[0]])
    held.set()
    await running[1]
    async with asyncio.timeout(10):
        while not isinstance(log.events[-1], TurnCut):
            await asyncio.sleep(0)
    ends = {e.call: e.outcome for e in log.events if isinstance(e, ToolFinished)}
    assert ends == {"c0": "cut", "c1": "ok"}


async def test_a_log_that_fails_stops_the_call_before_it_acts() -> None:
    log, held = FakeLog(), asyncio.Event()
    log.failure = LogError("the disk is full")
    with pytest.raises(LogError):
        await through(SideBySide(log), 0, held)
    assert log.events == []
