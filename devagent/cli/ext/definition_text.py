"""A third party's tool definition as lines for a person who has to judge it."""

import difflib
import re
from collections.abc import Iterator, Sequence

from devagent.core.codec import canonical
from devagent.core.text import one_line, visible
from devagent.core.tools import ToolClass
from devagent.host.mcp.definitions import ToolDefinition

_ODD = (
    (
        r"(?i)\b(?:do not|don't|never|without) (?:tell|mention|inform|notif|show|reveal)\w*",
        "secrecy",
    ),
    (
        r"(?i)\b(?:ignore|disregard|override)\b[^.]{0,40}\b(?:instruction|rule|polic|previous)\w*",
        "orders",
    ),
    (r"(?i)<\s*/?\s*(?:important|system|secret|instructions?)\b", "orders"),
    (
        r"(?i)\b(?:before|instead of|always) (?:using|calling|call|use)\b",
        "orders about other tools",
    ),
    (
        r"(?i)\.ssh\b|\bid_rsa\b|\.env\b|\bapi[ _-]?keys?\b|\bpasswords?\b|\bcredentials?\b",
        "secrets",
    ),
)


def tool_lines(
    tool: ToolDefinition, tool_class: ToolClass, others: Sequence[ToolDefinition], mark: str = ""
) -> Iterator[str]:
    """Name, class, arguments, the description whole, the server's claims and what looks odd."""
    properties = tool.input_schema.get("properties", {})
    claims = ", ".join(f"{name}={value}".lower() for name, value in tool.claims.items())
    yield f"  {tool.name}  [{tool_class}]{f'  {mark}' if mark else ''}"
    yield f"    arguments  {one_line(', '.join(properties), 400) or 'none'}"
    for line in tool.description.splitlines():
        yield f"    | {one_line(line, 400)}"
    if claims:
        yield f"    it claims  {claims}  (this decides nothing)"
    for odd in oddities(tool, others):
        yield f"    LOOK       {odd}"


def oddities(tool: ToolDefinition, others: Sequence[ToolDefinition]) -> Iterator[str]:
    """What in its words a tool has no need to say. A hint to a reader, not a judgement."""
    words = f"{tool.description}\n{canonical(tool.input_schema).decode()}"
    seen: set[str] = set()
    for pattern, what in _ODD:
        found = re.search(pattern, words)
        if found and what not in seen:
            seen.add(what)
            yield f"it speaks of {what}: {one_line(found[0], 60)!r}"
    named = [
        o.name
        for o in others
        if o.name != tool.name and re.search(rf"\b{re.escape(o.name)}\b", words)
    ]
    if named and len(named[0]) > 4:
        yield f"it names other tools: {', '.join(named[:5])}"


def changes(old: ToolDefinition, new: ToolDefinition) -> Iterator[str]:
    """The lines that differ between two definitions."""
    for line in difflib.unified_diff(_text(old), _text(new), lineterm="", n=1):
        if not line.startswith(("---", "+++")):
            yield visible(line)[:400]


def _text(tool: ToolDefinition) -> list[str]:
    import json  # noqa: PLC0415  (only for showing what changed)

    schemas = [tool.input_schema, *([tool.output_schema] if tool.output_schema else [])]
    shown = [json.dumps(s, indent=1, sort_keys=True, ensure_ascii=False) for s in schemas]
    return [*tool.description.splitlines(), *"\n".join(shown).splitlines()]
