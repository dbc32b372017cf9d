"""While a call runs: what its tool tells and asks for comes out of the same generator as all else.

Whoever reads the events puts each on record before it asks for the next; so a tool that tells one goes on
only when it is there, and a call within a call passes the gate, the log and the budgets like any other.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from devagent.agent.progress import Told
from devagent.core.events import Event
from devagent.core.events.calls import (
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolProgress,
    ToolStarted,
)
from devagent.core.ports import ToolFailure
from devagent.core.tools import ToolCall, ToolResult, ToolSpec

MAX_WITHIN = 100
"""Calls that one call may need."""
MAX_PROGRESS = 20
"""Words of progress that wait to be shown; older ones are dropped for newer."""

Within = Callable[[ToolCall, ToolSpec], AsyncGenerator[Event, None]]
"""The events of a call within the call."""


class Running:
    """One call under way (``core.ports.Meanwhile``). ``keep`` takes in what it tells itself; what the calls within it
    tell is taken in there."""

    def __init__(
        self, turn: int, call: str, within: Within, told: Told, keep: Callable[[Event], None]
    ) -> None:
        self._turn = turn
        self._call = call
        self._within = within
        self._keep = keep
        self._made = 0
        # What is asked for comes in the server's own tasks; it belongs to whoever made this call.
        self._context = contextvars.copy_context()
        self._events: deque[tuple[Event, bool, asyncio.Future[None]]] = deque()
        self._progress: deque[ToolProgress] = deque(maxlen=MAX_PROGRESS)
        self._told = told
        self._news = told.news
        self._over = False
        self._unjudged: set[str] = set()
        self._started: dict[str, ToolStarted] = {}
        self._within_now: set[asyncio.Task[Event | None]] = set()
        self._abandoned: set[asyncio.Task[Event | None]] = set()

    def progress(
        self,
        *,
        done: float = 0.0,
        total: float = 0.0,
        text: str = "",
        level: str = "",
        logger: str = "",
    ) -> None:
        if not self._over:
            self._progress.append(
                ToolProgress(
                    turn=self._turn,
                    call=self._call,
                    done=done,
                    total=total,
                    text=text,
                    level=level,
                    logger=logger,
                )
            )
            self._news.set()

    async def tell(self, event: Event) -> None:
        await self._tell(event, own=True)

    async def _tell(self, event: Event, *, own: bool) -> None:
        task = asyncio.current_task()
        wanted = task not in self._abandoned and not self._over
        if not wanted and not (task in self._within_now and self._unjudged):
            raise ToolFailure("the call is over", error="over")
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._events.append((event, own, written))
        self._news.set()
        await written

    async def call(self, tool: ToolSpec, args: dict[str, Any]) -> ToolFinished | None:
        self._made += 1
        if self._made > MAX_WITHIN:
            raise ToolFailure(
                f"one call asks for more than {MAX_WITHIN} others", error="too_many_calls"
            )
        call = ToolCall(id=f"{self._call}.{self._made}", name=tool.api_name, args=args)
        task = asyncio.get_running_loop().create_task(
            self._driven(call, tool), context=self._context.copy()
        )
        self._within_now.add(task)
        task.add_done_callback(self._within_now.discard)
        try:
            last = await asyncio.shield(task)
        except asyncio.CancelledError:
            # Nobody waits for it any more; but what was asked for is to have a verdict on record.
            self._abandoned.add(task)
            raise
        return last if isinstance(last, ToolFinished) else None

    async def _driven(self, call: ToolCall, tool: ToolSpec) -> Event | None:
        last: Event | None = None
        try:
            async with aclosing(self._within(call, tool)) as events:
                async for event in events:
                    await self._tell(event, own=False)
                    last = event
        except ToolFailure:
            if not self._over and asyncio.current_task() not in self._abandoned:
                raise
        return last

    async def events(self, running: "asyncio.Task[ToolResult]") -> AsyncGenerator[Event, None]:
        """What is told until ``running`` has ended. Closed earlier, it ends that task, and waits for it."""
        running.add_done_callback(lambda _: self._news.set())
        try:
            while not running.done() or self._unjudged:
                await self._news.wait()
                self._news.clear()
                if printed := self._told.take():
                    yield ToolProgress(turn=self._turn, call=self._call, text=printed)
                while self._progress or self._events:
                    if self._progress:
                        yield self._progress.popleft()
                        continue
                    event, own, written = self._events.popleft()
                    self._follow(event)
                    if own:
                        self._keep(event)
                    yield event
                    if not written.done():
                        written.set_result(None)
            self._over = True
            await self._end_within()
            for call in tuple(self._started):  # the server answered without waiting for them
                left = ToolFinished(turn=self._turn, call=call, outcome="cut", err="left_behind")
                self._keep(left)
                yield left
                del self._started[call]
        finally:
            self._over = True
            if not running.done():
                running.cancel()
                await asyncio.wait([running])
            await self._end_within()

    async def _end_within(self) -> None:
        for _, _, written in self._events:
            _refuse(written)
        self._events.clear()
        left = tuple(self._within_now)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _follow(self, event: Event) -> None:
        match event:
            case ToolCalled(call=call):
                self._unjudged.add(call)
            case ToolJudged(call=call):
                self._unjudged.discard(call)
            case ToolStarted(call=call):
                self._started[call] = event
            case ToolFinished(call=call):
                self._started.pop(call, None)
            case _:
                pass


def _refuse(written: "asyncio.Future[None]") -> None:
    if not written.done():
        written.set_exception(ToolFailure("the call is over", error="over"))
        written.exception()  # looked at, whether or not somebody still waits
