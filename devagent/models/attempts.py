"""One request's attempts: those that fail are told, waited for and made again, as long as patience lasts.

The same for every platform: what an attempt does is handed in. Each failed attempt yields ModelFailed,
after which all deltas so far are void.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from msgspec import Struct

from devagent.core.events.model import ModelFailed
from devagent.core.ports import ModelEvent
from devagent.models.failures import Failure
from devagent.models.patience import Patience, RetryPolicy


def _chance() -> float:
    return os.urandom(1)[0] / 256  # `random` costs start-up time


class Pace(Struct, frozen=True):
    """Limits in seconds, and where time and chance come from: ``clock`` counts seconds from anywhere, ``now``
    is Unix time, ``chance`` gives numbers in [0, 1)."""

    stall_s: float = 45.0
    give_up_s: float = 60.0
    connect_s: float = 10.0
    retries: RetryPolicy = RetryPolicy()
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = _chance


class Arriving:
    """When an attempt's reply was arriving, to know how long the service was silent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._first: float | None = None
        self._last = 0.0

    def seen(self) -> None:
        """Something came."""
        self._last = self._clock()
        if self._first is None:
            self._first = self._last

    def silent_s(self) -> float:
        """Seconds so far in which nothing of the reply was arriving."""
        flowing = 0.0 if self._first is None else self._last - self._first
        return self._clock() - self._began - flowing

    def duration_us(self) -> int:
        """Microseconds since the attempt began."""
        return round((self._clock() - self._began) * 1e6)


Attempt = Callable[[float | None, Arriving], AsyncGenerator[ModelEvent, None]]
"""One attempt, given the seconds that are left until its first byte (None: as long as a stall takes).
Raises Failure."""


async def attempted(
    turn: int, model: str, pace: Pace, attempt: Attempt
) -> AsyncGenerator[ModelEvent, None]:
    """The events of as many attempts as it takes. Raises the last one's Failure."""
    patience = Patience(pace.give_up_s, pace.retries)
    while True:
        number = patience.attempt
        arriving = Arriving(pace.clock)
        try:
            async with aclosing(attempt(patience.left_s, arriving)) as events:
                async for event in events:
                    yield event
            return
        except Failure as error:
            wait_s = patience.wait_s(error, pace.chance())
            failure = patience.after(error, arriving.silent_s(), wait_s)
        yield ModelFailed(
            turn=turn,
            model=model,
            err=failure.kind,
            attempt=number,
            status=failure.status,
            retry_in_ms=round(wait_s * 1000) if failure.again else None,
            request_id=failure.request_id,
            reason=failure.what,
        )
        if not failure.again:
            raise failure
        await pace.sleep(wait_s)
