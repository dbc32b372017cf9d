"""The live region at the bottom: its keys and its life.

The one place that knows prompt-toolkit's application. It prints nothing itself: what stays goes to its ``paper``,
above. Questions are ``asking.Asking``'s, how it looks ``region.Region``'s.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from prompt_toolkit.application import in_terminal
from prompt_toolkit.auto_suggest import DummyAutoSuggest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output

from devagent.core.text import one_line, visible
from devagent.repl.asking import Asking
from devagent.repl.keys import bindings
from devagent.repl.mentions import as_mention, pasted_image
from devagent.repl.messages import tr
from devagent.repl.paper import BEGIN, END, LivePaper
from devagent.repl.pasted import Pasted
from devagent.repl.resizing import Footprint, Resized
from devagent.repl.screens import LEAVE_S, no_picture
from devagent.repl.style import Painter

FRAME_S = 0.1
"""Text that streams in is written this often."""
TICK_S = 1.0


class Live(Asking):
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
        buffer = Buffer(
            completer=completer,
            complete_while_typing=Condition(lambda: self.label is None),
            history=history,
            multiline=True,
            auto_suggest=DummyAutoSuggest(),
            tempfile_suffix=".md",
        )
        super().__init__(painter, buffer, lambda: self.size)
        self.echoes = False
        self.submit: Callable[[str, bool], None] = lambda _text, _later: None
        self.stop: Callable[[], bool] = lambda: False
        self.leave: Callable[[], None] = lambda: None
        self.unfold: Callable[[], None] = lambda: None
        self.planning: Callable[[], None] = lambda: None
        self.picture: Callable[[], Awaitable[str]] = no_picture
        self.pasted = Pasted()
        self._interrupted = 0.0
        self._frame: asyncio.TimerHandle | None = None
        self.app = Resized(
            layout=self.layout(),
            key_bindings=bindings(self),
            style=self.style(),
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
        self.app.footprint, self.app.capabilities = Footprint(), painter.capabilities
        self.app.key_processor.before_key_press += self.key_pressed
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
        with self._given_away():
            async with in_terminal():
                await work()

    @contextmanager
    def _given_away(self) -> Generator[None]:
        """While somebody else has the terminal nothing is written."""
        self.paper.flush()
        self.paper.held = True
        try:
            yield
        finally:
            self.paper.held = False
            self.paper.forget_open_line()
            self.draw_now()

    async def _tick(self) -> None:
        """The clock of what is under way."""
        while True:
            # Text that streams in shows by itself that something is under way.
            await asyncio.sleep(TICK_S if self._frame is None else 2 * TICK_S)
            if self.doing is not None and self.question is None:
                self.app.invalidate()

    def _before_render(self, _: object) -> None:
        if self.app.footprint.columns not in (0, self.size.columns):
            self.paper.forget_open_line()
        self.app.before()
        if self._painter.capabilities.synchronized:
            self.app.output.write_raw(BEGIN)

    def _after_render(self, _: object) -> None:
        self.app.after()
        if self._painter.capabilities.synchronized:
            self.app.output.write_raw(END)
            self.app.output.flush()

    @property
    def columns(self) -> int:
        return self.size.columns

    @property
    def typed(self) -> str:
        return self.buffer.document.text_before_cursor

    def redraw(self) -> None:
        self.app.invalidate()

    def ring(self, text: str) -> None:
        """A word from the terminal to its desktop (OSC 9), and a bell."""
        self.app.output.write_raw(f"\x1b]9;{one_line(text, 80)}\x07\a")
        self.app.output.flush()

    def take_back(self, texts: Sequence[str]) -> None:
        typed = [*texts, self.buffer.text]
        self.buffer.document = Document("\n".join(one for one in typed if one))

    def waits(self) -> None:
        """The line is always there."""

    def restyle(self) -> None:
        """The colours are others now."""
        self.app.style = self.style()
        self.app.invalidate()

    async def edited(self, text: str) -> str:
        """The text as it comes back from the editor of VISUAL or EDITOR."""
        buffer = Buffer(document=Document(text), multiline=True, tempfile_suffix=".md")
        with self._given_away():
            await buffer.open_in_editor()
        return buffer.text

    def has_room(self, rows: int) -> bool:
        return rows < self.size.rows - 1

    # -- what keys do

    @property
    def size(self) -> Size:
        return self.app.output.get_size()

    @property
    def works(self) -> bool:
        return self.doing is not None

    def escape(self) -> None:
        """Leave the line that is asked for; else stop what is under way."""
        if not self.has_read(None):
            self.stop()

    def end_of_input(self) -> None:
        if not self.has_read(None):
            self.leave()

    def paste(self, text: str) -> None:
        if image := pasted_image(text):
            self.buffer.insert_text(f"{as_mention(image)} ")
            return
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        shown = visible(lines)  # what nobody sees is not said either
        if shown != lines:
            self._say_shortly(tr("left out of what was pasted: control and invisible characters"))
        self.buffer.insert_text(self.pasted.folded(shown))

    async def paste_picture(self) -> None:
        """The image in the clipboard, as a mark in the line."""
        if mark := await self.picture():
            self.buffer.insert_text(f"{mark} ")
            self.app.invalidate()

    async def edit(self) -> None:
        """What is typed, in the editor of VISUAL or EDITOR."""
        with self._given_away():
            self.buffer.text = self.pasted.whole(self.buffer.text)
            await self.buffer.open_in_editor()

    def suspend(self) -> None:
        """Give the terminal back to the shell until it says ``fg``; devagent stands still meanwhile (a command
        that runs goes on)."""
        self.paper.flush()
        self.paper.forget_open_line()  # the shell writes below it
        self.app.suspend_to_background()

    def interrupt(self) -> None:
        now = time.monotonic()
        if self.has_read(None):
            pass
        elif self.buffer.text:
            self.buffer.reset()
        elif now - self._interrupted < LEAVE_S:
            self.leave()
        else:
            self._interrupted = now
            stopped = self.stop()
            self._say_shortly(tr("stopped") if stopped else tr("Ctrl+C again leaves"))
        self.app.invalidate()

    def _say_shortly(self, text: str) -> None:
        self.hint = text
        asyncio.get_running_loop().call_later(LEAVE_S, self._no_hint)

    def _no_hint(self) -> None:
        self.hint = ""
        self.app.invalidate()

    def send(self, *, later: bool) -> None:
        text = self.buffer.text
        if self.has_read(self.pasted.whole(text)) or not text.strip():
            return
        self.buffer.reset(append_to_history=True)
        self.submit(self.pasted.whole(text).strip(), later)


def _output() -> Output:
    """The terminal, without asking it where the cursor is: the answer would come amid what is typed."""
    import sys  # noqa: PLC0415

    output = Vt100_Output.from_pty(sys.stdout, term=os.environ.get("TERM"))
    output.enable_cpr = False
    return output
