"""Conditions as Cedar expressions: what ``policy.conditions`` answers, bounded where Cedar can not say it.

A list is a set there: order, repetition and number are lost, and no expression can look at each element.
So of the operators on lists the ones that sets know are exact (``eq in not_in contains``, ``any`` of
these, empty or not), all others only as far as "an empty list holds" goes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import (
    ALWAYS,
    FALSE_ALWAYS,
    NEVER,
    PERHAPS,
    TRUE_ALWAYS,
    UNKNOWN,
    UNSAID,
    Reach,
    Truths,
    all_true,
    every,
    exactly,
    one_true,
    some,
    two_valued,
    where_there,
)
from devagent.policy.cedar.patterns import glob, labels
from devagent.policy.cedar.principals import Groups, principals
from devagent.policy.cedar.text import LONG_MAX, LONG_MIN
from devagent.policy.cedar.values import Keys, Value
from devagent.policy.plain import is_list, is_table

Lists = Mapping[str, Sequence[Any]]


class Conditions:
    """One tool's conditions in one file."""

    def __init__(self, keys: Keys, lists: Lists, groups: Groups) -> None:
        self._keys = keys
        self._lists = lists
        self._groups = groups

    def when(self, when: Mapping[str, Any]) -> Truths:
        """All of a rule's conditions."""
        return all_true(self.condition(key, spec) for key, spec in when.items())

    def condition(self, key: str, spec: Any) -> Truths:
        """One entry of ``when``."""
        if key in ("taint_none", "taint_any"):
            hit = two_valued(labels(spec, "context.taint", "context.taint_globs"))
            return hit if key == "taint_any" else hit.opposite
        values = [self._keys.find(part) for part in key.split("|")]
        return self._holds(spec, values, in_list=len(values) > 1)

    def _holds(self, spec: Any, values: Sequence[Value], *, in_list: bool) -> Truths:
        present = some(value.present for value in values)
        return all_true(
            self._operator(name, want, values, present, in_list=in_list)
            for name, want in self._operators(spec)
        )

    def _operators(self, spec: Any) -> list[tuple[str, Any]]:
        """A scalar, a list, ``"@name"`` or a table as operators, named lists by their values."""
        if is_table(spec):
            return [
                (name, self._lists[want[1:]])
                if name in ("in", "not_in", "mentions") and isinstance(want, str)
                else (name, want)
                for name, want in spec.items()
            ]
        if is_list(spec):
            return [("in", spec)]
        if isinstance(spec, str) and spec.startswith("@"):
            return [("in", self._lists[spec[1:]])]
        return [("eq", spec)]

    def _operator(
        self, name: str, want: Any, values: Sequence[Value], present: Reach, *, in_list: bool
    ) -> Truths:
        if name == "absent":
            there = two_valued(present)
            return there.opposite if want else there
        return self._of_present(name, want, values, in_list=in_list).where(present)

    def _of_present(
        self, name: str, want: Any, values: Sequence[Value], *, in_list: bool
    ) -> Truths:
        if name == "not":
            return self._holds(want, values, in_list=in_list).opposite
        if not in_list:
            return self._one(name, want, values[0])
        if name in ("len_min", "len_max"):
            return _length_of_union(name, want, values)
        each = [(value.present, self._part(name, want, value)) for value in values]
        if name in ("any", "contains"):
            return Truths(
                some(every([there, one.true]) for there, one in each),
                every(where_there(there, one.false) for there, one in each),
            )
        return Truths(
            every(where_there(there, one.true) for there, one in each),
            some(every([there, one.false]) for there, one in each),
        )

    def _part(self, name: str, want: Any, value: Value) -> Truths:
        """What one alternative adds to a list: its elements, or itself as an element."""
        if name == "contains" and value.kind in ("String", "Long", "Bool", "Table"):
            found = _scalar("eq", want, value)
            return FALSE_ALWAYS if value.kind == "Table" else found
        if value.kind == "Groups":
            return UNSAID
        return self._one(name, want, value)

    def _one(self, name: str, want: Any, value: Value) -> Truths:
        """An operator on one value that is there."""
        if value.kind == "Opaque":
            return UNSAID
        if value.kind == "Groups":
            return self._of_groups(name, want)
        if value.kind == "Set":
            return self._of_set(name, want, value)
        if name == "any":
            return self._holds(want, [_there(value)], in_list=False)
        if name == "either":
            return one_true(self._holds(one, [_there(value)], in_list=False) for one in want)
        if name == "origin_in":
            return UNSAID if value.argument else FALSE_ALWAYS
        return UNKNOWN if value.kind == "Table" else _scalar(name, want, value)

    def _of_set(self, name: str, want: Any, value: Value) -> Truths:
        empty = exactly(f"({value.at}.isEmpty())")
        match name:
            case "len_min" | "len_max":
                return _length_of_set(name, want, empty)
            case "contains":
                held = _literals([want], value.element)
                return two_valued(exactly(f"({value.at}.contains({held[0]}))") if held else NEVER)
            case "eq" | "in":
                return two_valued(_all_among(self._options(name, want, value), value, empty))
            case "not_in":
                return two_valued(_some_among(self._options(name, want, value), value).opposite)
            case "any":
                return self._any_of_set(want, value, empty)
            case "either":
                together = self._together(want)
                if together is not None:
                    return self._of_set("in", together, value)
            case "origin_in" if not value.argument:
                return two_valued(empty)
            case "min" | "max" if value.element != "Long":
                return Truths(empty, NEVER)
            case "prefix" | "suffix" | "glob" | "not_glob" | "mentions" if (
                value.element != "String"
            ):
                return Truths(empty, NEVER)
            case _:
                pass
        return Truths(some([empty, PERHAPS]), every([empty.opposite, PERHAPS]))

    def _any_of_set(self, want: Any, value: Value, empty: Reach) -> Truths:
        inner = self._operators(want)
        if len(inner) == 1:
            name, options = inner[0]
            if name in ("eq", "in"):
                return two_valued(_some_among(self._options(name, options, value), value))
            if name == "not_in":
                among = _all_among(self._options(name, options, value), value, empty)
                return two_valued(among.opposite)
        return Truths(every([empty.opposite, PERHAPS]), some([empty, PERHAPS]))

    def _options(self, name: str, want: Any, value: Value) -> list[str]:
        return _literals([want] if name == "eq" else want, value.element)

    def _together(self, options: Sequence[Any]) -> list[Any] | None:
        """The values of an ``either`` of plain values and lists, as one list."""
        found: list[Any] = []
        for option in options:
            inner = self._operators(option)
            if len(inner) != 1 or inner[0][0] not in ("eq", "in"):
                return None
            found += [inner[0][1]] if inner[0][0] == "eq" else inner[0][1]
        return found

    def _of_groups(self, name: str, want: Any) -> Truths:
        """``principal.groups``: the caller's own and those of the org's table, always a list."""
        wanted: list[Any] | None = None
        if name == "contains":
            wanted = [want]
        elif name == "any":
            wanted = self._together([want])
        if wanted is None:
            return UNSAID
        names = [f"group:{one}" for one in wanted if isinstance(one, str) and "*" not in one]
        if len(names) < len([one for one in wanted if isinstance(one, str)]):
            return UNSAID
        return two_valued(principals(names, self._groups) if names else NEVER)


