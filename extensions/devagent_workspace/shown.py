"""Text of files and programs, made safe to read: valid Unicode, nothing invisible, no flood."""

import re
from collections.abc import Mapping
from typing import Any

TEXT_BYTES = 50_000
"""Most that one result says, unless a policy's ``limit_bytes`` asks for less."""
LINE_CHARACTERS = 2_000

# Joiners (U+200C, U+200D) stay: words of many languages and emoji are written with them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as surrogateescape keeps it
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(text: str) -> str:
    """The text with every control, bidi and zero-width character escaped. Tabs and newlines stay.

    An escape shows what is there; dropping it would hide it.
    """
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def one_line(text: str) -> str:
    """The same on one line: a name or a message in running text."""
    return shown(text).replace("\n", "\\n").replace("\t", "\\t")


def short_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """One line, cut where it is longer than ``most`` characters, which is then said."""
    return text if len(text) <= most else f"{text[:most]}… [line of {len(text)} characters cut]"


def size_text(size: int) -> str:
    """``1.5 MB``: a number of bytes for people."""
    if size < 1000:
        return f"{size} B"
    for unit in ("kB", "MB", "GB"):
        size_in = size / 1000 ** (1 + ("kB", "MB", "GB").index(unit))
        if size_in < 1000 or unit == "GB":
            return f"{size_in:.1f} {unit}"
    raise AssertionError


def byte_limit(obligations: Mapping[str, Any], most: int = TEXT_BYTES) -> int:
    """How many bytes the text of a result may have: the policy's ``limit_bytes``, at most ``most``."""
    limit = obligations.get("limit_bytes")
    return min(most, limit) if isinstance(limit, int) else most


def fitted(lines: list[str], limit: int, note: str) -> tuple[list[str], bool]:
    """The first of the lines that fit into ``limit`` bytes together with ``note``; whether all did."""
    room = limit - len(note.encode()) - 1
    total = sum(len(line.encode()) + 1 for line in lines)
    if total <= limit:
        return lines, True
    taken: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        taken.append(line)
    return taken, False


def clipped(text: str, limit: int) -> str:
    """The text within ``limit`` bytes; what was cut is said where there is room for saying it."""
    data = text.encode()
    if len(data) <= limit:
        return text
    tail = "\n[cut: the policy's byte limit]"
    kept = data[: max(0, limit - len(tail))].decode(errors="ignore")
    return kept + tail if limit > len(tail) else data[:limit].decode(errors="ignore")


def names(text: str) -> frozenset[str]:
    """The words of a text: a set of names, written so that people can read it."""
    return frozenset(text.split())
