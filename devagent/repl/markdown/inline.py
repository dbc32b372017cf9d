"""Emphasis, code and links within one line, while the line is still coming in.

``taken`` gives what is certain and how far it read; what may yet turn out to be the begin of something waits
for its end. A line's end settles all: what has no end by then stands as it was written. An opener that has
waited for ``MOST_HELD`` characters is taken for itself, so nothing waits for long.
"""

import re

from devagent.repl.style import Segment

MOST_HELD = 300
_SPECIAL = re.compile(r"[\\`*_~\[!<]|h(?=ttps?://|t?t?p?s?:?/?/?$)")
_URL = re.compile(r"https?://[^\s<>\"`]+")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]+)>")
_PUNCTUATION = ".,;:!?)]}'*_"
_ESCAPABLE = "\\`*_{}[]()#+-.!~>|<"
_Taken = tuple[list[Segment], int]
_NOT_YET: _Taken = ([], -1)
"""Whether it is one cannot be said before more has come."""


def taken(source: str, role: str, *, ended: bool, before: str = "") -> _Taken:
    """The segments of the part that is certain, and how many characters that was. ``before`` is the character
    in front of the source."""
    out: list[Segment] = []
    at = 0
    while at < len(source):
        found = _SPECIAL.search(source, at)
        start = found.start() if found else len(source)
        if start > at:
            out.append(Segment(source[at:start], role))
            at = start
            continue
        held = not ended and len(source) - at < MOST_HELD
        previous = source[at - 1] if at else before
        segments, length = _special(source, at, role, previous, held=held)
        if length < 0:
            break
        out += segments
        at += length
    return out, at


def _special(source: str, at: int, role: str, previous: str, *, held: bool) -> _Taken:
    match source[at]:
        case "\\":
            return _escape(source, at, role, held=held)
        case "`":
            return _code(source, at, role, held=held)
        case "*" | "_" | "~":
            return _emphasis(source, at, role, previous, held=held)
        case "[" | "!":
            return _link(source, at, role, held=held)
        case "<":
            return _autolink(source, at, role, held=held)
        case _:
            return _url(source, at, role, previous, held=held)


def _plain(text: str, role: str) -> _Taken:
    return [Segment(text, role)], len(text)


def _with(role: str, more: str) -> str:
    return f"{role}+{more}" if role else more


def _escape(source: str, at: int, role: str, *, held: bool) -> _Taken:
    if at + 1 == len(source):
        return _NOT_YET if held else _plain("\\", role)
    if source[at + 1] in _ESCAPABLE:
        return [Segment(source[at + 1], role)], 2
    return _plain("\\", role)


def _run(source: str, at: int) -> str:
    end = at
    while end < len(source) and source[end] == source[at]:
        end += 1
    return source[at:end]


def _code(source: str, at: int, role: str, *, held: bool) -> _Taken:
    ticks = _run(source, at)
    start = at + len(ticks)
    while (end := source.find(ticks, start)) >= 0:
        closing = _run(source, end)
        if held and end + len(closing) == len(source):
            return _NOT_YET  # one more tick would make it another fence
        if closing == ticks:
            text = source[at + len(ticks) : end]
            if len(text) > 2 and text[0] == text[-1] == " ":
                text = text[1:-1]
            return [Segment(text, _with(role, "code"))], end + len(ticks) - at
        start = end + len(closing)
    return _NOT_YET if held else _plain(ticks, role)


def _emphasis(source: str, at: int, role: str, previous: str, *, held: bool) -> _Taken:
    marks = _run(source, at)
    after = at + len(marks)
    if held and after == len(source):
        return _NOT_YET
    sign, size = marks[0], len(marks)
    opens = after < len(source) and not source[after].isspace()
    if sign == "_" and (previous.isalnum() or previous == "_" or size > 1):
        opens = False  # a name: snake_case, __init__
    if sign == "*" and size == 1 and previous.isalnum() and opens and source[after].isalnum():
        opens = False  # a product
    if sign == "~":
        opens = opens and size == 2
    if not opens or size > 3:
        return _plain(marks, role)
    end = after
    while (end := source.find(sign, end)) >= 0:
        if source[end - 1] == "\\":
            end += 1
            continue
        closing = _run(source, end)
        stop = end + len(closing)
        if held and stop == len(source):
            return _NOT_YET
        inside = sign == "_" and stop < len(source) and source[stop].isalnum()
        if len(closing) == size and not source[end - 1].isspace() and not inside:
            shape = "strike" if sign == "~" else ("italic", "bold", "bold+italic")[size - 1]
            inner, _ = taken(source[after:end], _with(role, shape), ended=True, before=sign)
            return inner, stop - at
        end = stop
    return _NOT_YET if held else _plain(marks, role)


def _link(source: str, at: int, role: str, *, held: bool) -> _Taken:
    image = source[at] == "!"
    if image and source[at + 1 : at + 2] != "[":
        ended = at + 1 < len(source) or not held
        return _plain("!", role) if ended else _NOT_YET
    start = at + 1 + image
    depth, end = 1, start
    while end < len(source) and depth:
        depth += {"[": 1, "]": -1}.get(source[end], 0)
        end += 1
    if depth or end == len(source):
        return _NOT_YET if held else _plain(source[at:start], role)
    if source[end] != "(":
        return _plain(source[at:start], role)
    close, depth = end + 1, 1
    while close < len(source) and depth:
        depth += {"(": 1, ")": -1}.get(source[close], 0)
        close += 1
    if depth:
        return _NOT_YET if held else _plain(source[at:start], role)
    target = source[end + 1 : close - 1].strip().partition(" ")[0].strip("<>")
    text, _ = taken(source[start : end - 1], "", ended=True)
    shown = "".join(one.text for one in text) or target
    out = [Segment(shown, _with(role, "link"), target)]
    if target and target != shown and not target.startswith("#"):
        # A link that says one thing and leads to another is told, with or without a mouse.
        out.append(Segment(f" ({target})", _with(role, "quiet")))
    return out, close - at


def _autolink(source: str, at: int, role: str, *, held: bool) -> _Taken:
    found = _AUTOLINK.match(source, at)
    if found:
        return [Segment(found[1], _with(role, "link"), found[1])], len(found[0])
    rest = source[at:]
    open_yet = held and ">" not in rest and not any(c.isspace() for c in rest)
    return _NOT_YET if open_yet else _plain("<", role)


def _url(source: str, at: int, role: str, previous: str, *, held: bool) -> _Taken:
    begins = not previous.isalnum()
    rest = source[at:]
    if begins and held and ("https://".startswith(rest) or "http://".startswith(rest)):
        return _NOT_YET
    found = _URL.match(source, at) if begins else None
    if found is None:
        return _plain("h", role)
    if held and found.end() == len(source):
        return _NOT_YET
    address = found[0].rstrip(_PUNCTUATION)
    if "(" in address and found[0][len(address) :].startswith(")"):
        address += ")"
    return [Segment(address, _with(role, "link"), address)], len(address)
