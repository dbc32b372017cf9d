"""The tools: plain functions over the surroundings that a call is given.

``resources`` names what a call would touch; the call itself finds out
anew, inside the transaction it reads in, and reports it as ``accessed``.
Every expected failure is a SqlError, whose message is safe for the model.
"""

import os.path
import time
from collections.abc import Mapping
from typing import IO, Any

from devagent_sql import export_file, judged
from devagent_sql.engines import engine_for
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.pool import close_idle
from devagent_sql.engines.port import ROWS_COUNTED, Answer, Clock, Column, Name, Table
from devagent_sql.errors import SqlError
from devagent_sql.obligations import Obligations, read_obligations
from devagent_sql.pages import Page, listing, summary
from devagent_sql.sources import Source, find_source, read_sources
from devagent_sql.types import Resource, Result, Surroundings
from devagent_sql.values import as_json, as_line, as_table

MOST_ROWS = 10_000
MOST_SAMPLED = 50
MOST_EXPORTED = 1_000_000
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


def sources(here: Surroundings) -> Result:
    """The configured sources. Raises SqlError ``bad_settings`` or ``unsupported_obligation``."""
    obligations = read_obligations(here.obligations)
    listed = [
        [s.name, s.type, s.env, s.owner, s.description]
        for s in read_sources(here.settings).values()
    ]
    columns = ("source", "engine", "env", "owner", "description")
    return listing(columns, listed, obligations, "sources")


def describe(here: Surroundings, *, source: str, table: str = "") -> Result:
    """One table, or all of them by name, kind and row count.

    Raises SqlError: no_such_table, unsupported_table, timeout and those of opening a source.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    tables = [
        _counted(found, one, obligations)
        for one in engine_for(found, here).describe(table, _clock(here, obligations))
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


def query(here: Surroundings, *, source: str, sql: str, limit: int = 100) -> Result:
    """The rows of one reading statement, at most ``limit``, fewer where policy or size demand it.

    Masked columns read as masked everywhere in the statement. Raises SqlError of any class.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise SqlError("bad_arguments", f"limit must be from 1 to {MOST_ROWS}.")
    return _queried(here, find_source(here.settings, source), sql, limit)


def sample(
    here: Surroundings, *, source: str, table: str, columns: str = "", limit: int = 5
) -> Result:
    """A few rows of one table or view, the first that the engine finds; under the same rules as ``query``."""
    if not 1 <= limit <= MOST_SAMPLED:
        raise SqlError("bad_arguments", f"limit must be from 1 to {MOST_SAMPLED}.")
    found = find_source(here.settings, source)
    (described,) = engine_for(found, here).describe(table, _clock(here, Obligations()))
    return _queried(here, found, selecting(found, described, _chosen(described, columns)), limit)


def _queried(here: Surroundings, found: Source, sql: str, limit: int) -> Result:
    obligations = read_obligations(here.obligations)
    most_rows = limit if obligations.rows is None else min(limit, obligations.rows)
    page = Page(obligations, lambda touched: judged.check(found, sql, touched))
    answer = engine_for(found, here).run(
        sql, most_rows, page, obligations.rules(found), _clock(here, obligations)
    )
    hidden = sorted(found.column_id(*name) for name in answer.masked)
    note = _noted(found, hidden, summary(len(page.rows), answer.cut, obligations.rows, most_rows))
    return {
        **_read(found, answer),
        "text": "\n".join([as_line(answer.columns), *page.lines, f"({note})"]),
        "view": f"{as_table(answer.columns, page.rows)}\n{note}",
        "rows": len(page.rows),
        "structured": {
            "columns": list(answer.columns),
            "rows": page.rows,
            "complete": not answer.cut,
            "masked": hidden,
            **({"types": list(answer.types)} if answer.types else {}),
        },
        "failed": False,
    }


def _noted(found: Source, hidden: list[str], note: str) -> str:
    if not hidden:
        return note
    short = ", ".join(name.removeprefix(f"column:{found.name}.") for name in hidden)
    return f"{note}. Masked by policy, in every part of the statement: {short}"


def _read(found: Source, answer: Answer) -> Result:
    """The labels of what was read unmasked, and the names of all that was touched."""
    unmasked = [_id(found, name) for name in answer.touched.reads if name not in answer.masked]
    tags = {tag for name in unmasked for tag in found.tags_of(name)}
    return {
        "text": "",
        "taint": [f"sql.{found.name}", *sorted(tags)],
        "accessed": [found.id, *sorted(_id(found, name) for name in answer.touched.reads)],
    }


