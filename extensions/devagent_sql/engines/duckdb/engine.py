"""The DuckDB engine: describe, analyse, run. It changes nothing: files are open for reading only."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.duckdb.process import Child, child
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
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree import masks, parse
from devagent_sql.tree.beneath import Beneath
from devagent_sql.tree.dialects import DUCKDB
from devagent_sql.tree.govern import govern
from devagent_sql.tree.relations import Relation, RelationColumn, named_in, traced

Start = Callable[[str, Clock, object], AbstractContextManager[Child]]

_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "REAL", "UHUGEINT")


class Facts(NamedTuple):
    """What the file's catalog said, and the file's state when it did."""

    state: tuple[object, ...]
    relations: dict[tuple[str, str], Relation]
    folded: dict[tuple[str, str], Relation]


_remembered: dict[str, Facts] = {}
_MOST_REMEMBERED = 32
_HEADERS = 3 * 4096
"""Bytes of a file's three headers; every checkpoint counts in one of them."""


def _state(path: str) -> tuple[object, ...] | None:
    """What differs whenever the catalog may; None = the file cannot be read."""
    try:
        with open(path, "rb") as file:
            head, found = file.read(_HEADERS), os.fstat(file.fileno())
    except OSError:
        return None
    try:
        log = os.stat(f"{path}.wal")
        besides = (log.st_ino, log.st_size, log.st_mtime_ns)
    except FileNotFoundError:
        besides = ()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, head, besides


def _facts(asked: Child, path: str, before: tuple[object, ...] | None) -> Facts:
    """Of the open file, which nobody writes to while it is open. ``before`` is its state before it was opened:
    only where that is its state still is it known that what was remembered is said of this file."""
    now = _state(path)
    known = _remembered.get(path)
    if known is not None and before == now == known.state:
        return known
    found = _facts_of(asked.ask(do="catalog"), now or ())
    if now is not None and before == now:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[path] = found
    return found


def _facts_of(told: dict[str, Any], state: tuple[object, ...]) -> Facts:
    if told["shadows"] or DUCKDB.functions & {fold(name) for name in told["own"]}:
        raise SqlError(
            "forbidden_function",
            "The database has a macro of the name of one of DuckDB's own functions: what a statement calls cannot be known.",
        )
    definitions = {(s, n): _query(sql) for s, n, sql in told["views"]}
    names: dict[tuple[str, str], list[str]] = {}
    for schema, table, name, *_ in told["columns"]:
        names.setdefault((schema, table), []).append(name)
    columns: dict[tuple[str, str], list[RelationColumn]] = {}
    for schema, table, name, kind, made_by in told["columns"]:
        made_of = named_in(made_by, names[schema, table], '"') if made_by else ()
        column = RelationColumn(name, kind, _kind(kind), made_of)
        columns.setdefault((schema, table), []).append(column)
    relations: dict[tuple[str, str], Relation] = {}
    for (schema, name), listed in columns.items():
        definition = definitions.get((schema, name))
        kind = "table" if definition is None else "view"
        relations[schema, name] = Relation(schema, name, kind, traced(listed), definition or "")
    folded = {(fold(s), fold(n)): one for (s, n), one in relations.items()}
    return Facts(state, relations, folded)


class _Catalog:
    """See ``tree.relations.Relations``; the whole catalog, for one call."""

    def __init__(self, facts: Facts) -> None:
        self.relations = facts.relations
        self._folded = facts.folded
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
    # Within a name in quotes their number is odd: a view may be called anything, also the beginning of a query.
    whole = between and "(" not in before and before.count('"') % 2 == 0
    return query.rstrip().rstrip(";") if whole else ""


def _kind(data_type: str) -> str:
    word = data_type.partition("(")[0]
    if word.endswith("]") or word in ("STRUCT", "MAP", "UNION"):
        return ""
    if any(number in word for number in _NUMBERS):
        return "number" if not data_type.endswith("]") else ""
    return {"DATE": "time", "TIMESTAMP": "time", "VARCHAR": "text"}.get(data_type, "")


class DuckDB:
    """See ``Engine``. ``path`` is the file's real path; each call takes a child of the ``owner``'s from
    ``start``. What the catalog said is remembered as long as the file is as it was."""

    def __init__(self, path: str, start: Start = child, *, owner: object = None) -> None:
        self._path = path
        self._start = start
        self._owner = owner

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        return sorted(self._known(clock).relations)

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        found = self._known(clock).find("", table)
        return found.schema, found.name, tuple(column.name for column in found.columns)

    def describe(self, table: str, clock: Clock) -> list[Table]:
        catalog = self._known(clock)
        if not table:
            return [Table(one.schema, one.name, one.kind, None, ()) for _, one in sorted(catalog.relations.items())]  # fmt: skip
        found = catalog.find("", table)
        columns = tuple(Column(c.name, c.type, True, 0, False, "") for c in found.columns)
        return [Table(found.schema, found.name, found.kind, None, columns)]

    def analyse(self, sql: str, clock: Clock) -> Touched:
        parse.statement(sql, DUCKDB)  # what is refused at sight needs no process
        return govern(sql, DUCKDB, self._known(clock).looked_up).touched

    @contextmanager
    def _opened(self, clock: Clock) -> Generator[tuple[Child, _Catalog]]:
        """The child with the file open, and the catalog of what is open."""
        before = _state(self._path)
        with self._start(self._path, clock, self._owner) as asked:
            yield asked, _Catalog(_facts(asked, self._path, before))

    def _known(self, clock: Clock) -> _Catalog:
        """The catalog of the file as it is; a run looks again with the file open."""
        clock.check()
        known = _remembered.get(self._path)
        if known is not None and known.state == _state(self._path):
            return _Catalog(known)
        with self._opened(clock) as (_, catalog):
            return catalog

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        raise SqlError("read_only", "DuckDB files are read only here.")

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        raise SqlError("read_only", "DuckDB files are read only here.")

    def explain(self, sql: str, clock: Clock) -> list[str]:
        with self._opened(clock) as (asked, catalog):
            governed = govern(sql, DUCKDB, catalog.looked_up, NO_RULES)
            asked.run(f"EXPLAIN {governed.text}", None, 10)
            return [line for row in asked.fetch(10) for line in str(row[-1]).splitlines()]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        parse.statement(sql, DUCKDB)
        with self._opened(clock) as (asked, catalog):
            governed = govern(sql, DUCKDB, catalog.looked_up, rules)
            key = masks.KEY if governed.keyed else None
            columns, types = asked.run(governed.text, key, most_rows + 1)
            sink.begin(columns, types, governed.touched)
            cut = hand_over(asked.fetch, sink, most_rows, clock)
            return Answer(columns, cut, governed.touched, governed.masked, governed.text, types)
