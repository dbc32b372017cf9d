"""How two globs relate: whether one matches all that the other matches, and whether they can meet.

Both are judged on the patterns alone. ``covers`` is never wrong when it says yes (it may miss a yes that
takes several steps of reasoning); ``can_meet`` is exact.
"""

from collections.abc import Iterable

from devagent.core.resources import SEPARATORS
from devagent.policy.globs import is_literal, split_stars

_STAR, _DEEP = 0, 1
Token = str | int
"""A character, or one of the two stars."""


def covers(wide: str, narrow: str, separator: str) -> bool:
    """Whether every text that ``narrow`` matches is matched by ``wide`` too."""
    if wide == narrow:
        return True
    if is_literal(wide) or not narrow.startswith(wide.partition("*")[0]):
        return False
    mine, other = _tokens(wide, separator), _tokens(narrow, separator)
    places = _closed({0}, mine)
    for token in other:
        places = _closed(_absorbed(places, mine, token, separator), mine)
        if not places:
            return False
    return len(mine) in places


def can_meet(one: str, other: str, separator: str) -> bool:
    """Whether some text is matched by both."""
    head, rest = one.partition("*")[0], other.partition("*")[0]
    if not head.startswith(rest) and not rest.startswith(head):
        return False
    if is_literal(one) and is_literal(other):
        return one == other
    a, b = _tokens(one, separator), _tokens(other, separator)
    waiting, seen = [(0, 0)], {(0, 0)}
    while waiting:
        i, j = waiting.pop()
        if i == len(a) and j == len(b):
            return True
        for step in _steps(a, b, i, j, separator):
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False


def resource_covers(wide: str, narrow: str) -> bool:
    """``covers`` for ``kind:pattern``."""
    kind, _, rest = wide.partition(":")
    other, _, other_rest = narrow.partition(":")
    return kind == other and covers(rest, other_rest, SEPARATORS[kind])


def resources_can_meet(one: str, other: str) -> bool:
    """``can_meet`` for ``kind:pattern``; a ``tag:`` pattern may meet a resource of any kind."""
    kind, _, rest = one.partition(":")
    other_kind, _, other_rest = other.partition(":")
    if kind != other_kind:
        return "tag" in (kind, other_kind)
    # A resource may carry several tags, so that two patterns of tags can always meet.
    return kind == "tag" or can_meet(rest, other_rest, SEPARATORS[kind])


def any_covers(wide: Iterable[str], narrow: str, separator: str) -> bool:
    return any(covers(one, narrow, separator) for one in wide)


def _tokens(pattern: str, separator: str) -> list[Token]:
    literals, deep = split_stars(pattern, separator)
    tokens: list[Token] = list(literals[0])
    for star_is_deep, literal in zip(deep, literals[1:], strict=True):
        tokens.append(_DEEP if star_is_deep else _STAR)
        tokens += literal
    return tokens


def _closed(places: set[int], tokens: list[Token]) -> set[int]:
    """The places with those behind stars: a star may stand for nothing."""
    out = set(places)
    for place in places:
        while place < len(tokens) and isinstance(tokens[place], int):
            place += 1
            out.add(place)
    return out


def _absorbed(places: set[int], mine: list[Token], token: Token, separator: str) -> set[int]:
    """Where the wide pattern can stand after one token of the narrow one."""
    out: set[int] = set()
    for place in places:
        if place == len(mine):
            continue
        here = mine[place]
        if here == _DEEP or (here == _STAR and token not in (_DEEP, separator)):
            out.add(place)
        elif here == token and isinstance(here, str):
            out.add(place + 1)
    return out


def _steps(
    a: list[Token], b: list[Token], i: int, j: int, separator: str
) -> Iterable[tuple[int, int]]:
    x = a[i] if i < len(a) else None
    y = b[j] if j < len(b) else None
    if isinstance(x, int):
        yield i + 1, j
        if isinstance(y, str) and (x == _DEEP or y != separator):
            yield i, j + 1
    if isinstance(y, int):
        yield i, j + 1
        if isinstance(x, str) and (y == _DEEP or x != separator):
            yield i + 1, j
    if isinstance(x, str) and x == y:
        yield i + 1, j + 1
