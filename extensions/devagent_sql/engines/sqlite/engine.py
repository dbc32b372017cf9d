"""The SQLite engine: describe, analyse, run.

A statement is compiled under the guard, its program is read, and only when both witnesses agree with
the rules is it compiled again and stepped, in the same transaction and under the same rules.
"""

import sqlite3
from typing import Any

from devagent_sql.engines.batches import Kept, hand_over
from devagent_sql.engines.port import (
    NO_RULES,
    ROWS_COUNTED,
    Analysis,
    Answer,
    Changed,
    Clock,
    Column,
    Cut,
    Name,
    Row,
    Rules,
    Sink,
    Table,
    Touched,
)
from devagent_sql.engines.sqlite import changes, shields
from devagent_sql.engines.sqlite.catalog import Catalog, Member, quoted
from devagent_sql.engines.sqlite.connection import (
    LONGEST_VALUE_IN_SLOW_FUNCTIONS,
    reading,
    told_apart,
    translated,
)
from devagent_sql.engines.sqlite.functions import SLOW_ON_LONG_TEXT, TABLE_FUNCTIONS
from devagent_sql.engines.sqlite.guard import Guard, IsMasked, is_masked
from devagent_sql.engines.sqlite.lexer import (
    WITHOUT_INDEX,
    body_of,
    is_bounded,
    names_in,
    tokens,
    without_indexes,
)
from devagent_sql.engines.sqlite.program import Read, read_by
from devagent_sql.engines.sqlite.regenerate import Regenerated, regenerated
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree.changes import is_definition
from devagent_sql.tree.dialects import SQLITE

_READS = {"select", "with", "values"}
_WRITES = {"insert", "update", "delete", "replace"}


def _nothing_masked(_schema: str, _table: str, _column: str) -> bool:
    return False


class _Analysis:
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


def _mentioned(catalog: Catalog, sql: str) -> tuple[list[str], set[str]]:
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


def _analyse(
    connection: sqlite3.Connection, catalog: Catalog, sql: str, masked: IsMasked, *, recording: bool
) -> _Analysis:
    statement = _statement(sql)
    texts, mentioned = _mentioned(catalog, statement)
    may_write = any(word in texts[0] for word in _WRITES)
    # A write also names what its triggers and foreign keys touch.
    catalog.load((m.name for m in _offered(catalog)) if may_write else mentioned)
    guard = Guard(catalog, masked, recording=recording)
    program = _compiled(connection, guard, statement)
    by_name = any("using" in text or "natural" in text for text in texts)
    read = read_by(program, catalog, by_name)
    if read.virtual:
        _check_table_functions(connection, catalog, texts)
    _check_recursions(guard.recursions, texts)
    views = _views_named(catalog, statement) if by_name else set[str]()
    _check_masks(catalog, masked, read, views)
    return _Analysis(guard, read, catalog, views)


def _analyse_masked(
    connection: sqlite3.Connection, catalog: Catalog, sql: str, masked: IsMasked
) -> tuple[_Analysis, str]:
    """The analysis of a statement to run, and its text.

    Where the engine would walk a masked column's index, the text gets NOT INDEXED after the tables
    it names (same rows, other plan) and is analysed anew. A table named in a view cannot be helped.
    """
    try:
        return _analyse(connection, catalog, sql, masked, recording=False), sql
    except SqlError as error:
        if error.error != "masked_index":
            raise
        tables = {
            fold(member.name)
            for member in _offered(catalog)
            if catalog.is_loaded(member.name)
            and any(
                is_masked(catalog, masked, member.name, c.name)
                for c in catalog.columns(member.name)
            )
        }
        changed = without_indexes(sql, tables)
        try:
            return _analyse(connection, catalog, changed, masked, recording=False), changed
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


def _compiled(connection: sqlite3.Connection, guard: Guard, statement: str) -> list[Any]:
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


def _check_masks(catalog: Catalog, masked: IsMasked, read: Read, views: set[str]) -> None:
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


class Sqlite:
    """See ``Engine``. ``path`` is the file's real path; nothing is held between calls."""

    def __init__(self, path: str) -> None:
        self._path = path

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with reading(self._path, clock) as connection:
            return [("main", member.name) for member in _offered(Catalog(connection))]

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            member = catalog.member(table)
            return "main", member.name, tuple(c.name for c in catalog.columns(member.name))

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            if table:
                return [_described(connection, catalog, catalog.member(table))]
            return [
                Table("main", member.name, member.kind, _count(connection, member), ())
                for member in _offered(catalog)
            ]

    def analyse(self, sql: str, clock: Clock) -> Touched:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            text = sql if _is_writing(sql) else regenerated(sql, catalog, NO_RULES).text
            return _analyse(connection, catalog, text, _nothing_masked, recording=True).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        if is_definition(sql, SQLITE):
            return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
        facts = changes.facts_of(sql)
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            touched = _analyse(connection, catalog, sql, _nothing_masked, recording=True).touched
            table, _, shown = changes.shown_columns(catalog, sql)
            sampled: set[Name] = {("main", table, name) for name in shown}
            return Analysis(Touched(touched.reads | sampled, touched.writes), facts)

    def change(self, sql: str, expected: int | None, most_rows: int, clock: Clock) -> Changed:
        return changes.change(self._path, sql, expected, most_rows, clock)

    def explain(self, sql: str, clock: Clock) -> list[str]:
        plan = Kept()
        self.run(f"EXPLAIN QUERY PLAN {sql}", 1000, plan, NO_RULES, clock)
        return [str(row[-1]) for row in plan.rows]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            statement = regenerated(sql, catalog, rules)
            _, mentioned = _mentioned(catalog, statement.text)
            catalog.load(mentioned)
            tables = shields.needing_shields(catalog, mentioned, rules)
            if tables:
                return _run_shielded(
                    connection, catalog, statement, tables, rules, most_rows, sink, clock
                )

            def masked(schema: str, table: str, column: str) -> bool:
                return bool(rules.mask(schema, table, column))

            analysis, text = _analyse_masked(connection, catalog, statement.text, masked)
            guard = Guard(catalog, masked, recording=False)
            columns, cut = _run(connection, guard, analysis, text, most_rows, sink, clock)
            hidden = frozenset(("main", table, column) for table, column in analysis.hidden)
            return Answer(columns, cut, analysis.touched, hidden)


