"""The screen of a terminal that can only print, and of one that is read aloud: line after line, nothing changes.

The person types when nothing is under way; Ctrl+C stops what is. A question is answered by its letter and Enter.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from devagent.core.text import visible
from devagent.repl.choices import Option, option_rows
from devagent.repl.messages import tr
from devagent.repl.paper import Paper
from devagent.repl.region import Doing
from devagent.repl.screens import LEAVE_S, no_picture
from devagent.repl.style import Line, Painter, line

_WORDS = {"escape": ("esc", "escape", "back"), "c-d": ("quit",), "c-c": ("stop",)}


class Lines:
    """Satisfies ``repl.screens.Screen``."""

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
        reader = painter.capabilities.reader
        self._sign = "you: " if reader else "› " if painter.capabilities.unicode else "> "
        self.echoes = True
        self.submit: Callable[[str, bool], None] = lambda _text, _later: None
        self.stop: Callable[[], bool] = lambda: False
        self.leave: Callable[[], None] = lambda: None
        self.unfold: Callable[[], None] = lambda: None
        self.planning: Callable[[], None] = lambda: None
        self.picture: Callable[[], Awaitable[str]] = no_picture
        self.pressed_ns = 0
        self.doing: Doing | None = None
        self.queued: list[str] = []
        self.todo = ""
        self.status = ""
        self.hint = ""
        self.paper = Paper(painter)
        self._draft = ""
        self._interrupted = 0.0
        self._free = asyncio.Event()
        self._ended = False
        self._reading: asyncio.Future[str] | None = None
        self._session: PromptSession[str] = PromptSession(
            history=history,
            completer=completer,
            complete_while_typing=False,
            editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
            enable_open_in_editor=True,
            enable_suspend=True,
            input=input,
            output=output,
        )
        self._question: PromptSession[str] = PromptSession(input=input, output=output)

    @property
    def columns(self) -> int:
        return self._session.output.get_size().columns

    @property
    def typed(self) -> str:
        return self._session.default_buffer.document.text_before_cursor

    # -- what is shown

    def draw(self) -> None:
        self.paper.flush()

    def draw_now(self) -> None:
        self.paper.flush()

    def redraw(self) -> None:
        """There is no line that could change."""

    def restyle(self) -> None:
        """There are no colours."""

    def ring(self, text: str) -> None:
        """The text itself is printed anyway."""
        del text
        sys.stdout.write("\a")
        sys.stdout.flush()

    def take_back(self, texts: Sequence[str]) -> None:
        self._draft = "\n".join(one for one in (*texts, self._draft) if one)

    # -- what is asked

    @contextmanager
    def questions(self) -> Generator[None]:
        yield

    async def quiet(self) -> None:
        """A line is answered by Enter, which nobody presses by the way."""

    def has_room(self, rows: int) -> bool:
        """All of it is printed."""
        del rows
        return True

    async def ask(
        self, rows: Sequence[Line], keys: Sequence[str], options: Sequence[Option] = ()
    ) -> str:
        self.paper.lines([*rows, *option_rows(options, self.columns)])
        self.paper.flush()
        ways = {key: key for key in keys if len(key) == 1}
        ways |= {word: key for key, words in _WORDS.items() if key in keys for word in words}
        while True:
            try:
                typed = (
                    await self._question.prompt_async(f"{tr('Answer:')} ", handle_sigint=False)
                ).strip()
                self.pressed_ns = time.monotonic_ns()
            except KeyboardInterrupt:
                self.pressed_ns = time.monotonic_ns()
                if "c-c" in keys or "escape" in keys:
                    return "c-c" if "c-c" in keys else "escape"
                continue
            except EOFError:
                self.pressed_ns = time.monotonic_ns()
                return next(one for one in ("c-d", "n", "escape", "c-c") if one in keys)
            if key := ways.get(typed.lower()):
                return key
            said = ", ".join(one for one in ways if len(one) == 1)
            self.paper.lines([line(tr("One of: {keys}").format(keys=said))])
            self.paper.flush()

    async def read(self, label: str, *, secret: bool = False) -> str | None:
        try:
            return await self._question.prompt_async(
                f"{label} ", is_password=secret, handle_sigint=False
            )
        except (KeyboardInterrupt, EOFError):
            return None

    # -- its life

    def waits(self) -> None:
        self._free.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            await self._free.wait()
            while not self._ended:
                await self._one_line()
                await self._free.wait()
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _one_line(self) -> None:
        draft, self._draft = self._draft, ""
        try:
            self._reading = asyncio.ensure_future(
                self._session.prompt_async(self._sign, default=draft, handle_sigint=False)
            )
            text = await self._reading
        except KeyboardInterrupt:
            self._interrupt()
            return
        except asyncio.CancelledError:
            if self._ended:
                return
            raise
        except EOFError:
            if not self._ended:
                self._free.clear()
                self.leave()
            return
        if text.strip():
            self._free.clear()
            self.submit(visible(text).strip(), False)

    def _interrupt(self) -> None:
        now = time.monotonic()
        if self.stop():
            return
        if now - self._interrupted < LEAVE_S:
            self._free.clear()
            self.leave()
            return
        self._interrupted = now
        self.paper.lines([line(tr("Ctrl+C again leaves"))])
        self.paper.flush()

    def end(self) -> None:
        self._ended = True
        self._free.set()
        self.paper.flush()
        if self._session.app.is_running:
            self._session.app.exit(exception=EOFError)
        elif self._reading is not None:  # on a dumb terminal another application reads the line
            self._reading.cancel()

    async def aside(self, work: Callable[[], Awaitable[None]]) -> None:
        self.paper.flush()
        await work()

    async def edited(self, text: str) -> str:
        buffer = Buffer(document=Document(text), multiline=True, tempfile_suffix=".md")
        self.paper.flush()
        await buffer.open_in_editor()
        return buffer.text
