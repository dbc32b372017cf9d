"""What a call prints while it runs: from the thread it runs in to the loop, and no more than a screen can take.

Where the reader is slower than the tool, what was not fetched yet is one text, of which the end is kept. So a
command that prints without end costs neither memory nor time here.
"""

import asyncio
import threading
from typing import TypeVar

MOST_CHARACTERS = 4_000
"""What is kept for a reader that does not come."""
T = TypeVar("T")


class Told:
    """A ``core.ports.Progress`` that one loop listens to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        """Set where there is something to ``take``."""
        self._lock = threading.Lock()
        self._text = ""

    def __call__(self, text: str) -> None:
        with self._lock:
            first = not self._text
            self._text = (self._text + text)[-MOST_CHARACTERS:]
        if first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.news.set)

    def take(self) -> str:
        """What was told since this was asked last."""
        with self._lock:
            text, self._text = self._text, ""
        return text


async def ended(task: "asyncio.Task[T]") -> None:
    """Cancel a task that still runs, and wait for its end; what it raises then is its own affair."""
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
