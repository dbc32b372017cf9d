"""Taking a listing of tools aside as it came, before the ``mcp`` SDK's types, which refuse it whole for one bad tool."""

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
