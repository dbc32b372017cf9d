"""The schema of an open database: tables, views, columns, and how each B-tree stores its columns."""

import sqlite3
from collections.abc import Iterable
from typing import Literal, NamedTuple

from devagent_sql.engines.sqlite.lexer import names_in, parts_of_table
from devagent_sql.errors import SqlError
from devagent_sql.names import fold

Kind = Literal["table", "view", "virtual", "shadow", "internal"]


class Member(NamedTuple):
    """A table or view of the schema."""

    name: str
    kind: Kind
    without_rowid: bool
    root: int
    sql: str

    @property
    def offered(self) -> bool:
        return self.kind in ("table", "view")


class Index(NamedTuple):
    name: str
    table: str
    root: int
    sql: str


class Column(NamedTuple):
    """``hidden``: 0 plain, 2 generated when read, 3 generated and stored."""

    name: str
    type: str
    required: bool
    key: int
    hidden: int


class Storage(NamedTuple):
    """A B-tree: which columns of ``table`` stand at each position of a record.

    ``of_index`` is the index's name, empty for the table itself; the first ``keys`` positions are
    what it is sorted by.
    """

    table: str
    of_index: str
    positions: tuple[frozenset[str], ...]
    keys: int


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Catalog:
    """Read once per call, inside the transaction that the statement will run in.

    Objects whose names are not valid UTF-8 are left out: nothing could name them soundly.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.members: dict[str, Member] = {}
        self.indexes: list[Index] = []
        self._columns: dict[str, tuple[Column, ...]] = {}
        self._depends: dict[str, dict[str, frozenset[str]]] = {}
        stored = connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema")
        entries = [row for row in stored if all(isinstance(row[i], str) for i in (0, 1, 2))]
        listed = {
            str(name): (str(kind), bool(without_rowid))
            for schema, name, kind, _, without_rowid, *_ in connection.execute("PRAGMA table_list")
            if schema == "main" and isinstance(name, str)
        }
        for kind, name, table, root, sql in entries:
            text = sql if isinstance(sql, str) else ""
            if kind == "index":
                self.indexes.append(Index(name, table, root, text))
            elif kind in ("table", "view"):
                listed_kind, without_rowid = listed.get(name, ("internal", False))
                self.members[fold(name)] = Member(
                    name, _kind(name, listed_kind), without_rowid, root or 0, text
                )

    def member(self, name: str) -> Member:
        """Raises SqlError ``no_such_table``, or ``unsupported_table`` for one that is not offered."""
        member = self.members.get(fold(name))
        if member is None and not fold(name).startswith("sqlite_"):
            raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
        if member is None or not member.offered:
            raise SqlError("unsupported_table", "Internal and virtual tables are not offered.")
        return member

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a table or view in order; empty for a view that does not compile.

        The first call for a table asks the database: not from within an authorizer (see ``load``).
        """
        key = fold(table)
        if key not in self._columns:
            try:
                rows = self._connection.execute(
                    f"PRAGMA main.table_xinfo({quoted(table)})"
                ).fetchall()
            except sqlite3.OperationalError:
                if self.members[key].kind != "view":
                    raise
                rows = []  # a view over something that is gone: it has no columns to read
            self._columns[key] = tuple(
                Column(name, kind or "", bool(required), key_place, hidden)
                for _, name, kind, required, _, key_place, hidden in rows
                if isinstance(name, str)
            )
        return self._columns[key]

    def load(self, tables: Iterable[str]) -> None:
        """Fetch the columns of these tables and views now."""
        for table in tables:
            self.columns(table)

    def is_loaded(self, table: str) -> bool:
        return fold(table) in self._columns

    def column(self, table: str, name: str) -> str:
        """The column's name as the schema spells it; ``rowid`` for a row number without a name."""
        for column in self.columns(table):
            if fold(column.name) == fold(name):
                return column.name
        return "rowid" if fold(name) == "rowid" else name

    def row_number(self, table: str) -> str | None:
        """The column that is another name of the row number (INTEGER PRIMARY KEY), if any."""
        keys = [column for column in self.columns(table) if column.key]
        member = self.members[fold(table)]
        if len(keys) != 1 or member.without_rowid or fold(keys[0].type) != "integer":
            return None
        return keys[0].name

    def closure(self, table: str, column: str) -> frozenset[str]:
        """The column and, where it is generated, every column that its expression names."""
        depends = self._generated(table)
        found: set[str] = set()
        waiting = [column]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(depends.get(name, ()))
        return frozenset(found)

    def _generated(self, table: str) -> dict[str, frozenset[str]]:
        key = fold(table)
        if key not in self._depends:
            columns = self.columns(table)
            every = frozenset(column.name for column in columns)
            generated = {column.name for column in columns if column.hidden in (2, 3)}
            member = self.members.get(key)
            parts = parts_of_table(member.sql) if generated and member else []
            named = {fold(part[0].text): {fold(t.text) for t in part[1:]} for part in parts if part}
            # A definition that cannot be found is taken to depend on the whole row.
            self._depends[key] = {
                name: frozenset(
                    other for other in every if fold(other) in named.get(fold(name), {fold(other)})
                )
                for name in generated
            }
        return self._depends[key]

    def storage(self, root: int) -> Storage | None:
        """The B-tree with that root page; None for one that is not a table or index of the schema."""
        for member in self.members.values():
            if member.root == root and member.kind == "table":
                return self._table_storage(member)
        for index in self.indexes:
            if index.root == root:
                return self._index_storage(index.name, index.table, index.sql)
        return None

    def _table_storage(self, member: Member) -> Storage:
        if member.without_rowid:
            listed = self._connection.execute(
                f"PRAGMA main.index_list({quoted(member.name)})"
            ).fetchall()
            primary = next(str(row[1]) for row in listed if row[3] == "pk")
            return self._index_storage(primary, member.name, "")._replace(of_index="")
        stored = [column for column in self.columns(member.name) if column.hidden != 2]
        return Storage(member.name, "", tuple(frozenset({c.name}) for c in stored), 0)

    def _index_storage(self, name: str, table: str, sql: str) -> Storage:
        columns = self.columns(table)
        expressed = frozenset(c.name for c in columns if fold(c.name) in names_in(sql))
        number = self.row_number(table)
        positions: list[frozenset[str]] = []
        keys = 0
        for _, cid, column, _, _, is_key in self._connection.execute(
            f"PRAGMA main.index_xinfo({quoted(name)})"
        ):
            if cid == -2:
                positions.append(expressed)
            elif cid == -1:
                positions.append(frozenset({number} if number else ()))
            else:
                positions.append(frozenset({str(column)}))
            keys += 1 if is_key else 0
        member = self.members[fold(table)]
        return Storage(member.name, name, tuple(positions), keys)


def _kind(name: str, listed: str) -> Kind:
    if fold(name).startswith("sqlite_"):
        return "internal"
    match listed:
        case "table":
            return "table"
        case "view":
            return "view"
        case "virtual":
            return "virtual"
        case "shadow":
            return "shadow"
        case _:
            return "internal"
