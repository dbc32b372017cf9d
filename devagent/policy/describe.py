"""Rules in words: what a rule asks for that a call does not have. No value of a call is ever quoted."""

from collections.abc import Iterable
from typing import Any

from devagent.core.text import one_line
from devagent.policy.plain import is_list, is_table

SHOWN = 3

_WORDS = {
    "eq": "be",
    "in": "be one of",
    "not_in": "be none of",
    "min": "be at least",
    "max": "be at most",
    "prefix": "begin with",
    "suffix": "end with",
    "glob": "match",
    "not_glob": "not match",
    "mentions": "mention one of",
    "contains": "contain",
    "len_min": "have a length of at least",
    "len_max": "have a length of at most",
    "origin_in": "come from",
}


def condition_in_words(key: str, spec: Any) -> str:
    """One entry of ``when`` as a requirement: ``args.limit must be at most 1000``."""
    if key == "taint_none":
        return f"nothing read from {among(spec)} in this session"
    if key == "taint_any":
        return f"something read from {among(spec)} in this session"
    return f"{key.replace('|', ' and ')} must {_requirement(spec)}"


def among(values: Iterable[Any]) -> str:
    """A few of the values, and how many more there are."""
    values = list(values)
    shown = ", ".join(one_line(str(v), 60) for v in values[:SHOWN])
    return f"{shown} and {len(values) - SHOWN} more" if len(values) > SHOWN else shown or "nothing"


def _requirement(spec: Any) -> str:
    if is_table(spec):
        return " and ".join(_operator(name, want) for name, want in spec.items())
    if is_list(spec) or (isinstance(spec, str) and spec.startswith("@")):
        return _operator("in", spec)
    return _operator("eq", spec)


def _operator(name: str, want: Any) -> str:
    match name:
        case "absent":
            return "be absent" if want else "be given"
        case "not":
            return f"not {_requirement(want)}"
        case "any":
            return f"have an element that must {_requirement(want)}"
        case "either":
            return " or ".join(_requirement(one) for one in want)
        case _:
            return f"{_WORDS[name]} {_value(want)}"


def _value(want: Any) -> str:
    if isinstance(want, bool):
        return "true" if want else "false"
    return among(want) if is_list(want) else one_line(str(want), 60)
