"""Our class and words for an error of MySQL or MariaDB. Its messages quote values and names: never shown."""

from devagent_sql.errors import ErrorClass, SqlError

_TIMEOUT: tuple[ErrorClass, str] = ("timeout", "The time limit was reached. Narrow the statement.")
_LOCKED: tuple[ErrorClass, str] = ("locked", "Another session holds a lock. Try again later.")
_GONE: tuple[ErrorClass, str] = (
    "unreachable",
    "The server cannot be reached, or it ended the connection.",
)
_LOGIN: tuple[ErrorClass, str] = (
    "login_refused",
    "The server refused the login. Check the source's user and secret.",
)
_DENIED: tuple[ErrorClass, str] = (
    "permission_denied",
    "The role that is used here may not read that.",
)
_VALUE: tuple[ErrorClass, str] = (
    "bad_value",
    "A value cannot be computed as asked (division by zero, out of range, malformed).",
)
_LARGE: tuple[ErrorClass, str] = ("too_large", "The statement needs too much of the server.")
_COLLATION: tuple[ErrorClass, str] = (
    "type_mismatch",
    "Texts of different collations meet: add COLLATE.",
)
_GROUPING: tuple[ErrorClass, str] = (
    "grouping",
    "A column is neither grouped by nor in an aggregate (or an aggregate stands where none may).",
)
_BY_NUMBER: dict[int, tuple[ErrorClass, str]] = {
    **dict.fromkeys((1969, 3024, 1317, 1028, 3169), _TIMEOUT),
    **dict.fromkeys((1205, 1213, 3572, 1223), _LOCKED),
    **dict.fromkeys((1040, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 2002, 2003, 2006, 2013, 4031), _GONE),
    **dict.fromkeys((1045, 1251, 1524, 1698, 1862, 3118, 3159, 3955), _LOGIN),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1345, 1356, 1370), _DENIED),
    **dict.fromkeys((1264, 1292, 1365, 1366, 1367, 1411, 1441, 1690, 3140, 3141, 3143, 4037, 4038), _VALUE),
    **dict.fromkeys((1037, 1038, 1041, 1104, 1114, 1116, 1117, 1118, 1153, 1301, 1436, 3636, 4146), _LARGE),
    **dict.fromkeys((1253, 1266, 1267, 1270, 1271, 1273), _COLLATION),
    **dict.fromkeys((1055, 1056, 1111, 1140, 3029), _GROUPING),
    1046: ("no_such_table", "No such table or view. Use describe to list them."),
    1051: ("no_such_table", "No such table or view. Use describe to list them."),
    1146: ("no_such_table", "No such table or view. Use describe to list them."),
    1049: ("no_such_database", "The server has no database of that name, or the login may not see it."),
    1054: ("no_such_column", "No such column. Use describe with the table's name."),
    1052: ("ambiguous_column", "A column is in several tables: qualify it."),
    1060: ("ambiguous_column", "A query in FROM has two columns of one name: give them aliases."),
    1064: ("syntax", "The statement is not valid here."),
    1305: ("forbidden_function", "The server has no function of that name."),
    1582: ("type_mismatch", "A function is called with the wrong number of arguments."),
    1583: ("type_mismatch", "A function is called with wrong arguments."),
    1792: ("read_only", "The transaction only reads."),
    1290: ("read_only", "The server only reads."),
    1836: ("read_only", "The server only reads."),
    1062: ("invalid", "A row with that key is there already."),
    1451: ("invalid", "A foreign key forbids it."),
    1452: ("invalid", "A foreign key forbids it."),
    1048: ("invalid", "A column may not be null."),
    3819: ("invalid", "A check constraint forbids it."),
    4025: ("invalid", "A check constraint forbids it."),
    1300: ("bad_text", "A text is not valid in its encoding."),
    3988: ("bad_text", "A text cannot be shown in UTF-8."),
}  # fmt: skip


def translated(error: Exception, *, connecting: bool = False) -> SqlError:
    """An error of the driver, of the socket beneath it, or of ours, as ours."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, UnicodeError):
        return SqlError("bad_text", "A text is not valid in its encoding.")
    if isinstance(error, MemoryError):
        return SqlError("too_large", "The rows need too much memory.")
    if isinstance(error, TimeoutError):
        return SqlError(*_TIMEOUT)
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number in _BY_NUMBER:
        return SqlError(*_BY_NUMBER[number])
    if (
        connecting
        or isinstance(error, OSError | EOFError)
        or type(error).__name__ == "InterfaceError"
    ):
        return SqlError(*_GONE)
    return SqlError("invalid", "The server cannot carry out the statement as it is written.")
