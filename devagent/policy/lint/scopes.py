"""Whether one rule is about all that another is about, judged on their text alone.

A yes is certain. A no may be a yes that takes more reasoning: then nothing is reported.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.policy.glob_relations import (
    any_covers,
    can_meet,
    resource_covers,
    resources_can_meet,
)
from devagent.policy.plain import is_list, is_table
from devagent.policy.syntax import ACCESSES, CLASSES, Envelope, Rule
from devagent.policy.tool_types import Catalogue

Lists = Mapping[str, Sequence[Any]]
BOUNDS = ("max", "min", "len_max", "len_min", "prefix", "suffix", "in", "not_in")
"""Operators of which one operand can be stricter than another."""


class Extent:
    """What a rule or an envelope is about, made ready to be compared with many others.

    ``lists`` are the named lists of its file; ``classes`` those that its tools and its ``classes`` leave.
    """

    __slots__ = ("bounds", "classes", "conditions", "exact", "of")

    def __init__(self, of: Rule | Envelope, lists: Lists, catalogue: Catalogue) -> None:
        self.of = of
        self.classes = frozenset(_classes(of, catalogue))
        self.conditions = {
            key: {"": spec} if key.startswith("taint_") else _named(spec, lists)
            for key, spec in of.when.items()
        }
        operators = [
            (key, n, want) for key, spec in self.conditions.items() for n, want in spec.items()
        ]
        self.exact = frozenset((k, n, repr(want)) for k, n, want in operators if n not in BOUNDS)
        """What another rule can imply only by saying the same; ``bounds`` it may also draw tighter."""
        self.bounds = [one for one in operators if one[1] in BOUNDS]


def covers(wide: Extent, narrow: Extent) -> bool:
    """Whether ``wide`` is about every call and resource that ``narrow`` is about, conditions too.

    Its conditions then hold wherever those of ``narrow`` do, and are false at most where those are.
    """
    a, b = wide.of, narrow.of
    return (
        wide.exact <= narrow.exact
        and all(_implied(narrow.conditions.get(k), n, want) for k, n, want in wide.bounds)
        and (a.classes is None or narrow.classes <= wide.classes)
        and (a.access is None or set(b.access or ACCESSES) <= set(a.access))
        and _all_covered(a.principals, b.principals, "")
        and _all_covered(a.tools, b.tools, ".")
        and _resources_covered(a.resources, b.resources)
    )


def may_meet(one: Extent, other: Extent) -> bool:
    """Whether some call may be one that both are about, whoever makes it and conditions aside."""
    a, b = one.of, other.of
    return (
        _meet(a.tools, b.tools, ".")
        and bool(one.classes & other.classes)
        and (a.access is None or b.access is None or bool({*a.access} & {*b.access}))
        and _resources_meet(a.resources, b.resources)
    )


def classes_of_tools(scoped: Rule | Envelope, catalogue: Catalogue) -> set[str]:
    """The classes of the tools that a rule names; every class where any tool may be meant."""
    meant = catalogue.meant(scoped.tools)
    return {t.tool_class for t in meant.tools} if meant.certain and meant.tools else set(CLASSES)


def _all_covered(wide: Sequence[str] | None, narrow: Sequence[str] | None, separator: str) -> bool:
    if wide is None:
        return True
    if narrow is None:
        return any(pattern == "**" or (not separator and pattern == "*") for pattern in wide)
    return all(one in wide or any_covers(wide, one, separator) for one in narrow)


def _resources_covered(wide: Sequence[str] | None, narrow: Sequence[str] | None) -> bool:
    if wide is None:
        return True
    return narrow is not None and all(
        one in wide or any(resource_covers(pattern, one) for pattern in wide) for one in narrow
    )


def _meet(one: Sequence[str] | None, other: Sequence[str] | None, separator: str) -> bool:
    if one is None or other is None:
        return one != () and other != ()
    return any(can_meet(a, b, separator) for a in one for b in other)


def _resources_meet(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    if one is None or other is None:
        return one != () and other != ()
    return any(resources_can_meet(a, b) for a in one for b in other)


def _classes(scoped: Rule | Envelope, catalogue: Catalogue) -> set[str]:
    """The classes that a rule can be about."""
    classes = classes_of_tools(scoped, catalogue)
    return classes if scoped.classes is None else classes & set(scoped.classes)


def _named(spec: Any, lists: Lists) -> Any:
    """A condition with its named lists written out."""
    if isinstance(spec, str) and spec.startswith("@"):
        return {"in": list(lists[spec[1:]])}
    if is_list(spec):
        return {"in": list(spec)}
    if not is_table(spec):
        return {"eq": spec}
    return {name: _operand(name, want, lists) for name, want in spec.items()}


def _operand(name: str, want: Any, lists: Lists) -> Any:
    if name in ("in", "not_in", "mentions") and isinstance(want, str):
        return list(lists[want[1:]])
    if name in ("any", "not"):
        return _named(want, lists)
    return [_named(one, lists) for one in want] if name == "either" else want


def _implied(narrow: dict[str, Any] | None, name: str, want: Any) -> bool:
    """Whether a key's conditions hold only where ``name = want`` does."""
    return narrow is not None and any(_tighter(n, mine, name, want) for n, mine in narrow.items())


def _same(one: Any, other: Any) -> bool:
    """Equal with types: ``true`` is not ``1``."""
    return repr(one) == repr(other)


def _tighter(name: str, mine: Any, wanted: str, want: Any) -> bool:
    """Whether ``name = mine`` is a stricter form of ``wanted = want``, unknown for the same values."""
    match name, wanted:
        case ("max", "max") | ("len_max", "len_max"):
            return mine <= want
        case ("min", "min") | ("len_min", "len_min"):
            return mine >= want
        case ("prefix", "prefix"):
            return mine.startswith(want)
        case ("suffix", "suffix"):
            return mine.endswith(want)
        case ("in", "in"):
            return all(any(_same(one, other) for other in want) for one in mine)
        case ("not_in", "not_in"):
            return all(any(_same(one, other) for other in mine) for one in want)
        case ("eq", "in"):
            return any(_same(mine, other) for other in want)
        case _:
            return False
