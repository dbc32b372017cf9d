"""What every format is read into: a document of sections, a section of prose and code."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple


class Block(NamedTuple):
    """A paragraph, list item or table row; or a piece of code, which is never torn apart."""

    kind: Literal["text", "code"]
    text: str
    line: int


class Section(NamedTuple):
    """What stands under one heading, without the sections below it. ``level`` 1 is the document's title.

    ``symbols`` are the names that this section defines: a function, an option, a setting.
    """

    level: int
    heading: str
    anchor: str
    line: int
    blocks: list[Block]
    symbols: tuple[str, ...] = ()


class Document(NamedTuple):
    """One document. ``tags`` classify it (front matter); ``version`` is what it says of itself."""

    title: str
    sections: list[Section]
    tags: tuple[str, ...] = ()
    version: str = ""


class Unreadable(Exception):
    """A file that cannot be read as what it seems to be; the text says why, and is safe to show."""


MAX_HEADING = 200
"""Characters of a heading, an anchor or a title: each chunk below carries them, and each hit shows them."""
DEEPEST = 12
"""Levels of headings; what is nested deeper lies side by side on the last."""
MOST_NAMES = 100
"""Names that one section may define."""
MAX_LABEL = 64
"""Characters of what a document says of its version."""
_NOT_IN_SLUG = re.compile(r"[^\w\- ]")
_FLAG = re.compile(
    r"(?<![\w-])(?:--\[(?P<denied>no-?)\]|--?)(?P<name>[A-Za-z][\w-]*(?:\[[\w-]+\][\w-]*)?)"
)


def slug(heading: str) -> str:
    """The anchor that GitHub and most tools make of a heading."""
    text = unicodedata.normalize("NFC", heading).lower()
    return _NOT_IN_SLUG.sub("", text).strip().replace(" ", "-")


def flags_in(label: str) -> list[str]:
    """The options that a label names, with their dashes; ``--[no-]verify`` is two: --verify and --no-verify."""
    found: list[str] = []
    for flag in _FLAG.finditer(label):
        if denied := flag["denied"]:
            found += [f"--{flag['name']}", f"--{denied}{flag['name']}"]
        else:
            found.append(flag[0].replace("[", "").replace("]", ""))
    return found


def one_line(text: str, most: int = MAX_HEADING) -> str:
    """The text on one line, without signs that are not shown: what a document names stands among the tools' own words."""
    flat = " ".join(text[: most * 8].split())
    if not flat.isprintable():
        flat = "".join(sign for sign in flat if sign.isprintable())
    return flat[:most]


def name_of(path: str) -> str:
    """What a document without a title is called: its file's name without its ending."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


class Builder:
    """Takes headings, prose and code in reading order; anchors come out unique in the document."""

    def __init__(self, title: str = "") -> None:
        self.title = one_line(title)
        self._sections: list[Section] = []
        self._current: Section | None = None
        self._entry: Section | None = None
        self._anchors: dict[str, int] = {}

    @property
    def level(self) -> int:
        """The level of the section that text would go to now; 0 before the first heading."""
        return self._current.level if self._current else 0

    @property
    def current(self) -> Section | None:
        """The section that text would go to now."""
        return self._current

    def resume(self, section: Section | None) -> None:
        """Let what follows go to a section that was begun earlier: a list of entries in it has ended."""
        self._current = section or self._current

    def heading(
        self,
        level: int,
        text: str,
        line: int,
        *,
        anchor: str = "",
        symbols: Sequence[str] = (),
    ) -> None:
        """Begin a section. An anchor that stood before gets a number, as on GitHub."""
        text = one_line(text)
        level = min(level, DEEPEST)
        name = one_line(anchor).replace(" ", "-") or slug(text) or f"L{line}"
        before = self._anchors.get(name, 0)
        self._anchors[name] = before + 1
        unique = name if not before else f"{name}-{before}"
        named = tuple(symbol for symbol in symbols if len(symbol) <= MAX_HEADING)[:MOST_NAMES]
        self._begin(Section(level, text, unique, line, [], named))
        if level == 1 and not self.title:
            self.title = text

    def entry(
        self,
        level: int,
        text: str,
        line: int,
        *,
        anchor: str = "",
        symbols: Sequence[str] = (),
    ) -> None:
        """Begin the section of a definition list's entry; several names of one definition are one entry."""
        before = self._current
        level = min(level, DEEPEST)
        if before and before is self._entry and not before.blocks and before.level == level:
            heading = one_line(f"{before.heading}, {one_line(text)}")
            both = tuple(dict.fromkeys([*before.symbols, *symbols]))[:MOST_NAMES]
            self._sections[-1] = before._replace(heading=heading, symbols=both)
            self._current = self._sections[-1]
        else:
            self.heading(level, text, line, anchor=anchor, symbols=symbols)
        self._entry = self._current

    def text(self, text: str, line: int) -> None:
        """Prose; blank text is nothing."""
        if text := " ".join(text.split()):
            self._section(line).blocks.append(Block("text", text, line))

    def code(self, text: str, line: int) -> None:
        """Code, its lines as they are."""
        if text.strip():
            self._section(line).blocks.append(Block("code", text.strip("\n").rstrip(), line))

    def document(self, fallback: str, *, tags: Sequence[str] = (), version: str = "") -> Document:
        """The whole; ``fallback`` is the title where the text named none."""
        title = self.title or one_line(fallback)
        sections = [one if one.heading else one._replace(heading=title) for one in self._sections]
        return Document(title, sections, tuple(tags), one_line(version, MAX_LABEL))

    def _section(self, line: int) -> Section:
        return self._current or self._begin(Section(1, self.title, "", line, []))

    def _begin(self, section: Section) -> Section:
        self._sections.append(section)
        self._current = section
        return section
