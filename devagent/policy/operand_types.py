"""Operands against a type: whether a condition asks for something that its value can be."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from devagent.policy.argument_shapes import Shape
from devagent.policy.checks import shortened
from devagent.policy.conditions import equal
from devagent.policy.names import did_you_mean
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path

_NUMBERS = frozenset({"integer", "number"})
_TEXT = frozenset({"string"})
_OF_TYPE = {
    "min": _NUMBERS,
    "max": _NUMBERS,
    "prefix": _TEXT,
    "suffix": _TEXT,
    "glob": _TEXT,
    "not_glob": _TEXT,
    "mentions": _TEXT,
}
_IN_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table",
}

Lists = Mapping[str, Sequence[Any]]


class Misfit(Struct, frozen=True):
    """A condition that can not be meant so: which ``code`` of the lint, where in the file, what, a way out."""

    code: str
    path: Path
    what: str
    hint: str


def misfits(spec: Any, shape: Shape, key: str, path: Path, lists: Lists) -> Iterator[Misfit]:
    """Everything in a condition's right side that a value of this shape can never be or be asked."""
    if isinstance(spec, str) and spec.startswith("@"):
        yield from _options(lists.get(spec[1:], ()), shape, key, path)
    elif is_list(spec):
        yield from _options(spec, shape, key, path)
    elif is_table(spec):
        for name, want in spec.items():
            yield from _operator(name, want, shape, key, (*path, name), lists)
    else:
        yield from _options([spec], shape, key, path)


def _operator(
    name: str, want: Any, shape: Shape, key: str, path: Path, lists: Lists
) -> Iterator[Misfit]:
    match name:
        case "any" | "not":
            yield from misfits(want, shape, key, path, lists)
        case "either":
            for number, one in enumerate(want):
                yield from misfits(one, shape, key, (*path, number), lists)
        case "eq":
            yield from _options([want], shape, key, path)
        case "in" | "not_in":
            yield from misfits(want, shape, key, path, lists)
        case "contains":
            if shape.many:
                yield from _options([want], shape, key, path)
            elif not _can_be(shape, _TEXT):
                yield _clash(key, shape, name, path, "it holds no elements and no text")
            elif not isinstance(want, str):
                yield _clash(key, shape, name, path, "only a text stands in a text")
        case "len_min" | "len_max":
            if not shape.many and not _can_be(shape, _TEXT):
                yield _clash(key, shape, name, path, "only lists and texts have a length")
        case _:
            needed = _OF_TYPE.get(name)
            if needed is not None and not _can_be(shape, needed):
                what = "a number" if needed is _NUMBERS else "a text"
                yield _clash(key, shape, name, path, f"{name} looks at {what}")


def _can_be(shape: Shape, types: frozenset[str]) -> bool:
    return shape.types is None or not shape.types.isdisjoint(types)


def _options(wanted: Sequence[Any], shape: Shape, key: str, path: Path) -> Iterator[Misfit]:
    for want in wanted:
        if not _can_be(shape, _types_of(want)):
            yield Misfit(
                "argument-type",
                path,
                f"{key} is {_in_words(shape)}, never {_shown(want)}",
                _rewritten(want, shape),
            )
        elif shape.values is not None and not any(equal(want, one) for one in shape.values):
            yield Misfit(
                "argument-value",
                path,
                f"{key} is never {_shown(want)}",
                did_you_mean(str(want), [str(one) for one in shape.values]),
            )


def _types_of(want: Any) -> frozenset[str]:
    if isinstance(want, bool):
        return frozenset({"boolean"})
    return _TEXT if isinstance(want, str) else _NUMBERS


def _clash(key: str, shape: Shape, name: str, path: Path, why: str) -> Misfit:
    what = f"{key} is {_in_words(shape)}, which {name} says nothing about: {why}"
    return Misfit("argument-type", path, what, _instead(shape))


def _in_words(shape: Shape) -> str:
    types = sorted(shape.types or ())
    one = " or ".join(_IN_WORDS.get(name, name) for name in types)
    return f"a list, each element {one}" if shape.many else one


def _instead(shape: Shape) -> str:
    types = shape.types or frozenset()
    if "object" in types:
        return "Name a value inside it."
    if types & _NUMBERS:
        return "Use min, max, eq or in."
    return "Use eq or in." if types else ""


def _rewritten(want: Any, shape: Shape) -> str:
    """What was probably meant by a value of the wrong type: ``"10"`` for 10, ``"true"`` for true."""
    types = shape.types or frozenset()
    if isinstance(want, str):
        if "boolean" in types and want in ("true", "false"):
            return f"Write {want} without quotes."
        if types & _NUMBERS and want.removeprefix("-").replace(".", "", 1).isdigit():
            return f"Write {want} without quotes."
    elif "string" in types:
        return f'Write "{_shown(want)}" in quotes.'
    if shape.values is not None:
        return f"Valid here: {', '.join(str(one) for one in shape.values)}."
    return _instead(shape)


def _shown(want: Any) -> str:
    if isinstance(want, bool):
        return "true" if want else "false"
    return f'"{shortened(want)}"' if isinstance(want, str) else str(want)
