"""What is asked in the place of the line: a question that one key answers, or a line with a label.

What was being typed comes back once it is answered.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document

from devagent.repl.choices import Choices, Option
from devagent.repl.one_key import QUIET_S, OneKey
from devagent.repl.region import Region
from devagent.repl.style import Line, Painter


class Asking(Region, ABC):
    """The region as far as it asks. ``pressed_ns`` is as ``screens.Screen`` has it."""

    def __init__(self, painter: Painter, buffer: Buffer, size: Callable[[], Size]) -> None:
        super().__init__(painter, buffer, size)
        self.pressed_ns = 0
        self._questions = 0
        self._reading: asyncio.Future[str | None] | None = None
        self._draft = Document()
        self._last_key = 0.0
        self._one_key = OneKey()

    @abstractmethod
    def draw_now(self) -> None: ...

    @abstractmethod
    def redraw(self) -> None: ...

    @property
    def asking(self) -> bool:
        return self.question is not None

    @property
    def answers(self) -> bool:
        """Whether a key is one for a question that stands there, or is about to."""
        return self.question is not None or (self._questions > 0 and self._reading is None)

    @property
    def reads(self) -> bool:
        return self._reading is not None

    @contextmanager
    def questions(self) -> Generator[None]:
        """Around questions that follow one another: a key that comes between two of them is not typed into the
        line that waits below."""
        self._questions += 1
        try:
            yield
        finally:
            self._questions -= 1

    async def ask(
        self, rows: Sequence[Line], keys: Sequence[str], options: Sequence[Option] = ()
    ) -> str:
        """Show the rows, and the options below them, in the input's place until one of the keys is pressed; that key (``escape``,
        ``c-c`` and ``c-d`` are given as such where they are among the keys)."""
        if not self._questions:
            await self.quiet()
        question = Choices(rows, options, keys, asyncio.get_running_loop().create_future())
        self.question = question
        self.buffer.cancel_completion()
        self.draw_now()
        try:
            answer = await question.answered
            self.pressed_ns = question.pressed_ns
            return answer
        finally:
            self.question = None
            self.redraw()

    async def quiet(self) -> None:
        """Until nobody types: they have not read the question yet."""
        left = self._last_key + QUIET_S - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self.quiet()

    async def read(self, label: str, *, secret: bool = False) -> str | None:
        """A line typed in the input's place; None where Escape was pressed. What was being typed comes back. ``secret``: it is not
        shown."""
        self.secret, self.label = secret, label
        self._draft = self.buffer.document
        self.buffer.reset(Document())
        self._reading = asyncio.get_running_loop().create_future()
        self.redraw()
        try:
            return await self._reading
        finally:
            self._reading, self.label, self.secret = None, None, False
            self.buffer.reset(self._draft)
            self.redraw()

    def answer(self, key: str) -> None:
        """A key while a question stands there."""
        self._one_key.pressed(self.question, key)
        self.redraw()

    def has_read(self, text: str | None) -> bool:
        """This was typed at the label (None: the person left off); whether anything was asked for there."""
        if self._reading is None:
            return False
        if not self._reading.done():
            self._reading.set_result(text)
        return True

    def key_pressed(self, _: object) -> None:
        """Somebody types."""
        self._last_key = time.monotonic()
