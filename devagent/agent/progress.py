"""What a call prints while it runs: from the thread it runs in to the loop, and no more than a screen can take.

Where the reader is slower than the tool, what was not fetched yet is one text, of which the end is kept. So a
command that prints without end costs neither memory nor time here.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import TypeVar

MOST_CHARACTERS = 4_000
"""What is kept for a reader that does not come."""
T = TypeVar("T")


class Told:
    """A ``core.ports.Progress`` that one loop listens to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._text = ""

    def __call__(self, text: str) -> None:
        with self._lock:
            first = not self._text
            self._text = (self._text + text)[-MOST_CHARACTERS:]
        if first and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    async def until(self, task: "asyncio.Task[T]") -> AsyncGenerator[str, None]:
        """What is told until the task is over, however it ends; its result is not looked at."""
        while not task.done():
            news = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait((task, news), return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
            self._news.clear()
            with self._lock:
                text, self._text = self._text, ""
            if text:
                yield text


async def ended(task: "asyncio.Task[T]") -> None:
    """Cancel a task that still runs, and wait for its end; what it raises then is its own affair."""
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
