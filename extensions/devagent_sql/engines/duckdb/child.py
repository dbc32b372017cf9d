"""The child: answers on standard output, and has a file open only while a call needs it.

Run as a file, without devagent's packages. Each message is its length in four bytes and msgpack, each way:

    {"do": "open", "path"}            → {}
    {"do": "catalog"}                 → {"columns": [[schema, table, column, type, made by]], "views": [[schema, name, sql]], "own": [name], "shadows": [name]}
    {"do": "run", "sql", "key", "most"} → {"columns": […], "types": […]}
    {"do": "more"}                    → [[cell, …], …]: the next rows, none at the end or after ``most``
    {"do": "close"}                   → {}

A failure is {"error": the class of DuckDB's exception}; its message never leaves this process.
What msgpack has no type for is its text; a whole number beyond 64 bits is an extension of the type 1, its digits.
The process ends with its standard input, whatever it does just then.
"""

import fcntl
import gc
import json
import os
import queue
import resource
import struct
import sys
import threading
from typing import Any

import msgspec

MEMORY = "1GB"
LARGEST_PROCESS = 8 * 2**30
"""Of address space: DuckDB reserves more than it uses."""
LARGEST_MESSAGE = 256 * 2**20

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY,
    "threads": "2",
    "temp_directory": "",
}

FIRST_ROWS = 16
MOST_ROWS = 8_000
MESSAGE = 300_000
"""Bytes of a message of rows, near enough: large enough to pay, small enough that both sides are at work."""
PIPE = 2**20
BIG = 1
"""The extension type of whole numbers beyond 64 bits."""

_HEAD = struct.Struct(">I")
_ENCODED = msgspec.msgpack.Encoder().encode
_AS_THEY_ARE = frozenset(
    [
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
        "FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "UUID",
    ]
)  # fmt: skip
"""Types whose values msgpack has, or writes as their text is."""


def plain(value: Any) -> Any:
    """The value as described above."""
    match value:
        case None | str() | bool() | float():
            return value
        case int():
            small = -(2**63) <= value < 2**64
            return value if small else msgspec.msgpack.Ext(BIG, str(value).encode())
        case bytes() | bytearray():
            return bytes(value)
        case list() | tuple() | dict():
            return json.dumps(value, default=str, ensure_ascii=False)
        case _:
            return str(value)


def told(rows: list[tuple[Any, ...]], types: list[str]) -> list[tuple[Any, ...]]:
    """Rows that can be encoded. Columns that msgpack has need no look of ours, so that a long read stays fast."""
    others = [at for at, kind in enumerate(types) if kind not in _AS_THEY_ARE and not kind.startswith("DECIMAL(")]  # fmt: skip
    if not others or not rows:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    for at in others:
        columns[at] = list(map(plain, columns[at]))
    return list(zip(*columns, strict=True))


class NotADatabaseError(Exception):
    """The file is something else."""


