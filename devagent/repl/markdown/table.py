"""Tables: a grid where it fits, else one row after the other, each cell whole on a line of its own.

Either way no cell is broken by us, so what is copied is what was there.
"""

import re
from collections.abc import Sequence

from devagent.repl.markdown.inline import taken
from devagent.repl.style import Line, Segment, width_of

_DELIMITER = re.compile(r"\s*:?-+:?\s*")
_CELL = re.compile(r"(?:\\\||[^|])*")


def cells(source: str) -> list[str]:
    """The cells of a row that begins with ``|``."""
    inner = source.strip()
    inner = inner.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    parts: list[str] = []
    at = 0
    while at <= len(inner):
        found = _CELL.match(inner, at)
        text = found[0] if found else ""
        parts.append(text.strip().replace("\\|", "|"))
        at += len(text) + 1
    return parts


def is_delimiter(source: str) -> bool:
    return "-" in source and all(_DELIMITER.fullmatch(one) for one in cells(source))


def table(rows: Sequence[str], columns: int, *, unicode: bool = True) -> list[Line]:
    """The lines of a table whose second row is the delimiter."""
    head = [_inline(one, "bold") for one in cells(rows[0])]
    right = [one.strip().endswith(":") and not one.startswith(":") for one in cells(rows[1])]
    body = [[_inline(one) for one in cells(row)] for row in rows[2:]]
    many = max(map(len, (head, *body)))
    for row in (head, *body):
        row += [()] * (many - len(row))
    right += [False] * (many - len(right))
    widths = [max(width_of(row[n]) for row in (head, *body)) for n in range(many)]
    if sum(widths) + 3 * (many - 1) <= columns:
        bar, dash, cross = ("│", "─", "┼") if unicode else ("|", "-", "+")
        rule = f"{dash}{cross}{dash}".join(dash * one for one in widths)
        drawn = [_row(row, widths, right, bar) for row in (head, *body)]
        return [drawn[0], (Segment(rule, "quiet"),), *drawn[1:]]
    return _records(head, body)


def _inline(source: str, role: str = "") -> Line:
    segments, _ = taken(source, role, ended=True)
    return tuple(segments)


def _row(row: Sequence[Line], widths: Sequence[int], right: Sequence[bool], bar: str) -> Line:
    out: list[Segment] = []
    for number, (cell, wide) in enumerate(zip(row, widths, strict=True)):
        if number:
            out.append(Segment(f" {bar} ", "quiet"))
        space = Segment(" " * (wide - width_of(cell)))
        last = number + 1 == len(row)
        if right[number]:
            out += [space, *cell]
        else:
            out += cell if last else [*cell, space]
    return tuple(one for one in out if one.text)


def _records(head: Sequence[Line], body: Sequence[Sequence[Line]]) -> list[Line]:
    lines: list[Line] = []
    for number, row in enumerate(body):
        if number:
            lines.append(())
        lines += [
            (*name, Segment(": "), *cell) if name else cell
            for name, cell in zip(head, row, strict=True)
            if cell
        ]
    return lines or [tuple(part for cell in head for part in (*cell, Segment("  ")))]
