"""The live region at the bottom: what is under way, the line that is typed, and a line about the session.

The one place that knows prompt-toolkit's application. It prints nothing itself: what stays goes to its ``paper``,
above. A question takes the input's place until it is answered; what was being typed comes back after it.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from prompt_toolkit.application import Application, in_terminal
from prompt_toolkit.auto_suggest import DummyAutoSuggest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, Filter, vi_insert_mode
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
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
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from devagent.core.text import visible
from devagent.repl.paper import BEGIN, END, LivePaper
from devagent.repl.pasted import Pasted
from devagent.repl.style import Painter, Segment
from devagent.repl.width import clip

FRAME_S = 0.1
"""Text that streams in is written this often."""
TICK_S = 1.0
LEAVE_S = 2.0
"""Within this time a second Ctrl+C leaves."""
QUIET_S = 0.4
"""A question takes no key that was pressed so shortly after another: that was meant for what stood there before."""
_INPUT_ROWS = 12


class Doing(Struct):
    """What is under way. ``tail`` are the last lines of a command's output, ``since`` a monotonic time."""

    what: str = ""
    since: float = 0.0
    tokens: int = 0
    usd_micros: int = 0
    tail: tuple[str, ...] = ()


class Choices(Struct):
    """A question in the input's place: ``rows`` are shown, a key of ``keys`` answers."""

    rows: Sequence[Sequence[Segment]]
    keys: Sequence[str]
    answered: "asyncio.Future[str]"


