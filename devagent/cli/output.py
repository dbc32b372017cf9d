"""Standard output of a one-shot run: the answer and nothing else, in one of three formats."""

import asyncio
import os
import select
import stat
import sys
from typing import Any, Literal, NamedTuple, Self, TextIO

from msgspec.structs import replace

from devagent.core.codec import canonical, to_plain
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.model import ThinkingDelta
from devagent.core.text import visible

OutputFormat = Literal["text", "json", "stream-json"]
FORMATS: tuple[OutputFormat, ...] = ("text", "json", "stream-json")


class Output:
    """Writes what its format asks for. A reader that has gone raises BrokenPipeError; a full disk OSError.

    A reader that does not read keeps nobody waiting but who asks for it: ``opened`` and ``event`` write what
    standard output takes at once and keep the rest, in order; ``drained`` waits in the event loop, where a signal
    or a limit of time comes through, and ``result`` until all is written.
    """

    def __init__(self, output_format: OutputFormat) -> None:
        self._format = output_format
        self.is_text = output_format == "text"
        self._kept = bytearray()
        self._file: _File | None = None
        self.is_broken = False
        """Nobody reads any more, or the disk under it is full: nothing further can be said on it."""

    def opened(self, init: dict[str, Any]) -> None:
        """The session is open: stream-json's first line."""
        if self._format == "stream-json":
            self._line(init)

    def event(self, event: Event) -> None:
        """An event of the session, as the log has it, but for what is there for the record alone."""
        if isinstance(event, ToolFinished) and event.whole:
            event = replace(event, whole="")
        if self._format == "stream-json" and not isinstance(event, ThinkingDelta):
            self._line(to_plain(event))

    def result(self, result: dict[str, Any]) -> None:
        """The end: the only terminal line of the two JSON formats, the answer alone in text."""
        if not self.is_text:
            self._write(canonical(result) + b"\n", wait=True)
        elif result["stop"] == "schema":
            # An answer that does not fit must not be taken for one that does.
            sys.stderr.write(visible(result["result"]) + "\n")
        elif result["result"]:
            self._write((visible(result["result"]) + "\n").encode(), wait=True)

    async def drained(self) -> None:
        """Wait until the reader has room for all that was written so far."""
        while self._kept:
            loop, room = asyncio.get_running_loop(), asyncio.Event()
            descriptor = sys.stdout.fileno()
            loop.add_writer(descriptor, room.set)
            try:
                await room.wait()
            finally:
                loop.remove_writer(descriptor)
            self._write(b"")

    def _line(self, value: dict[str, Any]) -> None:
        self._write(canonical(value) + b"\n")

    def _write(self, data: bytes, *, wait: bool = False) -> None:
        self._kept += data
        try:
            sys.stdout.flush()
            self._push(wait=wait)
        except OSError:
            self.is_broken = True
            raise

    def _push(self, *, wait: bool) -> None:
        """Write what is kept: all of it, or what is taken without waiting."""
        if self._file is None:
            self._file = _File.of(sys.stdout)
        descriptor, most, poll = self._file
        if descriptor < 0:
            sys.stdout.buffer.write(self._kept)
            sys.stdout.buffer.flush()
            self._kept.clear()
        while self._kept and poll.poll(None if wait else 0):
            del self._kept[: os.write(descriptor, self._kept[:most])]


class _File(NamedTuple):
    """A stream's descriptor (-1: it is in memory), how many bytes it takes where there is room at all, and whom to
    ask for room: the descriptor's own mode stays as the other processes that have it know it."""

    descriptor: int
    most: int
    poll: select.poll

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        poll = select.poll()
        try:
            descriptor = stream.fileno()
        except OSError:
            return cls(-1, 0, poll)
        poll.register(descriptor, select.POLLOUT)
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return cls(descriptor, sys.maxsize if regular else select.PIPE_BUF, poll)
