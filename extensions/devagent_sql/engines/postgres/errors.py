"""Our class and words for an error of PostgreSQL. Its messages quote values and names: never shown."""

from psycopg import Error, InterfaceError, OperationalError

from devagent_sql.errors import ErrorClass, SqlError

_TIMEOUT: tuple[ErrorClass, str] = ("timeout", "The time limit was reached. Narrow the statement.")
_LOCKED: tuple[ErrorClass, str] = ("locked", "Another session holds a lock. Try again later.")
_GONE: tuple[ErrorClass, str] = (
    "unreachable",
    "The server cannot be reached, or it ended the connection.",
)
_BY_STATE: dict[str, tuple[ErrorClass, str]] = {
    "57014": _TIMEOUT,
    "25P04": _TIMEOUT,
    "55P03": _LOCKED,
    "40P01": _LOCKED,
    "40001": _LOCKED,
    "42P01": ("no_such_table", "No such table or view. Use describe to list them."),
    "3F000": ("no_such_table", "No such table or view. Use describe to list them."),
    "42703": ("no_such_column", "No such column. Use describe with the table's name."),
    "42702": ("ambiguous_column", "A column is in several tables: qualify it."),
    "42601": ("syntax", "The statement is not valid PostgreSQL."),
    "42501": ("permission_denied", "The role that is used here may not read that."),
    "42803": (
        "grouping",
        "A column is neither grouped by nor in an aggregate (or an aggregate stands where none may).",
    ),
    "42883": ("type_mismatch", "No function or operator takes values of these types: add casts."),
    "42804": ("type_mismatch", "Values of different types meet: add casts."),
    "42846": ("type_mismatch", "A value cannot be cast to that type."),
    "42725": ("type_mismatch", "A function or operator fits several types: add casts."),
    "25006": ("read_only", "The transaction only reads."),
    "22021": ("bad_text", "A text is not valid in the database's encoding."),
    "22P05": ("bad_text", "A text cannot be shown in UTF-8."),
    "23505": ("invalid", "A row with that key is there already."),
    "23503": ("invalid", "A foreign key forbids it."),
    "23502": ("invalid", "A column may not be null."),
    "23514": ("invalid", "A check constraint forbids it."),
}
_BY_CLASS: dict[str, tuple[ErrorClass, str]] = {
    "08": _GONE,
    "57": _GONE,
    "22": (
        "bad_value",
        "A value cannot be computed as asked (division by zero, out of range, malformed).",
    ),
    "28": ("login_refused", "The server refused the login. Check the source's user and secret."),
    "3D": ("no_such_database", "The server has no database of that name."),
    "53": ("too_large", "The server lacks the resources for this."),
    "54": ("too_large", "The statement is too large or too deep for the server."),
}


def translated(error: Exception, *, connecting: bool = False) -> SqlError:

    if isinstance(error, SqlError):
        return error
    if isinstance(error, UnicodeError):
        return SqlError("bad_text", "A text is not valid in its encoding.")
    if isinstance(error, MemoryError):
        return SqlError("too_large", "The rows need too much memory.")
    state = (error.sqlstate or "") if isinstance(error, Error) else ""
    if state in _BY_STATE:
        return SqlError(*_BY_STATE[state])
    if state[:2] in _BY_CLASS:
        return SqlError(*_BY_CLASS[state[:2]])
    if connecting:
        return _not_connected(str(error))
    if not state and isinstance(error, OperationalError | InterfaceError):
        return SqlError(*_GONE)
    return SqlError("invalid", "PostgreSQL cannot carry out the statement as it is written.")


def _not_connected(message: str) -> SqlError:
    """An error at login carries no code; its words choose the class."""
    if "database" in message and "does not exist" in message:
        return SqlError(*_BY_CLASS["3D"])
    if any(word in message for word in ("authentication", "password", "pg_hba.conf", 'role "')):
        return SqlError(*_BY_CLASS["28"])
    return SqlError(*_GONE)
