"""Traps of the language: conditions that say something else than they seem to.

1. An operator on a list asks each element, so it holds for an empty list (an allow then allows).
2. A deny or an ask matches where its condition is unknown, so it also speaks where an argument is absent.
3. ``not`` turns the whole around: around a list it means "not every", not "none".
4. Facts are lower case: an upper-case letter beside one never matches.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from devagent.core.tools import ToolSpec
from devagent.policy.argument_shapes import Shape, merged
from devagent.policy.describe import among
from devagent.policy.lint.finding import Finding
from devagent.policy.lint.subject import Scoped, Subject, operators
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path
from devagent.policy.syntax import Rule
from devagent.policy.tool_types import base_key

EACH_MUST = ("eq", "in", "min", "max", "prefix", "suffix", "glob", "mentions", "origin_in")
"""Operators that ask for something of each element; ``not_in`` and ``not_glob`` rule something out."""
OF_EACH = (*EACH_MUST, "not_in", "not_glob", "either")
INSTEAD = {"in": "not_in", "glob": "not_glob"}
LOWER_CASE = ("eq", "in", "not_in", "prefix", "suffix", "glob", "not_glob", "contains")


def trap_findings(subject: Subject) -> Iterator[Finding]:
    """All of the traps above."""
    for scoped in subject.scoped:
        for key, spec in scoped.of.when.items():
            if key in ("taint_none", "taint_any"):
                continue
            path = (*scoped.path, "when", key)
            is_deny = isinstance(scoped.of, Rule) and scoped.of.effect != "allow"
            listed = _is_list(subject, scoped, key)
            if listed:
                yield from _not_around(subject, key, spec, path)
            if is_deny:
                yield from _absent(subject, scoped, key, spec, path)
            elif listed and not _never_empty(subject, scoped, key):
                yield from _empty(subject, key, spec, path)
            if "@" in key:
                yield from _upper_case(subject, key, spec, path)


def _empty(subject: Subject, key: str, spec: Any, path: Path) -> Iterator[Finding]:
    if _asks_for_elements(spec):
        return
    found = [(n, p) for n, _, p, around in operators(spec, path) if n in EACH_MUST and not {"any", "not"} & set(around)]  # fmt: skip
    if found:
        name, place = found[0]
        yield subject.finding(
            "empty-list-allows",
            place,
            f"{key} is a list, and {name} also holds where it is empty",
            f'Write "{key}" = {{ …, len_min = 1 }}.',
        )


def _asks_for_elements(spec: Any) -> bool:
    """Whether a condition is false for an empty list."""
    if not is_table(spec):
        return False
    for name, want in spec.items():
        if (name == "len_min" and want > 0) or name in ("any", "contains"):
            return True
    return False


def _absent(subject: Subject, scoped: Scoped, key: str, spec: Any, path: Path) -> Iterator[Finding]:
    if "args." not in key or any(name == "absent" for name, *_ in operators(spec, path)):
        return
    parts = [base_key(part) for part in key.split("|")]
    if not all(part.startswith("args.") and part != "args.**" for part in parts):
        return
    meant = subject.catalogue.meant(scoped.of.tools)
    if not meant.certain and scoped.of.resources is not None:
        return  # whether a tool that lacks the argument touches these is not known
    classes = scoped.of.classes
    tools = [t for t in meant.tools if classes is None or t.tool_class in classes]
    lacking = [t for t in tools if all(_shape(subject, t, part) is None for part in parts)]
    if len(lacking) == len(tools) and meant.certain:
        return  # no tool has it: another finding
    without = [
        t
        for t in tools
        if all((shape := _shape(subject, t, part)) is None or shape.optional for part in parts)
    ]
    if not without:
        return
    names = among(t.qualified for t in without)
    why = "do not have it" if len(lacking) == len(without) else "may be called without it"
    effect = "denies" if scoped.of.effect == "deny" else "asks about"
    yield subject.finding(
        "absent-is-refused",
        path,
        f"{scoped.title} also {effect} calls without {key}: {names} {why}",
        f'If it is about calls that have it, write "{key}" = {{ …, absent = false }}.',
    )


def _not_around(subject: Subject, key: str, spec: Any, path: Path) -> Iterator[Finding]:
    for name, want, place, around in operators(spec, path):
        if name != "not" or "any" in around:
            continue
        inner = [n for n, _, _, within in operators(want, ()) if n in OF_EACH and not within]
        if inner:
            yield subject.finding(
                "not-around-a-list",
                place,
                f"{key} is a list, and not = {{ {inner[0]} = … }} means that not every element is so",
                f"For none write {INSTEAD.get(inner[0]) or f'not = {{ any = {{ {inner[0]} = … }} }}'}; "
                f"for not every, any = {{ not = {{ {inner[0]} = … }} }}.",
            )


def _upper_case(subject: Subject, key: str, spec: Any, path: Path) -> Iterator[Finding]:
    if not all("@" in part for part in key.split("|")):
        return
    for name, want, place, _ in operators(spec, path):
        if name not in LOWER_CASE:
            continue
        values = subject.file.lists.get(want[1:], ()) if _is_named(want) else want
        for one in values if is_list(values) else [values]:
            if isinstance(one, str) and one != one.lower():
                yield subject.finding(
                    "upper-case-fact",
                    place,
                    f'facts are lower case: "{one}" is never among them',
                    f'Write "{one.lower()}".',
                )


def _is_named(want: Any) -> bool:
    return isinstance(want, str) and want.startswith("@")


def _is_list(subject: Subject, scoped: Scoped, key: str) -> bool:
    """Whether a key's value is known to be a list, or may be one."""
    if "|" in key or "@" in key or key in ("args.**", "principal.groups"):
        return True
    if not key.startswith("args."):
        return False
    found = _known(subject, scoped, key)
    return found is not None and found.many and found.types is not None


def _never_empty(subject: Subject, scoped: Scoped, key: str) -> bool:
    if "@" in key or not all(part.startswith("args.") for part in key.split("|")):
        return False
    found = merged(s for part in key.split("|") if (s := _known(subject, scoped, part)) is not None)
    return found is not None and (found.never_empty or not found.many)


def _known(subject: Subject, scoped: Scoped, key: str) -> Shape | None:
    meant = subject.catalogue.meant(scoped.of.tools)
    return _of(subject, meant.tools, key) if meant.certain else None


def _of(subject: Subject, tools: Sequence[ToolSpec], key: str) -> Shape | None:
    return merged(s for t in tools if (s := subject.catalogue.shape(t, key)) is not None)


def _shape(subject: Subject, tool: ToolSpec, key: str) -> Shape | None:
    return subject.catalogue.shape(tool, key)
