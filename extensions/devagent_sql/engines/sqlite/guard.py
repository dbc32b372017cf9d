"""The authorizer: an allow-list of actions, NULL for masked columns, a record of what is read.

SQLite calls it while it compiles a statement. Views are reported as themselves and as the tables
beneath them. What it is not told of (see ``program``) is found in the program.
"""

import sqlite3
from collections.abc import Callable

from devagent_sql.engines.sqlite.catalog import Catalog
from devagent_sql.engines.sqlite.functions import ALLOWED, TABLE_FUNCTIONS
from devagent_sql.engines.sqlite.masking import FUNCTION
from devagent_sql.errors import ErrorClass, SqlError
from devagent_sql.names import fold

IsMasked = Callable[[str, str, str], bool]
"""(schema, table, column) → whether the statement must see NULL there."""

_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE}


class Guard:
    """Installed with ``Connection.set_authorizer``.

    With ``recording`` it also lets INSERT, UPDATE and DELETE compile, so that they can be named as
    writes; a statement that is to run gets a guard without it. The first refusal is kept.

    ``shielded`` are the tables (folded) that may be read from within their shields only, ``copied`` the
    views beside them in the temporary schema (see ``shields``).
    """

    def __init__(
        self,
        catalog: Catalog,
        masked: IsMasked,
        *,
        recording: bool,
        shielded: frozenset[str] = frozenset(),
        copied: frozenset[str] = frozenset(),
    ) -> None:
        self._catalog = catalog
        self._masked = masked
        self._recording = recording
        self._shielded = shielded
        self._copied = copied
        self.tables: set[str] = set()
        self.columns: set[tuple[str, str]] = set()
        self.hidden: set[tuple[str, str]] = set()
        self.written: set[str] = set()
        self.written_columns: set[tuple[str, str]] = set()
        self.functions: set[str] = set()
        self.recursions: set[str] = set()
        self.refusal: SqlError | None = None

    def __call__(
        self,
        action: int,
        first: str | None,
        second: str | None,
        schema: str | None,
        inner: str | None,
    ) -> int:
        inside = self._catalog.members.get(fold(inner or ""))
        if inside is not None and inside.kind == "view":
            # Or a common table expression of the same name: naming one too many is safe.
            self.tables.add(inside.name)
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_RECURSIVE:
            self.recursions.add(inner or "")
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return self._function(second or "", inner)
        if action == sqlite3.SQLITE_READ and schema == "temp":
            if fold(first or "") in self._shielded | self._copied:
                return sqlite3.SQLITE_OK
            return self._refuse("unsupported_table", "Internal and virtual tables are not offered.")
        if action == sqlite3.SQLITE_READ and fold(first or "") in self._shielded:
            # Without a column it is a table of which none is used, the shield's own where SQLite has drawn
            # the shield into the statement. No other mention gets here: see ``shields`` and ``regenerate``.
            if fold(inner or "") == fold(first or "") or not second:
                return sqlite3.SQLITE_OK
            return self._refuse("masked_view", "A masked or filtered table is read past its rules.")
        if action == sqlite3.SQLITE_READ and schema in (None, "main"):
            return self._read(first or "", second or "")
        if action in _WRITES and schema == "main" and self._recording:
            return self._write(first or "", second or "")
        if action in _WRITES:
            return self._refuse("not_a_query", "Only statements that read are run here.")
        return self._refuse("forbidden_statement", "Only plain queries are run here.")

    def _refuse(self, error: ErrorClass, message: str) -> int:
        self.refusal = self.refusal or SqlError(error, message)
        return sqlite3.SQLITE_DENY

    def _function(self, name: str, inner: str | None) -> int:
        self.functions.add(fold(name))
        if fold(name) in ALLOWED:
            return sqlite3.SQLITE_OK
        if name == FUNCTION and fold(inner or "") in self._shielded:
            return sqlite3.SQLITE_OK
        return self._refuse(
            "forbidden_function", "The statement calls a function not allowed here."
        )

    def _read(self, table: str, column: str) -> int:
        member = self._catalog.members.get(fold(table))
        if member is None:
            # Without a column it may be a common table expression; a virtual table shows in the program.
            if not column or fold(table) in TABLE_FUNCTIONS:
                return sqlite3.SQLITE_OK
            return self._refuse("unsupported_table", "Internal and virtual tables are not offered.")
        if not member.offered or not self._catalog.is_loaded(member.name):
            return self._refuse("unsupported_table", "Internal and virtual tables are not offered.")
        self.tables.add(member.name)
        if not column:
            return sqlite3.SQLITE_OK
        name = self._catalog.column(table, column)
        if is_masked(self._catalog, self._masked, member.name, name):
            self.hidden.add((member.name, name))
            return sqlite3.SQLITE_IGNORE
        self.columns.add((member.name, name))
        return sqlite3.SQLITE_OK

    def _write(self, table: str, column: str) -> int:
        member = self._catalog.members.get(fold(table))
        if member is None or not member.offered or not self._catalog.is_loaded(member.name):
            return self._refuse("forbidden_statement", "Only plain queries are run here.")
        self.written.add(member.name)
        if column:
            self.written_columns.add((member.name, self._catalog.column(table, column)))
        return sqlite3.SQLITE_OK


def is_masked(catalog: Catalog, masked: IsMasked, table: str, column: str) -> bool:
    """A column is masked when it, or a column it is generated from, is."""
    return any(masked("main", table, name) for name in catalog.closure(table, column))