def export(here: Surroundings, *, source: str, sql: str, path: str, limit: int = 100_000) -> Result:
    """The rows of one reading statement as a new CSV or Parquet file of the workspace.

    Under the same rules as ``query``. Raises SqlError of any class; there is then no file.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    if not 1 <= limit <= MOST_EXPORTED:
        raise SqlError("bad_arguments", f"limit must be from 1 to {MOST_EXPORTED}.")
    target = export_file.target_of(here.folder, path)
    most_rows = limit if obligations.rows is None else min(limit, obligations.rows)
    most_bytes = min(export_file.MOST_BYTES, obligations.bytes or export_file.MOST_BYTES)
    answers: list[Answer] = []

    def fill(file: IO[bytes]) -> export_file.CsvSink:
        sink = export_file.CsvSink(
            file,
            most_bytes,
            lambda touched: judged.check(found, sql, touched),
            plain=target.is_parquet,
        )
        clock = _clock(here, obligations)
        answers.append(
            engine_for(found, here).run(sql, most_rows, sink, obligations.rules(found), clock)
        )
        return sink

    if target.is_parquet:
        sink = export_file.write_parquet(target, fill)
    else:
        with export_file.made(target) as file:
            sink = fill(file)
    (answer,) = answers
    size = os.path.getsize(os.path.join(target.folder, target.name))
    hidden = sorted(found.column_id(*name) for name in answer.masked)
    rows = summary(sink.rows, answer.cut, obligations.rows, most_rows)
    note = _noted(found, hidden, f"{rows}, {size:,} bytes")
    return {
        **_read(found, answer),
        "text": f"Written to {target.relative}: {note}",
        "rows": sink.rows,
        "structured": {
            "path": target.relative,
            "columns": list(answer.columns),
            "rows": sink.rows,
            "bytes": size,
            "complete": not answer.cut,
            "masked": hidden,
        },
        "failed": False,
    }


def explain(here: Surroundings, *, source: str, sql: str) -> Result:
    """What a reading statement would touch, and the engine's plan of it; it is not run.

    Where masks, filters or groups hold there is no plan: it tells of values. ``structured`` says how long
    finding the names and the plan took.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    engine, clock = engine_for(found, here), _clock(here, obligations)
    began = time.perf_counter()
    touched = engine.analyse(sql, clock)
    judged.check(found, sql, touched)
    named = time.perf_counter()
    ruled = bool(obligations.masks or obligations.filters or obligations.min_group)
    lines = [] if ruled else engine.explain(sql, clock)
    planned = time.perf_counter()
    result = listing(("plan",), [[line] for line in lines], obligations, "lines")
    reads = sorted(_id(found, name) for name in touched.reads)
    head = f"reads: {', '.join(reads) or 'no table'}"
    if ruled:
        head += "\nA plan is not shown where masks or filters hold."
    return {
        **result,
        "text": f"{head}\n{result['text']}",
        "view": f"{head}\n{result.get('view', '')}",
        "structured": {
            **result.get("structured", {}),
            "reads": reads,
            "milliseconds": {
                "names": round((named - began) * 1000, 1),
                "plan": round((planned - named) * 1000, 1),
            },
        },
        "taint": [f"sql.{found.name}"],
        "accessed": [found.id, *reads],
    }


