"""What a conversation needs of a screen: ``Live`` where the cursor can be moved, ``Lines`` where it cannot or must not."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from devagent.repl.choices import Option
from devagent.repl.paper import Paper
from devagent.repl.region import Doing
from devagent.repl.style import Line

LEAVE_S = 2.0
"""Within this time a second Ctrl+C leaves."""


class Screen(Protocol):
    """``submit`` takes what was typed (for now, or for once the turn is over), ``stop`` what is under way and whether
    anything was, ``planning`` turns only-reading on and off, ``picture`` gives a mark for the image in the clipboard (empty: none)."""

    echoes: bool
    """What was typed stands there already."""
    doing: Doing | None
    queued: list[str]
    todo: str
    """How far the list of what is to be done is; empty: nothing is."""
    status: str
    hint: str
    submit: Callable[[str, bool], None]
    stop: Callable[[], bool]
    leave: Callable[[], None]
    unfold: Callable[[], None]
    planning: Callable[[], None]
    picture: Callable[[], Awaitable[str]]
    pressed_ns: int
    """When the key was pressed that answered the last question (monotonic). What the screen waits after it, to see
    that it comes alone, does not count."""

    @property
    def paper(self) -> Paper: ...

    @property
    def columns(self) -> int: ...

    @property
    def typed(self) -> str:
        """What stands in the line before the cursor."""
        ...

    def draw(self) -> None:
        """What is new is seen soon."""
        ...

    def draw_now(self) -> None: ...

    def redraw(self) -> None:
        """What is under way, waits or stands in the last line is another."""
        ...

    def restyle(self) -> None: ...

    def ring(self, text: str) -> None:
        """A word to the desktop, and a bell."""
        ...

    def take_back(self, texts: Sequence[str]) -> None:
        """Put into the line again what was not read, before what is typed there."""
        ...

    def waits(self) -> None:
        """Nothing is under way any more: it is the person's turn."""
        ...

    def has_room(self, rows: int) -> bool:
        """Whether a question of so many rows can be read whole."""
        ...

    async def ask(
        self, rows: Sequence[Line], keys: Sequence[str], options: Sequence[Option] = ()
    ) -> str:
        """Show the rows, and the options below them, until one of the keys is pressed; that key (``escape``, ``c-c`` and ``c-d`` as such)."""
        ...

    async def read(self, label: str, *, secret: bool = False) -> str | None:
        """A line; None where the person leaves off."""
        ...

    async def quiet(self) -> None:
        """Until nobody types: they have not read the question yet."""
        ...

    def questions(self) -> AbstractContextManager[None]:
        """Around questions that follow one another."""
        ...

    async def aside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Give the terminal to somebody else for a while."""
        ...

    async def edited(self, text: str) -> str:
        """The text as it comes back from the person's editor."""
        ...

    async def run(self) -> None:
        """Until somebody leaves."""
        ...

    def end(self) -> None: ...


async def no_picture() -> str:
    """Nobody looks into the clipboard."""
    return ""
