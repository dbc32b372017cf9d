"""Personal data: e-mail addresses, telephone numbers, account numbers (IBAN) and payment cards.

The numbers are those of ``numbers``; they are looked for only around so many digits as the
shortest of them has.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from devagent_secrets.span import Span

_DOMAIN = r"(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_]{2,24}(?![\w-])"
_DIGITS = r"\d(?:[ ().\-/\u2010-\u2015]{0,3}\d){7}"
_FOREIGN_DIGIT = r"(?![\x00-\x7f])\d"
_AROUND = 40
_MORE_THAN_LETTERS = frozenset("._%+-'")
_LONGEST_LOCAL = 64
_NOBODY = frozenset(["git", "hg", "svn"])
"""Whom a remote's address names: ``git@host`` is no person."""


def personal(text: str) -> Iterator[Span]:
    """Every piece of personal data that its form tells."""
    yield from _addresses(text)
    windows = _windows(text)
    if windows:
        from devagent_secrets.numbers import numbers  # noqa: PLC0415  (its tables, only here)

        foreign = not text.isascii() and _compiled(_FOREIGN_DIGIT).search(text)
        plain = _with_ascii_digits(text) if foreign else text
        for start, end in windows:
            part = "".join(c.lower() if c.isascii() else c for c in plain[start:end])
            for kind, first, last in numbers(part):
                yield Span(start + first, start + last, kind)


def _with_ascii_digits(text: str) -> str:
    return "".join(
        c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text
    )


def _windows(text: str) -> list[tuple[int, int]]:
    """Where numbers may be: the parts of the text around its digits, none overlapping another."""
    out: list[tuple[int, int]] = []
    for match in _compiled(_DIGITS).finditer(text):
        start, end = max(0, match.start() - _AROUND), min(len(text), match.end() + _AROUND)
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], end
        else:
            out.append((start, end))
    return out


def _addresses(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        domain = _compiled(_DOMAIN).match(text, at + 1)
        start = at
        while domain and start > max(0, at - _LONGEST_LOCAL) and _is_local(text[start - 1]):
            start -= 1
        if domain and start < at and text[start:at] not in _NOBODY:
            yield Span(start, domain.end(), "email")
        at = text.find("@", at + 1)


def _is_local(character: str) -> bool:
    return character.isalnum() or character in _MORE_THAN_LETTERS


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
