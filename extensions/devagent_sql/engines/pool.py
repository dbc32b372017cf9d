"""Connections kept between calls, a few for each source and login, each for a minute at most.

A connection serves one call at a time. Whoever takes one finds out for himself whether it still lives.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

MOST_IDLE = 4
"""For one source and login."""
LONGEST_IDLE_S = 60.0

T = TypeVar("T")

_POOLS: "list[Pool[Any]]" = []


class Pool(Generic[T]):
    """``fit`` makes a connection as good as new and says whether it may be used again."""

    def __init__(self, *, fit: Callable[[T], bool], close: Callable[[T], None]) -> None:
        self._fit = fit
        self._close = close
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[tuple[float, T]]] = {}
        self._timer: threading.Timer | None = None
        _POOLS.append(self)

    def take(self, key: Hashable) -> T | None:
        """The one that was used last, or None."""
        with self._lock:
            waiting = self._idle.get(key)
            return waiting.pop()[1] if waiting else None

    def give_back(self, key: Hashable, connection: T) -> None:
        """Keep it for the next call, or close it."""
        if self._fit(connection):
            with self._lock:
                waiting = self._idle.setdefault(key, [])
                if len(waiting) < MOST_IDLE:
                    waiting.append((time.monotonic(), connection))
                    if self._timer is None:
                        self._wait()
                    return
        self._close(connection)

    def _wait(self) -> None:
        self._timer = threading.Timer(LONGEST_IDLE_S, self._sweep)
        self._timer.daemon = True
        self._timer.start()

    def _sweep(self) -> None:
        """Close what nobody took for so long; come again while something is left."""
        self.close(older_than_s=LONGEST_IDLE_S)
        with self._lock:
            self._timer = None
            if any(self._idle.values()):
                self._wait()

    def close(self, *, older_than_s: float = 0.0) -> None:
        """Close those that have waited so long."""
        before = time.monotonic() - older_than_s
        with self._lock:
            old = [c for waiting in self._idle.values() for at, c in waiting if at <= before]
            self._idle = {
                key: left
                for key, waiting in self._idle.items()
                if (left := [one for one in waiting if one[0] > before])
            }
            if not self._idle and self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for connection in old:
            self._close(connection)


def close_idle() -> None:
    """Close the waiting connections of every engine."""
    for pool in _POOLS:
        pool.close()
