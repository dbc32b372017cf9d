"""What a tool's recorded JSON Schema says of one argument: its type, its values, whether it may be absent.

Only what a schema says for certain is used. Where it says nothing, or says it in a way that is not read
here (``allOf``, ``if``, ``patternProperties``, a ``$ref`` to elsewhere), the argument may be anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from devagent.policy.plain import is_list, is_table

DEEPEST = 24
_NOT_READ = ("allOf", "if", "not", "patternProperties", "dependentSchemas", "$dynamicRef")


class Shape(Struct, frozen=True):
    """What an argument, or each element of it, can be.

    ``types`` are JSON's names of types, None = anything; ``values`` an enum, None = none. ``many``: it is or
    may be a list; ``never_empty``: such a list has at least one element. ``optional``: it may still be absent
    when the schema's defaults are filled in.
    """

    types: frozenset[str] | None = None
    values: tuple[Any, ...] | None = None
    many: bool = False
    never_empty: bool = False
    optional: bool = False


ANYTHING = Shape(optional=True, many=True)


def argument_shape(schema: Mapping[str, Any], path: Sequence[str]) -> Shape | None:
    """The argument at a path below ``args``; None where the schema rules it out."""
    return merged(_Walk(schema).at(schema, path, Shape()))


def merged(shapes: Iterable[Shape]) -> Shape | None:
    """What something is that is one of these; None for none."""
    found = list(shapes)
    if len(found) < 2:
        return found[0] if found else None
    types: frozenset[str] | None = frozenset()
    values: tuple[Any, ...] | None = ()
    for one in found:
        types = None if types is None or one.types is None else types | one.types
        values = None if values is None or one.values is None else (*values, *one.values)
    many = any(one.many for one in found)
    return Shape(
        types=types,
        values=values,
        many=many,
        never_empty=many and all(one.never_empty or not one.many for one in found),
        optional=any(one.optional for one in found),
    )


def property_names(schema: Mapping[str, Any], path: Sequence[str]) -> list[str]:
    """The names that can stand at the end of a path, where its beginning exists."""
    inner: Any = schema
    for part in path[:-1]:
        inner = _items(_resolved(inner, schema))
        known: Any = inner.get("properties", {}) if is_table(inner) else {}
        inner = known.get(part, {}) if is_table(known) else {}
    inner = _items(_resolved(inner, schema))
    found: Any = inner.get("properties", {}) if is_table(inner) else {}
    return list(found) if is_table(found) else []


class _Walk:
    """One schema while a path below it is followed; ``$ref`` is looked up in it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def at(self, schema: Any, path: Sequence[str], way: Shape, depth: int = 0) -> list[Shape]:
        """Each shape that the value at ``path`` below ``schema`` can have; ``way``: what led there says."""
        schema = _resolved(schema, self._root)
        if schema is False:
            return []
        if not is_table(schema) or depth > DEEPEST or any(word in schema for word in _NOT_READ):
            return [ANYTHING]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                options: Any = schema[word]
                return [one for o in options for one in self.at(o, path, way, depth + 1)]
        if path:
            return self._inside(schema, path, way, depth + 1)
        return self._here(schema, way, depth + 1)

    def _inside(
        self, schema: dict[str, Any], path: Sequence[str], way: Shape, depth: int
    ) -> list[Shape]:
        types = _types(schema)
        out: list[Shape] = []
        if "array" in types or (not types and "items" in schema):
            listed = Shape(many=True, optional=way.optional)
            out += self.at(schema.get("items", True), path, listed, depth)
        if "object" in types or (not types and "items" not in schema):
            name, *rest = path
            properties: Any = schema.get("properties", {})
            if is_table(properties) and name in properties:
                inner: Any = properties[name]
                optional = way.optional or self._may_be_absent(name, inner, schema)
            else:
                inner, optional = schema.get("additionalProperties", True), True
            out += self.at(inner, rest, Shape(many=way.many, optional=optional), depth)
        return out

    def _may_be_absent(self, name: str, inner: Any, schema: dict[str, Any]) -> bool:
        inner = _resolved(inner, self._root)
        if is_table(inner):
            if "null" in _types(inner):
                return True  # a null is absent
            if inner.get("default") is not None:
                return False
        required: Any = schema.get("required", ())
        return name not in required

    def _here(self, schema: dict[str, Any], way: Shape, depth: int) -> list[Shape]:
        values = _values(schema)
        types = _types(schema) or {_type_of(value) for value in values or ()}
        if not types:
            return [Shape(many=True, optional=way.optional)]
        out: list[Shape] = []
        if "array" in types:
            least: Any = schema.get("minItems", 0)
            some = isinstance(least, int) and least > 0 and not way.many
            out += [
                Shape(
                    types=one.types,
                    values=one.values,
                    many=True,
                    never_empty=some,
                    optional=way.optional,
                )
                for one in self.at(schema.get("items", True), (), Shape(), depth)
            ]
        scalars = frozenset(types - {"array", "null"})
        if scalars:
            out.append(Shape(scalars, values, many=way.many, optional=way.optional))
        return out


def _types(schema: dict[str, Any]) -> set[str]:
    given: Any = schema.get("type", ())
    return {given} if isinstance(given, str) else {str(one) for one in given}


def _values(schema: dict[str, Any]) -> tuple[Any, ...] | None:
    if "const" in schema:
        return (schema["const"],)
    given: Any = schema.get("enum")
    return tuple(given) if is_list(given) else None


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case dict():
            return "object"
        case _:
            return "array"


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """The schema that a chain of local references leads to; anything at all where it leads elsewhere."""
    for _ in range(DEEPEST):
        if not is_table(schema) or "$ref" not in schema:
            return schema
        reference: Any = schema["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return True
        schema = root
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            schema = schema.get(key, True) if is_table(schema) else True
    return True


def _items(schema: Any) -> Any:
    """A list's elements, or the schema itself: a step into a list maps over its elements."""
    return schema["items"] if is_table(schema) and is_table(schema.get("items")) else schema
