"""INSERT, UPDATE and DELETE in SQLite: one transaction, under the authorizer, rolled back unless all fits.

Triggers and the actions of foreign keys are compiled into the statement, so the authorizer is told of each
table that they read and write. What keys look into without it is told of is named by ``side_effects``.
"""

import sqlite3
from typing import Any

from sqlglot import exp

from devagent_sql.engines.port import (
    Analysis,
    Cell,
    Changed,
    Clock,
    Name,
    Permit,
    Touched,
    check_affected,
    undeclared,
)
from devagent_sql.engines.sqlite.analysis import analyse, nothing_masked, offered
from devagent_sql.engines.sqlite.catalog import Catalog, Member, quoted
from devagent_sql.engines.sqlite.connection import reading, translated
from devagent_sql.engines.sqlite.guard import Guard
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree import parse
from devagent_sql.tree.changes import SAMPLED, checked, is_unbounded, target_of, verb_of
from devagent_sql.tree.dialects import SQLITE
from devagent_sql.tree.side_effects import Facts, Reference, side_effects

_ACTIONS = {"CASCADE": "cascade", "SET NULL": "set", "SET DEFAULT": "set"}


class _Target:
    """The table that a change is about; ``shown``: its key and the columns that are set, as a sample shows them."""

    def __init__(self, catalog: Catalog, tree: exp.Expr, table: str) -> None:
        self.member = catalog.member(table)
        if self.member.kind != "table":
            raise SqlError("unsupported_table", "Only tables are changed here.")
        columns = catalog.columns(self.member.name)
        self.key = tuple(c.name for c in sorted(columns, key=lambda c: c.key) if c.key)
        every = tuple(c.name for c in columns if c.hidden not in (2, 3))
        named = (
            {fold(one.this.name) for one in tree.expressions}
            if isinstance(tree, exp.Update)
            else set[str]()
        )
        set_columns = tuple(name for name in every if fold(name) in named)
        # An INSERT sets every column, to its default where the statement has no value.
        self.written = every if isinstance(tree, exp.Insert) else set_columns
        self.shown: tuple[str, ...] = ()
        if not isinstance(tree, exp.Insert) and self.key:
            self.shown = (*self.key, *(name for name in set_columns if name not in self.key))


def analysed(connection: sqlite3.Connection, catalog: Catalog, sql: str) -> Analysis:
    """What the change touches, what it sets off and what a sample of it shows."""
    tree = checked(sql, SQLITE)
    target = _Target(catalog, tree, target_of(tree).name)
    table, verb = target.member.name, verb_of(tree)
    told = analyse(connection, catalog, sql, nothing_masked, recording=True).touched
    besides = side_effects(table, verb, target.written, _Looking(connection, catalog), undeclared)
    sampled: set[Name] = {("main", table, name) for name in target.shown}
    found = besides.joined(told)
    facts = {verb, *(["unbounded"] if is_unbounded(tree) else []), *besides.facts}
    if {name[1] for name in told.writes} - {name[1] for name in besides.touched.writes}:
        facts.add("code")  # a trigger's
    return Analysis(Touched(found.reads | sampled, found.writes), frozenset(facts))


class _Looking:
    """What the schema says of a table: its keys, and those that refer to it."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def __call__(self, table: int | str) -> Facts:
        member = self._catalog.member(str(table))
        columns = self._catalog.columns(member.name)
        every = frozenset(column.name for column in columns)
        keys = [frozenset(column.name for column in columns if column.key)]
        for _, index, unique, *_ in self._rows(f"PRAGMA index_list({quoted(member.name)})"):
            if unique:
                parts = self._rows(f"PRAGMA index_info({quoted(str(index))})")
                named = frozenset(str(part[2]) for part in parts if part[2] is not None)
                partial = any(one.name == index and " where " in fold(one.sql) for one in self._catalog.indexes)  # fmt: skip
                keys.append(every if partial or len(named) < len(parts) else named)
        checks = (every,) if "check" in fold(member.sql) else ()
        others = [one for one in offered(self._catalog) if one.kind == "table"]
        referred = [one for other in others for one in self._references(other, to=member)]
        return Facts(
            "main",
            member.name,
            tuple(key for key in keys if key),
            checks,
            tuple(self._references(member)),
            tuple(referred),
        )

    def _rows(self, pragma: str) -> list[Any]:
        return self._connection.execute(pragma).fetchall()

    def _references(self, member: Member, to: Member | None = None) -> list[Reference]:
        """The foreign keys of a table; with ``to`` those that lead there, as that table sees them."""
        keys: dict[int, list[Any]] = {}
        for row in self._rows(f"PRAGMA foreign_key_list({quoted(member.name)})"):
            keys.setdefault(row[0], []).append(row)
        found: list[Reference] = []
        for rows in keys.values():
            other = self._catalog.members.get(fold(str(rows[0][2])))
            if other is None or other.kind != "table" or (to is not None and other != to):
                continue
            mine = tuple(self._catalog.column(member.name, str(row[3])) for row in rows)
            theirs = tuple(str(row[4]) for row in rows if row[4] is not None) or tuple(
                column.name for column in self._catalog.columns(other.name) if column.key
            )
            theirs = tuple(self._catalog.column(other.name, name) for name in theirs)
            on_update, on_delete = (_ACTIONS.get(str(rows[0][at]), "refuse") for at in (5, 6))
            if to is None:
                found.append(Reference(other.name, mine, theirs, on_delete, on_update))
            else:
                found.append(Reference(member.name, theirs, mine, on_delete, on_update))
        return found


def change(
    path: str, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
) -> Changed:
    """See ``Engine.change``."""
    with reading(path, clock, writing=True) as connection:
        catalog = Catalog(connection)
        tree = checked(sql, SQLITE)
        touched = analysed(connection, catalog, sql).touched
        permit(touched)
        target = _Target(catalog, tree, target_of(tree).name)
        guard = Guard(catalog, nothing_masked, recording=True)
        connection.set_authorizer(guard)
        try:
            before = _sample(connection, tree, target.member.name, target.shown)
            text = tree.sql(parse.speaker("sqlite"), comments=False)
            affected = connection.execute(text).rowcount
            check_affected(affected, expected, most_rows)
            after: list[tuple[Cell, ...]] = []
            if isinstance(tree, exp.Update):
                after = _again(connection, target, before)
        except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
            raise guard.refusal or translated(error) from None
        finally:
            connection.set_authorizer(None)
        connection.execute("COMMIT" if expected is not None else "ROLLBACK")
        done = expected is not None
        return Changed(affected, done, target.shown, before, after, touched, text)


def _sample(
    connection: sqlite3.Connection, tree: exp.Expr, table: str, shown: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    if not shown:
        return []
    where = tree.args.get("where")
    condition = f" {where.sql(parse.speaker('sqlite'))}" if where is not None else ""
    columns = ", ".join(map(quoted, shown))
    text = f"SELECT {columns} FROM main.{quoted(table)}{condition} LIMIT {SAMPLED}"  # noqa: S608 — from the checked tree
    return connection.execute(text).fetchall()


def _again(
    connection: sqlite3.Connection, target: _Target, before: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The sampled rows after the change, found by their keys; none where a key itself was changed."""
    key = target.key
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, len(key))
    condition = " AND ".join(f"{quoted(name)} IS ?" for name in key)
    text = f"SELECT {', '.join(map(quoted, target.shown))} FROM main.{quoted(target.member.name)} WHERE {condition}"  # noqa: S608
    rows = [connection.execute(text, row[: len(key)]).fetchone() for row in before]
    return [row for row in rows if row is not None]
