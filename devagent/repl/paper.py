"""What has been printed: append-only. Scrollback, copying and searching stay the terminal's own.

``Paper`` is for any terminal. ``LivePaper`` prints above the live region at the bottom without drawing that again:
it opens room by inserting lines, writes into it, and puts the cursor back where the region's owner left it.
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from msgspec import Struct

from devagent.core.text import visible
from devagent.repl.markdown.flow import ROW, Out, Row
from devagent.repl.style import Line, Painter, Segment, text_of
from devagent.repl.width import is_certain, rows, widest, width

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Around an update that is to be seen whole."""
SHORT = 300


class Paper:
    """Prints as it comes. ``columns`` are those of the terminal."""

    def __init__(self, painter: Painter, out: TextIO | None = None, columns: int = 80) -> None:
        self.painter = painter
        self._out = out or sys.stdout
        self._columns = columns
        self._open = False
        self._empty = True
        self.bytes = 0
        """How many were written."""

    @property
    def columns(self) -> int:
        return self._columns

    def put(self, outs: Iterable[Out]) -> None:
        """Add to the end."""
        row: list[Segment] = []
        for one in outs:
            if isinstance(one, Row):
                self._print(self.painter.paint(row) + "\n")
                row, self._open = [], False
            else:
                row.append(_on_one_row(one))
        if row:
            self._print(self.painter.paint(row))
            self._open = True

    def lines(self, lines: Iterable[Line]) -> None:
        """Whole lines, below whatever stands there."""
        for one in lines:
            self.put([*([ROW] if self._open else []), *one, ROW])

    def close_line(self) -> None:
        """What comes next begins a line of its own."""
        if self._open:
            self.put([ROW])

    def flush(self) -> None:
        """Everything is seen."""
        self._out.flush()

    def _print(self, text: str) -> None:
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        data = text.encode(encoding, "replace")
        self.bytes += len(data)
        self._out.write(data.decode(encoding))


def _on_one_row(segment: Segment) -> Segment:
    """Whatever the text holds, it stays on its row: a break in it would move all that is below."""
    if segment.text.isprintable():
        return segment
    text = visible(segment.text).replace("\n", " ").replace("\t", "    ")
    return Segment(text, segment.role, segment.link)


class _Row(Struct):
    """A row that is to be written: ``goes_on`` at the end of what stands there; ``closed``: nothing follows."""

    segments: list[Segment]
    goes_on: bool = False
    closed: bool = False


def _first(written: list[_Row], room: int, columns: int) -> tuple[int, int]:
    """How many of the rows come into so many of the terminal's, and how many of these they need."""
    new = 0
    for many, row in enumerate(written):
        text = text_of(row.segments)
        more = 0 if row.goes_on else rows(text, columns) if is_certain(text) else 1
        if new + more > room:
            return many, new
        new += more
    return len(written), new


