"""Strict tools: the service guarantees that a call's arguments fit the schema, where the schema is one that it can hold.

It knows fewer words than JSON Schema has. What only bounds a value (lengths, ranges, patterns) is left out of what it is
told, since the gate holds a call against the whole schema anyway; a tool whose schema says something else that it does
not know is told as ever. It also takes no more than so many strict tools and optional arguments in one request: the
first tools have them, so that what was told stays as it is when tools are added.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devagent.core.tools import ToolSpec
from devagent.models.plain import is_array, is_object

MOST_TOOLS, MOST_OPTIONAL = 20, 24
_KEPT = frozenset({"type", "description", "enum", "const", "required"})
_BOUNDS = frozenset(
    {
        "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minItems", "maxItems", "uniqueItems", "format", "default", "title", "examples", "$schema",
    }
)  # fmt: skip


def told_strictly(
    tools: Sequence[ToolSpec], told: Callable[[ToolSpec], dict[str, Any]]
) -> list[dict[str, Any]]:
    """The tools as the service is told of them; ``told`` says how otherwise."""
    found: list[dict[str, Any]] = []
    number = optional = 0
    for tool in tools:
        plain = told(tool)
        schema = strict(tool.input_schema) if number < MOST_TOOLS else None
        more = _optional(schema) if schema else 0
        if schema is None or optional + more > MOST_OPTIONAL:
            found.append(plain)
            continue
        number, optional = number + 1, optional + more
        found.append({**plain, "input_schema": schema, "strict": True})
    return found


def strict(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in the words that the service holds strictly; None where it says more than those can."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _KEPT:
            found[key] = value
        elif key == "properties" and is_object(value):
            inner = {name: strict(one) if is_object(one) else None for name, one in value.items()}
            if None in inner.values():
                return None
            found[key] = inner
        elif key == "items" and is_object(value):
            found[key] = strict(value)
        elif key == "anyOf" and is_array(value):
            found[key] = [strict(one) if is_object(one) else None for one in value]
        elif key not in _BOUNDS and key != "additionalProperties":
            return None
    kind = found.get("type")
    if not isinstance(kind, str) and "anyOf" not in found and "enum" not in found:
        return None
    if kind == "object":
        if schema.get("additionalProperties") is not False:
            return None  # it would refuse arguments that the tool takes
        found["additionalProperties"] = False
    if found.get("items", {}) is None or None in found.get("anyOf", ()):
        return None
    return found


def _optional(schema: Mapping[str, Any]) -> int:
    """How many arguments may be left out, at any depth."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    inner = [
        one
        for one in (*properties.values(), schema.get("items"), *schema.get("anyOf", ()))
        if is_object(one)
    ]
    return len(properties) - len(schema.get("required", ())) + sum(map(_optional, inner))