def _there(value: Value) -> Value:
    return Value(value.kind, ALWAYS, value.at, value.element, value.argument)


def _literal(want: Any, kind: str) -> str | None:
    """A value as a literal of a type, where it has one: a text is no number, true is not 1, 1.0 is 1."""
    if isinstance(want, bool):
        return (text.TRUE if want else text.FALSE) if kind == "Bool" else None
    if isinstance(want, str):
        return text.text(want) if kind == "String" else None
    if kind != "Long" or (isinstance(want, float) and not want.is_integer()):
        return None
    return str(int(want)) if LONG_MIN <= want <= LONG_MAX else None


def _literals(options: Sequence[Any], kind: str) -> list[str]:
    found = (_literal(one, kind) for one in options)
    return [one for one in found if one is not None]


def _all_among(options: Sequence[str], value: Value, empty: Reach) -> Reach:
    return exactly(f"({text.listed(options)}.containsAll({value.at}))") if options else empty


def _some_among(options: Sequence[str], value: Value) -> Reach:
    return exactly(f"({value.at}.containsAny({text.listed(options)}))") if options else NEVER


def _length_of_set(name: str, want: int, empty: Reach) -> Truths:
    """Sets have no size: only empty or not is sure."""
    if name == "len_min":
        if want <= 1:
            return TRUE_ALWAYS if want == 0 else two_valued(empty.opposite)
        return two_valued(every([empty.opposite, PERHAPS]))
    return two_valued(empty if want == 0 else some([empty, PERHAPS]))


