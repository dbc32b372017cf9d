"""A tool's schema as the model is told it: without what the house does anyway.

Left out are ``additionalProperties: false`` (the gate refuses other arguments, and says which there are) and
defaults that are nothing (``""``, ``false``, ``0``, ``[]``), which an argument that is left out gets all the
same. A tenth of a first request goes there. What is judged, digested and approved is the whole schema.
"""

from collections.abc import Mapping
from typing import Any

from devagent.models.plain import is_array, is_object

_ONE = ("items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def lean(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema, shorter; what it was made from is not changed."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if (key == "additionalProperties" and value is False) or (
            key == "default" and _is_nothing(value)
        ):
            continue
        if key in _MAPS and is_object(value):
            found[key] = {name: lean(one) if is_object(one) else one for name, one in value.items()}
        elif key in _ONE and is_object(value):
            found[key] = lean(value)
        elif key in _LISTS and is_array(value):
            found[key] = [lean(one) if is_object(one) else one for one in value]
        else:
            found[key] = value
    return found


def _is_nothing(value: object) -> bool:
    return value in ("", 0, []) and value is not None
