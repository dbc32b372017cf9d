"""Atlassian's document format (Jira Cloud): a tree of JSON nodes, version 1."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from devagent_tickets.rich.tree import (
    DEEPEST,
    Block,
    Blocks,
    Code,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    joined,
)

_MARKS = {"strong": "strong", "em": "em", "strike": "strike", "code": "code"}
Node = dict[str, Any]


def read(document: object) -> Blocks:
    """The blocks of a document; a node that is not known gives what is in it. None and nonsense give nothing."""
    if isinstance(document, str):
        return (Paragraph((Run(document),)),) if document else ()
    return _blocks(_content(document), 0)


def write(blocks: Blocks) -> Node:
    """The document of blocks."""
    content = [node for block in blocks for node in _node(block, top=True)]
    return {"type": "doc", "version": 1, "content": content}


def _blocks(nodes: Sequence[Mapping[str, Any]], depth: int) -> Blocks:
    out: list[Block] = []
    waiting: list[Run] = []
    for node in nodes:
        kind, inner = str(node.get("type", "")), _content(node)
        attributes = _table(node.get("attrs"))
        if _is_inline(kind):
            waiting += _runs([node])
            continue
        if waiting:
            out.append(Paragraph(joined(tuple(waiting))))
            waiting = []
        match kind:
            case "paragraph":
                if runs := _runs(inner):
                    out.append(Paragraph(runs))
            case "heading":
                level = attributes.get("level", 1)
                out.append(
                    Heading(min(6, max(1, level if isinstance(level, int) else 1)), _runs(inner))
                )
            case "codeBlock":
                language = str(attributes.get("language") or "")
                out.append(Code("".join(run.text for run in _runs(inner)), language))
            case "rule":
                out.append(Rule())
            case "blockquote" | "panel" if depth < DEEPEST:
                out.append(Quote(_blocks(inner, depth + 1)))
            case "bulletList" | "orderedList" if depth < DEEPEST:
                items = tuple(_blocks(_content(item), depth + 1) for item in inner)
                out.append(Items(kind == "orderedList", items))
            case "taskList" | "decisionList" if depth < DEEPEST:
                items = tuple(_blocks(_content(item), depth + 1) for item in inner)
                done = tuple(
                    str(_table(item.get("attrs")).get("state")) in ("DONE", "DECIDED")
                    for item in inner
                )
                out.append(Items(False, items, done))
            case "table":
                rows = [[_runs_of_cell(cell, depth) for cell in _content(row)] for row in inner]
                out.append(Table(tuple(tuple(row) for row in rows)))
            case "mediaSingle" | "mediaGroup":
                names = [str(_table(one.get("attrs")).get("alt") or "attachment") for one in inner]
                out.append(Paragraph(tuple(Run(f"[{name}]") for name in names)))
            case "blockCard" | "embedCard":
                url = str(attributes.get("url") or "")
                out.append(Paragraph((Run(url, href=url),)))
            case "expand" | "nestedExpand":
                if title := str(attributes.get("title") or ""):
                    out.append(Paragraph((Run(title, frozenset({"strong"})),)))
                out += _blocks(inner, depth + 1) if depth < DEEPEST else ()
            case _:
                out += _blocks(inner, depth + 1) if depth < DEEPEST else ()
    if waiting:
        out.append(Paragraph(joined(tuple(waiting))))
    return tuple(out)


def _is_inline(kind: str) -> bool:
    return kind in (
        "text",
        "hardBreak",
        "mention",
        "emoji",
        "inlineCard",
        "date",
        "status",
        "media",
        "mediaInline",
    )


def _runs(nodes: Sequence[Mapping[str, Any]]) -> Runs:
    out: list[Run] = []
    for node in nodes:
        attributes = _table(node.get("attrs"))
        match node.get("type"):
            case "text":
                marks = [
                    cast("Mapping[str, Any]", m)
                    for m in _list(node.get("marks"))
                    if isinstance(m, Mapping)
                ]
                names = frozenset(_MARKS[m["type"]] for m in marks if m.get("type") in _MARKS)
                href = next(
                    (
                        str(_table(m.get("attrs")).get("href", ""))
                        for m in marks
                        if m.get("type") == "link"
                    ),
                    "",
                )
                out.append(Run(str(node.get("text", "")), names, href))
            case "hardBreak":
                out.append(Run("\n"))
            case "mention":
                name = str(attributes.get("text") or attributes.get("id") or "somebody")
                out.append(Run(name if name.startswith("@") else f"@{name}"))
            case "emoji":
                out.append(Run(str(attributes.get("text") or attributes.get("shortName") or "")))
            case "inlineCard":
                url = str(attributes.get("url") or "")
                out.append(Run(url, href=url))
            case "status":
                out.append(Run(f"[{attributes.get('text', '')}]"))
            case "date":
                out.append(Run(_day(attributes.get("timestamp"))))
            case "media" | "mediaInline":
                out.append(Run(f"[{attributes.get('alt') or 'attachment'}]"))
            case _:
                out += _runs(_content(node))
    return joined(tuple(out))


def _day(timestamp: object) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415  (where a text has a date only)

    try:
        return datetime.fromtimestamp(int(str(timestamp)) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "?"


def _runs_of_cell(cell: Mapping[str, Any], depth: int) -> Runs:
    from devagent_tickets.rich.markdown import write as as_text  # noqa: PLC0415  (cells of several blocks only)

    blocks = _blocks(_content(cell), depth + 1) if depth < DEEPEST else ()
    if all(isinstance(one, Paragraph) for one in blocks):
        parts = [one.runs for one in blocks if isinstance(one, Paragraph)]
        runs: list[Run] = []
        for part in parts:
            runs += ([Run("\n")] if runs else []) + list(part)
        return tuple(runs)
    return (Run(as_text(blocks)),)


def _node(block: Block, *, top: bool = False) -> list[Node]:
    match block:
        case Paragraph(runs=runs):
            return [{"type": "paragraph", "content": _texts(runs)}]
        case Heading(level=level, runs=runs) if top:
            return [{"type": "heading", "attrs": {"level": level}, "content": _texts(runs)}]
        case Heading(runs=runs):  # only at the top does the format know headings
            strong = tuple(Run(run.text, run.marks | {"strong"}, run.href) for run in runs)
            return [{"type": "paragraph", "content": _texts(strong)}]
        case Code(text=text, language=language):
            node: Node = {
                "type": "codeBlock",
                "content": [{"type": "text", "text": text}] if text else [],
            }
            return [{**node, "attrs": {"language": language}} if language else node]
        case Quote(blocks=blocks):
            inner = [node for one in blocks for node in _node(one)]
            if not top:  # a quote within something else is not known
                return inner
            allowed = [
                n
                for n in inner
                if n["type"] in ("paragraph", "bulletList", "orderedList", "codeBlock")
            ]
            return [
                {"type": "blockquote", "content": allowed or [{"type": "paragraph", "content": []}]}
            ]
        case Items(ordered=ordered, items=items, done=done):
            nodes: list[Node] = []
            for number, item in enumerate(items):
                content = [
                    node
                    for one in item
                    for node in _node(one)
                    if node["type"] not in ("rule", "table")
                ]
                ticked = done[number] if number < len(done) else None
                if ticked is not None:
                    box: Node = {"type": "text", "text": "[x] " if ticked else "[ ] "}
                    if not content or content[0]["type"] != "paragraph":
                        content.insert(0, {"type": "paragraph", "content": []})
                    content[0] = {"type": "paragraph", "content": [box, *content[0]["content"]]}
                if not content or content[0]["type"] not in ("paragraph", "codeBlock"):
                    content.insert(0, {"type": "paragraph", "content": []})
                nodes.append({"type": "listItem", "content": content})
            return [{"type": "orderedList" if ordered else "bulletList", "content": nodes}]
        case Table(rows=rows) if top:
            width = max((len(row) for row in rows), default=0)
            return [{"type": "table", "content": [
                {"type": "tableRow", "content": [
                    {"type": "tableCell" if number else "tableHeader",
                     "content": [{"type": "paragraph", "content": _texts(row[at] if at < len(row) else ())}]}
                    for at in range(width)]}
                for number, row in enumerate(rows)]}]  # fmt: skip
        case Table(rows=rows):
            texts = [" | ".join("".join(run.text for run in cell) for cell in row) for row in rows]
            return [{"type": "codeBlock", "content": [{"type": "text", "text": "\n".join(texts)}]}]
        case Rule():
            return [{"type": "rule"}] if top else []


def _texts(runs: Runs) -> list[Node]:
    nodes: list[Node] = []
    for run in runs:
        if run.text == "\n":
            nodes.append({"type": "hardBreak"})
            continue
        marks: list[Node] = [
            {"type": mark} for mark in ("strong", "em", "strike") if mark in run.marks
        ]
        if "code" in run.marks:  # the format lets code be a link, and nothing else
            marks = [{"type": "code"}]
        if run.href:
            marks.append({"type": "link", "attrs": {"href": run.href}})
        node: Node = {"type": "text", "text": run.text}
        nodes.append({**node, "marks": marks} if marks else node)
    return nodes


def _content(node: object) -> list[Mapping[str, Any]]:
    if not isinstance(node, Mapping):
        return []
    table = cast("Mapping[str, Any]", node)
    return [
        cast("Mapping[str, Any]", one)
        for one in _list(table.get("content"))
        if isinstance(one, Mapping)
    ]


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