def _length_of_union(name: str, want: int, values: Sequence[Value]) -> Truths:
    if any(value.kind in ("Opaque", "Groups") for value in values):
        return UNSAID
    some_there = some(
        every([value.present, exactly(f"!({value.at}.isEmpty())")])
        if value.kind == "Set"
        else value.present
        for value in values
    )
    if name == "len_min" and want <= 1:
        return TRUE_ALWAYS if want == 0 else two_valued(some_there)
    if name == "len_max" and want == 0:
        return two_valued(some_there.opposite)
    return UNSAID


def _scalar(name: str, want: Any, value: Value) -> Truths:
    at, kind = value.at, value.kind
    if name in ("eq", "in", "not_in"):
        options = _literals([want] if name == "eq" else want, kind)
        if len(options) == 1:
            found = exactly(f"({at} == {options[0]})")
        else:
            found = exactly(f"({text.listed(options)}.contains({at}))") if options else NEVER
        return two_valued(found if name != "not_in" else found.opposite)
    if name in ("min", "max"):
        return _compared(name, want, at) if kind == "Long" else UNKNOWN
    if kind != "String":
        return UNKNOWN
    match name:
        case "prefix":
            return _like(at, [want, ""])
        case "suffix":
            return _like(at, ["", want])
        case "contains":
            return _like(at, ["", want, ""]) if isinstance(want, str) else UNKNOWN
        case "glob":
            return two_valued(glob(at, want, "/"))
        case "not_glob":
            return two_valued(glob(at, want, "/").opposite)
        case "mentions":
            return _mentions(at, want)
        case "len_min" | "len_max":
            return _length_of_text(name, want, at)
        case _:
            return UNSAID


def _like(at: str, literals: Sequence[str]) -> Truths:
    return two_valued(exactly(f"({at} like {text.pattern(literals)})"))


def _mentions(at: str, words: Sequence[Any]) -> Truths:
    """Cedar knows no case folding: sure is only what stands there letter for letter."""
    if not words:
        return FALSE_ALWAYS
    written = [f"({at} like {text.pattern(['', str(word), ''])})" for word in words]
    return two_valued(Reach(text.any_of(written), text.TRUE))


def _length_of_text(name: str, want: int, at: str) -> Truths:
    """Cedar knows no length of texts, but whether one is empty."""
    empty = exactly(f'({at} == "")')
    if name == "len_min":
        if want <= 1:
            return TRUE_ALWAYS if want == 0 else two_valued(empty.opposite)
        return two_valued(every([empty.opposite, PERHAPS]))
    return two_valued(empty if want == 0 else some([empty, PERHAPS]))


def _compared(name: str, want: float, at: str) -> Truths:
    """``min`` and ``max`` of a whole number; a bound with a fraction is rounded inwards."""
    bound = math.ceil(want) if name == "min" else math.floor(want)
    if not LONG_MIN <= bound <= LONG_MAX:
        above = (bound > LONG_MAX) == (name == "min")
        return FALSE_ALWAYS if above else TRUE_ALWAYS
    return two_valued(exactly(f"({at} {'>=' if name == 'min' else '<='} {bound})"))
