"""The ways in which one text may be read: as it stands, as it is shown, and as programs decode it.

Whoever hides a host in a text counts on its being read in one way and used in another. So facts are
taken from every reading, and a fact of any of them counts. Each reading is made in linear time, and
there are at most ten.
"""

import re
import unicodedata
from collections.abc import Iterator

from devagent.core.text import visible

# Shown as nothing: joiners, soft hyphens, bidi controls, fillers, variation selectors, tags, C0 and C1
# controls (but tab and line ends).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
# One character that decomposes into a sentence: eighteen times the text, and never part of a name.
_BALLOONS = re.compile("[\ufdf0-\ufdfc]")
_DOTS = str.maketrans("\u3002\uff61", "..")
_PERCENT = re.compile(r"(?:%[0-9a-f]{2})+", re.IGNORECASE)
_CONTROL_ENDS = re.compile(r"[\t\r\n]")
# What stands between quotes or brackets and begins as a URL does.
_ENCLOSED = re.compile(r"(?<=[\"'<(=])[^\"'<>()=]+")
_URL_START = re.compile(r"\s*(?:[a-z][a-z0-9+.-]{0,30}:|[/\\]{2})", re.IGNORECASE)
DECODINGS = 3
"""How often a text is decoded: an escape within an escape within an escape is still seen."""


def readings(text: str) -> Iterator[str]:
    """The text in lower case, and then its other readings as far as they differ."""
    first = text.lower()
    yield first
    seen = {first}
    for other in _others(first):
        if other not in seen:
            seen.add(other)
            yield other


def as_shown(text: str) -> str:
    """What a person sees: without escapes and invisible characters, compatibility forms folded."""
    text = _INVISIBLE.sub("", visible(text))
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _BALLOONS.sub(" ", text)).translate(_DOTS)


def with_ascii_digits(text: str) -> str:
    """The text with the digits of every script as ASCII ones."""
    if text.isascii():
        return text
    return "".join(
        c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text
    )


def unescaped(text: str) -> str:
    """HTML's character references decoded."""
    if "&" not in text:
        return text
    import html  # noqa: PLC0415  (ten milliseconds of tables that most texts do not need)

    return html.unescape(text)


def percent_decoded(text: str) -> str:
    """Percent-escapes decoded as UTF-8; what is none stays."""
    if "%" not in text:
        return text
    return _PERCENT.sub(
        lambda run: bytes.fromhex(run[0].replace("%", "")).decode(errors="replace"), text
    )


def _others(text: str) -> Iterator[str]:
    if _INVISIBLE.search(text):
        yield as_shown(_INVISIBLE.sub(" ", text)).lower()
    decoded = as_shown(text).lower()
    yield decoded
    for _ in range(DECODINGS):
        yield _without_line_ends(decoded)
        before = decoded
        decoded = as_shown(percent_decoded(unescaped(before))).lower()
        if decoded == before:
            return
        yield decoded
    yield _without_line_ends(decoded)


def _without_line_ends(text: str) -> str:
    """The links between quotes or brackets as browsers read them: line ends and tabs are taken out."""
    if not _CONTROL_ENDS.search(text):
        return text
    parts = (part for part in _ENCLOSED.findall(text) if _CONTROL_ENDS.search(part))
    return "\n".join(part for p in parts if _URL_START.match(part := _CONTROL_ENDS.sub("", p)))
