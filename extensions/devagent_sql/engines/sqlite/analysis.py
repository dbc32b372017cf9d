"""What a statement touches, in SQLite's own words.

A statement is compiled under the guard, its program is read, and only when both witnesses agree with
the rules is it compiled again and stepped, in the same transaction and under the same rules.
"""

import sqlite3
from typing import Any

from devagent_sql.engines.port import Name, Touched
from devagent_sql.engines.sqlite.catalog import Catalog, Member
from devagent_sql.engines.sqlite.connection import translated
from devagent_sql.engines.sqlite.functions import TABLE_FUNCTIONS
from devagent_sql.engines.sqlite.guard import Guard, IsMasked, is_masked
from devagent_sql.engines.sqlite.lexer import body_of, is_bounded, names_in, tokens, without_indexes
from devagent_sql.engines.sqlite.program import Read, read_by
from devagent_sql.errors import SqlError
from devagent_sql.names import fold

_READS = {"select", "with", "values"}
_WRITES = {"insert", "update", "delete", "replace"}


def nothing_masked(_schema: str, _table: str, _column: str) -> bool:
    return False


class Analysed:
    """What the two witnesses say of one statement."""

    def __init__(self, guard: Guard, read: Read, catalog: Catalog, views: set[str]) -> None:
        self.functions = guard.functions
        self.hidden = guard.hidden
        columns = guard.columns | guard.hidden | read.columns
        deep = {(t, c) for table, name in columns for t, c in _beneath(catalog, table, name)}
        tables = guard.tables | read.tables | views | {table for table, _ in deep}
        self.reads: set[Name] = {("main", table) for table in tables - guard.written}
        self.reads |= {("main", table, column) for table, column in deep}
        self.writes: set[Name] = {("main", table) for table in guard.written}
        self.writes |= {("main", table, column) for table, column in guard.written_columns}
        # A statement that changes a table may also read it.
        self.reads |= {("main", table) for table in guard.written & {table for table, _ in deep}}

    @property
    def touched(self) -> Touched:
        return Touched(frozenset(self.reads), frozenset(self.writes))


def _beneath(catalog: Catalog, table: str, column: str) -> set[tuple[str, str]]:
    return {(table, name) for name in catalog.closure(table, column)}


def _statement(sql: str) -> str:
    """The text to compile for analysis: the statement, or the one whose plan is asked for.

    Raises SqlError ``syntax``, ``many_statements`` or ``forbidden_statement``.
    """
    if "\0" in sql:
        raise SqlError("syntax", "The statement is not valid SQLite.")
    found = list(tokens(sql))
    words = [token.text if token.kind == "word" else "" for token in found]
    if not found:
        raise SqlError("syntax", "There is no statement.")
    ends = [at for at, token in enumerate(found) if token.kind == "sign" and token.text == ";"]
    if ends and ends[0] != len(found) - 1:
        raise SqlError("many_statements", "One statement at a time.")
    plan = words[:3] == ["explain", "query", "plan"] and len(found) > 3
    first = words[3] if plan else words[0]
    if first not in _READS | _WRITES or (plan and first in _WRITES):
        raise SqlError(
            "forbidden_statement", "Only SELECT, WITH, VALUES and EXPLAIN QUERY PLAN are run here."
        )
    return sql[found[3].start :] if plan else sql


def mentioned_in(catalog: Catalog, sql: str) -> tuple[list[str], set[str]]:
    """The texts that take part (the statement, the views it may use), and all it may name.

    Decided on the letters alone, so that no quoting can hide a name: it may find too many.
    """
    texts, found = [fold(sql)], set[str]()
    grown = True
    while grown:
        grown = False
        for key, member in catalog.members.items():
            if member.offered and member.name not in found and _may_name(key, texts):
                found.add(member.name)
                if member.kind == "view":
                    texts.append(fold(member.sql))
                    grown = True
    return texts, found


def _may_name(key: str, texts: list[str]) -> bool:
    return any(key in text for text in texts) or any(quote in key for quote in "\"`]'")


