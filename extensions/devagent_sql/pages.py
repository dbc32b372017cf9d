"""Rows as they are shown: JSON lines for the model, a table for the person, both within bounds."""

from collections.abc import Callable, Sequence
from typing import Any

from devagent_sql.engines.port import Cut, Row, Touched
from devagent_sql.obligations import Obligations
from devagent_sql.types import Result
from devagent_sql.values import as_json, as_line, as_table

MOST_BYTES = 64 * 1024
"""Of the rows' text in one result, where policy sets no lower bound."""


class Page:
    """A sink: rows as they will be shown, while their text fits, but for the first ``offset``. ``check`` is told
    what is about to be read."""

    def __init__(
        self,
        obligations: Obligations,
        check: Callable[[Touched], None] | None = None,
        offset: int = 0,
    ) -> None:
        self._before = offset
        most = obligations.bytes
        self._left = MOST_BYTES if most is None else min(MOST_BYTES, most)
        self._check = check
        self.rows: list[list[Any]] = []
        self.lines: list[str] = []

    def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
        del columns, types
        if self._check is not None:
            self._check(touched)

    def take(self, rows: Sequence[Row]) -> int:
        skipped = min(self._before, len(rows))
        self._before -= skipped
        for taken, row in enumerate(rows[skipped:], skipped):
            if not self.add([as_json(cell) for cell in row]):
                return taken
        return len(rows)

    def add(self, values: list[Any]) -> bool:
        line = as_line(values)
        self._left -= len(line.encode("utf-8", "surrogatepass")) + 1
        if self._left < 0:
            return False
        self.rows.append(values)
        self.lines.append(line)
        return True


def summary(rows: int, cut: Cut, allowed: int | None, most_rows: int, offset: int = 0) -> str:
    """How many rows there are, and which bound cut them."""
    if offset:
        rest = f"more: offset={offset + rows}" if cut else "the last"
        return (
            f"rows {offset + 1} to {offset + rows}, {rest}" if rows else f"no rows after {offset}"
        )
    if not cut:
        return f"{rows} row" if rows == 1 else f"{rows} rows"
    if cut == "bytes":
        reason = "size limit"
    else:
        reason = "policy's row limit" if allowed == most_rows else "limit"
    return f"first {rows} of more: {reason}"


def listing(
    columns: tuple[str, ...], rows: list[list[Any]], obligations: Obligations, what: str
) -> Result:
    """A short table of our own making as a result."""
    page = Page(obligations)
    wanted = rows if obligations.rows is None else rows[: obligations.rows]
    fitting = all(page.add(row) for row in wanted)
    cut = "" if fitting and len(wanted) == len(rows) else ("rows" if fitting else "bytes")
    noun = what.removesuffix("s") if len(rows) == 1 else what
    note = f"first {len(page.rows)} of {len(rows)} {noun}" if cut else f"{len(rows)} {noun}"
    return {
        "text": "\n".join([as_line(columns), *page.lines, f"({note})"]),
        "view": f"{as_table(columns, page.rows)}\n{note}",
        "rows": len(page.rows),
        "structured": {"columns": list(columns), "rows": page.rows, "complete": not cut},
        "taint": [],
        "failed": False,
    }
