"""The engine of the warehouses: describe, analyse, run. It changes nothing.

They have no read-only session, so what keeps a statement from writing is the checked tree, and the grants
of the user who logs in. The catalog is their INFORMATION_SCHEMA, of the source's schemas alone: a table of
another schema, a stage, a path or a wildcard is no table here.
"""

from collections.abc import Callable, Iterable

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.port import (
    NO_RULES,
    Analysis,
    Answer,
    Changed,
    Clock,
    Column,
    Permit,
    Rules,
    Sink,
    Table,
    Touched,
)
from devagent_sql.engines.warehouse.drivers import Connection, connected
from devagent_sql.errors import SqlError
from devagent_sql.sources import Warehouse
from devagent_sql.tree import parse
from devagent_sql.tree.beneath import Beneath
from devagent_sql.tree.dialects import WAREHOUSES, Dialect, key
from devagent_sql.tree.govern import govern
from devagent_sql.tree.relations import Relation, RelationColumn

_MOST_COLUMNS = 100_000
_NUMBERS = ("INT", "NUMERIC", "DECIMAL", "NUMBER", "FLOAT", "DOUBLE", "LONG", "SHORT")


class _Catalog:
    """See ``tree.relations.Relations``; read once for each call."""

    def __init__(
        self, connection: Connection, dialect: Dialect, where: Warehouse, clock: Clock
    ) -> None:
        self._dialect = dialect
        self._where = where
        self.relations: dict[tuple[str, str], Relation] = {}
        for schema in where.schemas:
            self._read(connection, schema, clock)
        self._beneath = Beneath(dialect, self)

    def _read(self, connection: Connection, schema: str, clock: Clock) -> None:
        quote = "`" if self._dialect.name in ("bigquery", "databricks") else '"'

        def name(part: str) -> str:
            return quote + part.replace(quote, "") + quote

        def text(part: str) -> str:
            return "'" + part.replace("\\", "").replace("'", "''") + "'"

        if self._dialect.name == "bigquery":
            place = f"{name(schema)}.INFORMATION_SCHEMA"
        else:
            place = f"{name(self._where.database)}.{'INFORMATION_SCHEMA' if self._dialect.name == 'snowflake' else 'information_schema'}"
        where = f"WHERE table_schema = {text(schema)}"
        columns = f"SELECT table_name, column_name, data_type FROM {place}.COLUMNS {where} ORDER BY table_name, ordinal_position"  # noqa: S608 — names of the source's settings, quoted
        views = f"SELECT table_name, view_definition FROM {place}.VIEWS {where}"  # noqa: S608
        found = connection.run(columns, clock).fetch(_MOST_COLUMNS)
        if len(found) == _MOST_COLUMNS:
            raise SqlError("too_large", "The source's schemas hold too many columns: name fewer.")
        definitions = {
            str(row[0]): _query(row[1]) for row in connection.run(views, clock).fetch(_MOST_COLUMNS)
        }
        listed: dict[str, list[RelationColumn]] = {}
        for table, column, kind in found:
            listed.setdefault(str(table), []).append(
                RelationColumn(str(column), str(kind), _kind(str(kind)))
            )
        for table, known in listed.items():
            kind = "view" if table in definitions else "table"
            self.relations[schema, table] = Relation(
                schema, table, kind, tuple(known), definitions.get(table, "")
            )

    def looked_up(self, names: Iterable[tuple[str, str]]) -> "_Catalog":
        del names
        return self

    def find(self, schema: str, name: str) -> Relation:
        wanted = [
            one
            for place, one in self.relations.items()
            if key(self._dialect, place[1]) == key(self._dialect, name)
            and (not schema or key(self._dialect, place[0]) == key(self._dialect, schema))
        ]
        if not wanted:
            raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
        found = min(wanted, key=lambda one: self._where.schemas.index(one.schema))
        return self._beneath.of(found) if found.kind == "view" else found


def _query(definition: object) -> str:
    """The SELECT of a view: some warehouses tell it with its CREATE VIEW."""
    text = str(definition or "").strip().rstrip(";")
    if text[:6].lower() != "create":
        return text
    before, between, query = text.partition(" AS ")
    return query if between and "(" not in before else ""


def _kind(data_type: str) -> str:
    word = data_type.upper().partition("(")[0].partition("<")[0].strip()
    if word in ("ARRAY", "STRUCT", "MAP", "OBJECT", "VARIANT", "RECORD"):
        return ""
    if any(number in word for number in _NUMBERS):
        return "number"
    if word in ("STRING", "TEXT", "VARCHAR", "CHAR"):
        return "text"
    return "time" if word in ("DATE", "DATETIME") or word.startswith("TIMESTAMP") else ""


class WarehouseEngine:
    """See ``Engine``. ``kind`` is snowflake, databricks or bigquery; each call connects anew."""

    def __init__(self, kind: str, where: Warehouse, secret: Callable[[], str | None]) -> None:
        self._kind = kind
        self._dialect = WAREHOUSES[kind]
        self._where = where
        self._secret = secret

    def _catalog(self, connection: Connection, clock: Clock) -> _Catalog:
        return _Catalog(connection, self._dialect, self._where, clock)

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            return sorted(self._catalog(connection, clock).relations)

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            found = self._catalog(connection, clock).find(*_parts(table))
            return found.schema, found.name, tuple(column.name for column in found.columns)

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            catalog = self._catalog(connection, clock)
            if not table:
                return [Table(one.schema, one.name, one.kind, None, ()) for _, one in sorted(catalog.relations.items())]  # fmt: skip
            found = catalog.find(*_parts(table))
            columns = tuple(Column(c.name, c.type, True, 0, False, "") for c in found.columns)
            return [Table(found.schema, found.name, found.kind, None, columns)]

    def analyse(self, sql: str, clock: Clock) -> Touched:
        parse.statement(sql, self._dialect)  # what is refused at sight needs no connection
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            return govern(sql, self._dialect, self._catalog(connection, clock).looked_up).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        raise SqlError("read_only", "Warehouses are read only here.")

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        raise SqlError("read_only", "Warehouses are read only here.")

    def explain(self, sql: str, clock: Clock) -> list[str]:
        if self._kind == "bigquery":
            return ["BigQuery shows no plan before a statement is run."]
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            governed = govern(
                sql, self._dialect, self._catalog(connection, clock).looked_up, NO_RULES
            )
            rows = connection.run(f"EXPLAIN {governed.text}", clock).fetch(1_000)
            return [line for row in rows for line in " | ".join(map(_shown, row)).splitlines()]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        parse.statement(sql, self._dialect)
        with connected(self._kind, self._where, self._secret(), clock) as connection:
            catalog = self._catalog(connection, clock)
            governed = govern(sql, self._dialect, catalog.looked_up, rules)
            cursor = connection.run(governed.text, clock)
            sink.begin(cursor.columns, cursor.types, governed.touched)
            cut = hand_over(cursor.fetch, sink, most_rows, clock)
            return Answer(
                cursor.columns, cut, governed.touched, governed.masked, governed.text, cursor.types
            )


def _shown(cell: object) -> str:
    return "" if cell is None else str(cell)


def _parts(table: str) -> tuple[str, str]:
    """Schema or "" and name, as ``describe`` takes them."""
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else ("", table)