class Live:
    """The region and its keys. The callables are what a person does: ``submit`` what was typed (now, or once the
    turn is over), ``stop`` what is under way, ``leave``, ``unfold`` the last call."""

    def __init__(
        self,
        painter: Painter,
        *,
        history: History,
        completer: Completer,
        vi: bool = False,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._painter = painter
        self.submit: Callable[[str, bool], None] = lambda _text, _later: None
        self.stop: Callable[[], bool] = lambda: False
        self.leave: Callable[[], None] = lambda: None
        self.unfold: Callable[[], None] = lambda: None
        self.doing: Doing | None = None
        self.queued: list[str] = []
        self.status = ""
        self.hint = ""
        self.pasted = Pasted()
        self._question: Choices | None = None
        self._questions = 0
        self._reading: asyncio.Future[str | None] | None = None
        self._reading_label = ""
        self._secret = False
        self._draft = Document()
        self._last_key = 0.0
        self._interrupted = 0.0
        self._frame: asyncio.TimerHandle | None = None
        self._columns = 0
        self.buffer = Buffer(
            completer=completer,
            complete_while_typing=Condition(lambda: self._reading is None),
            history=history,
            multiline=True,
            auto_suggest=DummyAutoSuggest(),
            tempfile_suffix=".md",
        )
        self.app: Application[None] = Application(
            layout=self._layout(),
            key_bindings=self._keys(),
            style=self._style(),
            editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
            color_depth={0: ColorDepth.DEPTH_1_BIT, 16: ColorDepth.DEPTH_4_BIT}.get(
                painter.capabilities.colours, ColorDepth.DEPTH_8_BIT
            ),
            input=input,
            output=output or _output(),
            erase_when_done=True,
            paste_mode=False,
            before_render=self._before_render,
            after_render=self._after_render,
        )
        self.app.key_processor.before_key_press += self._key_pressed
        self.app.ttimeoutlen = 0.05  # Escape alone is meant at once
        self.app.timeoutlen = 0.3
        self.paper = LivePaper(painter, self.app)

    # -- what is shown

    def draw(self) -> None:
        """Write what is new soon: many small pieces at once."""
        if self._frame is None and self.paper.pending:
            self._frame = asyncio.get_running_loop().call_later(FRAME_S, self._draw_now)

    def _draw_now(self) -> None:
        self._frame = None
        if self.app.is_running:
            self.paper.flush()

    def draw_now(self) -> None:
        """Write what is new, and draw the region again."""
        if self._frame is not None:
            self._frame.cancel()
        self._draw_now()
        self.app.invalidate()

    # -- what is asked

    @property
    def asking(self) -> bool:
        return self._question is not None

    @contextmanager
    def questions(self) -> Generator[None]:
        """Around questions that follow one another: a key that comes between two of them is not typed into the
        line that waits below."""
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1

    async def ask(self, rows: Sequence[Sequence[Segment]], keys: Sequence[str]) -> str:
        """Show the rows in the input's place until one of the keys is pressed; that key (``escape``,
        ``c-c`` and ``c-d`` are given as such where they are among the keys)."""
        if not self._questions:
            await self.quiet()
        question = Choices(rows, keys, asyncio.get_running_loop().create_future())
        self._question = question
        self.buffer.cancel_completion()
        self.draw_now()
        try:
            return await question.answered
        finally:
            self._question = None
            self.app.invalidate()

    async def quiet(self) -> None:
        """Until nobody types: they have not read the question yet."""
        left = self._last_key + QUIET_S - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self.quiet()

    async def read(self, label: str, *, secret: bool = False) -> str | None:
        """A line typed in the input's place; None where Escape was pressed. What was being typed comes back. ``secret``: it is not
        shown."""
        self._secret = secret
        self._draft = self.buffer.document
        self.buffer.reset(Document())
        self._reading = asyncio.get_running_loop().create_future()
        self._reading_label = label
        self.app.invalidate()
        try:
            return await self._reading
        finally:
            self._reading, self._secret = None, False
            self.buffer.reset(self._draft)
            self.app.invalidate()

    # -- its life

    async def run(self) -> None:
        """Until somebody leaves."""
        ticking = asyncio.ensure_future(self._tick())
        try:
            await self.app.run_async(handle_sigint=False, set_exception_handler=False)
        finally:
            ticking.cancel()

    def end(self) -> None:
        if self.app.is_running and not self.app.is_done:
            self.paper.flush()
            self.app.exit()

    async def aside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Give the terminal to somebody else (an editor, a list to choose from) for a while."""
        self.paper.flush()
        self.paper.held = True
        try:
            async with in_terminal():
                await work()
        finally:
            self.paper.held = False
            self.draw_now()

    async def _tick(self) -> None:
        """The clock of what is under way."""
        while True:
            # Text that streams in shows by itself that something is under way.
            await asyncio.sleep(TICK_S if self._frame is None else 2 * TICK_S)
            if self.doing is not None and self._question is None:
                self.app.invalidate()

    def _before_render(self, _: object) -> None:
        columns = self.size.columns
        if self._columns not in (0, columns):
            self.paper.resized()
        self._columns = columns
        if self._painter.capabilities.synchronized:
            self.app.output.write_raw(BEGIN)

    def _after_render(self, _: object) -> None:
        if self._painter.capabilities.synchronized:
            self.app.output.write_raw(END)
            self.app.output.flush()

    def restyle(self) -> None:
        """The colours are others now."""
        self.app.style = self._style()
        self.app.invalidate()

    async def edited(self, text: str) -> str:
        """The text as it comes back from the editor of VISUAL or EDITOR."""
        buffer = Buffer(document=Document(text), multiline=True, tempfile_suffix=".md")
        self.paper.flush()
        self.paper.held = True
        try:
            await buffer.open_in_editor()
        finally:
            self.paper.held = False
            self.draw_now()
        return buffer.text

    # -- the layout

    def _layout(self) -> Layout:
        free = Condition(lambda: self._question is None)
        search = SearchToolbar(ignore_case=True)
        field = Window(
            BufferControl(
                self.buffer,
                search_buffer_control=search.control,
                input_processors=[
                    ConditionalProcessor(PasswordProcessor(), Condition(lambda: self._secret))
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
            self._text(self._queued_rows, Condition(lambda: bool(self.queued))),
            self._text(self._question_rows, ~free),
            ConditionalContainer(field, free),
            ConditionalContainer(search, free),
            self._text(self._status_rows, free),
            ConditionalContainer(CompletionsMenu(max_height=8), free),
        ]
        return Layout(HSplit(parts, align=VerticalAlign.TOP), focused_element=field)

    def _text(self, rows: Callable[[], list[str]], when: Filter) -> ConditionalContainer:
        control = FormattedTextControl(lambda: ANSI("\n".join(rows())), show_cursor=False)
        return ConditionalContainer(
            Window(control, dont_extend_height=True, wrap_lines=False), when
        )

    @property
    def size(self) -> Size:
        return self.app.output.get_size()

    def _prefix(self, number: int, wrapped: int) -> ANSI:
        if self._reading is not None:
            label = f"{self._reading_label} "
        else:
            label = "› " if self._painter.capabilities.unicode else "> "
        if number or wrapped:
            return ANSI(" " * len(label))
        return ANSI(self._painter.paint([Segment(label, "accent")]))

    def _row(self, *segments: Segment) -> str:
        room = self.size.columns - 2
        kept: list[Segment] = []
        for one in segments:
            text = clip(one.text, room) if len(one.text) > room else one.text
            kept.append(Segment(text, one.role))
            room -= len(text)
            if room <= 0:
                break
        return self._painter.paint(kept)

    def _doing_rows(self) -> list[str]:
        doing = self.doing
        if doing is None:
            return []
        rows = [self._row(Segment(f"  {visible(one)}", "quiet")) for one in doing.tail]
        what = clip(doing.what or "working", max(16, self.size.columns - 46))
        parts = [what, f"{max(0, time.monotonic() - doing.since):.0f} s"]
        if doing.tokens:
            parts.append(f"{doing.tokens:,} tokens")
        if doing.usd_micros:
            parts.append(f"${doing.usd_micros / 1e6:.4f}")
        dot = "·" if self._painter.capabilities.unicode else "-"
        sign = ("●", "○")[int(time.monotonic()) % 2] if self._painter.capabilities.unicode else "*"
        text = f" {dot} ".join([*parts, "esc to stop"])
        return [*rows, self._row(Segment(f"{sign} ", "accent"), Segment(text, "quiet"))]

    def _queued_rows(self) -> list[str]:
        return [self._row(Segment(f"  {one_row(text)}", "quiet")) for text in self.queued[:4]]

    def _question_rows(self) -> list[str]:
        rows: Sequence[Sequence[Segment]] = self._question.rows if self._question else ()
        return [self._painter.paint(row) for row in rows]

    def _status_rows(self) -> list[str]:
        return [self._row(Segment(f"  {self.hint or self.status}", "quiet"))]

    def _style(self) -> Style:
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

    # -- the keys

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        asked = Condition(
            lambda: self._question is not None or (self._questions > 0 and self._reading is None)
        )
        reading = Condition(lambda: self._reading is not None)
        completing = Condition(lambda: self.buffer.complete_state is not None)
        searching = Condition(lambda: self.app.layout.is_searching)
        typing = ~asked & ~searching

        @keys.add(Keys.Any, filter=asked, eager=True)
        @keys.add("escape", filter=asked, eager=True)
        @keys.add("enter", filter=asked, eager=True)
        @keys.add("c-c", filter=asked, eager=True)
        @keys.add("c-d", filter=asked, eager=True)
        def _answer(event: KeyPressEvent) -> None:
            question, key = self._question, event.key_sequence[0].key
            name = str(key.value) if isinstance(key, Keys) else key.lower()
            if question and name in question.keys and not question.answered.done():
                question.answered.set_result(name)

        @keys.add(Keys.BracketedPaste, filter=asked, eager=True)
        def _not_an_answer(_: KeyPressEvent) -> None:
            """What is pasted answers nothing."""

        @keys.add("enter", filter=typing)
        def _enter(event: KeyPressEvent) -> None:
            state = self.buffer.complete_state
            if state is not None and state.current_completion is not None:
                self.buffer.complete_state = None
                return
            if self.buffer.document.text_before_cursor.endswith("\\"):
                self.buffer.delete_before_cursor()
                self.buffer.insert_text("\n")
                return
            self._send(later=False)

        @keys.add("escape", "enter", filter=typing)
        @keys.add("c-j", filter=typing)
        def _new_line(_: KeyPressEvent) -> None:
            self.buffer.insert_text("\n")

        @keys.add("tab", filter=typing & ~completing)
        def _tab(_: KeyPressEvent) -> None:
            text = self.buffer.text
            if self.doing is not None and text.strip() and not text.startswith("/"):
                self._send(later=True)
            else:
                self.buffer.start_completion(select_first=False)

        @keys.add("escape", filter=typing & completing & ~vi_insert_mode, eager=True)
        def _no_completion(_: KeyPressEvent) -> None:
            self.buffer.cancel_completion()

        @keys.add("escape", filter=typing & ~completing & ~vi_insert_mode)
        def _escape(_: KeyPressEvent) -> None:
            if self._reading is not None and not self._reading.done():
                self._reading.set_result(None)
            else:
                self.stop()

        @keys.add("c-c", filter=typing)
        def _interrupt(_: KeyPressEvent) -> None:
            self._interrupt()

        @keys.add("c-d", filter=typing & Condition(lambda: not self.buffer.text))
        def _end(_: KeyPressEvent) -> None:
            if self._reading is not None:
                if not self._reading.done():
                    self._reading.set_result(None)
            else:
                self.leave()

        @keys.add("c-o", filter=typing)
        def _unfold(_: KeyPressEvent) -> None:
            self.unfold()

        @keys.add("c-l", filter=typing)
        def _clear(event: KeyPressEvent) -> None:
            event.app.renderer.clear()

        @keys.add("c-x", "c-e", filter=typing & ~reading)
        def _edit(event: KeyPressEvent) -> None:
            event.app.create_background_task(self._edit())

        @keys.add(Keys.BracketedPaste, filter=typing)
        def _paste(event: KeyPressEvent) -> None:
            self.buffer.insert_text(self.pasted.folded(event.data))

        return keys

    async def _edit(self) -> None:
        """What is typed, in the editor of VISUAL or EDITOR."""
        self.paper.flush()
        self.paper.held = True
        try:
            self.buffer.text = self.pasted.whole(self.buffer.text)
            await self.buffer.open_in_editor()
        finally:
            self.paper.held = False
            self.draw_now()

    def _interrupt(self) -> None:
        now = time.monotonic()
        if self._reading is not None:
            if not self._reading.done():
                self._reading.set_result(None)
        elif self.buffer.text:
            self.buffer.reset()
        elif now - self._interrupted < LEAVE_S:
            self.leave()
        else:
            self._interrupted = now
            stopped = self.stop()
            self.hint = "stopped" if stopped else "Ctrl+C again leaves"
            asyncio.get_running_loop().call_later(LEAVE_S, self._no_hint)
        self.app.invalidate()

    def _no_hint(self) -> None:
        self.hint = ""
        self.app.invalidate()

    def _send(self, *, later: bool) -> None:
        text = self.buffer.text
        if self._reading is not None:
            if not self._reading.done():
                self._reading.set_result(text)
            return
        if not text.strip():
            return
        self.buffer.reset(append_to_history=True)
        self.submit(self.pasted.whole(text).strip(), later)

    def _key_pressed(self, _: object) -> None:
        self._last_key = time.monotonic()


def one_row(text: str) -> str:
    return " ".join(visible(text).split())


def _output() -> Output:
    """The terminal, without asking it where the cursor is: the answer would come amid what is typed."""
    import sys  # noqa: PLC0415

    output = Vt100_Output.from_pty(sys.stdout, term=os.environ.get("TERM"))
    output.enable_cpr = False
    return output
