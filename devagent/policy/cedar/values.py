"""What a condition's key stands for in Cedar: where its value is, of which type, and when it is there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import ALWAYS, NEVER, PERHAPS, Reach, exactly
from devagent.policy.cedar.shapes import OPAQUE, Shape
from devagent.policy.plain import is_list, is_table

ValueKind = Literal["String", "Long", "Bool", "Set", "Table", "Groups", "Opaque"]
CONTEXT_TYPES: dict[str, Shape] = {"mode": Shape("String"), "interactive": Shape("Bool")}
"""Keys of the request's context whose type is known without looking at what they are compared with."""
HOUSE_CONTEXT = frozenset(("taint", "origins"))


class Value(Struct, frozen=True):
    """``at`` is an expression, evaluated only where ``present`` holds; ``element`` the type of a set's.

    ``argument``: values with origins. An opaque value is not given to Cedar.
    """

    kind: ValueKind
    present: Reach
    at: str = ""
    element: str = ""
    argument: bool = False


class Keys:
    """Where the keys of conditions are found, for one tool."""

    def __init__(
        self, arguments: Shape, context: Mapping[str, Shape], facts: frozenset[str]
    ) -> None:
        self._arguments = arguments
        self._context = context
        self._facts = facts

    def find(self, key: str) -> Value:
        """One key without alternatives."""
        if "@" in key:
            if key not in self._facts:
                return Value("Opaque", PERHAPS, argument=True)
            present = exactly(text.has("context.facts", key))
            at = text.attribute("context.facts", key)
            return Value("Set", present, at, "String", argument=True)
        root, *path = ("context.mode" if key == "mode" else key).split(".")
        if root == "principal":
            if path[0] == "groups":
                return Value("Groups", ALWAYS, "principal.groups", "String")
            return Value("String", exactly(text.has("principal", path[0])), f"principal.{path[0]}")
        if root == "context":
            return self._of_context(path)
        if path == ["**"]:
            return Value("Opaque", ALWAYS, argument=True)
        return _within("context.args", self._arguments, path, argument=True)

    def _of_context(self, path: Sequence[str]) -> Value:
        if path == ["taint"]:
            return Value("Opaque", PERHAPS)
        shape = self._context.get(path[0])
        if shape is None or shape.kind == "Opaque" or len(path) > 1:
            return Value("Opaque", PERHAPS)
        return _within("context.session", Shape("Record", fields={path[0]: shape}), path)


def _within(record: str, shape: Shape, path: Sequence[str], *, argument: bool = False) -> Value:
    present: list[str] = []
    for part in path:
        if shape.kind in ("Opaque", "Set"):
            return Value("Opaque", Reach(text.FALSE, text.all_of(present)), argument=argument)
        inner = shape.fields.get(part) if shape.kind == "Record" else None
        if inner is None:
            lost = PERHAPS if shape.open else NEVER
            return Value("Opaque", lost, argument=argument)
        shape = inner
        if shape.kind == "Opaque":
            return Value("Opaque", Reach(text.FALSE, text.all_of(present)), argument=argument)
        present.append(text.has(record, part))
        record = text.attribute(record, part)
    kind: ValueKind = "Table" if shape.kind == "Record" else shape.kind
    return Value(kind, exactly(text.all_of(present)), record, shape.element, argument)


def context_types(
    whens: Iterable[tuple[Mapping[str, Any], Mapping[str, Sequence[Any]]]],
) -> dict[str, Shape]:
    """The types of the request's context, by what conditions (each with its file's lists) compare with."""
    compared: dict[str, set[str]] = {}
    for when, lists in whens:
        for key, spec in when.items():
            for part in key.split("|"):
                root, *path = part.split(".")
                if root == "context" and len(path) == 1:
                    compared.setdefault(path[0], set()).update(_types(spec, lists))
    types: dict[str, Shape] = {}
    for name, kinds in compared.items():
        if name not in HOUSE_CONTEXT:
            [kind] = kinds if len(kinds) == 1 else ["Opaque"]
            types[name] = Shape(kind) if kind in ("String", "Long", "Bool") else OPAQUE
    return {**{k: v for k, v in types.items() if v.kind != "Opaque"}, **CONTEXT_TYPES}


def _types(spec: Any, lists: Mapping[str, Sequence[Any]]) -> set[str]:
    if is_table(spec):
        found: set[str] = set()
        for name, want in spec.items():
            if name in ("len_min", "len_max", "absent"):
                continue
            found |= {"Long"} if name in ("min", "max") else _types(want, lists)
        return found
    if is_list(spec):
        return {kind for one in spec for kind in _types(one, lists)}
    if isinstance(spec, str) and spec.startswith("@") and spec[1:] in lists:
        return {kind for one in lists[spec[1:]] for kind in _types(one, lists)}
    if isinstance(spec, bool):
        return {"Bool"}
    return {"Long" if isinstance(spec, int | float) else "String"}
