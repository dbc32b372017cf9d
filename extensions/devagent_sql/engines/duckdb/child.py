"""The child: opens one file for reading, locks itself, and answers on standard output.

Run as a file, without devagent's packages. One JSON object a line each way:

    {"path"}                          → {"ready": true}
    {"do": "catalog"}                 → {"columns": [[schema, table, column, type]], "views": [[schema, name, sql]], "own": [name], "shadows": [name]}
    {"do": "run", "sql", "key"}       → {"columns": […], "types": […]}
    {"do": "more", "rows": n}         → {"rows": [[…]], "bytes": whether any cell is of bytes}

A failure is {"error": the class of DuckDB's exception}; its message never leaves this process.
Bytes are {"b": hex}; floats that JSON has not are written as Python's own; what JSON has no type for is its text.
"""

import json
import resource
import sys
from typing import Any

MEMORY = "1GB"
LARGEST_PROCESS = 8 * 2**30
"""Of address space: DuckDB reserves more than it uses."""

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY,
    "threads": "2",
    "temp_directory": "",
}


def plain(value: Any) -> Any:
    """The value as described above."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex()}
    return json.dumps(value, default=str, ensure_ascii=False) if _is_nested(value) else str(value)


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | dict)


_NESTED = ("[", "STRUCT", "MAP", "UNION", "VARIANT")
"""What the names of types have in them whose values hold others."""


def page(rows: list[tuple[Any, ...]], types: list[str]) -> str:
    """Rows as the text of an answer. What JSON has needs no look of ours, so that a long read stays fast."""
    nested = {at for at, kind in enumerate(types) if any(mark in kind for mark in _NESTED)}
    has_bytes = bool(nested)

    def other(value: Any) -> Any:
        nonlocal has_bytes
        has_bytes |= isinstance(value, bytes | bytearray)
        return plain(value)

    if nested:
        rows = [tuple(plain(c) if at in nested else c for at, c in enumerate(row)) for row in rows]
    text = json.dumps(rows, default=other)
    return f'{{"rows": {text}, "bytes": {json.dumps(has_bytes)}}}'


def opened(path: str) -> Any:
    """The connection, its configuration locked."""
    import duckdb  # noqa: PLC0415 — the limits below hold while it loads

    connection = duckdb.connect(path, read_only=True, config=SETTINGS)
    connection.execute("SET lock_configuration = true")
    return connection


def catalog(connection: Any) -> dict[str, Any]:
    """Everything by the engine's own functions, by their full names: the database may have macros of the same."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    functions = rows("SELECT function_name, internal FROM system.main.duckdb_functions()")
    built_in = {str(name).lower() for name, internal in functions if internal}
    own = sorted({str(name) for name, internal in functions if not internal})
    ((here,),) = rows("SELECT system.main.current_database()")
    columns = rows(
        "SELECT database_name, schema_name, table_name, column_name, data_type FROM system.main.duckdb_columns() "
        "WHERE NOT internal ORDER BY schema_name, table_name, column_index"
    )
    views = rows(
        "SELECT database_name, schema_name, view_name, sql FROM system.main.duckdb_views() WHERE NOT internal"
    )
    return {
        "columns": [row[1:] for row in columns if row[0] == here],
        "views": [row[1:] for row in views if row[0] == here],
        "own": own,
        "shadows": [name for name in own if name.lower() in built_in],
    }


def run(connection: Any, sql: str, key: str | None) -> dict[str, Any]:
    import duckdb  # noqa: PLC0415

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in (
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    ):
        return {"error": "NotAQuery"}
    connection.execute(statements[0], [key] if key is not None else [])
    described: list[tuple[Any, ...]] = connection.description or []
    return {"columns": [one[0] for one in described], "types": [str(one[1]) for one in described]}


def answer(connection: Any, asked: dict[str, Any]) -> dict[str, Any] | str:
    """The answer, or its text."""
    match asked["do"]:
        case "catalog":
            return catalog(connection)
        case "run":
            return run(connection, asked["sql"], asked["key"])
        case _:
            described: list[tuple[Any, ...]] = connection.description or []
            return page(connection.fetchmany(asked["rows"]), [str(one[1]) for one in described])


def main() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_PROCESS, LARGEST_PROCESS))
    connection: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if connection is None:
                connection = opened(asked["path"])
                told: dict[str, Any] | str = {"ready": True}
            else:
                told = answer(connection, asked)
        except Exception as error:
            told = {"error": type(error).__name__}
        sys.stdout.write((told if isinstance(told, str) else json.dumps(told)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