def profile(here: Surroundings, *, source: str, table: str, columns: str = "") -> Result:
    """Per column: rows, nulls, distinct values, least and greatest; all by governed queries.

    Raises SqlError of any class; under the small-group rule least and greatest are left out.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    engine, clock = engine_for(found, here), _clock(here, obligations)
    (described,) = engine.describe(table, clock)
    chosen = _chosen(described, columns)
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
    free = [_id(found, name) for name in seen if name[-1] not in hidden]
    return {
        **result,
        "taint": [
            f"sql.{found.name}",
            *sorted({tag for one in free for tag in found.tags_of(one)}),
        ],
        "accessed": [found.id, *sorted(_id(found, name) for name in seen)],
    }


_UNORDERED = frozenset(["json", "jsonb", "boolean", "uuid", "bytea", "blob", "xml", "point", "bit"])


def _chosen(described: Table, columns: str) -> list[Column]:
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    known = {column.name: column for column in described.columns}
    if any(name not in known for name in wanted):
        raise SqlError("no_such_column", "No such column. Use describe with the table's name.")
    chosen = [known[name] for name in wanted] if wanted else list(described.columns)
    return chosen[:MOST_PROFILED]


def write(
    here: Surroundings, *, source: str, sql: str, commit: bool = False, expected_rows: int = -1
) -> Result:
    """Run one INSERT, UPDATE or DELETE in a transaction and say what it is about.

    Without ``commit`` it is rolled back. With it, ``expected_rows`` must be the number that the preview
    said, or nothing is changed. Raises SqlError ``changed``, ``too_large``, and those of the statement.
    """
    obligations = read_obligations(here.obligations)
    found = find_source(here.settings, source)
    if commit and expected_rows < 0:
        raise SqlError("bad_arguments", "commit needs expected_rows: preview the change first.")
    most = MOST_ROWS if obligations.rows is None else min(MOST_ROWS, obligations.rows)
    done = engine_for(found, here).change(
        sql,
        expected_rows if commit else None,
        most,
        lambda touched: judged.check(found, sql, touched),
        _clock(here, obligations),
    )
    shown = [["before", *map(as_json, row)] for row in done.before]
    shown += [["after", *map(as_json, row)] for row in done.after]
    result = listing(("", *done.columns), shown, obligations._replace(rows=None), "sampled rows")
    rows = "1 row" if done.affected == 1 else f"{done.affected} rows"
    head = f"{rows} changed and committed." if done.committed else (
        f"{rows} would change; rolled back. To do it: commit=true, expected_rows={done.affected}."
    )  # fmt: skip
    view = f"{head}\n{result.get('view', '')}" if shown else head
    return {
        "text": f"{head}\n{result['text']}" if shown else head,
        "view": view,
        "rows": done.affected,
        "structured": {
            **result.get("structured", {}),
            "affected": done.affected,
            "committed": done.committed,
        },
        "taint": [f"sql.{found.name}"] if shown else [],
        "failed": False,
    }


def close(folder: str) -> None:
    """End what is kept between calls: connections that wait for the next one."""
    del folder
    close_idle()


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[Resource]:
    """What the call would read and write: the source, each table and view, each column.

    A statement that writes is reported too (``access`` write), though ``query`` refuses it.
    Raises SqlError where that cannot be known; the call must then not be made.
    """
    if tool == "sources":
        return [_resource(one, one.id, "read") for one in read_sources(here.settings).values()]
    if tool not in ("describe", "query", "explain", "profile", "sample", "export", "write"):
        raise SqlError("unknown_tool", "There is no tool of that name.")
    found = find_source(here.settings, _argument(args, "source"))
    engine, clock = engine_for(found, here), _clock(here, Obligations())
    listed = [_resource(found, found.id, "read")]
    if tool == "write":
        analysis = engine.analyse_change(_argument(args, "sql"), clock)
        judged.keep(found, _argument(args, "sql"), analysis.touched)
        facts = sorted(f"sql.{fact}" for fact in analysis.facts)
        listed[0] = {**listed[0], "access": "write", "tags": [*listed[0]["tags"], *facts]}
        listed += _resources(found, analysis.touched.reads, "read")
        written = _resources(found, analysis.touched.writes, "write")
        return listed + [{**one, "tags": [*one["tags"], *facts]} for one in written]
    if tool in ("query", "explain", "export"):
        sql = _argument(args, "sql")
        if tool == "export":
            target = export_file.target_of(here.folder, _argument(args, "path"))
            listed.append({"id": target.id, "access": "write", "tags": ["sql.export"]})
        touched = engine.analyse(sql, clock)
        judged.keep(found, sql, touched)
        listed += _resources(found, touched.reads, "read")
        return listed + _resources(found, touched.writes, "write")
    table = _argument(args, "table", "")
    if not table:
        return listed + _resources(found, frozenset(engine.tables(clock)), "read")
    if tool in ("profile", "sample"):
        (described,) = engine.describe(table, clock)
        sql = selecting(found, described, _chosen(described, _argument(args, "columns", "")))
        touched = engine.analyse(sql, clock)
        judged.keep(found, sql, touched)
        return listed + _resources(found, touched.reads, "read")
    schema, name, columns = engine.find(table, clock)
    names: set[Name] = {(schema, name), *((schema, name, column) for column in columns)}
    return listed + _resources(found, frozenset(names), "read")


def _clock(here: Surroundings, obligations: Obligations) -> Clock:
    seconds = here.time_limit_s
    return Clock.of(
        seconds if obligations.seconds is None else min(seconds, obligations.seconds),
        getattr(here, "cancelled", None),
    )


def _argument(args: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = args.get(key, default)
    if not isinstance(value, str):
        raise SqlError("bad_arguments", f"{key} must be a text.")
    return value


def _id(source: Source, name: Name) -> str:
    return source.table_id(*name) if len(name) == 2 else source.column_id(*name)


def _resource(source: Source, name: str, access: str) -> Resource:
    return {
        "id": name,
        "access": "write" if access == "write" else "read",
        "tags": source.tags_of(name),
    }


def _resources(source: Source, names: frozenset[Name], access: str) -> list[Resource]:
    """Tables before columns, each sorted."""
    ordered = sorted(names, key=lambda name: (len(name), name))
    return [_resource(source, _id(source, name), access) for name in ordered]


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
