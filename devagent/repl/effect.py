"""What a call that is asked about would do, exactly, as a person reads it: before who asks, and why.

Drawn from what is judged and recorded, the arguments and the resources: a file's change as a diff with context, a
command's words with the paths they come to, SQL with its tables and columns, text as it would be sent.
"""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from devagent.core.events.calls import ToolJudged
from devagent.core.resources import Resource
from devagent.core.text import visible
from devagent.repl.markdown.code import Code
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment, coded, line
from devagent.repl.words import counted, pairs, rule_name

_MOST_LINES = 20_000
_MOST_BYTES = 2_000_000


def card(judged: ToolJudged, folder: str, *, preview: str = "") -> list[Line]:
    """The call's effect, what it touches, and which rule asks. Nothing of it is left out. ``preview``: what its
    extension says it would send."""
    rows: list[Line] = [
        line(
            Segment("? ", "ask"),
            Segment(judged.full_name, "bold"),
            Segment(f"  {judged.tool_class}", "quiet"),
        )
    ]
    effect, told = _effect(judged, folder)
    rows += [line(f"    {_shown(one)}") for one in preview.splitlines()]
    rows += effect
    rows += _resources(judged.resources)
    rest = {name: value for name, value in judged.args.items() if name not in told}
    rows += _arguments(rest)
    if judged.decision.obligations:
        rows.append(line(Segment("  only  ", "quiet"), pairs(judged.decision.obligations)))
    rows += who_asks(judged)
    return rows


def who_asks(judged: ToolJudged) -> list[Line]:
    """Which rules ask, of which layer and file, and why."""
    rows: list[Line] = []
    for rule in {one.rule: one for one in judged.decision.determining}.values():
        why = coded(f": {rule.why}", "quiet") if rule.why else ()
        rows.append(line(Segment(f"  {tr('asked by')} ", "quiet"), Segment(rule_name(rule), "accent"), *why))  # fmt: skip
    if not rows:
        rows.append(line(Segment(f"  {_sentence(judged.decision.reason)}", "quiet")))
    return rows


def _effect(judged: ToolJudged, folder: str) -> tuple[list[Line], frozenset[str]]:
    """The rows, and which arguments they tell in full."""
    args = judged.args
    match judged.full_name:
        case "workspace.edit" | "workspace.write":
            after = _after(args, folder)
            if after is not None:
                return list(_diff(str(args["path"]), *after)), frozenset(["path", "edits", "content"])  # fmt: skip
        case "workspace.shell":
            rows = [_code_row(one) for one in Code("bash").lines(_lines(args.get("command")))]
            return rows, frozenset(["command"])
        case _ if judged.ext.name == "sql" and isinstance(args.get("sql"), str):
            rows = [_code_row(one) for one in Code("sql").lines(_lines(args["sql"]))]
            return [*rows, *_rows_affected(judged)], frozenset(["sql", "commit", "expected_rows"])
        case _:
            pass
    return [], frozenset()


def _rows_affected(judged: ToolJudged) -> Iterator[Line]:
    """How many rows a statement that changes data may change: the tool holds itself to it."""
    args = judged.args
    if judged.full_name != "sql.write":
        return
    expected = args.get("expected_rows")
    if args.get("commit") is True and isinstance(expected, int):
        many = tr("{rows} changed and committed; where it would be another number, none").format(
            rows=counted(expected, "row")
        )
    else:
        many = tr("none kept: it is tried, the rows are counted, and it is rolled back")
    yield line(Segment("  rows  ", "quiet"), Segment(many, "bold" if args.get("commit") is True else ""))  # fmt: skip


def _after(args: Mapping[str, Any], folder: str) -> tuple[str, str] | None:
    """The file's text before and after; None where that cannot be told."""
    path, content, edits = args.get("path"), args.get("content"), args.get("edits")
    if not isinstance(path, str):
        return None
    before = _text(os.path.join(folder, path))
    if isinstance(content, str):
        return before or "", content
    if before is None or not isinstance(edits, list):
        return None
    after = before
    for edit in edits:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(edit, dict):
            return None
        old, new = edit.get("old"), edit.get("new")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if not (isinstance(old, str) and isinstance(new, str)) or old not in after:
            return None  # the tool will say so itself
        after = after.replace(old, new, -1 if edit.get("all") else 1)  # pyright: ignore[reportUnknownMemberType]
    return before, after


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError, ValueError):
        return None
    return text if len(text) <= _MOST_BYTES else None


def _diff(name: str, before: str, after: str) -> Iterator[Line]:
    old, new = before.splitlines(), after.splitlines()
    what = tr("new file") if not before else tr("change")
    if len(old) + len(new) > _MOST_LINES:
        yield line(Segment(f"  {name}  {len(old):,} lines become {len(new):,}", "bold"))
        return
    found = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    added = sum(one.startswith("+") for one in found)
    removed = sum(one.startswith("-") for one in found)
    yield line(Segment(f"  {visible(name)}", "bold"), Segment(f"  {what}, +{added} -{removed}", "quiet"))  # fmt: skip
    for one in found:
        role = {"+": "added", "-": "removed", "@": "accent"}.get(one[:1], "")
        yield line(Segment(f"    {_shown(one)}", role))


def _resources(resources: Sequence[Resource]) -> Iterator[Line]:
    """What is touched: a database's columns by their table, all else one a row."""
    columns: dict[tuple[str, str], list[str]] = {}
    for one in resources:
        if one.kind == "column":
            table, _, name = one.id.removeprefix("column:").rpartition(".")
            tags = f" [{' '.join(one.tags)}]" if one.tags else ""
            columns.setdefault((one.access, table), []).append(name + tags)
    for one in resources:
        if one.kind in ("column", "mcp"):
            continue
        tags = f"  {' '.join(one.tags)}" if one.tags else ""
        own = columns.pop((one.access, one.id.removeprefix("table:")), []) if one.kind == "table" else []  # fmt: skip
        names = f"  columns {', '.join(own)}" if own else ""
        does = "run" if one.kind == "command" else one.access
        yield line(Segment(f"  {does:6}", "quiet"), Segment(_shown(one.id)), Segment(_shown(names + tags), "quiet"))  # fmt: skip
    for (access, table), own in columns.items():
        yield line(Segment(f"  {access:6}", "quiet"), Segment(_shown(f"{table}: columns {', '.join(own)}")))  # fmt: skip


def _arguments(args: Mapping[str, Any]) -> Iterator[Line]:
    """Long ones row by row, as they would be sent; the short ones together."""
    short: dict[str, Any] = {}
    for name, value in sorted(args.items()):
        if isinstance(value, str) and ("\n" in value or len(value) > 60):
            yield line(Segment(f"  {name}:", "quiet"))
            for row in _lines(value):
                yield line(f"    {_shown(row)}")
        else:
            short[name] = value
    if short:
        yield line(Segment("  with  ", "quiet"), _shown(pairs(short)))


def _code_row(row: Line) -> Line:
    return (Segment("    "), *(Segment(_shown(one.text), one.role) for one in row))


def _lines(text: object) -> list[str]:
    return str(text).replace("\r\n", "\n").split("\n")


def _shown(text: str) -> str:
    """On one line whatever is in it, and with what no screen shows written out."""
    return "".join(
        c if c.isprintable() or c == " " else "    " if c == "\t" else f"⟦U+{ord(c):04X}⟧"
        for c in text
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text else ""
