"""A table as ``describe`` tells of it."""

import sqlite3

from devagent_sql.engines.port import ROWS_COUNTED, Column, Table
from devagent_sql.engines.sqlite.catalog import Catalog, Member, quoted


def counted_rows(connection: sqlite3.Connection, member: Member) -> int | None:
    if member.kind != "table":
        return None
    # The name is quoted; a name cannot be a bound value.
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(member.name)} LIMIT {ROWS_COUNTED + 1})"  # noqa: S608
    row: tuple[int] = connection.execute(counted).fetchone()
    return row[0]


def described(connection: sqlite3.Connection, catalog: Catalog, member: Member) -> Table:
    table = quoted(member.name)
    references: dict[str, str] = {}
    for _, _, target, column, to, *_ in connection.execute(f"PRAGMA foreign_key_list({table})"):
        references[str(column)] = f"{target}({to})" if to else str(target)
    unique: list[tuple[str, ...]] = []
    for _, name, is_unique, origin, partial in connection.execute(f"PRAGMA index_list({table})"):
        if is_unique and not partial and origin != "pk":
            parts = connection.execute(f"PRAGMA index_info({quoted(str(name))})").fetchall()
            if all(isinstance(part[2], str) for part in parts):
                unique.append(tuple(part[2] for part in parts))
    columns = tuple(
        Column(
            column.name,
            column.type,
            not column.required and not (column.key and member.without_rowid),
            column.key,
            column.hidden in (2, 3),
            references.get(column.name, ""),
        )
        for column in catalog.columns(member.name)
    )
    return Table(
        "main", member.name, member.kind, counted_rows(connection, member), columns, tuple(unique)
    )
