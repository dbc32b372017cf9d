"""Messages of servers made ready for the ``mcp`` SDK's types: a listing of tools is taken aside as it came, because they
refuse it whole for one bad tool; a task of the handshake era gets the field without which they do not know it."""

from collections.abc import Sequence
from typing import Any

from devagent.policy.plain import is_list, is_table


def names_only(result: Any) -> Sequence[Any] | None:
    """The tools in the result of a ``tools/list``; in the result itself only their names stay. None: no listing."""
    tools = result.get("tools") if is_table(result) else None
    if not is_table(result) or not is_list(tools):
        return None
    names = {tool["name"]: None for tool in tools if is_table(tool) and _named(tool)}
    result["tools"] = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
    return tools


def _named(tool: dict[str, Any]) -> bool:
    name = tool.get("name")
    return isinstance(name, str) and name.isascii() and bool(name)


def as_known(result: Any) -> None:
    """The SDK knows what a call gives back in the handshake era, but not that this may be a task (2025-11-25)."""
    if is_table(result) and is_table(result.get("task")):
        result.setdefault("content", [])