def _is_something_else(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(12)[8:] != b"DUCK"
    except OSError:
        return False


class Instances:
    """DuckDB's instances with nothing open yet. Each serves one call. Making one takes far longer than opening a file
    in it, so the next is made while nobody waits."""

    def __init__(self) -> None:
        import duckdb  # noqa: PLC0415 — the limits below hold while it loads

        gc.freeze()
        self._driver: Any = duckdb
        self._nothing = f"nothing_{os.urandom(8).hex()}"
        """The empty database that an instance begins with: no file has that name, nor a schema in one."""
        self._next: Any = None

    def prepare(self) -> None:
        if self._next is None:
            self._next = self._driver.connect(":memory:", config=SETTINGS)
            self._next.execute(
                f"ATTACH ':memory:' AS {self._nothing}; USE {self._nothing}; DETACH memory"
            )

    def opened(self, path: str) -> "Database":
        """The file, for reading, and nothing besides: not its own bytes either, which hold what policy keeps back. The
        configuration is locked."""
        self.prepare()
        connection, self._next = self._next, None
        file = path.replace("'", "''")
        try:
            connection.execute(f"ATTACH '{file}' (READ_ONLY, TYPE duckdb)")
        except Exception:
            if _is_something_else(path):
                raise NotADatabaseError from None
            raise
        names = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> $1"
        ((name,),) = connection.execute(names, [self._nothing]).fetchall()
        here = name.replace('"', '""')
        connection.execute(
            f'USE "{here}".main; DETACH {self._nothing}; SET enable_external_access = false; '
            "SET disabled_filesystems = 'LocalFileSystem'; SET lock_configuration = true"
        )
        return Database(self._driver, connection)


class Database:
    """One file, open for reading; and the statement that runs."""

    def __init__(self, driver: Any, connection: Any) -> None:
        self._driver = driver
        self._connection = connection
        self._types: list[str] = []
        self._left = 0
        self._batch = FIRST_ROWS

    def close(self) -> None:
        self._connection.close()

    def catalog(self) -> dict[str, Any]:
        """Everything by the engine's own functions, by their full names: the database may have macros of the same."""

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return self._connection.execute(sql).fetchall()

        functions = rows("SELECT function_name, internal FROM system.main.duckdb_functions()")
        built_in = {str(name).lower() for name, internal in functions if internal}
        own = sorted({str(name) for name, internal in functions if not internal})
        ((here,),) = rows("SELECT system.main.current_database()")
        columns = rows(
            "SELECT database_name, schema_name, table_name, column_name, data_type, coalesce(column_default, '') "
            "FROM system.main.duckdb_columns() WHERE NOT internal ORDER BY schema_name, table_name, column_index"
        )
        # The column of defaults holds the expressions of generated columns too.
        generating = {
            (schema, table)
            for schema, table, sql in rows(
                "SELECT schema_name, table_name, sql FROM system.main.duckdb_tables() WHERE NOT internal"
            )
            if "GENERATED ALWAYS AS" in str(sql).upper()
        }
        views = rows(
            "SELECT database_name, schema_name, view_name, sql FROM system.main.duckdb_views() WHERE NOT internal"
        )
        return {
            "columns": [
                (*row[1:5], row[5] if (row[1], row[2]) in generating else "")
                for row in columns
                if row[0] == here
            ],
            "views": [row[1:] for row in views if row[0] == here],
            "own": own,
            "shadows": [name for name in own if name.lower() in built_in],
        }

    def run(self, sql: str, key: str | None, most: int) -> dict[str, Any]:
        statements = self._connection.extract_statements(sql)
        kinds = self._driver.StatementType
        if len(statements) != 1 or statements[0].type not in (kinds.SELECT, kinds.EXPLAIN):
            return {"error": "NotAQuery"}
        self._connection.execute(statements[0], [key] if key is not None else [])
        described: list[tuple[Any, ...]] = self._connection.description or []
        self._types = [str(one[1]) for one in described]
        self._left, self._batch = most, FIRST_ROWS
        return {"columns": [one[0] for one in described], "types": self._types}

    def more(self) -> bytes:
        """The next rows, encoded; after a message the next has as many as its width allows."""
        wanted = min(self._batch, self._left)
        rows: list[tuple[Any, ...]] = self._connection.fetchmany(wanted) if wanted > 0 else []
        self._left = self._left - len(rows) if len(rows) == wanted else 0
        text = _ENCODED(told(rows, self._types))
        if rows:
            width = len(text) // len(rows) + 1
            self._batch = max(1, min(MOST_ROWS, self._batch * 8, MESSAGE // width))
        return text


def answer(
    asked: dict[str, Any], database: Database | None, instances: Instances
) -> tuple[Database | None, bytes]:
    """What is open from now on, and the answer."""
    match asked, database:
        case {"do": "open", "path": path}, None:
            return instances.opened(path), _ENCODED({})
        case {"do": "close"}, None:
            return None, _ENCODED({})
        case {"do": "close"}, Database():
            database.close()
            return None, _ENCODED({})
        case {"do": "catalog"}, Database():
            return database, _ENCODED(database.catalog())
        case {"do": "run", "sql": sql, "key": key, "most": most}, Database():
            return database, _ENCODED(database.run(sql, key, most))
        case {"do": "more"}, Database():
            return database, database.more()
        case _:
            return database, _ENCODED({"error": "Unasked"})


def listen(asked: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Take requests off the pipe as they come; nobody asks any more: end, in the midst of a statement too."""
    while head := sys.stdin.buffer.read(_HEAD.size):
        (size,) = _HEAD.unpack(head)
        asked.put(msgspec.msgpack.decode(sys.stdin.buffer.read(size), type=dict[str, Any]))
    os._exit(0)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_PROCESS, LARGEST_PROCESS))
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, PIPE)
        except OSError:
            return  # the system allows no larger one: each message then takes a few more turns


def main() -> None:
    _limit()
    gc.disable()  # rows are in no circle; it would look through all of them again and again
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(requests,), daemon=True).start()
    database: Database | None = None
    instances = Instances()
    out = sys.stdout.buffer
    while True:
        try:
            database, text = answer(requests.get(), database, instances)
            if len(text) > LARGEST_MESSAGE:
                raise MemoryError
        except Exception as error:
            text = _ENCODED({"error": type(error).__name__})
        out.write(_HEAD.pack(len(text)) + text)
        out.flush()
        if database is None:
            gc.collect()
            instances.prepare()


if __name__ == "__main__":
    main()
