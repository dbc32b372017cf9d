"""Secrets that are known by what they are given to: ``password = "…"``, ``token: …``, ``--secret …``, ``://user:…@``.

A name alone makes nothing a secret (``password = get_password()``, ``token: str``): ``values`` judges what is
given to it, so that code, placeholders and prose stay.
"""

import re
from collections.abc import Iterator
from functools import cache

from devagent_secrets import values
from devagent_secrets.span import Span

_STRONG = ("passwd", "password", "passphrase", "pwd")
_WEAK = ("secret", "token", "credential", "key")

_KEYS = (
    r"(?:api|access|secret|private|auth|account|shared|signing|encryption|master|service|client|storage|admin|licen[sc]e"
    r"|app|consumer|deploy|webhook|bot|server|subscription|x)[_-]?\Z"
)
_NO_TOKENS = (
    r"(?:publickey|page|next|continuation|sync|cursor|resume|start|sort|syntax|lexer|max)[_-]?\Z"
)
_FLAG = r"(?<![\w-])--[a-z][a-z-]{0,30}\Z"
_LONGEST_BEFORE = 34

# From the end of the name to the value. Group 1: the name's own closing quote; 2: what only parts a flag
# from its value.
_GIVEN = (
    r"(?:_?\d{1,3}|s(?=[\"'])|[_-](?:prod|production|dev|development|test|staging|live|old|new|base|value|plain|text))?"
    r"(\\{0,7}[\"'`])?\]?"
    r"(?:[ \t]{0,20}+(?::[ \t]{0,4}[A-Za-z][\w.\[\]| ]{0,40}[ \t]=(?=[ \t]{0,4}(?:[rRbBuUfF]{1,2})?\\{0,7}[\"'])|=>|[:?!=]?==?|:|>(?=[^<>\s]{1,256}</))"
    r"|([ \t]|,))"
    r"[ \t]{0,20}+(?:[rRbBuUfF]{1,2}(?=\\{0,7}[\"']))?"
)
_BARE = r"([^\s\"'`,;&|<>(){}\[\]\\\x00-\x1f]{1,4096}+)(?![(\[])"
_SCHEME = r"(?:(?i:bearer|basic|token|digest|apikey|aws4-hmac-sha256)[ \t]{1,4})?"
_HEADER = r"(?:\\{0,3}[\"'])?[ \t]{0,8}(?:=>|[:=,])[ \t]{0,8}(?:\\{0,3}[\"'])?" + _SCHEME
_HEADER_VALUE = r"[^\s\"'`,;\\<>(){}\[\]]{6,4096}+"
_BEARER = r"[ \t]{1,4}([\w.~+/=-]{16,4096}+)"
_USER = r"://[^\s:/@\"'<>`]{0,128}+:([^\s/\"'<>`\\]{1,256})@(?=[\w\[%{$<-])"
_CURL_USER = (
    r"(?:-u|--user|-U|--proxy-user)[ =]{0,2}\\{0,3}[\"']?[^\s:\"'/]{1,128}+:([^\s\"'\\]{3,256}+)"
)
_QUOTE = r"\\{0,7}[\"'`]"
_LONGEST = 4096
_JUDGED = 96
"""Characters of a value that it is judged by."""
_NESTED = 3
"""How often within one run of characters a value is looked for again: keeps the cost linear."""


def assigned(text: str) -> Iterator[Span]:
    """Every value that is a secret by its name, in an assignment, a header, an address or a command."""
    lowered = _lowered(text)
    for word in _STRONG:
        yield from _given(text, lowered, word, strong=True)
    for word in _WEAK:
        yield from _given(text, lowered, word, strong=False)
    yield from _authorization(text, lowered)
    yield from _addresses(text)
    yield from _curl(text, lowered)


def names_a_secret(name: str) -> str:
    """ "strong" for names that passwords have, "weak" for those of tokens and keys, else ""."""
    lowered = _lowered(name)
    if len(lowered) > 128:
        return ""
    stem = re.sub(r"(?:[_-]?\d{1,3}|[_-](?:prod|production|dev|test|staging|live|old|new|value))\Z", "", lowered)  # fmt: skip
    if stem.endswith(_STRONG):
        return "strong"
    if lowered in ("authorization", "proxy-authorization", "x-api-key"):
        return "weak"
    for word in _WEAK:
        if stem.endswith(word) and _is_meant(stem, len(stem) - len(word), word):
            return "weak"
    return ""