def analyse(
    connection: sqlite3.Connection, catalog: Catalog, sql: str, masked: IsMasked, *, recording: bool
) -> Analysed:
    statement = _statement(sql)
    texts, mentioned = mentioned_in(catalog, statement)
    may_write = any(word in texts[0] for word in _WRITES)
    # A write also names what its triggers and foreign keys touch.
    catalog.load((m.name for m in offered(catalog)) if may_write else mentioned)
    guard = Guard(catalog, masked, recording=recording)
    program = compiled(connection, guard, statement)
    by_name = any("using" in text or "natural" in text for text in texts)
    read = read_by(program, catalog, by_name)
    if read.virtual:
        _check_table_functions(connection, catalog, texts)
    _check_recursions(guard.recursions, texts)
    views = _views_named(catalog, statement) if by_name else set[str]()
    check_masks(catalog, masked, read, views)
    return Analysed(guard, read, catalog, views)


def analyse_masked(
    connection: sqlite3.Connection, catalog: Catalog, sql: str, masked: IsMasked
) -> tuple[Analysed, str]:
    """The analysis of a statement to run, and its text.

    Where the engine would walk a masked column's index, the text gets NOT INDEXED after the tables
    it names (same rows, other plan) and is analysed anew. A table named in a view cannot be helped.
    """
    try:
        return analyse(connection, catalog, sql, masked, recording=False), sql
    except SqlError as error:
        if error.error != "masked_index":
            raise
        tables = {
            fold(member.name)
            for member in offered(catalog)
            if catalog.is_loaded(member.name)
            and any(
                is_masked(catalog, masked, member.name, c.name)
                for c in catalog.columns(member.name)
            )
        }
        changed = without_indexes(sql, tables)
        try:
            return analyse(connection, catalog, changed, masked, recording=False), changed
        except SqlError:
            raise error from None


def _check_recursions(recursions: set[str], texts: list[str]) -> None:
    for recursion in recursions:
        bodies = [body for text in texts if (body := body_of(recursion, text))]
        if not bodies or not all(map(is_bounded, bodies)):
            raise SqlError(
                "unbounded_recursion",
                "The recursive part needs a WHERE, a JOIN or a LIMIT that ends it.",
            )


def compiled(connection: sqlite3.Connection, guard: Guard, statement: str) -> list[Any]:
    connection.set_authorizer(guard)
    try:
        return connection.execute(f"EXPLAIN {statement}").fetchall()
    except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
        raise guard.refusal or translated(error) from None
    finally:
        connection.set_authorizer(None)


def _views_named(catalog: Catalog, sql: str) -> set[str]:
    """The views whose names stand in the statement, or in a view so named."""
    found: set[str] = set()
    waiting = [sql]
    while waiting:
        named = names_in(waiting.pop())
        for key, member in catalog.members.items():
            if member.kind == "view" and key in named and member.name not in found:
                found.add(member.name)
                waiting.append(member.sql)
    return found


def _check_table_functions(
    connection: sqlite3.Connection, catalog: Catalog, texts: list[str]
) -> None:
    """The program opens something virtual: only the allowed table functions may be named."""
    modules = {str(row[0]) for row in connection.execute("PRAGMA module_list")}
    hidden = {key for key, member in catalog.members.items() if not member.offered}
    others = (modules - TABLE_FUNCTIONS) | hidden | {"pragma_"}
    # A build that cannot list its modules cannot be judged.
    if not modules >= TABLE_FUNCTIONS or any(name in text for text in texts for name in others):
        raise SqlError("unsupported_table", "Internal and virtual tables are not offered.")


def check_masks(catalog: Catalog, masked: IsMasked, read: Read, views: set[str]) -> None:
    """The masked program must not fetch a masked column, nor walk rows in its order."""
    seen = {(t, c) for table, column in read.columns for t, c in _beneath(catalog, table, column)}
    of_views = {(view, column.name) for view in views for column in catalog.columns(view)}
    if any(is_masked(catalog, masked, table, column) for table, column in seen | of_views):
        raise SqlError(
            "masked_join",
            "A masked column is compared by USING or NATURAL. Join with ON (it then reads as NULL).",
        )
    for storage in read.ordered:
        keys = {column for position in storage.positions[: storage.keys] for column in position}
        if any(is_masked(catalog, masked, storage.table, column) for column in keys):
            raise SqlError(
                "masked_index",
                "SQLite would walk an index of a masked column, whose order tells its values. "
                "Query the table instead of the view, with NOT INDEXED after its name.",
            )


def offered(catalog: Catalog) -> list[Member]:
    return sorted((m for m in catalog.members.values() if m.offered), key=lambda m: fold(m.name))


def is_writing(sql: str) -> bool:
    return any(token.kind == "word" and token.text in _WRITES for token in tokens(sql))
