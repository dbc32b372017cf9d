"""The PostgreSQL engine: describe, analyse, run."""

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.port import (
    Analysis,
    Answer,
    Changed,
    Clock,
    Effects,
    Permit,
    Row,
    Rules,
    Sink,
    Table,
    Touched,
    check_affected,
    undeclared,
)
from devagent_sql.engines.postgres.catalog import Catalog, columns_of, listed
from devagent_sql.engines.postgres.connection import Connection, connected, prove_path
from devagent_sql.engines.postgres.side_effects import check_written, looking, oid_of, written
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.tree import masks, parse
from devagent_sql.tree.changes import Change, checked, govern_change, is_definition, target_of
from devagent_sql.tree.dialects import POSTGRES
from devagent_sql.tree.govern import govern, named_tables
from devagent_sql.tree.side_effects import SideEffects, side_effects

T = TypeVar("T")


class Postgres:
    """See ``Engine``. Connections and what the catalog said are kept between calls (``connection``,
    ``catalog``); the password is asked for at each."""

    def __init__(
        self, server: Server, password: Callable[[], str | None], effects: Effects = undeclared
    ) -> None:
        self._server = server
        self._password = password
        self._effects = effects

    def _reading(self, clock: Clock, work: Callable[[Connection, Catalog], T]) -> T:
        """``work`` with what is remembered of the catalog; where that turns out to be old, once more without."""
        for remembering in (True, False):
            with connected(self._server, self._password(), clock) as connection:
                catalog = Catalog(connection, self._server, remembering=remembering)
                try:
                    return work(connection, catalog)
                except (SqlError, psycopg.Error):
                    if not catalog.in_doubt:
                        raise
                    catalog.forget()
        raise AssertionError

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        return self._reading(
            clock, lambda c, _: [(one.schema, one.name) for one in listed(c, self._server.schemas)]
        )

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with connected(self._server, self._password(), clock) as connection:
            if not table:
                return listed(connection, self._server.schemas)
            return [columns_of(connection, self._fresh(connection).find(*_parts(table)))]

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with connected(self._server, self._password(), clock) as connection:
            found = self._fresh(connection).find(*_parts(table))
            shown = columns_of(connection, found)
            return found.schema, found.name, tuple(column.name for column in shown.columns)

    def analyse(self, sql: str, clock: Clock) -> Touched:
        parse.statement(sql, POSTGRES)  # what is refused at sight needs no connection

        def work(_: Connection, catalog: Catalog) -> Touched:
            touched = govern(sql, POSTGRES, catalog.looked_up).touched
            catalog.prove()
            return touched

        return self._reading(clock, work)

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        if is_definition(sql, POSTGRES):
            return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
        with connected(self._server, self._password(), clock) as connection:
            change = self._checked(connection, sql)
            besides = self._besides(connection, change)
        return Analysis(besides.joined(change.touched), change.facts | besides.facts)

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        with connected(self._server, self._password(), clock, writing=True) as connection:
            change = self._checked(connection, sql)
            touched = self._besides(connection, change).joined(change.touched)
            permit(touched)
            counted = written(connection)
            before = connection.execute(change.sample.encode()).fetchall() if change.sample else []
            cursor = connection.cursor()
            cursor.execute(change.text.encode(), [])
            prove_path(connection, self._server)
            affected = cursor.rowcount
            # What is put off until the end happens now, before the server is asked what it did.
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            check_written(counted, written(connection), touched)
            check_affected(affected, expected, most_rows)
            after: list[Row] = []
            if change.verb == "update":
                after = self._again(connection, change, before)
            if expected is not None:
                connection.commit()
            done = expected is not None
            return Changed(affected, done, change.columns, before, after, touched, change.text)

    def _besides(self, connection: Connection, change: Change) -> SideEffects:
        oid = oid_of(connection, change.table)
        return side_effects(oid, change.verb, change.written, looking(connection), self._effects)

    def _checked(self, connection: Connection, sql: str) -> Change:
        catalog = self._fresh(connection)
        target = target_of(checked(sql, POSTGRES))
        names = named_tables(target, POSTGRES)
        relation = catalog.looked_up(names).find(*names[0])
        table = columns_of(connection, relation)
        key = [(column.key, column.name) for column in table.columns if column.key]
        return govern_change(
            sql, POSTGRES, catalog.looked_up, tuple(name for _, name in sorted(key))
        )

    def _again(self, connection: Connection, change: Change, before: list[Any]) -> list[Row]:
        """The sampled rows after the change, found by their keys; none where a key itself was changed."""
        catalog = self._fresh(connection)
        relation = catalog.find(change.table[0], change.table[1])
        key = [c.name for c in columns_of(connection, relation).columns if c.key]
        if not key:
            return []
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
        def work(connection: Connection, catalog: Catalog) -> list[str]:
            governed = govern(sql, POSTGRES, catalog.looked_up)
            plan = connection.execute(b"EXPLAIN " + governed.text.encode(), [])
            catalog.prove()
            return [str(row[0]) for row in plan.fetchall()]

        return self._reading(clock, work)

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        parse.statement(sql, POSTGRES)

        def work(connection: Connection, catalog: Catalog) -> Answer:
            governed = govern(sql, POSTGRES, catalog.looked_up, rules)
            with connection.cursor("devagent") as cursor:
                cursor.execute(governed.text.encode(), [masks.KEY] if governed.keyed else [])
                # It is planned and holds its locks, so what is true now stays true; nothing was read yet.
                catalog.prove()
                described = cursor.description or []
                columns = tuple(column.name for column in described)
                types = tuple(_type_name(connection, column.type_code) for column in described)
                sink.begin(columns, types, governed.touched)
                cut = hand_over(cursor.fetchmany, sink, most_rows, clock)
            return Answer(columns, cut, governed.touched, governed.masked, governed.text, types)

        return self._reading(clock, work)

    def _fresh(self, connection: Connection) -> Catalog:
        return Catalog(connection, self._server, remembering=False)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parts(table: str) -> tuple[str, str]:
    """Schema or "" and name, as ``describe`` takes them: ``orders`` or ``sales.orders``, spelled exactly."""
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else ("", table)


def _type_name(connection: Connection, oid: int) -> str:
    info = connection.adapters.types.get(oid)
    if info is None:
        return "other"
    return f"{info.name}[]" if info.array_oid == oid else info.name
