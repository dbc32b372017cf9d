"""Opening a database file so that nothing but reading is possible, and naming what went wrong."""

import contextlib
import sqlite3
from collections.abc import Generator
from urllib.parse import quote

from devagent_sql.engines.port import Cell, Clock, Undecodable
from devagent_sql.errors import ErrorClass, SqlError

LONGEST_VALUE = 1_000_000
"""Bytes of one value or row that may be read or made."""

LONGEST_VALUE_IN_SLOW_FUNCTIONS = 100_000
DEEPEST_TRIGGERS = 20
_STEPS_BETWEEN_CHECKS = 2_000
_OLDEST = (3, 37, 0)
_LONGEST_WAIT_FOR_LOCK_S = 1.0

_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (sqlite3.SQLITE_LIMIT_COLUMN, 500),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20),
    (sqlite3.SQLITE_LIMIT_VDBE_OP, 50_000),
    (sqlite3.SQLITE_LIMIT_FUNCTION_ARG, 100),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100),
    (sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)

_BY_CODE: dict[int, tuple[ErrorClass, str]] = {
    sqlite3.SQLITE_BUSY: ("locked", "The database is locked by another program. Try again later."),
    sqlite3.SQLITE_LOCKED: (
        "locked",
        "The database is locked by another program. Try again later.",
    ),
    sqlite3.SQLITE_INTERRUPT: ("timeout", "The time limit was reached. Narrow the statement."),
    sqlite3.SQLITE_NOTADB: ("not_a_database", "The file is not a SQLite database."),
    sqlite3.SQLITE_CORRUPT: ("corrupt", "The database file is damaged."),
    sqlite3.SQLITE_CANTOPEN: ("cannot_open", "The database file cannot be opened for reading."),
    sqlite3.SQLITE_PERM: ("cannot_open", "The database file cannot be opened for reading."),
    sqlite3.SQLITE_READONLY: (
        "read_only",
        "The database can only be read, and this needs a write (or a recovery after a crash).",
    ),
    sqlite3.SQLITE_TOOBIG: (
        "too_large",
        f"The statement or a value is too large (values to {LONGEST_VALUE} bytes, "
        f"{LONGEST_VALUE_IN_SLOW_FUNCTIONS} where instr, replace or trim are used).",
    ),
    sqlite3.SQLITE_NOMEM: ("too_large", "The statement needs too much memory."),
    sqlite3.SQLITE_FULL: ("too_large", "The statement needs too much temporary space."),
    sqlite3.SQLITE_AUTH: ("forbidden_statement", "Only plain queries are run here."),
}

_BY_TEXT: tuple[tuple[str, ErrorClass, str], ...] = (
    ("no such table", "no_such_table", "No such table or view. Use describe to list them."),
    ("no such view", "no_such_table", "No such table or view. Use describe to list them."),
    ("no such column", "no_such_column", "No such column. Use describe with the table's name."),
    ("ambiguous column", "ambiguous_column", "A column is in several tables: qualify it."),
    ("no such function", "forbidden_function", "The statement calls a function not allowed here."),
    ("unsafe use of", "forbidden_function", "A view calls a function not allowed here."),
    ("not authorized to use function", "forbidden_function", "A function is not allowed here."),
    ("too many levels of trigger", "too_large", "Triggers set each other off too deeply."),
    ("too many sql variables", "syntax", "Parameters are not supported: write the values."),
    ("too many", "too_large", "The statement has too many parts (columns, terms or arguments)."),
    ("query string is too large", "too_large", "The statement is too long."),
    ("parser stack overflow", "too_large", "The statement is nested too deeply."),
    ("expression tree is too large", "too_large", "The statement is nested too deeply."),
    (
        "variable number",
        "syntax",
        "Parameters are not supported: write the values in the statement.",
    ),
    ("incorrect number of bindings", "syntax", "Parameters are not supported: write the values."),
    ("one statement at a time", "many_statements", "One statement at a time."),
    ("incomplete input", "syntax", "The statement is incomplete."),
    ("syntax error", "syntax", "The statement is not valid SQLite."),
    ("unrecognized token", "syntax", "The statement is not valid SQLite."),
)


def translated(error: Exception) -> SqlError:
    """Our class and words for an engine's error. The engine's message only chooses among them."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, MemoryError):
        return SqlError(*_BY_CODE[sqlite3.SQLITE_NOMEM])
    if isinstance(error, UnicodeError):
        return SqlError("bad_text", "The statement or a column's name is not valid Unicode text.")
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int) and code & 0xFF in _BY_CODE:
        return SqlError(*_BY_CODE[code & 0xFF])
    message = str(error).lower()
    for part, kind, text in _BY_TEXT:
        if part in message:
            return SqlError(kind, text)
    return SqlError("invalid", "SQLite cannot carry out the statement as it is written.")


def told_apart(data: bytes) -> Cell:
    """A text, or what is none told apart from it."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return Undecodable(data)


@contextlib.contextmanager
def reading(path: str, clock: Clock, *, writing: bool = False) -> Generator[sqlite3.Connection]:
    """A connection inside a transaction, so that everything seen is of one moment.

    Opened ``mode=ro``, ``query_only``, untrusted schema, no attachments, no extensions, bounded, and
    interrupted when the clock runs out. With ``writing`` the file may be changed; what is not committed
    is rolled back. Raises SqlError only.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise SqlError("unsupported_engine", "SQLite 3.37 or newer is needed.")
    clock.check()
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode={'rw' if writing else 'ro'}",
            uri=True,
            timeout=min(_LONGEST_WAIT_FOR_LOCK_S, clock.left / 2),
            isolation_level=None,
            cached_statements=0,  # a cached statement would not be shown to the authorizer again
            check_same_thread=True,
        )
        for limit, value in _LIMITS:
            connection.setlimit(limit, value)
        connection.text_factory = told_apart
        connection.set_progress_handler(lambda: clock.left <= 0, _STEPS_BETWEEN_CHECKS)
        connection.execute(f"PRAGMA query_only = {'OFF' if writing else 'ON'}")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA mmap_size = 0")
        # Table functions ask for the schema when first named: let them do it before the guard stands.
        connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
        connection.execute("PRAGMA foreign_keys = ON")
        if writing:
            # Triggers and actions of keys run within a change; the authorizer is told what they touch.
            connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, DEEPEST_TRIGGERS)
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
        yield connection
    except (sqlite3.Error, sqlite3.Warning, MemoryError, UnicodeError, SqlError) as error:
        raise translated(error) from None
    finally:
        if connection is not None:
            connection.close()