class LivePaper(Paper):
    """Prints above a running application. What is put is seen at the next ``flush``."""

    def __init__(self, painter: Painter, app: "Application[None]") -> None:
        super().__init__(painter)
        self._app = app
        self._pending: list[Out] = []
        self._column: int | None = None  # where the open line ends; None: none is open
        self._pending_open = False
        self.held = False
        """Somebody else has the terminal (an editor): nothing is written."""

    @property
    def columns(self) -> int:
        return self._app.output.get_size().columns

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    def put(self, outs: Iterable[Out]) -> None:
        for one in outs:
            self._pending_open = not isinstance(one, Row)
            self._pending.append(one if isinstance(one, Row) else _on_one_row(one))

    def lines(self, lines: Iterable[Line]) -> None:
        for one in lines:
            self.put([*([ROW] if self._is_open else []), *one, ROW])

    def close_line(self) -> None:
        if self._is_open:
            self.put([ROW])

    @property
    def _is_open(self) -> bool:
        return self._pending_open if self._pending else self._column is not None

    def forget_open_line(self) -> None:
        """Where the open line ends is not known any more (another width, somebody else had the terminal): what comes
        next begins a row of its own."""
        self._column = None

    def flush(self) -> None:
        if not self._pending or self.held:
            return
        screen = self._app.renderer.last_rendered_screen
        written = self._rows()
        if not written:
            return
        size = self._app.output.get_size()
        if screen is not None and all(self._fits(one, size.columns) for one in written):
            cursor = screen.get_cursor_position(self._app.layout.current_window)
            # Rows of the region that hold nothing are room: what is printed may push them out of sight.
            used = [
                y
                for y in range(min(screen.height, size.rows))
                if any(one.char != " " for one in screen.data_buffer[y].values())
            ]
            height = max([cursor.y, *used]) + 1
            while written:
                many, new = _first(written, size.rows - height - 1, size.columns)
                if many == 0:
                    break
                self._insert(written[:many], new, height, cursor.x, cursor.y)
                del written[:many]
        if written:
            self._redraw(written)

    def _fits(self, row: _Row, columns: int) -> bool:
        """Whether it is certain in how many of the terminal's rows it ends, and at which column where it stays open."""
        text = text_of(row.segments)
        at = (self._column or 0) if row.goes_on else 0
        if is_certain(text):
            return not row.goes_on or at + width(text) <= columns
        return row.closed and at + widest(text) <= columns

    def _rows(self) -> list[_Row]:
        """The rows that are ready to be written; one whose width is not certain waits for its end."""
        found: list[_Row] = [_Row([], goes_on=self._column is not None)]
        for one in self._pending:
            if isinstance(one, Row):
                found[-1].closed = True
                found.append(_Row([]))
            else:
                found[-1].segments.append(one)
        last = found[-1]
        if not last.segments and not last.goes_on:
            found.pop()
        elif last.segments and not is_certain(text_of(last.segments)):
            found.pop()
            self._pending = list(last.segments)
            return found
        self._pending = []
        return found

    def _insert(self, written: list[_Row], new: int, height: int, x: int, y: int) -> None:
        paint = self.painter.paint
        first = written[0]
        if new == 0:
            if first.segments:
                text = (
                    f"\x1b7\x1b[{y + 1}A\x1b[{(self._column or 0) + 1}G{paint(first.segments)}\x1b8"
                )
                self._emit(text)
        else:
            down = f"\x1b[{height - 1 - y}B" if height - 1 > y else ""
            up = new + height - 1
            parts = [down, "\n" * new, f"\x1b[{up}A\r" if up else "\r", f"\x1b[{new}L"]
            if first.goes_on:
                parts.append(f"\x1b[A\x1b[{(self._column or 0) + 1}G")
            parts.append("\r\n".join(paint(one.segments) for one in written))
            parts.append(f"\x1b[{y + 1}B\r" + (f"\x1b[{x}C" if x else ""))
            text = "".join(parts)
            # A terminal takes in a short write as one.
            marked = self.painter.capabilities.synchronized and len(text) > SHORT
            self._emit(f"{BEGIN}{text}{END}" if marked else text)
        self._stands(written)

    def _redraw(self, written: list[_Row]) -> None:
        """Take the region away, print, and let it be drawn again below: right whatever the text's width."""
        output = self._app.output
        if self.painter.capabilities.synchronized:
            output.write_raw(BEGIN)  # the end of it follows the region's next drawing
        self._app.renderer.erase()
        text = "\r\n".join(self.painter.paint(one.segments) for one in written)
        if written[0].goes_on:
            text = f"\x1b[A\x1b[{(self._column or 0) + 1}G{text}"
        self._emit(f"{text}\r\n")
        self._stands(written)
        self._app.invalidate()

    def _stands(self, written: list[_Row]) -> None:
        last = written[-1]
        if last.closed:
            self._column = None
        else:
            before = (self._column or 0) if last.goes_on else 0
            self._column = before + width(text_of(last.segments))

    def _emit(self, text: str) -> None:
        self.bytes += len(text.encode(errors="replace"))
        self._app.output.write_raw(text)
        self._app.output.flush()
