"""One line of a terminal that is written over: the last thing that a call under way has printed.

However much a command prints, the screen holds one line of it; the result follows as an event of its own.
"""

import os
from typing import TextIO

from devagent.core.events import Event
from devagent.core.events.calls import ToolProgress
from devagent.core.text import cells, one_line

_BEGIN_AGAIN = "\r\x1b[2K"


class StatusLine:
    """The line below everything else. ``stream`` is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False

    def event(self, event: Event) -> bool:
        """Take in an event: whether it was one for this line. Any other wipes it, before it is drawn."""
        if isinstance(event, ToolProgress):
            self._show(event.text or f"{event.done:g} of {event.total:g}")
            return True
        self.wipe()
        return False

    def wipe(self) -> None:
        """Leave no trace of it."""
        if self._shown:
            self._stream.write(_BEGIN_AGAIN)
            self._stream.flush()
            self._shown = False

    def _show(self, text: str) -> None:
        last = text.rstrip().rpartition("\n")[2]
        line = one_line(last, columns := self._columns())
        while cells(line) > columns:
            line = line[:-1]
        self._stream.write(f"{_BEGIN_AGAIN}    {line}")
        self._stream.flush()
        self._shown = True

    def _columns(self) -> int:
        try:
            return max(20, os.get_terminal_size(self._stream.fileno()).columns) - 5
        except OSError:
            return 75
