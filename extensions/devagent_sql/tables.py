"""The tools about tables: what there is, a sample, a profile. Rows are read by governed statements alone."""

from typing import Any

from devagent_sql import judged
from devagent_sql.calls import clock_of, id_of, on_record, readable, resource
from devagent_sql.engines import engine_for
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.port import ROWS_COUNTED, Column, Name, Table
from devagent_sql.errors import SqlError
from devagent_sql.obligations import Obligations, read_obligations
from devagent_sql.pages import listing
from devagent_sql.sources import Source, find_source
from devagent_sql.statements import queried
from devagent_sql.types import Result, Surroundings
from devagent_sql.values import as_json

MOST_SAMPLED = 50
BACKTICKS = ("mysql", "databricks", "bigquery")
MOST_PROFILED = 40
"""Columns in one profile."""


def profiling(source: Source, table: Table, column: Column, *, bounds: bool) -> str:
    """The statement that profiles a column, in the engine's dialect."""
    name, text = quoted(source, column.name), "char" if source.type == "mysql" else "text"
    ends = f"min({name}), max({name})" if bounds else "NULL, NULL"
    return (
        f"SELECT count(*), count(*) - count({name}), count(DISTINCT CAST({name} AS {text})), {ends} "  # noqa: S608 — quoted names
        f"FROM {quoted(source, table.schema)}.{quoted(source, table.name)}"
    )


def selecting(source: Source, table: Table, columns: list[Column]) -> str:
    """The statement that reads these columns of a table."""
    names = ", ".join(quoted(source, column.name) for column in columns)
    return f"SELECT {names} FROM {quoted(source, table.schema)}.{quoted(source, table.name)}"  # noqa: S608 — quoted names


def quoted(source: Source, name: str) -> str:
    """A name as the source's dialect writes it."""
    quote = "`" if source.type in BACKTICKS else '"'
    return quote + name.replace(quote, quote * 2) + quote


def describe(here: Surroundings, *, source: str, table: str = "") -> Result:
    """One table, or all of them by name, kind and row count.

    Raises SqlError: no_such_table, unsupported_table, timeout and those of opening a source.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    tables = [
        _counted(found, one, obligations)
        for one in engine_for(found, here).describe(table, clock_of(here, obligations))
    ]
    if table:
        if not tables[0].columns:
            raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
        return _described(found, _within_reach(here, found, tables[0]), obligations)
    names = [resource(found, found.table_id(one.schema, one.name), "read") for one in tables]
    may = readable(here, names)
    tables = [one for one, open_ in zip(tables, may, strict=True) if open_]
    listed = [[one.name, one.kind, _count(one.rows)] for one in tables]
    result = listing(("table", "kind", "rows"), listed, obligations, "tables")
    result["taint"] = [f"sql.{found.name}"]
    result["accessed"] = [found.id, *(found.table_id(one.schema, one.name) for one in tables)]
    return result


def readable_tables(here: Surroundings, found: Source, tables: list[Name]) -> frozenset[Name]:
    """Those that policy lets the call read: nobody is told of the others."""
    may = readable(here, [resource(found, id_of(found, one), "read") for one in tables])
    return frozenset(one for one, open_ in zip(tables, may, strict=True) if open_)


def readable_columns(
    here: Surroundings, found: Source, schema: str, table: str, columns: tuple[str, ...]
) -> tuple[str, ...]:
    ids = [found.column_id(schema, table, column) for column in columns]
    may = readable(here, [resource(found, one, "read") for one in ids])
    return tuple(column for column, open_ in zip(columns, may, strict=True) if open_)


def _within_reach(here: Surroundings, found: Source, table: Table) -> Table:
    """The table without columns that policy keeps from the call, and without the names of such in keys."""
    names = tuple(column.name for column in table.columns)
    may = {*readable_columns(here, found, table.schema, table.name, names)}
    targets = [(column, _target(table, column)) for column in table.columns if column.name in may]
    led = [resource(found, id_of(found, name), "read") for _, name in targets if name]
    open_ = iter(readable(here, led))
    columns = [
        column if name is None or next(open_) else column._replace(references="")
        for column, name in targets
    ]
    unique = tuple(one for one in table.unique if may.issuperset(one))
    return table._replace(columns=tuple(columns), unique=unique)


def _target(table: Table, column: Column) -> Name | None:
    """Where a foreign key leads: a column, or the table alone, taken to be of the same schema."""
    if not column.references:
        return None
    name, _, rest = column.references.partition("(")
    return (table.schema, name, rest.removesuffix(")")) if rest else (table.schema, name)


def _counted(source: Source, table: Table, obligations: Obligations) -> Table:
    """Its number of rows only where policy keeps none of them back."""
    rules = obligations.rules(source)
    whole = table.kind == "table" or not obligations.filters
    if whole and not rules.filters(table.schema, table.name) and not rules.min_group:
        return table
    return table._replace(rows=None)


def sample(
    here: Surroundings, *, source: str, table: str, columns: str = "", limit: int = 5
) -> Result:
    """A few rows of one table or view, the first that the engine finds; under the same rules as ``query``."""
    if not 1 <= limit <= MOST_SAMPLED:
        raise SqlError("bad_arguments", f"limit must be from 1 to {MOST_SAMPLED}.")
    found = find_source(here.settings, source)
    (described,) = engine_for(found, here).describe(table, clock_of(here, Obligations()))
    chosen = chosen_columns(here, found, described, columns)
    return queried(here, found, selecting(found, described, chosen), limit)


def profile(here: Surroundings, *, source: str, table: str, columns: str = "") -> Result:
    """Per column: rows, nulls, distinct values, least and greatest; all by governed queries.

    Raises SqlError of any class; under the small-group rule least and greatest are left out.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    engine, clock = engine_for(found, here), clock_of(here, obligations)
    (described,) = engine.describe(table, clock)
    chosen = chosen_columns(here, found, described, columns)
    listed: list[list[Any]] = []
    seen: set[Name] = set()
    hidden: set[str] = set()
    named = selecting(found, described, chosen)
    for column in chosen:
        bounds = not obligations.min_group and column.type.lower() not in _UNORDERED
        sql = profiling(found, described, column, bounds=bounds)
        kept = Kept(lambda touched: judged.check(found, named, touched))
        answer = engine.run(sql, 1, kept, obligations.rules(found), clock)
        seen |= answer.touched.reads
        hidden |= {name[2] for name in answer.masked}
        # The small-group rule may have left the row out.
        listed += [[column.name, *map(as_json, row)] for row in kept.rows]
    names = ("column", "rows", "nulls", "distinct", "least", "greatest")
    result = listing(names, listed, obligations, "columns")
    free = [id_of(found, name) for name in seen if name[-1] not in hidden]
    return {
        **result,
        "structured": {**result.get("structured", {}), **on_record(found, named, named)},
        "taint": [
            f"sql.{found.name}",
            *sorted({tag for one in free for tag in found.tags_of(one)}),
        ],
        "accessed": [found.id, *sorted(id_of(found, name) for name in seen)],
    }


