"""Ends a statement on its server when the caller no longer waits for it."""

import threading
from collections.abc import Callable

from devagent_sql.engines.port import Clock


class Watch:
    """Calls ``cancel`` once, in a thread of its own, if the clock's call is given up before ``ended``. ``cancel`` has a
    limit of its own and raises nothing."""

    def __init__(self, clock: Clock, cancel: Callable[[], None]) -> None:
        self._clock = clock
        self._cancel = cancel
        self._lock = threading.Lock()
        self._over = False
        self._cancelled = False
        if clock.cancelled is not None:
            threading.Thread(target=self._wait, name="sql-cancel", daemon=True).start()

    def _wait(self) -> None:
        cancelled = self._clock.cancelled
        if cancelled is None or not cancelled.wait(self._clock.left + 1):
            return
        with self._lock:
            if not self._over:
                self._cancelled = True
                self._cancel()

    def ended(self) -> bool:
        """Nothing is cancelled from here on. False where something was: the server may still be about
        to act on it, so the connection must not serve another call."""
        with self._lock:
            self._over = True
            return not self._cancelled
