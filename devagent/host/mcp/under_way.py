"""A call under way at a third party's server: its limit, and who is asked what the server asks meanwhile."""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from devagent.core.ports import Meanwhile

MAX_ASKED = 100
"""Questions of one call; who asks more often has its time go on."""
WAY: "contextvars.ContextVar[UnderWay]" = contextvars.ContextVar("way")
"""The call that a task of ours carries out."""


class UnderWay:
    """One call, with ``limit_s`` seconds for the server's own work: what waits for a person does not count."""

    def __init__(self, meanwhile: Meanwhile | None, limit_s: float) -> None:
        self.meanwhile = meanwhile
        self._limit_s = limit_s
        self._timeout: asyncio.Timeout | None = None
        self._waiting = 0
        self._asked = 0

    def may_ask(self) -> bool:
        """Whether one more question of the server is heard; counted."""
        self._asked += 1
        return self._asked <= MAX_ASKED

    @asynccontextmanager
    async def limited(self) -> AsyncGenerator[None]:
        """Raises TimeoutError when the time is up."""
        async with asyncio.timeout(self._limit_s) as self._timeout:
            yield

    @contextmanager
    def waits(self) -> Generator[None]:
        """The server waits for an answer of ours; afterwards its time begins anew."""
        self._waiting += 1
        self._reschedule(None)
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._reschedule(asyncio.get_running_loop().time() + self._limit_s)

    def _reschedule(self, when: float | None) -> None:
        if self._timeout is not None and not self._timeout.expired():
            try:
                self._timeout.reschedule(when)
            except RuntimeError:  # the call has ended meanwhile
                self._timeout = None
