"""What an engine must be able to do. One module (or package) per engine; add it in ``engine_for``."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from devagent_sql.errors import SqlError

Cell = int | float | str | bytes | None


class Undecodable(bytes):
    """A text of the database that is not valid UTF-8."""


Name = tuple[str, str] | tuple[str, str, str]
"""(schema, table) or (schema, table, column), spelled as in the database's own schema."""

IsMasked = Callable[[str, str, str], bool]
"""(schema, table, column) → whether the statement must see NULL there."""


class Clock(NamedTuple):
    """A point in time after which work must stop; ``cancelled`` brings it forward."""

    deadline: float
    cancelled: threading.Event | None = None

    @classmethod
    def of(cls, seconds: float, cancelled: threading.Event | None = None) -> "Clock":
        return cls(time.monotonic() + seconds, cancelled)

    @property
    def left(self) -> float:
        if self.cancelled is not None and self.cancelled.is_set():
            return 0.0
        return max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raises SqlError ``timeout`` when the time is over."""
        if self.left <= 0:
            raise SqlError("timeout", "The time limit was reached. Narrow the statement.")


class Touched(NamedTuple):
    """Everything a statement reads and writes, views and the tables beneath them alike."""

    reads: frozenset[Name]
    writes: frozenset[Name]


class Column(NamedTuple):
    name: str
    type: str
    nullable: bool
    key: int
    """Place in the primary key from 1; 0 = not part of it."""
    generated: bool
    references: str
    """``table`` or ``table(column)`` a foreign key points to; empty = none."""


class Table(NamedTuple):
    """``rows`` counts to ``ROWS_COUNTED`` and stops there; None = not counted (views)."""

    schema: str
    name: str
    kind: str
    rows: int | None
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()


ROWS_COUNTED = 10_000


class Rows(NamedTuple):
    """``cut`` says which bound ended the reading: "", "rows" or "bytes"."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    cut: str
    touched: Touched
    masked: frozenset[tuple[str, str, str]]


class Engine(Protocol):
    """Every method raises SqlError and nothing else, opens and closes what it needs, changes no data."""

    def tables(self, path: str, clock: Clock) -> list[tuple[str, str]]:
        """(schema, name) of every table and view that can be read, sorted."""
        ...

    def describe(self, path: str, table: str, clock: Clock) -> list[Table]:
        """One table with its columns, or with ``""`` all of them without columns."""
        ...

    def find(self, path: str, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        """Schema, name and column names, spelled as in the database's own schema."""
        ...

    def analyse(self, path: str, sql: str, clock: Clock) -> Touched:
        """What the statement would touch. It is not run."""
        ...

    def run(
        self,
        path: str,
        sql: str,
        most_rows: int,
        weigh: Callable[[tuple[Cell, ...]], bool],
        masked: IsMasked,
        clock: Clock,
    ) -> Rows:
        """Run one reading statement. ``weigh`` is given each row; False = it no longer fits."""
        ...
