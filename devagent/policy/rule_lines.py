"""A file of many rules, read line by line: what the TOML library would give, at a fraction of its cost.

Only the plain style is read here: ``[[rule]]`` on a line of its own, then ``key = value`` lines with bare keys,
where a list or a text may go over several lines. Every value but a plain text is still read by the
TOML library, once for all rules that write it alike; every other table is, too. Whatever is written
otherwise, and every fault, makes this give up: then the library reads the whole file, and says what is wrong.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from devagent.policy.document import is_too_much

FEWEST = 100
"""Rules of a file that is worth it."""
MOST_COMMAS = 400_000
KEPT = 10_000
"""Different values that are kept to be met again."""
_HEADER = re.compile(r"\[\[[ \t]*rule[ \t]*\]\][ \t]*(?:#.*)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_STRINGS_OVER_LINES = ('"""', "'''")


class _Otherwise(Exception):
    """The file is written in another way, or wrong; ``line``: of the rule where that was seen, or 0."""

    line = 0


def values_by_line(source: str, keys: frozenset[str]) -> dict[str, Any] | None:
    """The file's values, or None where it is for the TOML library to read.

    ``keys`` are those of a rule. Equal values of different rules may be one object: they are for reading.
    """
    if source.count("[[rule]]") < FEWEST or source.count(",") > MOST_COMMAS:
        return None
    if _CONTROL.search(source):
        return None
    try:
        return _read(source, keys)
    except (_Otherwise, ValueError, RecursionError):
        return None


def odd_rule(source: str, keys: frozenset[str]) -> tuple[int, str]:
    """The line and the text of the rule that made ``values_by_line`` give up; (0, "") where none did."""
    try:
        _read(source, keys)
    except _Otherwise as odd:
        if odd.line:
            lines = source.split("\n")[odd.line - 1 :]
            ends = (n for n, line in enumerate(lines) if n and _begins_table(line))
            return odd.line, "\n".join(lines[: next(ends, len(lines))]) + "\n"
    except (ValueError, RecursionError):
        pass
    return 0, ""


def _read(source: str, keys: frozenset[str]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  (20 ms that a policy from the cache must not pay)

    rules: list[dict[str, Any]] = []
    segments: list[list[str]] = [[]]  # all that stands outside of rules, each part by itself
    rule: dict[str, Any] | None = None
    known: dict[str, Any] = {}
    began = 0
    lines = enumerate(source.split("\n"), 1)
    for number, line in lines:
        if line == "[[rule]]" or (_begins_table(line) and _is_rule_header(line)):
            rule, began = {}, number
            rules.append(rule)
        elif rule is None or _begins_table(line):
            if rule is not None:
                segments.append([])
            rule = None
            segments[-1].append(line)
        elif (stripped := line.lstrip(" \t")) and stripped[0] != "#":
            try:
                name, text = _pair(line)
                if name not in keys or name in rule:
                    raise _Otherwise
                rule[name] = _value(text, lines, known)
            except (_Otherwise, ValueError, RecursionError):
                odd = _Otherwise()
                odd.line = began
                raise odd from None
    if len(segments) > FEWEST:
        raise _Otherwise
    others = _others(["\n".join(segment) for segment in segments], tomllib.loads)
    return {**others, "rule": rules}


def _begins_table(line: str) -> bool:
    return line.lstrip(" \t").startswith("[")


def _is_rule_header(line: str) -> bool:
    return _HEADER.fullmatch(line.strip(" \t")) is not None


def _pair(line: str) -> tuple[str, str]:
    name, equals, text = line.partition("=")
    if not equals:
        raise _Otherwise
    return name.strip(" \t"), text.strip(" \t")


def _value(text: str, lines: Iterator[tuple[int, str]], known: dict[str, Any]) -> Any:
    if text[:1] == '"' and text[-1:] == '"' and text.count('"') == 2 and "\\" not in text:
        return text[1:-1]
    if text[:2] == '["' and text[-2:] == '"]' and text.count('"') == 2 and "\\" not in text:
        return [text[2:-2]]
    if text[:1] == "[" and "]" not in text:
        text = _up_to(text, lines, lambda line: line.strip(" \t") == "]")
    elif text.startswith('"""') and text.count('"""') == 1:
        text = _up_to(text, lines, lambda line: '"""' in line)
    value = known.get(text)
    if value is None:
        value = _by_library(text)
        if len(known) < KEPT:
            known[text] = value
    return value


def _up_to(text: str, lines: Iterator[tuple[int, str]], is_last: Callable[[str], bool]) -> str:
    """The value with the lines that it goes on over."""
    parts = [text]
    for _, line in lines:
        parts.append(line)
        if is_last(line):
            return "\n".join(parts)
    raise _Otherwise


def _by_library(text: str) -> Any:
    import tomllib  # noqa: PLC0415  (as above; loaded by now)

    if is_too_much(text):
        raise _Otherwise
    document = tomllib.loads(f"value = {text}\n")
    if len(document) != 1:
        raise _Otherwise
    return document["value"]


def _others(segments: list[str], loads: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """The tables beside the rules. Each part must be whole by itself: none may go on behind a rule."""
    whole = "\n".join(segments)
    if is_too_much(whole) or any(quotes in whole for quotes in _STRINGS_OVER_LINES):
        raise _Otherwise
    if len(segments) > 1:
        for segment in segments:
            loads(segment)
    others = loads(whole)
    if "rule" in others:
        raise _Otherwise
    return others
