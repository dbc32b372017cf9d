"""How wide text is on a terminal, in columns, and where its lines break."""

from collections.abc import Iterator

from wcwidth import (
    iter_graphemes,
    wcswidth,
    wcwidth,
)

from devagent.core.text import visible


def width(text: str) -> int:
    """Columns of visible text: East Asian wide and emoji 2, combining 0."""
    if text.isascii():
        return len(text)
    return max(0, wcswidth(text))


def is_certain(text: str) -> bool:
    """Whether all terminals agree how wide the text is: not so for emoji sequences, Indic and right-to-left scripts."""
    return text.isascii() or all(_agreed(ord(c)) for c in text)


def widest(text: str) -> int:
    """As many columns as any terminal may give it: one that draws the parts of an emoji sequence each by itself, or
    marks beside their letters."""
    if text.isascii():
        return len(text)
    return sum(max(1, wcwidth(c)) + (c == "\ufe0f") for c in text)


def _agreed(code: int) -> bool:
    return (
        code < 0x300  # Latin
        or 0x370 <= code < 0x483
        or 0x48A <= code < 0x530  # Greek, Cyrillic
        or 0x2010 <= code < 0x2028
        or 0x2030 <= code < 0x2060  # dashes, quotes, …
        or 0x20A0 <= code < 0x20C0
        or 0x2190 <= code < 0x2200
        or 0x2200 <= code < 0x2300  # arrows, mathematics
        or 0x2500 <= code < 0x25A0
        or code in (0x25CF, 0x2022, 0x2713, 0x2717, 0x23BF)  # boxes, our own signs
        or 0x3000 <= code < 0x302A
        or 0x3041 <= code < 0x3097
        or 0x309B <= code < 0x3100  # kana
        or 0x4E00 <= code < 0xA000
        or 0xAC00 <= code < 0xD7A4
        or 0xFF01 <= code < 0xFF61  # Han, Hangul, full width
    )


def clip(text: str, columns: int, more: str = "…") -> str:
    """Visible text on one line of at most so many columns."""
    flat = " ".join(visible(text).split())
    if width(flat) <= columns:
        return flat
    kept, room = "", columns - width(more)
    for one in graphemes(flat):
        room -= width(one)
        if room < 0:
            break
        kept += one
    return f"{kept.rstrip()}{more}" if columns > 0 else ""


def graphemes(text: str) -> Iterator[str]:
    """What a person takes for characters: combining marks and emoji sequences stay together."""
    return iter(text) if text.isascii() else iter_graphemes(text)


def breakable(text: str) -> list[str]:
    """The parts of a word between which a line may break: each wide character by itself, the rest together."""
    if text.isascii():
        return [text]
    parts: list[str] = []
    open_end = False
    for one in graphemes(text):
        wide = width(one) == 2 and not _holds_on(one)
        if parts and not wide and (open_end or _holds_on(one)):
            parts[-1] += one
        else:
            parts.append(one)
        open_end = not wide
    return parts


def begins_wide(text: str) -> bool:
    """Whether a line may break on both sides of the text's first character."""
    return not text.isascii() and width(next(graphemes(text))) == 2


def _holds_on(one: str) -> bool:
    """Closing punctuation does not begin a line in Chinese and Japanese."""
    return one in "、。，．）」』】〉》！？：；"


def rows(text: str, columns: int) -> int:
    """Rows that one line of text takes where the terminal wraps it."""
    if text.isascii():
        return max(1, -(-len(text) // columns))
    taken, at = 1, 0
    for one in graphemes(text):
        wide = width(one)
        if at + wide > columns:  # a wide character does not stand across the edge
            taken, at = taken + 1, 0
        at += wide
    return taken


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Text filled with spaces up to so many columns."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space
