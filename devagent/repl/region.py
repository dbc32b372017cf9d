"""What the live region shows: what is under way, the line that is typed or a question, and a line about the session.

Only how it looks: ``Live`` has its keys and its life.
"""

import time
from collections.abc import Callable

from msgspec import Struct
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.filters import Condition, Filter
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.layout import (
    ConditionalContainer,
    Dimension,
    HSplit,
    Layout,
    VerticalAlign,
    Window,
)
from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import ConditionalProcessor, PasswordProcessor
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from devagent.core.text import visible
from devagent.repl.choices import Choices, question_rows
from devagent.repl.messages import tr
from devagent.repl.style import Painter, Segment
from devagent.repl.width import clip, width

SILENT_S = 5.0
"""A reply that stops for so long is said to have."""
_INPUT_ROWS = 12


class Doing(Struct):
    """What is under way. ``tail`` are the last lines of a command's output, ``how_far`` what its tool says of that,
    ``since`` a monotonic time."""

    what: str = ""
    since: float = 0.0
    tokens: int = 0
    usd_micros: int = 0
    heard: float = 0.0
    """When the last piece of a reply came (monotonic); 0: none is under way."""
    tail: tuple[str, ...] = ()
    how_far: str = ""


class Region:
    """The rows of the region, drawn from these fields. ``buffer`` is what is typed, ``queued`` what waits to be read or
    sent, ``todo`` how far the list of what is to be done is, ``hint`` stands in the place of ``status`` while it holds."""

    def __init__(self, painter: Painter, buffer: Buffer, size: Callable[[], Size]) -> None:
        self._painter = painter
        self._size = size
        self.buffer = buffer
        self.doing: Doing | None = None
        self.queued: list[str] = []
        self.todo = ""
        self.status = ""
        self.hint = ""
        self.question: Choices | None = None
        self.label: str | None = None
        """Of the line that is asked for in the input's place; None: the input is what it is."""
        self.secret = False

    def layout(self) -> Layout:
        free = Condition(lambda: self.question is None)
        search = SearchToolbar(ignore_case=True)
        field = Window(
            BufferControl(
                self.buffer,
                search_buffer_control=search.control,
                preview_search=True,
                input_processors=[
                    ConditionalProcessor(PasswordProcessor(), Condition(lambda: self.secret))
                ],
            ),
            height=lambda: Dimension(min=1, max=_INPUT_ROWS),
            get_line_prefix=self._prefix,
            wrap_lines=True,
            dont_extend_height=True,
        )
        parts = [
            Window(height=1),
            self._text(self._doing_rows, free & Condition(lambda: self.doing is not None)),
            self._text(self._todo_rows, free & Condition(lambda: bool(self.todo))),
            self._text(self._queued_rows, Condition(lambda: bool(self.queued))),
            self._text(self._question_rows, ~free, wraps=True),
            ConditionalContainer(field, free),
            ConditionalContainer(search, free),
            self._text(self._status_rows, free),
            ConditionalContainer(CompletionsMenu(max_height=8), free),
        ]
        return Layout(HSplit(parts, align=VerticalAlign.TOP), focused_element=field)

    def _text(
        self, rows: Callable[[], list[str]], when: Filter, *, wraps: bool = False
    ) -> ConditionalContainer:
        control = FormattedTextControl(lambda: ANSI("\n".join(rows())), show_cursor=False)
        return ConditionalContainer(
            Window(control, dont_extend_height=True, wrap_lines=wraps), when
        )

    def _prefix(self, number: int, wrapped: int) -> ANSI:
        if self.label is not None:
            label = f"{self.label} "
        else:
            label = "› " if self._painter.capabilities.unicode else "> "
        if number or wrapped:
            return ANSI(" " * len(label))
        return ANSI(self._painter.paint([Segment(label, "accent")]))

    def _row(self, *segments: Segment) -> str:
        room = self._size().columns - 2
        kept: list[Segment] = []
        for one in segments:
            text = one.text
            if width(text) > room:
                indent = len(text) - len(text.lstrip(" "))
                text = " " * indent + clip(text, room - indent)
            kept.append(Segment(text, one.role))
            room -= width(text)
            if room <= 0:
                break
        return self._painter.paint(kept)

    def _doing_rows(self) -> list[str]:
        doing = self.doing
        if doing is None:
            return []
        rows = [self._row(Segment(f"  {visible(one)}", "quiet")) for one in doing.tail]
        what = clip(doing.what or tr("working"), max(16, self._size().columns - 46))
        if doing.how_far:
            what = f"{clip(what, 30)} {clip(doing.how_far, 30)}"
        parts = [what, f"{max(0, time.monotonic() - doing.since):.0f} s"]
        silent = time.monotonic() - doing.heard
        if doing.heard and silent > SILENT_S:
            parts.append(tr("nothing new for {seconds} s").format(seconds=f"{silent:.0f}"))
        if doing.tokens:
            parts.append(tr("{many} tokens").format(many=f"{doing.tokens:,}"))
        if doing.usd_micros:
            parts.append(f"${doing.usd_micros / 1e6:.4f}")
        dot = "·" if self._painter.capabilities.unicode else "-"
        sign = ("●", "○")[int(time.monotonic()) % 2] if self._painter.capabilities.unicode else "*"
        text = f" {dot} ".join([*parts, tr("esc to stop")])
        return [*rows, self._row(Segment(f"{sign} ", "accent"), Segment(text, "quiet"))]

    def _todo_rows(self) -> list[str]:
        return [self._row(Segment(f"  {one_row(self.todo)}", "quiet"))]

    def _queued_rows(self) -> list[str]:
        return [self._row(Segment(f"  {one_row(text)}", "quiet")) for text in self.queued[:4]]

    def _question_rows(self) -> list[str]:
        if self.question is None:
            return []
        size = self._size()
        found = question_rows(self.question, size.columns, size.rows - 1 - len(self.queued[:4]))
        return [self._painter.paint(row) for row in found]

    def _status_rows(self) -> list[str]:
        return [self._row(Segment(f"  {self.hint or self.status}", "quiet"))]

    def style(self) -> Style:
        if self._painter.capabilities.colours == 0:
            plain = "noinherit"
            return Style.from_dict(
                {
                    "completion-menu": plain,
                    "completion-menu.completion": plain,
                    "completion-menu.completion.current": "noinherit reverse",
                    "completion-menu.meta.completion": plain,
                    "completion-menu.meta.completion.current": "noinherit reverse",
                    "scrollbar": plain,
                }
            )
        light = self._painter.capabilities.theme == "light"
        accent = "fg:#005f87" if light else "fg:#00afaf"
        quiet = "fg:#585858" if light else "fg:#808080"
        return Style.from_dict(
            {
                "completion-menu": "noinherit",
                "completion-menu.completion": "noinherit",
                "completion-menu.completion.current": f"noinherit {accent} bold",
                "completion-menu.meta.completion": f"noinherit {quiet}",
                "completion-menu.meta.completion.current": f"noinherit {quiet}",
                "completion-menu.multi-column-meta": "noinherit",
                "scrollbar.background": "noinherit",
                "scrollbar.button": "noinherit",
                "search-toolbar": quiet,
            }
        )


def one_row(text: str) -> str:
    return " ".join(visible(text).split())
