"""What a third party's tool gave back, as a result of ours: cleaned, tainted, nothing fetched or drawn."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any

from devagent.core.codec import canonical, well_formed_value
from devagent.core.text import one_line, visible
from devagent.core.tools import ToolResult
from devagent.policy.plain import is_list, is_table

_MIME = re.compile(r"[a-z0-9.+-]{1,40}/[a-zA-Z0-9.+-]{1,80}")


def tool_result(answer: dict[str, Any], server: str) -> ToolResult:
    """The result in an answer to ``tools/call``, in the protocol's own names.

    Text loses its control, bidi and zero-width characters. Images and sounds are said to be there, and are
    among ``content`` where they are what they say; links are named and not followed. Everything is tainted with
    ``mcp.SERVER``.
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
        content=content_blocks(blocks if is_list(blocks) else ()),
    )


def content_blocks(blocks: Any) -> list[dict[str, Any]]:
    """The blocks of a result that has more than text, cleaned; empty for one of text alone."""
    clean = [block for one in blocks if is_table(one) and (block := _block(one))]
    return clean if any(block["type"] != "text" for block in clean) else []


def _block(block: dict[str, Any]) -> dict[str, Any] | None:
    match block.get("type"):
        case "text":
            return {"type": "text", "text": visible(str(block.get("text", "")))}
        case "image" | "audio" as kind:
            mime, data = block.get("mimeType"), block.get("data")
            if not isinstance(mime, str) or not isinstance(data, str) or not is_media(mime, data):
                return None
            return {"type": kind, "mimeType": mime, "data": data}
        case "resource_link":
            link = {key: block[key] for key in _LINK if isinstance(block.get(key), str)}
            return {"type": "resource_link", **_clean(link)} if "uri" in link else None
        case "resource":
            inner = block.get("resource")
            clean = resource_content(inner) if is_table(inner) else None
            return {"type": "resource", "resource": clean} if clean else None
        case _:
            return None


_LINK = ("uri", "name", "title", "description", "mimeType")
MAX_MEDIA = 5 << 20
"""Characters of an image or sound in base64: what the Messages API takes of an image."""
_MAGIC = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}


def is_media(mime: str, data: str) -> bool:
    """Whether it can be what it says: of a size, in base64, and an image that begins like one of its kind."""
    if len(data) > MAX_MEDIA or not _MIME.fullmatch(mime) or not data.isascii():
        return False
    try:
        begins = base64.b64decode(data, validate=True)[:4]
    except ValueError:
        return False
    return begins.startswith(_MAGIC.get(mime, b""))


def resource_content(content: dict[str, Any]) -> dict[str, Any] | None:
    """A resource's text or bytes, cleaned; None for neither."""
    about = {key: content[key] for key in ("uri", "mimeType") if isinstance(content.get(key), str)}
    if isinstance(text := content.get("text"), str):
        return {**_clean(about), "text": visible(text)}
    blob = content.get("blob")
    if isinstance(blob, str) and is_media("application/octet-stream", blob):
        return {**_clean(about), "blob": blob}
    return None


def read_result(answer: dict[str, Any], uri: str) -> ToolResult:
    """The result in an answer to ``resources/read``: ``structured`` has its ``contents`` as they are."""
    answer = well_formed_value(answer)
    given = answer.get("contents")
    contents = [
        clean
        for one in (given if is_list(given) else ())
        if is_table(one) and (clean := resource_content(one))
    ]
    parts = [part for one in contents for part in _embedded(one)]
    images = [
        {"type": "image", "mimeType": one["mimeType"], "data": one["blob"]}
        for one in contents
        if one.get("mimeType") in _MAGIC
        and "blob" in one
        and is_media(one["mimeType"], one["blob"])
    ]
    text = "\n".join(parts) or f"({one_line(uri)} is empty)"
    return ToolResult(text, structured={"contents": contents}, content=images)


def prompt_result(answer: dict[str, Any]) -> ToolResult:
    """The result in an answer to ``prompts/get``: ``structured`` has its ``messages`` as they are."""
    answer = well_formed_value(answer)
    given = answer.get("messages")
    messages: list[dict[str, Any]] = []
    lines: list[str] = []
    for one in given if is_list(given) else ():
        block = one.get("content") if is_table(one) else None
        clean = _block(block) if is_table(block) else None
        if not is_table(one) or not is_table(block) or clean is None:
            continue
        role = "assistant" if one.get("role") == "assistant" else "user"
        messages.append({"role": role, "content": clean})
        said = "\n".join(_parts([block]))
        lines.append(f"assistant: {said}" if role == "assistant" else said)
    structured: dict[str, Any] = {"messages": messages}
    if isinstance(about := answer.get("description"), str):
        structured["description"] = one_line(about, 400)
    return ToolResult(
        "\n".join(lines) or "(an empty prompt)",
        structured=structured,
        content=[m["content"] for m in messages if m["content"]["type"] == "image"],
    )


def listed(entries: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """What a server lists, with these of each entry's texts, cleaned and cut."""
    return [
        {key: one_line(entry[key], 400) for key in keys if isinstance(entry.get(key), str)}
        for entry in map(well_formed_value, entries)
    ]


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
