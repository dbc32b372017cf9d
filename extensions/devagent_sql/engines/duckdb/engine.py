"""The DuckDB engine: describe, analyse, run. It changes nothing: files are open for reading only."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.duckdb.process import Child, child
from devagent_sql.engines.port import (
    NO_RULES,
    Analysis,
    Answer,
    Cell,
    Changed,
    Clock,
    Column,
    Permit,
    Row,
    Rules,
    Sink,
    Table,
    Touched,
)
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree import masks, parse
from devagent_sql.tree.beneath import Beneath
from devagent_sql.tree.dialects import DUCKDB
from devagent_sql.tree.govern import govern
from devagent_sql.tree.relations import Relation, RelationColumn

Start = Callable[[str, Clock], AbstractContextManager[Child]]

_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "REAL", "UHUGEINT")


class _Catalog:
    """See ``tree.relations.Relations``; the whole catalog, read once in the child."""

    def __init__(self, asked: Child) -> None:
        told = asked.ask(do="catalog")
        if told["shadows"] or DUCKDB.functions & {fold(name) for name in told["own"]}:
            raise SqlError(
                "forbidden_function",
                "The database has a macro of the name of one of DuckDB's own functions: what a statement calls cannot be known.",
            )
        definitions = {(s, n): _query(sql) for s, n, sql in told["views"]}
        self.relations: dict[tuple[str, str], Relation] = {}
        columns: dict[tuple[str, str], list[RelationColumn]] = {}
        for schema, table, name, kind in told["columns"]:
            columns.setdefault((schema, table), []).append(RelationColumn(name, kind, _kind(kind)))
        for (schema, name), listed in columns.items():
            definition = definitions.get((schema, name))
            kind = "table" if definition is None else "view"
            self.relations[schema, name] = Relation(
                schema, name, kind, tuple(listed), definition or ""
            )
        self._folded = {(fold(s), fold(n)): one for (s, n), one in self.relations.items()}
        self._beneath = Beneath(DUCKDB, self)

    def looked_up(self, names: Iterable[tuple[str, str]]) -> "_Catalog":
        del names
        return self

    def find(self, schema: str, name: str) -> Relation:
        found = self._folded.get((fold(schema or "main"), fold(name)))
        if found is None:
            raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
        return self._beneath.of(found) if found.kind == "view" else found


def _query(sql: str) -> str:
    """The SELECT of ``CREATE VIEW name AS SELECT …;`` as DuckDB writes it; "" where it is not found."""
    before, between, query = sql.partition(" AS ")
    return query.rstrip().rstrip(";") if between and "(" not in before else ""


def _kind(data_type: str) -> str:
    word = data_type.partition("(")[0]
    if word.endswith("]") or word in ("STRUCT", "MAP", "UNION"):
        return ""
    if any(number in word for number in _NUMBERS):
        return "number" if not data_type.endswith("]") else ""
    return {"DATE": "time", "TIMESTAMP": "time", "VARCHAR": "text"}.get(data_type, "")


class DuckDB:
    """See ``Engine``. ``path`` is the file's real path; each call has a child of its own, from ``start``."""

    def __init__(self, path: str, start: Start = child) -> None:
        self._path = path
        self._start = start

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with self._start(self._path, clock) as asked:
            return sorted(_Catalog(asked).relations)

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with self._start(self._path, clock) as asked:
            found = _Catalog(asked).find("", table)
            return found.schema, found.name, tuple(column.name for column in found.columns)

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with self._start(self._path, clock) as asked:
            catalog = _Catalog(asked)
            if not table:
                return [Table(one.schema, one.name, one.kind, None, ()) for _, one in sorted(catalog.relations.items())]  # fmt: skip
            found = catalog.find("", table)
            columns = tuple(Column(c.name, c.type, True, 0, False, "") for c in found.columns)
            return [Table(found.schema, found.name, found.kind, None, columns)]

    def analyse(self, sql: str, clock: Clock) -> Touched:
        parse.statement(sql, DUCKDB)  # what is refused at sight needs no process
        with self._start(self._path, clock) as asked:
            return govern(sql, DUCKDB, _Catalog(asked).looked_up).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        raise SqlError("read_only", "DuckDB files are read only here.")

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        raise SqlError("read_only", "DuckDB files are read only here.")

    def explain(self, sql: str, clock: Clock) -> list[str]:
        with self._start(self._path, clock) as asked:
            governed = govern(sql, DUCKDB, _Catalog(asked).looked_up, NO_RULES)
            asked.ask(do="run", sql=f"EXPLAIN {governed.text}", key=None)
            rows = asked.ask(do="more", rows=10)["rows"]
            return [line for row in rows for line in str(row[-1]).splitlines()]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        parse.statement(sql, DUCKDB)
        with self._start(self._path, clock) as asked:
            governed = govern(sql, DUCKDB, _Catalog(asked).looked_up, rules)
            told = asked.ask(do="run", sql=governed.text, key=masks.KEY if governed.keyed else None)
            columns, types = tuple(told["columns"]), tuple(told["types"])

            def fetch(count: int) -> list[Row]:
                told = asked.ask(do="more", rows=count)
                if told["bytes"]:
                    return [tuple(map(_cell, row)) for row in told["rows"]]
                return list(map(tuple, told["rows"]))

            sink.begin(columns, types, governed.touched)
            cut = hand_over(fetch, sink, most_rows, clock)
            return Answer(columns, cut, governed.touched, governed.masked, governed.text, types)


def _cell(value: Any) -> Cell:
    match value:
        case {"b": digits}:
            return bytes.fromhex(digits)
        case _:
            return value
