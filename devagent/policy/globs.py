"""Globs: ``*`` is any run without the separator, ``**`` any run at all, everything else is literal.

A pattern becomes a function from text to bool. Every one of them is linear in the text: hostile text
meets no backtracking. That rests on two facts about what may follow a star:

* After ``**`` the earliest match of what follows is as good as any later one.
* After ``*`` a literal with a separator in it can only stand at the next separator; a literal without
  one is best taken at its earliest place before the next separator.

So each literal is found once and never given back. The part after the last ``**`` is matched from the
end backwards, by the same two facts.
"""

from collections.abc import Callable

Matcher = Callable[[str], bool]


def compile_glob(pattern: str, separator: str = "") -> Matcher:
    """The matcher of one pattern; an empty ``separator`` makes ``*`` match anything."""
    literals, deep = split_stars(pattern, separator)
    if not deep:
        return _literal(pattern)
    if len(deep) == 1:
        return _one_star(literals[0], literals[1], "" if deep[0] else separator)
    if all(deep) and len(deep) == 2 and not literals[0] and not literals[2]:
        return _containing(literals[1])
    return _many_stars(literals, deep, separator)


def split_stars(pattern: str, separator: str = "") -> tuple[list[str], list[bool]]:
    """The literals of a pattern and, between each two, whether the star is deep (crosses separators)."""
    literals, deep = [""], list[bool]()
    position, size = 0, len(pattern)
    while position < size:
        star = pattern.find("*", position)
        if star < 0:
            literals[-1] += pattern[position:]
            break
        literals[-1] += pattern[position:star]
        double = pattern.startswith("**", star)
        if deep and not literals[-1]:
            deep[-1] = True  # two stars side by side: "***" is "**" and "*"
        else:
            deep.append(double or not separator)
            literals.append("")
        position = star + (2 if double else 1)
    return literals, deep


def is_literal(pattern: str) -> bool:
    """Whether the pattern has no star, so that it matches itself alone."""
    return "*" not in pattern


def _literal(pattern: str) -> Matcher:
    def matches(text: str) -> bool:
        return text == pattern

    return matches


def _containing(middle: str) -> Matcher:
    def matches(text: str) -> bool:
        return middle in text

    return matches


def _one_star(head: str, tail: str, boundary: str) -> Matcher:
    """``boundary`` is what the star may not cross, empty for nothing."""
    least = len(head) + len(tail)
    after = len(head)
    before = len(tail)

    def matches(text: str) -> bool:
        return (
            len(text) >= least
            and text.startswith(head)
            and text.endswith(tail)
            and (not boundary or text.find(boundary, after, len(text) - before) < 0)
        )

    return matches


def _many_stars(literals: list[str], deep: list[bool], separator: str) -> Matcher:
    chunks: list[list[str]] = [[literals[0]]]
    for star_is_deep, literal in zip(deep, literals[1:], strict=True):
        if star_is_deep:
            chunks.append([literal])
        else:
            chunks[-1].append(literal)
    first, *middle, last = chunks if len(chunks) > 1 else [chunks[0], [""]]
    anchored = len(chunks) == 1

    def matches(text: str) -> bool:
        if not text.startswith(first[0]):
            return False
        if anchored:
            return _ends_there(text, first, separator)
        limit = _from_the_end(text, last, separator)
        position = _follow(text, len(first[0]), limit, first, separator) if limit >= 0 else -1
        for chunk in middle:
            if position < 0:
                return False
            position = _find(text, position, limit, chunk, separator)
        return 0 <= position <= limit

    return matches


def _ends_there(text: str, chunk: list[str], separator: str) -> bool:
    """No deep star at all: the chunk takes the whole text."""
    tail = chunk[-1]
    limit = len(text) - len(tail)
    position = _follow(text, len(chunk[0]), limit, chunk[:-1], separator)
    return (
        0 <= position <= limit
        and text.endswith(tail)
        and (text.find(separator, position, limit) < 0)
    )


def _follow(text: str, position: int, limit: int, chunk: list[str], separator: str) -> int:
    """The end of the chunk whose first literal ends at ``position``, or -1."""
    for literal in chunk[1:]:
        inner = literal.find(separator)
        boundary = text.find(separator, position, limit)
        if inner < 0:
            at = text.find(literal, position, limit if boundary < 0 else boundary)
            if at < 0:
                return -1
        else:
            at = boundary - inner
            if boundary < 0 or at < position or not text.startswith(literal, at):
                return -1
        position = at + len(literal)
    return position if position <= limit else -1


def _find(text: str, position: int, limit: int, chunk: list[str], separator: str) -> int:
    """The earliest end of the chunk anywhere from ``position`` on, or -1."""
    first = chunk[0]
    crosses = separator in first if separator else False
    while True:
        at = text.find(first, position, limit)
        if at < 0:
            return -1
        end = _follow(text, at + len(first), limit, chunk, separator)
        if end >= 0 or not separator:
            return end
        # A later start before the same separator meets the same failure: go on behind it.
        position = at + 1 if crosses else text.find(separator, at, limit)
        if position < 0:
            return -1


def _from_the_end(text: str, chunk: list[str], separator: str) -> int:
    """The latest start of the chunk that ends the text, or -1."""
    if not text.endswith(chunk[-1]):
        return -1
    position = len(text) - len(chunk[-1])
    for literal in reversed(chunk[:-1]):
        inner = literal.rfind(separator)
        boundary = text.rfind(separator, 0, position)
        if inner < 0:
            at = text.rfind(literal, boundary + 1, position)
        else:
            at = boundary - inner
            if boundary < 0 or at + len(literal) > position or not text.startswith(literal, at):
                return -1
        if at < 0:
            return -1
        position = at
    return position
