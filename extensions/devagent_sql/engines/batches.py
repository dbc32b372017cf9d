"""Rows from an engine's cursor to where they go, a batch at a time: however long the answer, memory is not."""

from collections.abc import Callable, Sequence

from devagent_sql.engines.port import Cell, Clock, Cut, Row, Sink, Touched

_FIRST = 100
_LARGEST = 5_000
_BYTES = 1_000_000
"""Of a batch, near enough: rows of 100 KB come ten at a time."""
_MEASURED = 10
"""The last rows of a batch, whose widest says how many fit in the next."""


class Kept:
    """A sink that keeps every row, for answers known to be short. ``check`` is told what is about to be read."""

    def __init__(self, check: Callable[[Touched], None] | None = None) -> None:
        self._check = check
        self.rows: list[Row] = []

    def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
        del columns, types
        if self._check is not None:
            self._check(touched)

    def take(self, rows: Sequence[Row]) -> int:
        self.rows.extend(rows)
        return len(rows)


def hand_over(fetch: Callable[[int], list[Row]], sink: Sink, most_rows: int, clock: Clock) -> Cut:
    """Fetch until the rows end or a bound is met: "" all were taken, "rows" or "bytes" there were more.

    ``fetch`` gives at most so many rows, and fewer only at the end. Raises SqlError ``timeout``."""
    left = most_rows
    batch = min(_FIRST, left + 1)
    while True:
        clock.check()
        found = fetch(batch)
        offered = found if len(found) <= left else found[:left]
        if sink.take(offered) < len(offered):
            return "bytes"
        left -= len(offered)
        if len(offered) < len(found):
            return "rows"
        if len(found) < batch:
            return ""
        width = max(map(_width, found[-_MEASURED:]))
        batch = max(1, min(_LARGEST, left + 1, _BYTES // width))


def _width(row: Row) -> int:
    return 8 + sum(map(_size, row))


def _size(cell: Cell) -> int:
    return len(cell) if isinstance(cell, str | bytes) else 8
