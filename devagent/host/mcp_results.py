"""What a third party's tool gave back, as a result of ours: cleaned, tainted, nothing fetched or drawn."""

from collections.abc import Iterator
from typing import Any

from devagent.core.codec import canonical, well_formed_value
from devagent.core.text import one_line, visible
from devagent.core.tools import ToolResult
from devagent.policy.plain import is_list, is_table


def tool_result(answer: dict[str, Any], server: str) -> ToolResult:
    """The result in an answer to ``tools/call``, in the protocol's own names.

    Text loses its control, bidi and zero-width characters. Images and sounds are said to be there, links
    are named and not followed. Everything is tainted with ``mcp.SERVER``.
    """
    answer = well_formed_value(answer)
    blocks = answer.get("content")
    parts = list(_parts(blocks if is_list(blocks) else ()))
    structured = answer.get("structuredContent")
    failed = answer.get("isError") is True
    return ToolResult(
        text="\n".join(parts) or "(no content)",
        failed=failed,
        error="tool_error" if failed else "",
        taint=(f"mcp.{server}",),
        structured=_structured(structured),
    )


def _parts(blocks: Any) -> Iterator[str]:
    for block in blocks:
        if not is_table(block):
            continue
        match block.get("type"):
            case "text":
                yield visible(str(block.get("text", "")))
            case "image" | "audio" as kind:
                yield _unseen(kind, block.get("mimeType"), block.get("data"))
            case "resource_link":
                name, uri = (one_line(str(block.get(key, ""))) for key in ("name", "uri"))
                yield f"[link {name!r} to {uri}: not followed]"
            case "resource":
                yield from _embedded(block.get("resource"))
            case kind:
                yield f"[{one_line(str(kind), 40)}: not shown]"


def _embedded(resource: Any) -> Iterator[str]:
    if not is_table(resource):
        return
    uri = one_line(str(resource.get("uri", "")))
    if isinstance(text := resource.get("text"), str):
        yield f"[{uri}]\n{visible(text)}"
    else:
        yield f"[{uri}] " + _unseen("file", resource.get("mimeType"), resource.get("blob"))


def _unseen(kind: str, mime: Any, data: Any) -> str:
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    return (
        f"[{kind} of type {one_line(str(mime or 'unknown'), 60)}, about {size:,} bytes: not shown]"
    )


def _structured(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    clean = _clean(value)
    try:
        canonical(clean)  # what JSON cannot say would stop the log
    except (TypeError, ValueError, OverflowError, RecursionError):
        return {}
    return clean if is_table(clean) else {"result": clean}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if is_table(value):
        return {visible(name): _clean(inner) for name, inner in value.items()}
    if is_list(value):
        return [_clean(inner) for inner in value]
    return value