def _given(text: str, lowered: str, word: str, *, strong: bool) -> Iterator[Span]:
    at = lowered.find(word)
    runs = {True: _Run(), False: _Run()}
    while at >= 0:
        end = at + len(word)
        match = _compiled(_GIVEN).match(text, end)
        if (
            match
            and _is_meant(lowered, at, word)
            and not (match[2] and not _is_flag(lowered, at))
            and (found := _value(text, match.end(), runs))
        ):
            start, stop, quoted = found
            value = text[start : min(stop, start + _JUDGED)]
            data = (bool(match[1]) and quoted) or _is_data(text, lowered, at, match, strong=strong)
            if values.is_secret(value, strong=strong, quoted=quoted, data=data):
                start, stop = values.trimmed(text, start, stop, quoted=quoted)
                yield Span(start, stop, "password" if strong else "secret")
        at = lowered.find(word, end)


def _is_data(text: str, lowered: str, at: int, given: re.Match[str], *, strong: bool) -> bool:
    """Whether values stand here and no code: an element's text, ``NAME=value``, an option.

    A password's option may stand alone (``mysql --password shop``): then the next word is judged as any.
    """
    sign = text[given.end() - 1 : given.end()]
    if sign == ">" or (sign == "=" and text[at : given.start()].isupper()):
        return True
    return (sign == "=" or not strong) and _is_flag(lowered, at)


class _Run:
    """One run of characters that was taken for a value; in it others may begin, but not without end."""

    def __init__(self) -> None:
        self.end = 0
        self.tries = 0

    def may_begin(self, start: int) -> bool:
        self.tries = self.tries + 1 if start < self.end else 0
        return self.tries <= _NESTED


def _value(text: str, at: int, runs: dict[bool, _Run]) -> tuple[int, int, bool] | None:
    """Begin and end of the value that stands here, and whether in quotes."""
    quote = _compiled(_QUOTE).match(text, at)
    run = runs[quote is not None]
    if not run.may_begin(at):
        return None
    if quote is None:
        match = _compiled(_BARE).match(text, at)
        start, end = match.span(1) if match else (at, at)
    else:
        start = quote.end()
        end = _quoted_end(text, start, quote[0])
    run.end = max(run.end, end)
    return (start, end, quote is not None) if end > start else None


def _quoted_end(text: str, start: int, quote: str) -> int:
    limit = min(len(text), start + _LONGEST)
    end = text.find(quote, start, limit)
    while len(quote) == 1 and end > start and text[end - 1] == "\\":  # escaped
        end = text.find(quote, end + 1, limit)
    line = text.find("\n", start, limit if end < 0 else end)
    return line if line >= 0 else limit if end < 0 else end


def _is_meant(lowered: str, at: int, word: str) -> bool:
    """``key`` alone is a map's or a database's: only with a word before it that says what it opens."""
    before = max(0, at - _LONGEST_BEFORE)
    if word == "key":
        return _compiled(_KEYS).search(lowered, before, at) is not None
    return word != "token" or _compiled(_NO_TOKENS).search(lowered, before, at) is None


def _is_flag(lowered: str, at: int) -> bool:
    if lowered.startswith("--", max(0, at - 2)) and at >= 2:
        return True
    return _compiled(_FLAG).search(lowered, max(0, at - _LONGEST_BEFORE), at) is not None


def _authorization(text: str, lowered: str) -> Iterator[Span]:
    at = lowered.find("authorization")
    while at >= 0:
        end = at + len("authorization")
        header = _compiled(_HEADER).match(text, end)
        value = _compiled(_HEADER_VALUE).match(text, header.end()) if header else None
        if value and values.is_secret(value[0], strong=False, quoted=True, data=False):
            yield Span(*value.span(), "authorization")
            end = value.end()
        at = lowered.find("authorization", end)
    at = lowered.find("bearer ")
    while at >= 0:
        end = at + len("bearer")
        value = _compiled(_BEARER).match(text, end)
        if value and values.is_secret(value[1], strong=False, quoted=False, data=False):
            yield Span(*value.span(1), "authorization")
            end = value.end()
        at = lowered.find("bearer ", end)


def _addresses(text: str) -> Iterator[Span]:
    if "@" not in text:
        return
    at = text.find("://")
    while at >= 0:
        match = _compiled(_USER).match(text, at)
        if match and not values.is_placeholder(match[1]):
            yield Span(*match.span(1), "url-password")
        at = text.find("://", match.end() if match else at + 3)


def _curl(text: str, lowered: str) -> Iterator[Span]:
    if "curl" not in lowered and "wget" not in lowered:
        return
    for match in _compiled(r"(?<=\s)" + _CURL_USER).finditer(text):
        line = max(lowered.rfind("\n", 0, match.start()), match.start() - 1000, 0)
        near = lowered.find("curl", line, match.start()) >= 0 or lowered.find("wget", line, match.start()) >= 0  # fmt: skip
        if near and not values.is_placeholder(match[1]):
            yield Span(*match.span(1), "password")


def _lowered(text: str) -> str:
    """Lower case of the same length, position for position."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if c.isascii() else c for c in text)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
