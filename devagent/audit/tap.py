"""The tap: the loop's only consumer. An event is written, then handed on, and only then is the next asked for.

So a verdict is on disk before its tool starts, and a log that cannot be written stops the loop where it
stands: it is never asked again.
"""

import asyncio
import re
import time
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from devagent.core.errors import LimitError, LogError, ModelError
from devagent.core.events import Event, Unlogged
from devagent.core.events.calls import ToolFinished, ToolStarted
from devagent.core.events.turns import TurnCut, TurnEnded, TurnStarted

_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CLASSES = {
    "GeneratorExit": "reader_gone",
    "CancelledError": "cancelled",
    "KeyboardInterrupt": "interrupted",
}


class Log(Protocol):
    """What the tap needs of a log (``SessionLog``)."""

    @property
    def failure(self) -> LogError | None:
        """Why the log refuses all writes, once it does."""
        ...

    def write(self, event: Event) -> int: ...

    def close_turn(self, err: str) -> None: ...


async def tapped(events: AsyncGenerator[Event, None], log: Log) -> AsyncGenerator[Event, None]:
    """The same events, each on record before it is yielded (what is only for screens is handed on unwritten).

    However the turn ends, the inner generator is closed first and then the record: a call under way as
    ``tool.finished`` (cut), an open turn as ``turn.cut``. Raises LogError from a failed write, and
    whatever the loop raises; a failure to close the record is added to that as a note.
    """
    try:
        async with aclosing(events):
            async for event in events:
                if not isinstance(event, Unlogged):
                    log.write(event)
                yield event
    except BaseException as e:
        try:
            _close(log, error_class(e))
        except LogError as second:
            e.add_note(f"The record of the cut turn could not be written: {second.what}")
        raise
    _close(log, "not_ended")


class SideBySide:
    """Calls at once in one log. A turn begins with a call and ends when for ``idle_s`` none has run: what
    ends a turn is synced to the disk, which each of many short reads should not wait for."""

    def __init__(self, log: Log, idle_s: float = 0.5) -> None:
        self._log = log
        self._idle_s = idle_s
        self._ending: asyncio.TimerHandle | None = None
        self._turn = 0
        self._running = 0
        self._began = 0
        self._cut = ""

    async def tapped(
        self, call: Callable[[int], AsyncGenerator[Event, None]]
    ) -> AsyncGenerator[Event, None]:
        """The events of ``call(turn)``, each on record before it is yielded.

        Raises as ``tapped``; a call that is cut is closed on record, and the others go on.
        """
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        elif not self._running:
            self._turn, self._cut, self._began = self._turn + 1, "", time.monotonic_ns()
            self._log.write(TurnStarted(turn=self._turn))
        self._running += 1
        started: dict[str, ToolStarted] = {}
        try:
            async with aclosing(call(self._turn)) as events:
                async for event in events:
                    if not isinstance(event, Unlogged):
                        self._log.write(event)
                    if isinstance(event, ToolStarted):
                        started[event.call] = event
                    elif isinstance(event, ToolFinished):
                        started.pop(event.call, None)
                    yield event
        except BaseException as e:
            self._cut = error_class(e)
            for one in tuple(started.values()):
                if self._log.failure is None:
                    self._log.write(
                        ToolFinished(turn=one.turn, call=one.call, outcome="cut", err=self._cut)
                    )
            raise
        finally:
            self._running -= 1
            if not self._running and self._log.failure is None:
                loop = asyncio.get_running_loop()
                self._ending = loop.call_later(0 if self._cut else self._idle_s, self.end_turn)

    def end_turn(self) -> None:
        """End the turn in which nothing runs any more, where one is open. Raises LogError."""
        if self._ending is None:
            return
        self._ending.cancel()
        self._ending = None
        if self._cut:
            self._log.write(TurnCut(turn=self._turn, err=self._cut))
            return
        us = (time.monotonic_ns() - self._began) // 1000
        self._log.write(TurnEnded(turn=self._turn, stop="done", dur_us=us))


def error_class(error: BaseException) -> str:
    """A short word for the record, never the error's text."""
    match error:
        case ModelError(kind=kind):
            return kind
        case LimitError(limit=limit):
            return limit
        case CancelledError(args=("time_limit",)):
            return "time_limit"  # the alarm's word (``session``), where it came through
        case _:
            name = type(error).__name__
            return _CLASSES.get(name) or _CAPITALS.sub("_", name).lower()


def _close(log: Log, err: str) -> None:
    if log.failure is None:
        log.close_turn(err)
