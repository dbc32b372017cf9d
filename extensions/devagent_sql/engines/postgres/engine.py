"""The PostgreSQL engine: describe, analyse, run."""

from collections.abc import Callable
from typing import Any

import psycopg

from devagent_sql.engines.port import (
    Analysis,
    Cell,
    Changed,
    Clock,
    Rows,
    Rules,
    Table,
    Touched,
    Weigh,
    check_affected,
)
from devagent_sql.engines.postgres.catalog import Catalog, columns_of, listed
from devagent_sql.engines.postgres.connection import connected
from devagent_sql.sources import Server
from devagent_sql.tree import masks
from devagent_sql.tree.changes import Change, checked, govern_change, is_definition, target_of
from devagent_sql.tree.dialects import POSTGRES
from devagent_sql.tree.govern import govern, named_tables

_FIRST_BATCH = 100
_LARGEST_BATCH = 5_000
_BATCH_BYTES = 1_000_000


class Postgres:
    """See ``Engine``. Holds nothing between calls; the password is asked for at each."""

    def __init__(self, server: Server, password: Callable[[], str | None]) -> None:
        self._server = server
        self._password = password

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with connected(self._server, self._password(), clock) as connection:
            return [(one.schema, one.name) for one in listed(connection, self._server.schemas)]

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with connected(self._server, self._password(), clock) as connection:
            if not table:
                return listed(connection, self._server.schemas)
            return [columns_of(connection, self._catalog(connection).find(*_parts(table)))]

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with connected(self._server, self._password(), clock) as connection:
            found = self._catalog(connection).find(*_parts(table))
            shown = columns_of(connection, found)
            return found.schema, found.name, tuple(column.name for column in shown.columns)

    def analyse(self, sql: str, clock: Clock) -> Touched:
        with connected(self._server, self._password(), clock) as connection:
            return govern(sql, POSTGRES, self._catalog(connection).looked_up).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        if is_definition(sql, POSTGRES):
            return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
        with connected(self._server, self._password(), clock) as connection:
            change = self._checked(connection, sql)
        facts = {change.verb, *(["unbounded"] if change.unbounded else [])}
        return Analysis(change.touched, frozenset(facts))

    def change(self, sql: str, expected: int | None, most_rows: int, clock: Clock) -> Changed:
        with connected(self._server, self._password(), clock, writing=True) as connection:
            change = self._checked(connection, sql)
            before = connection.execute(change.sample.encode()).fetchall() if change.sample else []
            cursor = connection.cursor()
            cursor.execute(change.text.encode(), [])
            affected = cursor.rowcount
            check_affected(affected, expected, most_rows)
            after: list[tuple[Cell, ...]] = []
            if change.verb == "update":
                after = self._again(connection, change, before)
            if expected is not None:
                connection.commit()
            return Changed(affected, expected is not None, change.columns, before, after)

    def _checked(self, connection: "psycopg.Connection[tuple[Any, ...]]", sql: str) -> Change:
        catalog = self._catalog(connection)
        target = target_of(checked(sql, POSTGRES))
        names = named_tables(target, POSTGRES)
        relation = catalog.looked_up(names).find(*names[0])
        table = columns_of(connection, relation)
        key = [(column.key, column.name) for column in table.columns if column.key]
        return govern_change(
            sql, POSTGRES, catalog.looked_up, tuple(name for _, name in sorted(key))
        )

    def _again(
        self, connection: "psycopg.Connection[tuple[Any, ...]]", change: Change, before: list[Any]
    ) -> list[tuple[Cell, ...]]:
        """The sampled rows after the change, found by their keys; none where a key itself was changed."""
        catalog = self._catalog(connection)
        relation = catalog.find(change.table[0], change.table[1])
        key = [c.name for c in columns_of(connection, relation).columns if c.key]
        places = [change.columns.index(name) for name in key]
        condition = " AND ".join(f"{_quoted(name)}::text = ${at}" for at, name in enumerate(key, 1))
        shown = ", ".join(map(_quoted, change.columns))
        table = ".".join(map(_quoted, change.table))
        text = f"SELECT {shown} FROM {table} WHERE {condition}"  # noqa: S608 — quoted names
        found = [
            connection.execute(text.encode(), [str(row[place]) for place in places]).fetchone()
            for row in before
        ]
        return [row for row in found if row is not None]

    def explain(self, sql: str, clock: Clock) -> list[str]:
        with connected(self._server, self._password(), clock) as connection:
            governed = govern(sql, POSTGRES, self._catalog(connection).looked_up)
            plan = connection.execute(b"EXPLAIN " + governed.text.encode(), [])
            return [str(row[0]) for row in plan.fetchall()]

    def run(self, sql: str, most_rows: int, weigh: Weigh, rules: Rules, clock: Clock) -> Rows:
        with connected(self._server, self._password(), clock) as connection:
            governed = govern(sql, POSTGRES, self._catalog(connection).looked_up, rules)
            parameters = [masks.KEY] if governed.keyed else []
            with connection.cursor("devagent") as cursor:
                cursor.execute(governed.text.encode(), parameters)
                described = cursor.description or []
                columns = tuple(column.name for column in described)
                types = tuple(_type_name(connection, column.type_code) for column in described)
                rows, cut = _fetched(cursor, most_rows, weigh, clock)
            return Rows(columns, rows, cut, governed.touched, governed.masked, types)

    def _catalog(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> Catalog:
        return Catalog(connection, self._server.schemas, elevated=self._server.elevated)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parts(table: str) -> tuple[str, str]:
    """Schema or "" and name, as ``describe`` takes them: ``orders`` or ``sales.orders``, spelled exactly."""
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else ("", table)


def _fetched(
    cursor: "psycopg.ServerCursor[tuple[Any, ...]]", most_rows: int, weigh: Weigh, clock: Clock
) -> tuple[list[tuple[Cell, ...]], str]:
    """Batches from the server's cursor, each kept near a megabyte, until a bound is met."""
    rows: list[tuple[Cell, ...]] = []
    batch = min(_FIRST_BATCH, most_rows + 1)
    while True:
        clock.check()
        found: list[tuple[Cell, ...]] = cursor.fetchmany(batch)
        room = most_rows - len(rows)
        for row in found[:room]:
            if not weigh(row):
                return rows, "bytes"
            rows.append(row)
        if len(found) > room:
            return rows, "rows"
        if len(found) < batch:
            return rows, ""
        width = max(map(_width, found[-10:]))
        batch = max(1, min(_LARGEST_BATCH, most_rows + 1 - len(rows), _BATCH_BYTES // width))


def _width(row: tuple[Cell, ...]) -> int:
    return 8 + sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)


def _type_name(connection: "psycopg.Connection[tuple[Any, ...]]", oid: int) -> str:
    info = connection.adapters.types.get(oid)
    if info is None:
        return "other"
    return f"{info.name}[]" if info.array_oid == oid else info.name
