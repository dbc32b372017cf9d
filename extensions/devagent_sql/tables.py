"""The tools about tables: what there is, a sample, a profile. Rows are read by governed statements alone."""

from typing import Any

from devagent_sql import judged
from devagent_sql.calls import clock_of, id_of
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
        return _described(found, tables[0], obligations)
    listed = [[one.name, one.kind, _count(one.rows)] for one in tables]
    result = listing(("table", "kind", "rows"), listed, obligations, "tables")
    result["taint"] = [f"sql.{found.name}"]
    result["accessed"] = [found.id, *(found.table_id(one.schema, one.name) for one in tables)]
    return result


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
    return queried(
        here, found, selecting(found, described, chosen_columns(described, columns)), limit
    )


def profile(here: Surroundings, *, source: str, table: str, columns: str = "") -> Result:
    """Per column: rows, nulls, distinct values, least and greatest; all by governed queries.

    Raises SqlError of any class; under the small-group rule least and greatest are left out.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    engine, clock = engine_for(found, here), clock_of(here, obligations)
    (described,) = engine.describe(table, clock)
    chosen = chosen_columns(described, columns)
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
        "taint": [
            f"sql.{found.name}",
            *sorted({tag for one in free for tag in found.tags_of(one)}),
        ],
        "accessed": [found.id, *sorted(id_of(found, name) for name in seen)],
    }


_UNORDERED = frozenset(["json", "jsonb", "boolean", "uuid", "bytea", "blob", "xml", "point", "bit"])


def chosen_columns(described: Table, columns: str) -> list[Column]:
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    known = {column.name: column for column in described.columns}
    if any(name not in known for name in wanted):
        raise SqlError("no_such_column", "No such column. Use describe with the table's name.")
    chosen = [known[name] for name in wanted] if wanted else list(described.columns)
    return chosen[:MOST_PROFILED]


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
