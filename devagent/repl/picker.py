"""Choosing a session to go on with: the newest in a list, the end of the one that is looked at beside it.

Letters narrow the list, Enter takes, Escape leaves. What is chosen from is a plain state (``Choice``); the screen
only draws it.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from devagent.audit.reader import Session
from devagent.core.text import cells, one_line, visible

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent

ROWS = 10
"""Sessions that are listed at once, and lines of the preview below them."""

Preview = Callable[[Session], Sequence[str]]


class Choice:
    """The sessions that have all the words typed so far, and which of them is looked at."""

    def __init__(self, sessions: Sequence[tuple[Session, str]]) -> None:
        self._all = [
            (one, name, f"{name} {one.prompt} {one.sid} {one.model} {one.mode}".casefold())
            for one, name in sessions
        ]
        self.typed = ""
        self.at = 0
        self.left = list(self._all)

    @property
    def chosen(self) -> Session | None:
        return self.left[self.at][0] if self.left else None

    def type(self, text: str) -> None:
        """What is typed is now this."""
        self.typed, self.at = text, 0
        words = text.casefold().split()
        self.left = [one for one in self._all if all(word in one[2] for word in words)]

    def move(self, by: int) -> None:
        self.at = max(0, min(len(self.left) - 1, self.at + by))

    def rows(self, width: int) -> list[tuple[bool, str]]:
        """The lines around the one that is looked at, and which it is."""
        first = max(0, min(self.at - ROWS // 2, len(self.left) - ROWS))
        return [
            (first + n == self.at, clipped(line_of(one, name), width))
            for n, (one, name, _) in enumerate(self.left[first : first + ROWS])
        ]


def line_of(one: Session, name: str) -> str:
    """A session in a line."""
    when = time.strftime("%m-%d %H:%M", time.localtime(one.started / 1000))
    title = f"[{name}] {one.prompt}" if name else one.prompt
    state = one.stop or one.state
    return (
        f"{when}  {state:<11}  {one.events:>6,} events  {one_line(title) or '(nothing asked yet)'}"
    )


def clipped(text: str, width: int) -> str:
    """One line of at most so many terminal columns."""
    flat = visible(text).replace("\n", " ").replace("\t", " ").rstrip()
    if cells(flat) <= width:
        return flat
    flat = flat[:width]
    while flat and cells(flat) >= width:
        flat = flat[:-1]
    return f"{flat}…"


def _cut_out(lines: Sequence[str]) -> Sequence[str]:
    """The first line, what was asked, and as many of the last as there is room for."""
    return lines if len(lines) <= ROWS else [lines[0], "  …", *lines[2 - ROWS :]]


def pick(sessions: Sequence[tuple[Session, str]], preview: Preview) -> str:
    """Ask the person at the terminal; the id, or an empty text where they leave."""
    # 140 ms, and only where somebody chooses.
    from prompt_toolkit.application import Application, get_app  # noqa: PLC0415
    from prompt_toolkit.buffer import Buffer  # noqa: PLC0415
    from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415
    from prompt_toolkit.layout import HSplit, Layout, Window  # noqa: PLC0415
    from prompt_toolkit.layout.controls import (  # noqa: PLC0415
        BufferControl,
        FormattedTextControl,
    )
    from prompt_toolkit.layout.processors import BeforeInput  # noqa: PLC0415

    choice = Choice(sessions)
    ends: dict[str, Sequence[str]] = {}

    def width() -> int:
        return get_app().output.get_size().columns - 2

    def listed() -> "StyleAndTextTuples":
        if not choice.left:
            return [("italic", "  no session has these words\n")]
        return [
            ("reverse" if here else "", f"{'›' if here else ' '} {line}\n")
            for here, line in choice.rows(width() - 2)
        ]

    def shown() -> "StyleAndTextTuples":
        one = choice.chosen
        if one is None:
            return []
        if one.sid not in ends:
            ends[one.sid] = preview(one)
        head = clipped(f"{one.sid}  {one.mode}  {one.model}  {one.principal}", width())
        lines = [clipped(line, width()) for line in _cut_out(ends[one.sid])]
        return [("bold", f"{head}\n"), ("", "\n".join(lines))]

    buffer = Buffer(multiline=False, on_text_changed=lambda b: choice.type(b.text))
    keys = KeyBindings()

    def bind(*names: str) -> Callable[[Callable[["KeyPressEvent"], None]], None]:
        def add(act: Callable[["KeyPressEvent"], None]) -> None:
            for name in names:
                keys.add(name)(act)

        return add

    bind("up", "c-p")(lambda _: choice.move(-1))
    bind("down", "c-n")(lambda _: choice.move(1))
    bind("pageup")(lambda _: choice.move(-ROWS))
    bind("pagedown")(lambda _: choice.move(ROWS))
    bind("enter")(lambda event: event.app.exit(result=choice.chosen.sid if choice.chosen else None))
    bind("escape", "c-c", "c-d")(lambda event: event.app.exit(result=""))
    prompt = BufferControl(buffer, input_processors=[BeforeInput("Go on with: ")])
    rule = Window(height=1, char="─")
    body = HSplit(
        [
            Window(prompt, height=1),
            Window(FormattedTextControl(listed), height=ROWS, wrap_lines=False),
            rule,
            Window(FormattedTextControl(shown), height=ROWS + 1, wrap_lines=False),
            Window(
                FormattedTextControl("type to narrow · ↑ ↓ · Enter goes on · Esc leaves"), height=1
            ),
        ]
    )
    app: Application[str] = Application(
        layout=Layout(body), key_bindings=keys, erase_when_done=True
    )
    app.ttimeoutlen = 0.1  # Escape alone is meant at once
    return app.run() or ""
