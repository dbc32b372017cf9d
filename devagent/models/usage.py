"""What the service counts besides a reply's own tokens: its tools, its summaries, what it left out."""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.core.usage import Usage
from devagent.models.plain import is_array, is_object

_CODE = frozenset({"code_execution", "bash_code_execution", "text_editor_code_execution"})


def besides(usage: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> Usage:
    """The uses of its own tools that cost, and the tokens of summaries, which are in no other count."""
    tools = usage.get("server_tool_use")
    found = Usage(
        web_searches=_count(tools, "web_search_requests"),
        code_runs=sum(
            block.get("type") == "server_tool_use" and block.get("name") in _CODE
            for block in blocks
        ),
    )
    iterations = usage.get("iterations")
    for one in iterations if is_array(iterations) else ():
        if is_object(one) and one.get("type") == "compaction":
            found += Usage(
                input=_count(one, "input_tokens"),
                output=_count(one, "output_tokens"),
                cache_read=_count(one, "cache_read_input_tokens"),
                cache_write=_count(one, "cache_creation_input_tokens"),
            )
    return found


def left_out(edits: Mapping[str, Any]) -> tuple[int, int]:
    """Results and tokens that the edits of a reply's ``context_management`` took out."""
    applied = edits.get("applied_edits")
    results = tokens = 0
    for one in applied if is_array(applied) else ():
        results += _count(one, "cleared_tool_uses")
        tokens += _count(one, "cleared_input_tokens")
    return results, tokens


def _count(value: object, name: str) -> int:
    found = value.get(name) if is_object(value) else None
    return found if type(found) is int and found > 0 else 0
