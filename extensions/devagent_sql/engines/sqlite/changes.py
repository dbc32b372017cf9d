"""INSERT, UPDATE and DELETE in SQLite: one transaction, under the authorizer, rolled back unless all fits."""

import sqlite3
from typing import Any

from sqlglot import exp

from devagent_sql.engines.port import Cell, Changed, Clock, check_affected
from devagent_sql.engines.sqlite.catalog import Catalog, quoted
from devagent_sql.engines.sqlite.connection import reading, translated
from devagent_sql.engines.sqlite.guard import Guard
from devagent_sql.names import fold
from devagent_sql.tree import parse
from devagent_sql.tree.changes import SAMPLED, checked, is_unbounded, target_of, verb_of
from devagent_sql.tree.dialects import SQLITE


def _not_masked(_schema: str, _table: str, _column: str) -> bool:
    return False


def facts_of(sql: str) -> frozenset[str]:
    """The verb, and whether it is about every row."""
    tree = checked(sql, SQLITE)
    return frozenset({verb_of(tree), *(["unbounded"] if is_unbounded(tree) else [])})


def shown_columns(catalog: Catalog, sql: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The table, its key, and the columns that a sample shows: the key and what is set."""
    tree = checked(sql, SQLITE)
    member = catalog.member(target_of(tree).name)
    columns = catalog.columns(member.name)
    key = tuple(c.name for c in sorted(columns, key=lambda c: c.key) if c.key)
    if isinstance(tree, exp.Insert) or not key:
        return member.name, (), ()
    named = (
        {fold(one.this.name) for one in tree.expressions}
        if isinstance(tree, exp.Update)
        else set[str]()
    )
    shown = (*key, *(c.name for c in columns if fold(c.name) in named and c.name not in key))
    return member.name, key, shown


def change(path: str, sql: str, expected: int | None, most_rows: int, clock: Clock) -> Changed:
    """See ``Engine.change``."""
    with reading(path, clock, writing=True) as connection:
        catalog = Catalog(connection)
        tree = checked(sql, SQLITE)
        catalog.load(m.name for m in catalog.members.values() if m.offered)
        table, key, shown = shown_columns(catalog, sql)
        guard = Guard(catalog, _not_masked, recording=True)
        connection.set_authorizer(guard)
        try:
            before = _sample(connection, tree, table, shown)
            text = tree.sql(parse.speaker("sqlite"), comments=False)
            affected = connection.execute(text).rowcount
            check_affected(affected, expected, most_rows)
            after: list[tuple[Cell, ...]] = []
            if isinstance(tree, exp.Update):
                after = _again(connection, table, key, shown, before)
        except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
            raise guard.refusal or translated(error) from None
        finally:
            connection.set_authorizer(None)
        connection.execute("COMMIT" if expected is not None else "ROLLBACK")
        return Changed(affected, expected is not None, shown, before, after)


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
    connection: sqlite3.Connection,
    table: str,
    key: tuple[str, ...],
    shown: tuple[str, ...],
    before: list[tuple[Any, ...]],
) -> list[tuple[Any, ...]]:
    """The sampled rows after the change, found by their keys; none where a key itself was changed."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, len(key))
    condition = " AND ".join(f"{quoted(name)} IS ?" for name in key)
    text = f"SELECT {', '.join(map(quoted, shown))} FROM main.{quoted(table)} WHERE {condition}"  # noqa: S608
    rows = [connection.execute(text, row[: len(key)]).fetchone() for row in before]
    return [row for row in rows if row is not None]
