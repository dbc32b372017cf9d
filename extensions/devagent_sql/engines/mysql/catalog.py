"""What the server says of the tables that a statement names: columns, views, what lies beneath them.

A read of a statement first opens its tables, which locks their definitions until its transaction ends, and
then asks: what is said stays true.
"""

from collections.abc import Iterable

from devagent_sql.engines.mysql.rights import SYSTEM
from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.port import Column, Row, Table
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.sources import Server
from devagent_sql.tree.beneath import Beneath
from devagent_sql.tree.dialects import MYSQL
from devagent_sql.tree.relations import Relation, RelationColumn, named_in, traced

_TRANSACTIONAL = ("innodb", "rocksdb", "tokudb", "ndbcluster")
_KINDS = {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view"}
_NUMBERS = ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"]
_TEXTS = [
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum",
    "set",
    "inet4",
    "inet6",
    "uuid",
]
_TIMES = ("date", "datetime", "timestamp")
_BYTES = ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry"]
_TABLE = "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, COALESCE(ENGINE, ''), TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, COLUMN_COMMENT, COALESCE(GENERATION_EXPRESSION, '') "
    "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)
_VIEW = "SELECT VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
_KEYS = (
    "SELECT COLUMN_NAME, CONSTRAINT_NAME, ORDINAL_POSITION, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME "
    "FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)


class Catalog:
    """See ``tree.relations.Relations``. ``locking``: open each table before asking what it is."""

    def __init__(self, session: Session, server: Server, *, locking: bool) -> None:
        self._session = session
        self._server = server
        self._locking = locking
        self._found: dict[tuple[str, str], Relation | None] = {}
        self._engines: dict[tuple[str, str], str] = {}
        self._beneath = Beneath(MYSQL, self)

    def looked_up(self, names: Iterable[tuple[str, str]]) -> "Catalog":
        del names
        return self

    def find(self, schema: str, name: str) -> Relation:
        if schema and fold(schema) in SYSTEM:
            raise SqlError("unsupported_table", "System tables are not offered; use describe.")
        for one in (schema,) if schema else self._server.schemas:
            found = self._visible(one, name)
            if found is not None:
                return self._beneath.of(found) if found.kind == "view" else found
        raise SqlError("no_such_table", "No such table or view. Use describe to list them.")

    def is_undone_whole(self, relation: Relation) -> bool:
        """Whether a change of it can be rolled back."""
        return self._engines.get((relation.schema, relation.name), "").lower() in _TRANSACTIONAL

    def _visible(self, schema: str, name: str) -> Relation | None:
        place = (schema or self._server.schemas[0], name)
        if place not in self._found:
            self._found[place] = self._read(*place)
        return self._found[place]

    def _read(self, schema: str, name: str) -> Relation | None:
        if fold(schema) in SYSTEM:
            return None
        if self._locking:
            self._lock(schema, name)
        for found_schema, found, kind, engine, _ in self._session.rows(
            f"{_TABLE} AND TABLE_NAME = %s", [schema, name]
        ):
            same = (found_schema, found) == (schema, name)
            alike = (fold(str(found_schema)), fold(str(found))) == (fold(schema), fold(name))
            if kind not in _KINDS or not (same or (self._session.folds_tables and alike)):
                continue
            real = str(found_schema), str(found)
            self._engines[real] = str(engine)
            definition = ""
            if kind == "VIEW":
                rows = self._session.rows(_VIEW, real)
                definition = str(rows[0][0]) if rows else ""
            columns = self._session.rows(_COLUMNS, real)
            return Relation(*real, _KINDS[str(kind)], _relation_columns(columns), definition)
        return None

    def _lock(self, schema: str, name: str) -> None:
        place = ".".join("`" + part.replace("`", "``") + "`" for part in (schema, name))
        try:
            self._session.rows(f"SELECT 1 FROM {place} LIMIT 0")  # noqa: S608 — quoted names
        except Exception as error:
            # 1146: none of that name (it may be one of WITH); 1142: not ours to read; the server says so later.
            if not error.args or error.args[0] not in (1142, 1143, 1146, 1356, 1044):
                raise


def _relation_columns(rows: list[Row]) -> tuple[RelationColumn, ...]:
    names = [str(row[0]) for row in rows]
    return traced(
        RelationColumn(
            str(row[0]),
            str(row[1]),
            _kind(str(row[1])),
            named_in(str(row[6]), names, "`"),
            "INVISIBLE" in str(row[4]).upper(),
        )
        for row in rows
    )


def _kind(data_type: str) -> str:
    for kind, types in (("number", _NUMBERS), ("text", _TEXTS), ("time", _TIMES), ("bytes", _BYTES)):  # fmt: skip
        if data_type in types:
            return kind
    return ""


def listed(session: Session, schemas: tuple[str, ...]) -> list[Table]:
    """Every table and view of these schemas that the login may see, with the engine's row estimate."""
    found: list[Table] = []
    for schema in schemas:
        for row in session.rows(f"{_TABLE} ORDER BY TABLE_NAME", [schema]):
            kind = _KINDS.get(str(row[2]))
            if kind is not None:
                count = int(row[4]) if row[4] is not None and kind == "table" else None
                found.append(Table(str(row[0]), str(row[1]), kind, count, ()))
    return found


def columns_of(session: Session, relation: Relation) -> Table:
    """One table with the columns that the login may see."""
    place = (relation.schema, relation.name)
    keys: dict[str, int] = {}
    references: dict[str, str] = {}
    for column, constraint, at, table, other in session.rows(_KEYS, place):
        if constraint == "PRIMARY":
            keys[str(column)] = int(str(at))
        elif table is not None:
            references[str(column)] = f"{table}({other})"
    columns = tuple(
        Column(
            str(name),
            str(kind),
            nullable == "YES",
            keys.get(str(name), 0),
            bool(made) or "GENERATED" in str(extra).upper().split(),
            references.get(str(name), ""),
            str(comment or ""),
        )
        for name, _, kind, nullable, extra, comment, made in session.rows(_COLUMNS, place)
    )
    rows = session.rows(f"{_TABLE} AND TABLE_NAME = %s", place)
    count = rows[0][4] if rows and relation.kind == "table" else None
    return Table(*place, relation.kind, None if count is None else int(count), columns)