_UNORDERED = frozenset(["json", "jsonb", "boolean", "uuid", "bytea", "blob", "xml", "point", "bit"])


def chosen_columns(
    here: Surroundings, found: Source, described: Table, columns: str
) -> list[Column]:
    """The columns of these names; where none is given those that policy lets the call read.

    Raises SqlError ``no_such_column``."""
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    known = {column.name: column for column in described.columns}
    if any(name not in known for name in wanted):
        raise SqlError("no_such_column", "No such column. Use describe with the table's name.")
    if not wanted:
        wanted = readable_columns(here, found, described.schema, described.name, tuple(known))
    if not wanted:
        raise SqlError("no_such_table", "No such table or view. Use describe to list them.")
    return [known[name] for name in wanted][:MOST_PROFILED]


def _count(rows: int | None) -> str | int | None:
    return f"over {ROWS_COUNTED}" if rows is not None and rows > ROWS_COUNTED else rows


def _described(source: Source, table: Table, obligations: Obligations) -> Result:
    listed = [
        [
            column.name,
            column.type,
            _features(column),
            ", ".join(source.tags_of(source.column_id(table.schema, table.name, column.name))),
        ]
        for column in table.columns
    ]
    result = listing(("column", "type", "features", "tags"), listed, obligations, "columns")
    facts = [f"{table.kind} {table.name}", f"rows: {_count(table.rows)}"]
    if table.rows is None:
        facts.pop()
    facts += [f"unique: {', '.join(columns)}" for columns in table.unique]
    head = "; ".join(facts)
    names = [source.column_id(table.schema, table.name, column.name) for column in table.columns]
    return {
        **result,
        "text": f"{head}\n{result['text']}",
        "view": f"{head}\n{result.get('view', '')}",
        "taint": [f"sql.{source.name}"],
        "accessed": [source.id, source.table_id(table.schema, table.name), *names],
    }


def _features(column: Column) -> str:
    parts = [
        f"key {column.key}" if column.key else "",
        "" if column.nullable else "not null",
        "generated" if column.generated else "",
        f"-> {column.references}" if column.references else "",
    ]
    features = ", ".join(part for part in parts if part)
    return "; ".join(part for part in (features, column.comment) if part)
