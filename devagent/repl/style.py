"""Colours by what a text is for, in three themes; all of them legible on the background they are for.

A role is one word (``good``) or several joined by ``+`` (``bold+link``). Without colours a role is what the text
says: nothing rests on a colour alone.
"""

from collections.abc import Iterable

from msgspec import Struct

from devagent.core.text import visible
from devagent.repl.capabilities import Capabilities, Theme
from devagent.repl.width import width

_SHAPES = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "strike": "9", "reverse": "7"}
_COLOURED: dict[str, tuple[str, str, str, str]] = {
    # role: 16 colours, 256 on an unknown background, on light, on dark
    "good": ("32", "38;5;71", "38;5;28", "38;5;114"),
    "bad": ("31", "38;5;167", "38;5;124", "38;5;203"),
    "ask": ("33", "38;5;136", "38;5;94", "38;5;179"),
    "accent": ("36", "38;5;37", "38;5;24", "38;5;80"),
    "quiet": ("90", "38;5;244", "38;5;240", "38;5;247"),
    "heading": ("1;36", "1;38;5;37", "1;38;5;24", "1;38;5;80"),
    "code": ("35", "38;5;133", "38;5;90", "38;5;176"),
    "link": ("4;34", "4;38;5;68", "4;38;5;25", "4;38;5;111"),
    "added": ("32", "38;5;71", "38;5;28", "38;5;114"),
    "removed": ("31", "38;5;167", "38;5;124", "38;5;203"),
    "keyword": ("34", "38;5;68", "38;5;25", "38;5;111"),
    "string": ("32", "38;5;71", "38;5;28", "38;5;114"),
    "number": ("35", "38;5;133", "38;5;90", "38;5;176"),
    "comment": ("90", "38;5;244", "38;5;240", "38;5;247"),
    "name": ("36", "38;5;37", "38;5;24", "38;5;80"),
}
_COLUMN: dict[Theme, int] = {"auto": 1, "light": 2, "dark": 3}


_IN_ASCII = str.maketrans(
    {
        "·": "-", "…": ".", "→": ">", "←": "<", "↑": "^", "↓": "v", "›": ">", "‹": "<", "“": '"', "”": '"',
        "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "‑": "-", "−": "-", "●": "*", "○": "o", "✓": "+",
        "✗": "x", "⎿": "|", "│": "|", "─": "-", "┼": "+", "•": "-", "▎": "|", "⟦": "[", "⟧": "]", "«": "<",
        "»": ">", "×": "x", "\u00a0": " ",
    }
)  # fmt: skip
"""For a terminal that has no other: what looks most like it, and takes as many columns."""


class Segment(Struct, frozen=True):
    """A stretch of one line: visible text, what it is for, and where it leads."""

    text: str
    role: str = ""
    link: str = ""


Line = tuple[Segment, ...]
"""One line, however many rows of a terminal it takes."""


def line(*parts: str | Segment) -> Line:
    """A line of texts without a role, and of segments."""
    return tuple(one if isinstance(one, Segment) else Segment(one) for one in parts)


def coded(text: str, role: str = "") -> list[Segment]:
    """A text of devagent's own in which `this` is something to be typed."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [Segment(text, role)]
    return [Segment(one, "code" if n % 2 else role) for n, one in enumerate(parts) if one]


def text_of(segments: Iterable[Segment]) -> str:
    return "".join(one.text for one in segments)


def width_of(segments: Iterable[Segment]) -> int:
    return width(text_of(segments))


class Painter:
    """Turns segments into what is written to a terminal."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._codes: dict[str, str] = {}

    def use(self, capabilities: Capabilities) -> None:
        """From now on paint for these."""
        self.capabilities = capabilities
        self._codes = {}

    def paint(self, segments: Iterable[Segment]) -> str:
        """The segments with their colours; whatever they hold, no control sequence of theirs gets through."""
        return "".join(map(self._one, _joined(segments)))

    def code(self, role: str) -> str:
        """The parameters of SGR for a role; empty where it has none here."""
        if role not in self._codes:
            self._codes[role] = ";".join(filter(None, map(self._of_word, role.split("+"))))
        return self._codes[role]

    def _of_word(self, word: str) -> str:
        if self.capabilities.colours == 0:
            return ""
        if word in _SHAPES:
            return _SHAPES[word]
        colours = _COLOURED.get(word)
        if colours is None:
            return ""
        return colours[_COLUMN[self.capabilities.theme] if self.capabilities.colours == 256 else 0]

    def _one(self, segment: Segment) -> str:
        text = visible(segment.text)
        if not self.capabilities.unicode:
            text = text.translate(_IN_ASCII)
        if segment.link and self.capabilities.links and _is_sound(segment.link):
            text = f"\x1b]8;;{segment.link}\x1b\\{text}\x1b]8;;\x1b\\"
        code = self.code(segment.role)
        return f"\x1b[{code}m{text}\x1b[m" if code and text else text


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours that look alike as one, and a space between two of them with them: fewer bytes to write."""
    out: list[Segment] = []
    for one in segments:
        last = out[-1] if out else None
        if last and one.link == last.link and (one.role == last.role or _is_unseen(one, last)):
            out[-1] = Segment(last.text + one.text, last.role, last.link)
        else:
            out.append(one)
    return out


def _is_unseen(one: Segment, last: Segment) -> bool:
    shown = ("underline", "strike", "reverse", "link")
    return one.text == " " and not one.role and not any(name in last.role for name in shown)


def _is_sound(link: str) -> bool:
    """OSC 8 takes printable ASCII; of what it leads to only the web and mail are opened by a click."""
    return (
        link.isascii()
        and link.isprintable()
        and " " not in link
        and len(link) < 2000
        and link.partition(":")[0].lower() in ("http", "https", "mailto")
    )
