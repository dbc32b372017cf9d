"""What a command prints, told while it runs: whole lines, seldom, and only the last ones where they come fast."""

import time
from collections.abc import Callable

EVERY_S = 0.2
MOST_BYTES = 2_000
"""What one telling says at most; a command that floods its output is told of by its last lines."""


class Progress:
    """Takes the bytes of an output and tells a person's screen of them. Constant in memory."""

    def __init__(self, tell: Callable[[str], None] | None, as_text: Callable[[bytes], str]) -> None:
        self._tell = tell
        self._as_text = as_text
        self._new = bytearray()
        self._left_out = False
        self._told = time.monotonic()

    def add(self, data: bytes) -> None:
        """What came just now."""
        if self._tell is None:
            return
        self._new += data[-2 * MOST_BYTES :]
        if len(self._new) > 2 * MOST_BYTES:
            del self._new[:-MOST_BYTES]
            self._left_out = True
        if time.monotonic() - self._told >= EVERY_S:
            # A line that is still being written waits for its end: half a colour would be shown as signs.
            self._say(max(self._new.rfind(b"\n"), self._new.rfind(b"\r")) + 1)

    def quiet(self) -> None:
        """Nothing has come for a while: a line without an end (a question, dots) is told as it is."""
        if self._tell is not None and self._new:
            self._say(len(self._new))

    def _say(self, size: int) -> None:
        if not size or self._tell is None:
            return
        part = bytes(self._new[:size])
        del self._new[:size]
        begin = max(0, len(part) - MOST_BYTES)
        if begin or self._left_out:
            cut = part.find(b"\n", begin, len(part) - 1) + 1
            part, self._left_out = part[cut or begin :], False
        self._told = time.monotonic()
        text = self._as_text(part)
        if text.strip():
            self._tell(text)
