"""Running a statement that was analysed: as it is, or over shields."""

import sqlite3

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.port import Answer, Clock, Cut, Row, Rules, Sink
from devagent_sql.engines.sqlite import shields
from devagent_sql.engines.sqlite.analysis import (
    Analysed,
    analyse,
    check_masks,
    compiled,
    nothing_masked,
    offered,
)
from devagent_sql.engines.sqlite.catalog import Catalog, Member
from devagent_sql.engines.sqlite.connection import (
    LONGEST_VALUE_IN_SLOW_FUNCTIONS,
    told_apart,
    translated,
)
from devagent_sql.engines.sqlite.functions import SLOW_ON_LONG_TEXT
from devagent_sql.engines.sqlite.guard import Guard
from devagent_sql.engines.sqlite.lexer import WITHOUT_INDEX
from devagent_sql.engines.sqlite.program import read_by
from devagent_sql.engines.sqlite.regenerate import Regenerated
from devagent_sql.errors import SqlError
from devagent_sql.names import fold


def run_plain(
    connection: sqlite3.Connection,
    guard: Guard,
    analysis: Analysed,
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


def run_shielded(
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
    analysis = analyse(connection, catalog, statement.text, nothing_masked, recording=False)
    views = [member for member in offered(catalog) if member.kind == "view"]
    shields.put(connection, catalog, tables, views, rules)

    def masked(schema: str, table: str, column: str) -> bool:
        return fold(table) not in names and bool(rules.mask(schema, table, column))

    copied = frozenset(fold(view.name) for view in views)
    guard = Guard(catalog, masked, recording=False, shielded=names, copied=copied)
    text = statement.unqualified
    program = read_by(compiled(connection, guard, text), catalog, row_numbers=True)
    free = program._replace(
        columns=frozenset((t, c) for t, c in program.columns if fold(t) not in names),
        ordered=tuple(one for one in program.ordered if fold(one.table) not in names),
    )
    check_masks(catalog, masked, free, set())
    columns, cut = run_plain(connection, guard, analysis, text, most_rows, sink, clock)
    hidden = frozenset(
        name
        for name in analysis.touched.reads
        if len(name) == 3 and name[2] in shields.kinds_of(catalog, name[1], rules)
    )
    return Answer(columns, cut, analysis.touched, hidden, text)


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
