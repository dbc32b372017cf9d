"""Finding what a condition is about: arguments, facts, context, principal.

Beside a value goes its place: the JSON pointer below ``args`` by which ``origin_in`` looks for the
value's origins, for a list its elements' places or the pointer of the whole. Values that are no
arguments have no place (None) and so no origin.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from devagent.core.verdicts import Request
from devagent.policy.plain import is_list, is_table

Place = str | list[str | None] | None
Origins = dict[str, list[str]]
Lookup = Callable[["Subject"], tuple[Any, Place]]

ABSENT: Final = object()


class Subject:
    """A request as conditions read it; ``names`` are the principal's, with the org's own groups.

    Raises ValueError where taint or origins are of a shape from which nothing could be told.
    """

    __slots__ = ("args", "context", "facts", "names", "origins", "principal", "taint")

    def __init__(self, request: Request, names: frozenset[str]) -> None:
        self.args: dict[str, Any] = request.args
        self.context: dict[str, Any] = request.context
        self.facts: dict[str, list[Any]] = request.facts
        self.principal = request.principal
        self.names = names
        self.origins: Origins = request.context.get("origins") or {}
        self.taint: list[str] = request.context.get("taint") or []
        if not is_table(self.origins):
            raise ValueError("context.origins is no table")
        if not is_list(self.taint) or not all(isinstance(label, str) for label in self.taint):
            raise ValueError("context.taint is no list of labels")


def compile_lookup(key: str, *, placed: bool) -> Lookup:
    """The function that finds a validated key; without ``placed`` the values' places are left out."""
    if "|" in key:
        return _alternatives([compile_lookup(part, placed=placed) for part in key.split("|")])
    if "@" in key:
        return _fact(key)
    if key == "args.**":
        return _leaves
    if key == "mode":
        key = "context.mode"
    root, *path = key.split(".")
    if root == "principal":
        return _principal(path[0])
    if root == "context":
        return _context(path)
    return _argument(path) if placed else _argument_value(path)


def _alternatives(lookups: list[Lookup]) -> Lookup:
    def look(subject: Subject) -> tuple[Any, Place]:
        found = [f for f in (look(subject) for look in lookups) if f[0] is not ABSENT]
        return _flattened(found) if found else (ABSENT, None)

    return look


def _fact(key: str) -> Lookup:
    pointer = "/" + "/".join(_escaped(part) for part in key.split(".")[1:])

    def look(subject: Subject) -> tuple[Any, Place]:
        return subject.facts.get(key, ABSENT), pointer

    return look


def _principal(name: str) -> Lookup:
    def groups(subject: Subject) -> tuple[Any, Place]:
        return sorted(n[6:] for n in subject.names if n.startswith("group:")), None

    def look(subject: Subject) -> tuple[Any, Place]:
        return getattr(subject.principal, name) or ABSENT, None

    return groups if name == "groups" else look


def _context(path: list[str]) -> Lookup:
    def look(subject: Subject) -> tuple[Any, Place]:
        return _value_at(subject.context, path), None

    return look


def _argument(path: list[str]) -> Lookup:
    def look(subject: Subject) -> tuple[Any, Place]:
        return walk(subject.args, path, "")

    return look


def _argument_value(path: list[str]) -> Lookup:
    """As ``_argument``, without places: nothing asks for the value's origin."""

    def look(subject: Subject) -> tuple[Any, Place]:
        return _value_at(subject.args, path), None

    return look


def _value_at(value: Any, path: list[str]) -> Any:
    """``walk`` without places, and without a recursion where there are no lists."""
    for step, part in enumerate(path):
        if is_table(value):
            value = value.get(part)
            if value is None:
                return ABSENT
        elif is_list(value):
            return walk(value, path[step:], "")[0]
        else:
            return ABSENT
    return value


def walk(value: Any, path: Sequence[str], pointer: str) -> tuple[Any, Place]:
    """The value at a path; a step into a list maps over its elements and leaves out what lacks the rest."""
    if not path:
        return value, pointer
    if is_list(value):
        found = [walk(v, path, f"{pointer}/{i}") for i, v in enumerate(value)]
        return _flattened([f for f in found if f[0] is not ABSENT])
    inner: Any = value.get(path[0]) if is_table(value) else None
    if inner is None:
        return ABSENT, None
    return walk(inner, path[1:], f"{pointer}/{_escaped(path[0])}")


def _flattened(found: list[tuple[Any, Place]]) -> tuple[list[Any], list[str | None]]:
    values: list[Any] = []
    places: list[str | None] = []
    for value, place in found:
        if is_list(value):
            for element, its_place in elements(value, place):
                values.append(element)
                places.append(its_place)
        else:
            values.append(value)
            places.append(place if isinstance(place, str) else None)
    return values, places


def elements(values: Sequence[Any], place: Place) -> Iterator[tuple[Any, str | None]]:
    """The elements of a list, each with its place."""
    if place is None:
        return ((value, None) for value in values)
    if isinstance(place, str):
        return ((value, f"{place}/{i}") for i, value in enumerate(values))
    return zip(values, place, strict=True)


def _leaves(subject: Subject) -> tuple[list[Any], list[str | None]]:
    found = list(leaves(subject.args, ""))
    return [value for value, _ in found], [place for _, place in found]


def leaves(value: Any, pointer: str) -> Iterator[tuple[Any, str]]:
    """Every scalar at or below a value, with its place; a loop, so that no nesting is too deep."""
    waiting: list[tuple[Any, str]] = [(value, pointer)]
    while waiting:
        value, pointer = waiting.pop()
        if is_table(value):
            waiting += [(v, f"{pointer}/{_escaped(k)}") for k, v in reversed(value.items())]
        elif is_list(value):
            waiting += [(value[i], f"{pointer}/{i}") for i in range(len(value) - 1, -1, -1)]
        elif value is not None:
            yield value, pointer


def placed_values(
    args: dict[str, Any], facts: dict[str, list[Any]], key: str
) -> Iterator[tuple[Any, str]]:
    """The scalars that an ``args.`` key leads to, each with the pointer that ``origin_in`` looks under."""
    path = key.split(".")[1:]
    if "@" in key:
        pointer = "".join(f"/{_escaped(part)}" for part in path)
        yield from leaves(facts.get(key), pointer)
    elif path == ["**"]:
        yield from leaves(args, "")
    else:
        value, place = walk(args, path, "")
        if is_list(value):
            for element, its_place in elements(value, place):
                if its_place is not None:
                    yield from leaves(element, its_place)
        elif value is not ABSENT and isinstance(place, str):
            yield from leaves(value, place)


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")  # RFC 6901
