"""Values of a database as JSON that loses nothing, and rows as text for the model and the person.

Texts, NULL, whole numbers to 2^53 and finite floats are JSON's own. The rest is an object of one of:
``{"int": "9007199254740993"}``, ``{"float": "inf"}``, ``{"blob": bytes, "hex": "first bytes"}``,
``{"not_utf8": bytes, "hex": …}``, ``{"text": "the beginning", "characters": n}``.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from devagent_sql.engines.port import Cell, Undecodable

_EXACT = 2**53
LONGEST_TEXT = 4_000
"""Characters of one text that are shown."""

BYTES_SHOWN = 32
_WIDEST_CELL = 40
_ROWS_VIEWED = 50


def as_json(cell: Cell) -> Any:
    """The value as described above. Dates are what SQLite stores: texts or numbers."""
    match cell:
        case Undecodable():
            return {"not_utf8": len(cell), "hex": cell[:BYTES_SHOWN].hex()}
        case bytes():
            return {"blob": len(cell), "hex": cell[:BYTES_SHOWN].hex()}
        case str() if len(cell) > LONGEST_TEXT:
            return {"text": cell[:LONGEST_TEXT], "characters": len(cell)}
        case float() if not math.isfinite(cell):
            return {"float": str(cell)}
        case int() if abs(cell) > _EXACT:
            return {"int": str(cell)}
        case _:
            return cell


def as_line(values: Sequence[Any]) -> str:
    """One row for the model: a JSON array on one line."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def _cell(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case str():
            text = value
        case {"not_utf8": size, "hex": shown} | {"blob": size, "hex": shown}:
            text = f"<{size} bytes {shown}>"
        case {"text": beginning}:
            text = str(beginning)
        case {"int": number} | {"float": number}:
            text = str(number)
        case _:
            text = json.dumps(value)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: _WIDEST_CELL + 1])
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A plain table for the person: at most 50 rows, cells at most 40 characters."""
    grid = [[_cell(value) for value in row] for row in rows[:_ROWS_VIEWED]]
    head = [_cell(name) for name in columns]
    widths = [
        max([len(name), *(len(row[place]) for row in grid)]) for place, name in enumerate(head)
    ]
    numeric = [
        bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        for place in range(len(head))
    ]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()

    lines = [line(head), "  ".join("─" * width for width in widths), *map(line, grid)]
    if len(rows) > _ROWS_VIEWED:
        lines.append(f"… {len(rows) - _ROWS_VIEWED} more rows")
    return "\n".join(lines)
