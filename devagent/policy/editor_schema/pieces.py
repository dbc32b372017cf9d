"""What a schema is made of: types of values, references, tables whose keys are all described."""

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]


def table_of(properties: Schema, keys: Sequence[str], description: str = "") -> Schema:
    """A table of known keys. Raises KeyError where one of ``keys`` is not described, or one too many is."""
    if set(properties) != set(keys):
        raise KeyError(f"not described, or not known: {sorted(set(properties) ^ set(keys))}")
    out: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**out, "description": description} if description else out


def if_then(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def has_effect(*effects: str) -> Schema:
    return {"required": ["effect"], "properties": {"effect": {"enum": list(effects)}}}


def ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def choice(values: Sequence[str], description: str) -> Schema:
    return {"enum": list(values), "description": description}


def list_of(values: Sequence[str], description: str) -> Schema:
    return {"type": "array", "items": {"enum": list(values)}, "description": description}


def patterns(pattern: str, description: str) -> Schema:
    items = {"type": "string", "pattern": pattern}
    return {"type": "array", "items": items, "description": description}


def map_of(values: Schema, description: str) -> Schema:
    return {"type": "object", "additionalProperties": values, "description": description}


def text(description: str, pattern: str = "") -> Schema:
    out: Schema = {"type": "string", "description": description}
    return {**out, "pattern": pattern} if pattern else out


def texts() -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def globs() -> Schema:
    return {"type": "array", "items": ref("glob")}


def number() -> Schema:
    return {"type": "number", "minimum": 0}
