"""One session for each client, opened when it first comes, closed when the server ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

from devagent.core.errors import LimitError, Stop
from devagent.core.tools import ToolSpec
from devagent.gateway.calling import Calling
from devagent.session.served import Served

MOST_OPEN = 256
"""Sessions at once; a client whose session was closed for another gets a new one with its next request."""


class Sessions:
    """``open_for(client)`` opens one; clients do not share taint, approvals, budgets or record."""

    def __init__(self, open_for: Callable[[str], Awaitable[Served]]) -> None:
        self._open_for = open_for
        self._open: dict[str, asyncio.Task[Served]] = {}
        self._calling: set[Calling] = set()
        self._used: dict[str, float] = {}
        self._calls = count(1)
        self._leaving: set[asyncio.Task[None]] = set()

    async def of(self, client: str) -> Served:
        """The client's session. Raises what opening it raises; the next request tries again.

        Where another bundle of the organisation's has come into force, it is a new one: its calls end in the one before.
        """
        opening = self._open.get(client)
        if opening is not None and opening.done() and opening.result().is_superseded:
            del self._open[client]
            leaving = asyncio.get_running_loop().create_task(self._left(opening.result()))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            opening = None
        self._used[client] = time.monotonic()
        if opening is None:
            await self._make_room()
            opening = self._open.get(client)
        if opening is None:
            opening = asyncio.get_running_loop().create_task(self._opened(client))
            self._open[client] = opening
        # The first request may be cancelled while others wait for the same session.
        return await asyncio.shield(opening)

    async def start(
        self,
        client: str,
        tool: str,
        args: dict[str, object],
        given: ToolSpec | None = None,
    ) -> Calling:
        """Begin a call in the client's session; ``given`` is a tool of the house."""
        served = await self.of(client)
        # A plain number: what looks like a token would be looked into on each line of the record.
        calling = Calling(
            served,
            f"mcp_{next(self._calls)}",
            tool,
            args,
            client,
            over=self._calling.discard,
            given=given,
        )
        self._calling.add(calling)
        return calling

    async def _make_room(self) -> None:
        """Close the session that was not used for longest. Raises LimitError where each of them carries out a call."""
        if len(self._open) < MOST_OPEN:
            return
        busy = {calling.client for calling in self._calling}
        idle = [one for one, task in self._open.items() if one not in busy and task.done()]
        if not idle:
            raise LimitError("too many clients are being served at once", limit="sessions")
        oldest = min(idle, key=lambda one: self._used[one])
        served = self._open.pop(oldest).result()
        del self._used[oldest]
        await served.close("done", 0, "other clients needed the room")

    async def _left(self, served: Served) -> None:
        """Close a session once none of its calls is under way."""
        while under_way := [calling for calling in self._calling if calling.served is served]:
            await asyncio.gather(*(calling.ended() for calling in under_way))
        await served.close("done", 0, "another policy of the organisation's came into force")

    async def _opened(self, client: str) -> Served:
        try:
            return await self._open_for(client)
        except BaseException:
            del self._open[client]
            raise

    async def close(self, stop: Stop, exit_code: int, reason: str = "") -> None:
        """End them all; calls that are under way are cut first."""
        await asyncio.gather(*(calling.cut() for calling in tuple(self._calling)))
        opened = [task.result() for task in self._open.values() if task.done()]
        for opening in self._open.values():
            opening.cancel()
        self._open = {}
        await asyncio.gather(
            *(served.close(stop, exit_code, reason) for served in opened), *self._leaving
        )
