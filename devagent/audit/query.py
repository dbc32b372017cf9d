"""What one looks for in the index of all sessions, in SQLite's words, and a hit as a person reads it."""

import re
from collections.abc import Sequence

from msgspec import Struct

from devagent.core.errors import UsageError
from devagent.core.text import visible

OPEN, CLOSE = "\ue000", "\ue001"
"""What stands around each word that was found; ``searchable`` keeps them out of the text itself."""

_WIDTH = 160
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
"""Chinese and Japanese put no spaces between words, so there each character counts as one."""
_BETWEEN = "\u200b"
_NOT_TEXT = {ord(OPEN): None, ord(CLOSE): None}


class Hit(Struct, frozen=True):
    """One event that has all the words. ``at`` is in microseconds since 1970, UTC; ``line`` is the line of its
    text with the first of them, ``marks`` where they stand in it (start and end)."""

    seq: int
    at: int
    what: str
    line: str
    marks: tuple[tuple[int, int], ...]


class Found(Struct, frozen=True):
    """A session with its first hits, in the order that they happened; ``more`` says that there are others."""

    sid: str
    folder: str
    hits: tuple[Hit, ...]
    more: bool = False


def match_all(words: Sequence[str]) -> str:
    """A query for events that have all the words, whatever their case and accents.

    A word that ends in ``*`` is the beginning of one; several words in one are looked for in that order.
    Raises UsageError where a word has neither letters nor digits.
    """
    terms: list[str] = []
    for word in words:
        prefix = word.endswith("*")
        text = visible(word.removesuffix("*"))
        if not any(letter.isalnum() for letter in text):
            raise UsageError(
                f"“{visible(word)}” is no word to look for.", hint="Give letters or digits."
            )
        quoted = _apart(text).replace('"', '""')
        terms.append(f'"{quoted}"' + ("*" if prefix else ""))
    if not terms:
        raise UsageError("There is no word to look for.")
    return " AND ".join(terms)


def searchable(text: str) -> str:
    """A text as it is looked through: without what hides in it, and without the marks of a hit."""
    return _apart(visible(text).translate(_NOT_TEXT))


def _apart(text: str) -> str:
    return text if text.isascii() else _UNSPACED.sub(rf"{_BETWEEN}\g<0>{_BETWEEN}", text)


def marked_line(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The line with the first mark, cut around it, and where the marks are in it."""
    text = text.replace(_BETWEEN, "")
    first = max(text.find(OPEN), 0)
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", first)
    line = text[start : len(text) if end < 0 else end].replace("\t", " ")
    before = first - start
    if before > _WIDTH // 2:
        line = "…" + line[before - _WIDTH // 3 :]
    marks: list[tuple[int, int]] = []
    plain = ""
    for piece in line.split(OPEN):
        marked, closed, rest = piece.partition(CLOSE)
        if closed:
            marks.append((len(plain), len(plain) + len(marked)))
        plain += marked + rest
    if len(plain) > _WIDTH:
        plain = plain[: _WIDTH - 1] + "…"
    return plain, tuple((a, b) for a, b in marks if b < _WIDTH)
