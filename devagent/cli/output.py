"""Standard output of a one-shot run: the answer and nothing else, in one of three formats."""

import sys
from typing import Any, Literal

from msgspec.structs import replace

from devagent.core.codec import canonical, to_plain
from devagent.core.events import Event, ThinkingDelta, ToolFinished
from devagent.core.text import visible

OutputFormat = Literal["text", "json", "stream-json"]
FORMATS: tuple[OutputFormat, ...] = ("text", "json", "stream-json")


class Output:
    """Writes what its format asks for. A reader that has gone raises BrokenPipeError; a full disk OSError."""

    def __init__(self, output_format: OutputFormat) -> None:
        self._format = output_format
        self.is_text = output_format == "text"
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
            self._line(result)
        elif result["stop"] == "schema":
            # An answer that does not fit must not be taken for one that does.
            sys.stderr.write(visible(result["result"]) + "\n")
        elif result["result"]:
            self._write((visible(result["result"]) + "\n").encode())

    def _line(self, value: dict[str, Any]) -> None:
        self._write(canonical(value) + b"\n")

    def _write(self, data: bytes) -> None:
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError:
            self.is_broken = True
            raise
