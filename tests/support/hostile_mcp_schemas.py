"""A schema that is small to read and takes for ever to check."""

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
