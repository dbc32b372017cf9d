"""What an engine must be able to do. One module (or package) per engine; add it in ``engine_for``."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from devagent_sql.errors import SqlError
from devagent_sql.names import Name

Cell = int | float | str | bytes | None
Row = tuple[Cell, ...]
Cut = Literal["", "rows", "bytes"]
"""Which bound ended the reading."""


class Undecodable(bytes):
    """A text of the database that is not valid UTF-8."""


class Rules(NamedTuple):
    """What policy asks of a statement.

    ``mask``: (schema, table, column) → the kind of mask, "" for none. ``filters``: (schema, table) →
    expressions that must all hold of a row. ``min_group``: rows that a group must have; 0 = any.
    """

    mask: Callable[[str, str, str], str]
    filters: Callable[[str, str], tuple[str, ...]]
    min_group: int = 0


def _no_mask(_schema: str, _table: str, _column: str) -> str:
    return ""


def _no_filters(_schema: str, _table: str) -> tuple[str, ...]:
    return ()


NO_RULES = Rules(_no_mask, _no_filters)


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
    comment: str = ""


class Table(NamedTuple):
    """``rows`` counts to ``ROWS_COUNTED`` and stops there; None = not counted (views)."""

    schema: str
    name: str
    kind: str
    rows: int | None
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()


ROWS_COUNTED = 10_000


class Answer(NamedTuple):
    """What was read, its rows aside: these went to the sink. ``text`` is what ran; ``types`` are the engine's
    own names of the columns' types, where it has them."""

    columns: tuple[str, ...]
    cut: Cut
    touched: Touched
    masked: frozenset[tuple[str, str, str]]
    text: str
    types: tuple[str, ...] = ()


class Sink(Protocol):
    """Where the rows of an answer go. An engine hands them over as they come, and keeps none."""

    def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
        """Told once, before the first row. Where it raises SqlError no row is read."""
        ...

    def take(self, rows: Sequence[Row]) -> int:
        """How many of these fit, from the first; where it is fewer than all, no more are read."""
        ...


Verb = Literal["insert", "update", "delete"]


class Analysis(NamedTuple):
    """A statement before it is run. ``facts`` are among insert, update, delete, unbounded, cascade, code, ddl."""

    touched: Touched
    facts: frozenset[str] = frozenset()


class Changed(NamedTuple):
    """What a change did, or would do. ``before`` and ``after`` are the same rows, ``columns`` of them."""

    affected: int
    committed: bool
    columns: tuple[str, ...]
    before: list[Row]
    after: list[Row]
    touched: Touched
    text: str
    """What ran."""


Permit = Callable[[Touched], None]
"""Told what a change touches, before it runs; where it raises SqlError nothing runs."""

Effects = Callable[[str, str], "frozenset[Name] | None"]
"""(schema, table) → what the database's own code changes besides, as the source's settings declare it;
None = they say nothing of that table."""


def undeclared(_schema: str, _table: str) -> "frozenset[Name] | None":
    return None


def check_affected(affected: int, expected: int | None, most_rows: int) -> None:
    """Raises SqlError ``too_large`` or ``changed`` where a change is not about as many rows as it may be."""
    if affected > most_rows:
        raise SqlError("too_large", f"The change is about more than {most_rows} rows: undone.")
    if expected is not None and affected != expected:
        raise SqlError(
            "changed",
            f"The change is about {affected} rows, not {expected}: undone. Preview it anew.",
        )


class Engine(Protocol):
    """One database. Every method raises SqlError and nothing else, opens and closes what it needs, and
    changes no data but in ``change``."""

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        """(schema, name) of every table and view that can be read, sorted."""
        ...

    def describe(self, table: str, clock: Clock) -> list[Table]:
        """One table with its columns, or with ``""`` all of them without columns."""
        ...

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        """Schema, name and column names, spelled as in the database's own schema."""
        ...

    def analyse(self, sql: str, clock: Clock) -> Touched:
        """What the statement would touch. It is not run."""
        ...

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        """What an INSERT, UPDATE or DELETE would touch, and what it is. It is not run."""
        ...

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        """Run a change in a transaction, and commit it only where it is about ``expected`` rows.

        None = roll it back. Raises SqlError ``changed`` for another number, ``too_large`` for more than
        ``most_rows``, ``side_effects`` where it wrote what was not named; nothing is then changed."""
        ...

    def explain(self, sql: str, clock: Clock) -> list[str]:
        """The engine's plan of a reading statement, line by line. It is not run."""
        ...

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        """Run one reading statement; at most ``most_rows`` go to the sink."""
        ...