def _is_writing(sql: str) -> bool:
    return any(token.kind == "word" and token.text in _WRITES for token in tokens(sql))


def _run(
    connection: sqlite3.Connection,
    guard: Guard,
    analysis: _Analysis,
    text: str,
    most_rows: int,
    sink: Sink,
    clock: Clock,
) -> tuple[tuple[str, ...], Cut]:
    if analysis.functions & SLOW_ON_LONG_TEXT:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE_IN_SLOW_FUNCTIONS)
    connection.set_authorizer(guard)
    try:
        connection.text_factory = str
        cursor = _executed(connection, text)
        described = cursor.description or ()
        columns = tuple(str(name[0]).replace(WITHOUT_INDEX, "") for name in described)
        sink.begin(columns, (), analysis.touched)
        fetch = _Fetch(connection, cursor, text)
        return columns, hand_over(fetch, sink, most_rows, clock)
    except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError) as error:
        raise guard.refusal or translated(error) from None


def _run_shielded(
    connection: sqlite3.Connection,
    catalog: Catalog,
    statement: Regenerated,
    tables: list[Member],
    rules: Rules,
    most_rows: int,
    sink: Sink,
    clock: Clock,
) -> Answer:
    """Run over shields. What it touches is what the statement says, not what the filters read besides."""
    names = frozenset(fold(table.name) for table in tables)
    if statement.ctes & names:
        raise SqlError(
            "unsupported_syntax", "A name in WITH is that of a masked or filtered table: choose another."
        )  # fmt: skip
    analysis = _analyse(connection, catalog, statement.text, _nothing_masked, recording=False)
    views = [member for member in _offered(catalog) if member.kind == "view"]
    shields.put(connection, catalog, tables, views, rules)

    def masked(schema: str, table: str, column: str) -> bool:
        return fold(table) not in names and bool(rules.mask(schema, table, column))

    copied = frozenset(fold(view.name) for view in views)
    guard = Guard(catalog, masked, recording=False, shielded=names, copied=copied)
    text = statement.unqualified
    program = read_by(_compiled(connection, guard, text), catalog, row_numbers=True)
    free = program._replace(
        columns=frozenset((t, c) for t, c in program.columns if fold(t) not in names),
        ordered=tuple(one for one in program.ordered if fold(one.table) not in names),
    )
    _check_masks(catalog, masked, free, set())
    columns, cut = _run(connection, guard, analysis, text, most_rows, sink, clock)
    hidden = frozenset(
        name
        for name in analysis.touched.reads
        if len(name) == 3 and name[2] in shields.kinds_of(catalog, name[1], rules)
    )
    return Answer(columns, cut, analysis.touched, hidden)


def _executed(connection: sqlite3.Connection, text: str) -> sqlite3.Cursor:
    """The statement with its first row already read, as the driver has it."""
    try:
        return connection.execute(text)
    except sqlite3.OperationalError as error:
        if not str(error).startswith(_UNDECODABLE):
            raise
        connection.text_factory = told_apart
        return connection.execute(text)


_UNDECODABLE = "Could not decode to UTF-8"


class _Fetch:
    """Rows of a cursor. Texts are decoded by the driver, which is fast; where one cannot be, the statement
    starts again, in the same transaction, with a decoder that tells such texts apart."""

    def __init__(self, connection: sqlite3.Connection, cursor: sqlite3.Cursor, text: str) -> None:
        self._connection = connection
        self._cursor = cursor
        self._text = text
        self._given = 0

    def __call__(self, count: int) -> list[Row]:
        try:
            found: list[Row] = self._cursor.fetchmany(count)
        except sqlite3.OperationalError as error:
            connection = self._connection
            if not str(error).startswith(_UNDECODABLE) or connection.text_factory is told_apart:
                raise
            connection.text_factory = told_apart
            self._cursor = connection.execute(self._text)
            for _ in range(self._given):
                self._cursor.fetchone()
            found = self._cursor.fetchmany(count)
        self._given += len(found)
        return found


def _offered(catalog: Catalog) -> list[Member]:
    return sorted((m for m in catalog.members.values() if m.offered), key=lambda m: fold(m.name))


def _count(connection: sqlite3.Connection, member: Member) -> int | None:
    if member.kind != "table":
        return None
    # The name is quoted; a name cannot be a bound value.
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(member.name)} LIMIT {ROWS_COUNTED + 1})"  # noqa: S608
    row: tuple[int] = connection.execute(counted).fetchone()
    return row[0]


def _described(connection: sqlite3.Connection, catalog: Catalog, member: Member) -> Table:
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
        "main", member.name, member.kind, _count(connection, member), columns, tuple(unique)
    )
