"""What may stand in ``when``: known keys, known operators, operands of the right type."""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.policy.check_globs import glob, globs
from devagent.policy.checks import (
    Refusal,
    kind_of,
    listed,
    name_of,
    number,
    scalar,
    shortened,
    table,
    text,
    truth,
    whole,
)
from devagent.policy.names import did_you_mean
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path

OPERATORS = (
    "eq",
    "in",
    "not_in",
    "min",
    "max",
    "prefix",
    "suffix",
    "glob",
    "not_glob",
    "mentions",
    "contains",
    "len_min",
    "len_max",
    "origin_in",
    "either",
    "any",
    "not",
    "absent",
)
ROOTS = ("args", "context", "principal", "mode", "taint_none", "taint_any")
PRINCIPAL_KEYS = ("user", "groups", "agent", "ci", "on_behalf_of")
FACTS = ("@hosts", "@urls", "@emails", "@domains", "@amounts")
DEEPEST = 32

Lists = Mapping[str, Sequence[Any]]


def conditions(value: object, path: Path, lists: Lists) -> dict[str, Any]:
    """A whole ``when``, given back as it is."""
    when = table(value, path)
    for key, spec in when.items():
        here = (*path, key)
        if key in ("taint_none", "taint_any"):
            globs(spec, here)
        else:
            for part in key.split("|"):
                _key(part, here)
            _spec(spec, here, lists, 0)
    return when


def _key(key: str, path: Path) -> None:
    root, *rest = key.split(".")
    shown = shortened(key)
    if root not in ROOTS:
        raise Refusal(path, f'there is no condition on "{shown}"', did_you_mean(root, ROOTS))
    if root in ("taint_none", "taint_any"):
        raise Refusal(path, f'"{root}" can not stand beside other keys')
    if root == "mode":
        if rest:
            raise Refusal(path, f'"mode" is one text: there is no "{shown}"')
        return
    if not rest or not all(rest):
        hint = f'Write the whole key in quotes, for example "{root}.name".'
        raise Refusal(path, f'"{shown}" names no value', hint)
    if root == "principal" and (len(rest) > 1 or rest[0] not in PRINCIPAL_KEYS):
        raise Refusal(path, f'a principal has no "{shown}"', did_you_mean(rest[0], PRINCIPAL_KEYS))
    if "@" in key:
        _fact(root, rest, path, shown)
    elif "*" in key and key != "args.**":
        raise Refusal(path, f'"{shown}" is no key', 'Only "args.**" and its facts have stars.')


def _fact(root: str, rest: list[str], path: Path, shown: str) -> None:
    *inner, fact = rest
    if root != "args" or not inner or any("@" in part for part in inner):
        hint = 'Write "args.name.@hosts" or "args.**.@hosts".'
        raise Refusal(path, f'"{shown}" is no fact of an argument', hint)
    if fact not in FACTS:
        what = f'there is no fact "{shortened(fact)}"'
        raise Refusal(path, what, did_you_mean(fact, FACTS))
    if any("*" in part for part in inner) and inner != ["**"]:
        raise Refusal(path, f'"{shown}" is no key', 'Only "args.**" and its facts have stars.')


def _spec(spec: object, path: Path, lists: Lists, depth: int) -> None:
    """What a value must be: a scalar, a list of them, ``"@name"`` or a table of operators."""
    if depth > DEEPEST:
        raise Refusal(path, "this condition is nested too deeply")
    if is_list(spec):
        _scalars(spec, path)
    elif is_table(spec):
        if not spec:
            raise Refusal(path, f"{name_of(path)} has an empty table, which says nothing")
        for name, want in spec.items():
            _operand(name, want, (*path, name), lists, depth)
    elif isinstance(spec, str) and spec.startswith("@"):
        _named_list(spec, path, lists)
    else:
        scalar(spec, path)


def _operand(name: str, want: object, path: Path, lists: Lists, depth: int) -> None:
    match name:
        case "eq" | "contains":
            scalar(want, path)
        case "in" | "not_in":
            _options(want, path, lists)
        case "mentions":
            for word in _options(want, path, lists):
                if not isinstance(word, str):
                    raise Refusal(path, f"mentions looks for words, not for {kind_of(word)}")
        case "min" | "max":
            number(want, path)
        case "prefix" | "suffix":
            text(want, path)
        case "glob" | "not_glob":
            glob(want, path)
        case "len_min" | "len_max":
            whole(want, path)
        case "origin_in":
            globs(want, path)
        case "either":
            for i, one in enumerate(listed(want, path)):
                _spec(one, (*path, i), lists, depth + 1)
        case "any" | "not":
            _spec(want, path, lists, depth + 1)
        case "absent":
            truth(want, path)
        case _:
            raise Refusal(
                path, f'there is no operator "{shortened(name)}"', did_you_mean(name, OPERATORS)
            )


def _options(want: object, path: Path, lists: Lists) -> Sequence[Any]:
    if isinstance(want, str):
        return _named_list(want, path, lists)
    return _scalars(listed(want, path), path)


def _scalars(values: Sequence[Any], path: Path) -> Sequence[Any]:
    for i, one in enumerate(values):
        scalar(one, (*path, i))
    return values


def _named_list(name: str, path: Path, lists: Lists) -> Sequence[Any]:
    if not name.startswith("@"):
        raise Refusal(
            path, f"{name_of(path)} must be a list, not a text", f'Write ["{shortened(name)}"].'
        )
    if name[1:] not in lists:
        what = f'there is no list "{shortened(name)}" in this file'
        known = [f"@{known}" for known in lists]
        hint = did_you_mean(name, known) or "Lists stand under [lists]."
        raise Refusal(path, what, hint)
    return lists[name[1:]]
