"""Globs as ``like``. Cedar's star crosses separators; ours with one star does not.

Exact are: no star; ``**`` only; ``*`` only (the text has just as many separators as the pattern); ``**/``
before or behind one ``*``; and, for resources, ``**/`` before a last segment with stars.
"""

from collections.abc import Iterable, Sequence

from devagent.core.resources import SEPARATORS
from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import PERHAPS, Reach, every, exactly, some
from devagent.policy.cedar.text import TRUE
from devagent.policy.globs import split_stars

LAST = "resource.last"
"""The resource's last segment, by its kind's separator."""


def glob(subject: str, pattern: str, separator: str, last: str = "") -> Reach:
    """Whether a text expression matches; ``last`` is the expression of its last segment, where there is one."""
    literals, deep = split_stars(pattern, separator)
    if not deep:
        return exactly(f"({subject} == {text.text(pattern)})")
    like = f"({subject} like {text.pattern(literals)})"
    if all(deep):
        return exactly(like)
    if not any(deep):
        too_many = [""] * (sum(one.count(separator) for one in literals) + 2)
        crossing = f"({subject} like {text.pattern(_with_separators(too_many, separator))})"
        return exactly(text.all_of([like, text.negated(crossing)]))
    if len(deep) == 2 and literals[1] == separator:
        return exactly(like)
    if last and (tail := _last_segment(literals, deep, separator)):
        head = f"({subject} like {text.pattern([literals[0], separator, ''])})"
        return exactly(text.all_of([head, f"({last} like {text.pattern(tail)})"]))
    crossings = (
        f"({subject} like {text.pattern([*literals[: i + 1], separator, *literals[i + 1 :]])})"
        for i, one in enumerate(deep)
        if not one
    )
    return Reach(text.all_of([like, *map(text.negated, crossings)]), like)


def _with_separators(gaps: Sequence[str], separator: str) -> list[str]:
    """A pattern that is met by texts with at least as many separators as there are inner gaps."""
    return ["", *[separator] * (len(gaps) - 1), ""]


def _last_segment(literals: list[str], deep: list[bool], separator: str) -> list[str]:
    """For ``A**/N`` with no separator in ``N``: the literals of ``N``; else none."""
    if any(deep[1:]) or not literals[1].startswith(separator):
        return []
    tail = [literals[1][len(separator) :], *literals[2:]]
    return [] if any(separator in one for one in tail) else tail


def resources(patterns: Sequence[str] | None) -> Reach:
    """Whether ``resource`` is one of these."""
    if patterns is None:
        return exactly(TRUE)
    whole = [p for p in patterns if "*" not in p and not p.startswith("tag:")]
    found: list[Reach] = []
    if whole:
        ids = text.listed(map(text.text, whole))
        found.append(exactly(f"({ids}.contains(resource.id))"))
    for pattern in patterns:
        kind, _, rest = pattern.partition(":")
        if kind == "tag":
            found.append(labels([rest], "resource.tags", "resource.tag_globs"))
        elif pattern not in whole:
            found.append(glob("resource.id", pattern, SEPARATORS[kind], LAST))
    return some(found)


def labels(patterns: Iterable[str], plain: str, globs: str) -> Reach:
    """Whether one of a set of dotted labels matches: literally, or by a pattern that ends in a star."""
    found: list[Reach] = []
    for pattern in patterns:
        if "*" not in pattern:
            found.append(exactly(f"({plain}.contains({text.text(pattern)}))"))
        elif _ends_in_star(pattern):
            found.append(exactly(f"({globs}.contains({text.text(pattern)}))"))
        else:
            found.append(every([exactly(f"!({plain}.isEmpty())"), PERHAPS]))
    return some(found)


def _ends_in_star(pattern: str) -> bool:
    """``pii.*``, ``pii.**``, ``*`` or ``**``: what ``globs_of`` lists of a label."""
    head = pattern.rstrip("*")
    return "*" not in head and (not head or head.endswith("."))


def globs_of(labels: Iterable[str]) -> list[str]:
    """The patterns with one last star that match one of the labels, to be given with a request."""
    found: set[str] = set()
    for label in labels:
        found.add("**")
        head, dot, _ = label.rpartition(".")
        found.add(f"{head}{dot}*")
        while dot:
            found.add(f"{head}.**")
            head, dot, _ = head.rpartition(".")
    return sorted(found)


def last_segment(name: str) -> str:
    """What follows the last separator of a resource's name."""
    kind, _, rest = name.partition(":")
    return rest.rpartition(SEPARATORS.get(kind, "/"))[2]
