"""Schemas that are small to read and take for ever to check."""

from typing import Any


def bomb(levels: int = 24) -> dict[str, Any]:
    """Small to read; to check one value against it takes 2 to the power of its levels."""
    defs: dict[str, Any] = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
        for n in range(levels)
    }
    defs[f"a{levels}"] = {"type": "string"}
    properties = {"text": {"$ref": "#/$defs/a0"}}
    return {"type": "object", "properties": properties, "$defs": defs}


def costly(choices: int = 900) -> dict[str, Any]:
    """To check one value against it takes a moment, and many of them that many moments."""
    items = {"anyOf": [{"minLength": 1, "pattern": f"^x{n}$"} for n in range(choices)]}
    return {"type": "object", "properties": {"all": {"type": "array", "items": items}}}
