"""Arguments as Cedar sees them: the part of a tool's JSON schema that has a Cedar type.

Strings, integers, booleans, lists of these (as sets: order and repetition are lost) and objects of these.
Everything else (numbers with a fraction, unions, lists of objects, open objects) is opaque: not given to
Cedar, and a condition on it says nothing there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from devagent.policy.cedar.text import LONG_MAX, LONG_MIN, declared
from devagent.policy.plain import is_list, is_table

Kind = Literal["String", "Long", "Bool", "Set", "Record", "Opaque"]
DEEPEST = 16
_SCALARS: dict[str, Kind] = {"string": "String", "integer": "Long", "boolean": "Bool"}


class NotExpressible(ValueError):
    """A call that has no place in the Cedar schema. It is to be treated as refused."""


class Shape(Struct, frozen=True):
    """A type. ``element`` is a set's; ``fields`` and ``required`` a record's, ``open`` where it may have others."""

    kind: Kind
    element: Kind = "Opaque"
    fields: dict[str, "Shape"] = {}
    required: frozenset[str] = frozenset()
    open: bool = False

    def declared(self) -> str:
        """The type in a Cedar schema."""
        if self.kind == "Set":
            return f"Set<{self.element}>"
        if self.kind != "Record":
            return self.kind
        inner = (
            f"{declared(name)}{'' if name in self.required else '?'}: {shape.declared()}"
            for name, shape in self.said()
        )
        return f"{{ {', '.join(inner)} }}"

    def said(self) -> Iterator[tuple[str, "Shape"]]:
        """The fields that Cedar is given."""
        return ((name, shape) for name, shape in self.fields.items() if shape.kind != "Opaque")


OPAQUE = Shape("Opaque")


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """The shape of an object's JSON schema: a record, if need be an empty open one."""
    found = _shape(schema, schema.get("$defs", {}), 0)[0]
    return found if found.kind == "Record" else Shape("Record", open=True)


def _shape(schema: Any, definitions: Any, depth: int) -> tuple[Shape, bool]:
    """The shape, and whether it may be null as well (which is absent)."""
    if not is_table(schema) or depth > DEEPEST:
        return OPAQUE, True
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/")
        inner = definitions.get(name) if is_table(definitions) else None
        return _shape(inner, definitions, depth + 1)
    if not {"anyOf", "oneOf", "allOf", "not", "if"}.isdisjoint(schema):
        return _one_or_null(schema, definitions, depth)
    kinds = schema.get("type")
    named: list[Any] = list(kinds) if is_list(kinds) else [kinds]
    nullable = "null" in named
    named = [kind for kind in named if kind != "null"]
    if named == [None] and is_list(schema.get("enum")):
        named = ["string"] if all(isinstance(one, str) for one in schema["enum"]) else []
    if len(named) != 1:
        return OPAQUE, True
    if named[0] in _SCALARS:
        return Shape(_SCALARS[named[0]]), nullable
    if named[0] == "array":
        element, null = _shape(schema.get("items"), definitions, depth + 1)
        plain = element.kind in ("String", "Long", "Bool") and not null
        return (Shape("Set", element=element.kind) if plain else OPAQUE), nullable
    if named[0] == "object" and (schema.get("properties") or not _is_open(schema)):
        return _record(schema, definitions, depth), nullable
    return OPAQUE, True


def _one_or_null(schema: dict[str, Any], definitions: Any, depth: int) -> tuple[Shape, bool]:
    options = schema.get("anyOf") or schema.get("oneOf")
    if not is_list(options) or not {"allOf", "not", "if"}.isdisjoint(schema):
        return OPAQUE, True
    others = [one for one in options if one != {"type": "null"}]
    if len(others) != 1:
        return OPAQUE, True
    return _shape(others[0], definitions, depth + 1)[0], True


def _record(schema: dict[str, Any], definitions: Any, depth: int) -> Shape:
    fields: dict[str, Shape] = {}
    needed: set[str] = set()
    properties = schema.get("properties")
    for name, inner in properties.items() if is_table(properties) else ():
        shape, nullable = _shape(inner, definitions, depth + 1)
        fields[name] = shape
        if name in schema.get("required", ()) and not nullable:
            needed.add(name)
    return Shape("Record", fields=fields, required=frozenset(needed), open=_is_open(schema))


def _is_open(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties", True) is not False


def given(shape: Shape, value: Any, name: str) -> Any:
    """A value as Cedar is given it. Raises NotExpressible where it does not have the shape."""
    match shape.kind:
        case "Record" if is_table(value):
            return {
                key: given(inner, value[key], f"{name}.{key}")
                for key, inner in shape.said()
                if value.get(key) is not None
            }
        case "Set" if is_list(value):
            return [_scalar(shape.element, one, name) for one in value]
        case "String" | "Long" | "Bool":
            return _scalar(shape.kind, value, name)
        case _:
            raise NotExpressible(f"{name} is not of the type in the tool's schema")


def _scalar(kind: Kind, value: Any, name: str) -> Any:
    if kind == "Bool" and isinstance(value, bool):
        return value
    if kind == "String" and isinstance(value, str):
        return value
    if kind == "Long" and not isinstance(value, bool):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and LONG_MIN <= value <= LONG_MAX:
            return value
    raise NotExpressible(f"{name} is not of the type in the tool's schema")
