"""Conditions: three-valued logic over what ``lookups`` finds.

``when`` is compiled once into functions that answer True, False or None (unknown). An absent key, and
an operator on a type it does not know, are unknown. All of: false beats unknown beats true; any:
true beats unknown beats false. What unknown means for a rule is for the rule to say (``compile``).
"""

from collections.abc import Callable, Iterable
from typing import Any

from devagent.policy.globs import Matcher, compile_glob
from devagent.policy.lookups import ABSENT, Origins, Place, Subject, compile_lookup, elements
from devagent.policy.needs import asks_for_origin
from devagent.policy.plain import is_list, is_table

Truth = bool | None
Test = Callable[[Any, Place, Origins], Truth]
Condition = Callable[[Subject], Truth]
Lists = dict[str, list[Any]]


def compile_when(when: dict[str, Any], lists: Lists) -> list[Condition]:
    """One function for each key of a validated ``when``; all of them must hold."""
    return [_condition(key, spec, lists) for key, spec in when.items()]


def all_hold(conditions: Iterable[Condition], subject: Subject) -> Truth:
    """All of: false beats unknown beats true."""
    result: Truth = True
    for condition in conditions:
        held = condition(subject)
        if held is False:
            return False
        if held is None:
            result = None
    return result


def _all(values: Iterable[Truth]) -> Truth:
    result: Truth = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def _any(values: Iterable[Truth]) -> Truth:
    result: Truth = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result


def _condition(key: str, spec: Any, lists: Lists) -> Condition:
    if key in ("taint_none", "taint_any"):
        return _taint(spec, wanted=key == "taint_any")
    look = compile_lookup(key, placed=asks_for_origin(spec))
    test = compile_test(spec, lists)

    def condition(subject: Subject) -> Truth:
        value, place = look(subject)
        return test(value, place, subject.origins)

    return condition


def _taint(patterns: list[str], *, wanted: bool) -> Condition:
    matchers = [compile_glob(pattern, ".") for pattern in patterns]

    def condition(subject: Subject) -> Truth:
        return any(matches(label) for label in subject.taint for matches in matchers) is wanted

    return condition


def compile_test(spec: Any, lists: Lists) -> Test:
    """A scalar, a list, ``"@name"`` or a table of operators as one test."""
    if is_list(spec) or (isinstance(spec, str) and spec.startswith("@")):
        return _operator("in", spec, lists)
    if not is_table(spec):
        return _operator("eq", spec, lists)
    tests = [_operator(name, want, lists) for name, want in spec.items()]
    if len(tests) == 1:
        return tests[0]

    def test(value: Any, place: Place, origins: Origins) -> Truth:
        return _all(one(value, place, origins) for one in tests)

    return test


def _operator(name: str, want: Any, lists: Lists) -> Test:
    match name:
        case "absent":
            return _absent(want)
        case "not":
            return _not(compile_test(want, lists))
        case "any":
            return _at_least_one(compile_test(want, lists))
        case "len_min" | "len_max":
            return _length(want, least=name == "len_min")
        case "contains":
            return _contains(want)
        case "either":
            return _each(_either([compile_test(one, lists) for one in want]))
        case "origin_in":
            return _each(_origin_in([compile_glob(pattern, ".") for pattern in want]))
        case _:
            return _each_scalar(_scalar_test(name, want, lists))


def _absent(want: bool) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        return (value is ABSENT) is want

    return test


def _not(inner: Test) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        held = None if value is ABSENT else inner(value, place, origins)
        return None if held is None else not held

    return test


def _at_least_one(inner: Test) -> Test:
    """A scalar counts as a list of one."""

    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if value is ABSENT:
            return None
        if is_list(value):
            return _any(inner(v, p, origins) for v, p in elements(value, place))
        return inner(value, place, origins)

    return test


def _length(want: int, *, least: bool) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if not isinstance(value, str) and not is_list(value):
            return None
        size = len(value)
        return size >= want if least else size <= want

    return test


def _contains(want: Any) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if isinstance(value, str):
            return want in value if isinstance(want, str) else None
        if is_list(value):
            return any(equal(want, element) for element in value)
        return None

    return test


def _each(one: Test) -> Test:
    """On a list, every element must pass; an empty list passes."""

    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if value is ABSENT:
            return None
        if is_list(value):
            return _all(test(v, p, origins) for v, p in elements(value, place))
        return one(value, place, origins)

    return test


def _either(options: list[Test]) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        return _any(option(value, place, origins) for option in options)

    return test


def _origin_in(matchers: list[Matcher]) -> Test:
    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if not isinstance(place, str):
            return False
        known = origins.get(place) or ()
        if not is_list(known):
            raise ValueError(f"the origins of {place} are no list")
        return any(matches(origin) for matches in matchers for origin in known)

    return test


def _each_scalar(test_of: Callable[[Any], Truth]) -> Test:
    """As ``_each``, for an operator that looks at scalars only and never at places."""

    def test(value: Any, place: Place, origins: Origins) -> Truth:
        if isinstance(value, str):
            return test_of(value)
        if value is ABSENT or is_table(value):
            return None
        if is_list(value):
            return _all(test(v, None, origins) for v in value)
        return test_of(value)

    return test


def _scalar_test(name: str, want: Any, lists: Lists) -> Callable[[Any], Truth]:
    match name:
        case "eq":
            return lambda value: equal(want, value)
        case "in" | "not_in" | "mentions":
            options = lists[want[1:]] if isinstance(want, str) else want
            if name == "mentions":
                return _mentions([str(option).casefold() for option in options])
            return _member(options, inside=name == "in")
        case "min":
            return lambda value: value >= want if _is_number(value) else None
        case "max":
            return lambda value: value <= want if _is_number(value) else None
        case "prefix":
            return lambda value: value.startswith(want) if isinstance(value, str) else None
        case "suffix":
            return lambda value: value.endswith(want) if isinstance(value, str) else None
        case "glob" | "not_glob":
            return _matches(compile_glob(want, "/"), wanted=name == "glob")
        case _:
            raise ValueError(f"unknown operator {name}")


def _mentions(words: list[str]) -> Callable[[Any], Truth]:
    def test(value: Any) -> Truth:
        if not isinstance(value, str):
            return None
        text = value.casefold()
        return any(word in text for word in words)

    return test


def _member(options: list[Any], *, inside: bool) -> Callable[[Any], Truth]:
    # True is not 1: booleans, numbers and texts each have a set of their own.
    truths = {o for o in options if isinstance(o, bool)}
    numbers = {o for o in options if _is_number(o)}
    texts = {o for o in options if isinstance(o, str)}

    def test(value: Any) -> Truth:
        if isinstance(value, str):
            found = value in texts
        elif isinstance(value, bool):
            found = value in truths
        else:
            found = _is_number(value) and value in numbers
        return found is inside

    return test


def _matches(matches: Matcher, *, wanted: bool) -> Callable[[Any], Truth]:
    def test(value: Any) -> Truth:
        return matches(value) is wanted if isinstance(value, str) else None

    return test


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(a: Any, b: Any) -> bool:
    """Equal scalars: true is not 1, 1 is 1.0, text by code point."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a is b
    if _is_number(a) and _is_number(b):
        return a == b
    return isinstance(a, str) and isinstance(b, str) and a == b
