"""Tools for policies to be typed against: one extension of each class, with arguments of many shapes."""

from typing import Any

from devagent.core.tools import ToolClass, ToolSpec


def tool(
    name: str, tool_class: ToolClass, schema: dict[str, Any] | None = None, *can: str
) -> ToolSpec:
    """A tool by its qualified name."""
    extension, _, own = name.partition(".")
    return ToolSpec(extension, own, tool_class, "", schema or closed({}), can)


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The schema of an object that takes these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT: dict[str, Any] = {"type": "string"}
RECIPIENTS: dict[str, Any] = {"type": "array", "items": TEXT}
FILES: dict[str, Any] = {
    "type": "array",
    "items": closed({"id": TEXT, "size": {"type": "integer"}}),
}

TOOLS = (
    tool("vcs.status", "read"),
    tool(
        "vcs.push",
        "net",
        closed(
            {
                "ref": {"type": "string", "default": ""},
                "force": {"enum": ["none", "lease", "force"], "default": "none"},
                "tags": {"type": "boolean", "default": False},
                "note": TEXT,
            }
        ),
    ),
    tool(
        "db.query",
        "read",
        closed({"sql": TEXT, "limit": {"type": "integer", "default": 100}}, "sql"),
        "limit_rows",
        "mask",
    ),
    tool(
        "mail.send",
        "net",
        closed(
            {
                "to": {**RECIPIENTS, "minItems": 1},
                "cc": RECIPIENTS,
                "subject": TEXT,
                "body": TEXT,
                "files": FILES,
            },
            "to",
            "subject",
        ),
    ),
    tool("open.call", "exec", {"type": "object", "properties": {"n": {"type": "integer"}}}),
)
