"""One call: a tracker opened for it, the time that it has, and its end when nobody waits any more."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import Struct

from devagent_tickets.contract import Surroundings, TicketsError
from devagent_tickets.guarding import Guard
from devagent_tickets.model import Backend
from devagent_tickets.settings import Tracker, data_folder
from devagent_tickets.store import Store, opened

T = TypeVar("T")
LONGEST_S = 60.0
_WATCH_S = 0.2
_SAID = 500
"""Characters of a failure."""


class Call(Struct, frozen=True):
    """What a tool works with."""

    here: Surroundings
    tracker: Tracker
    backend: Backend
    store: Store
    guard: Guard
    until: float
    """When the call must be over, on the monotonic clock."""

    @property
    def left_s(self) -> float:
        return self.until - time.monotonic()


def time_limit(here: Surroundings, tracker: Tracker) -> float:
    """Seconds that a call may take: the least of what the house, policy and the settings say."""
    return min(whole_limit(here), tracker.timeout_s * 2)


def whole_limit(here: Surroundings) -> float:
    """The same, however many trackers the call needs."""
    limits = [here.time_limit_s, LONGEST_S]
    if "timeout_s" in here.obligations:
        limits.append(float(here.obligations["timeout_s"]))
    return min(limits)


def _completed(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``, but that a name server which does not answer is not waited for at the end."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        try:
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def run(
    here: Surroundings,
    tracker: Tracker,
    work: Callable[[Call], Coroutine[Any, Any, T]],
    *,
    used_s: float = 0.0,
) -> T:
    """Do the work with the tracker, in the time there is, of which some is ``used_s`` up.

    Raises TicketsError, timeout and cancelled among them.
    """
    limit = max(0.1, min(time_limit(here, tracker), whole_limit(here) - used_s))

    async def within() -> T:
        async with _call(here, tracker, limit) as call:
            task = asyncio.ensure_future(work(call))
            watch = asyncio.ensure_future(_watch(here, task))
            try:
                async with asyncio.timeout(limit):
                    return await task
            except TimeoutError:
                raise TicketsError(
                    f"{tracker.host or tracker.name} gave no answer within {limit:g} s.",
                    error="timeout",
                ) from None
            except asyncio.CancelledError:
                if getattr(here, "cancelled", None) and here.cancelled.is_set():  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                    raise TicketsError("The call was cut.", error="cancelled") from None
                raise
            finally:
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch

    return _completed(within())


@asynccontextmanager
async def _call(here: Surroundings, tracker: Tracker, limit: float) -> AsyncGenerator[Call]:
    with opened(data_folder(here.settings), tracker.name, is_copy=not tracker.is_local) as store:
        until = time.monotonic() + limit
        guard = Guard(here)
        backend = _backend(here, tracker, store, until, guard)
        try:
            yield Call(here, tracker, backend, store, guard, until)
        except TicketsError as error:
            # What a server says may hold anything, our token too: redacted whole, then cut.
            error.args = (guard.text(str(error))[:_SAID],)
            raise
        finally:
            await backend.aclose()


def _backend(
    here: Surroundings, tracker: Tracker, store: Store, until: float, guard: Guard
) -> Backend:
    if tracker.is_local:
        from devagent_tickets.local import LocalBackend  # noqa: PLC0415  (one of them is used)

        return LocalBackend(tracker, store)
    from devagent_tickets.backends import connect  # noqa: PLC0415  (httpx2 takes 200 ms)

    return connect(here, tracker, until, guard.learn)


async def _watch(here: Surroundings, task: "asyncio.Task[Any]") -> None:
    """End the work when nobody waits for it any more."""
    cancelled = getattr(here, "cancelled", None)
    while cancelled is not None and not task.done():
        if cancelled.is_set():
            task.cancel()
            return
        await asyncio.sleep(_WATCH_S)
