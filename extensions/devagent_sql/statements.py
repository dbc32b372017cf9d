"""The tools that run a statement of the caller's: rows, a file, a plan, a change."""

import os.path
import time
from typing import IO

from devagent_sql import export_file, judged
from devagent_sql.calls import clock_of, id_of, labels, noted, on_record
from devagent_sql.engines import engine_for
from devagent_sql.engines.port import Answer
from devagent_sql.errors import SqlError
from devagent_sql.obligations import read_obligations
from devagent_sql.pages import Page, listing, summary
from devagent_sql.sources import Source, find_source
from devagent_sql.types import Result, Surroundings
from devagent_sql.values import as_json, as_line, as_table

MOST_ROWS = 10_000
FURTHEST_OFFSET = 100_000_000
MOST_EXPORTED = 1_000_000


def query(
    here: Surroundings, *, source: str, sql: str, limit: int = 100, offset: int = 0
) -> Result:
    """The rows of one reading statement after the first ``offset``, at most ``limit``, fewer where policy or
    size demand it.

    Masked columns read as masked everywhere in the statement. Raises SqlError of any class.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise SqlError("bad_arguments", f"limit must be from 1 to {MOST_ROWS}.")
    if not 0 <= offset <= FURTHEST_OFFSET:
        raise SqlError("bad_arguments", f"offset must be from 0 to {FURTHEST_OFFSET}.")
    return queried(here, find_source(here.settings, source), sql, limit, offset)


def queried(here: Surroundings, found: Source, sql: str, limit: int, offset: int = 0) -> Result:
    obligations = read_obligations(here.obligations)
    most_rows = limit if obligations.rows is None else min(limit, obligations.rows)
    page = Page(obligations, lambda touched: judged.check(found, sql, touched), offset)
    answer = engine_for(found, here).run(
        sql, offset + most_rows, page, obligations.rules(found), clock_of(here, obligations)
    )
    hidden = sorted(found.column_id(*name) for name in answer.masked)
    note = noted(
        found, hidden, summary(len(page.rows), answer.cut, obligations.rows, most_rows, offset)
    )
    return {
        **labels(found, answer),
        "text": "\n".join([as_line(answer.columns), *page.lines, f"({note})"]),
        "view": f"{as_table(answer.columns, page.rows)}\n{note}",
        "rows": len(page.rows),
        "structured": {
            "columns": list(answer.columns),
            "rows": page.rows,
            "complete": not answer.cut,
            "masked": hidden,
            **({"next_offset": offset + len(page.rows)} if answer.cut and page.rows else {}),
            **({"types": list(answer.types)} if answer.types else {}),
            **on_record(found, sql, answer.text),
        },
        "failed": False,
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
        clock = clock_of(here, obligations)
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
    note = noted(found, hidden, f"{rows}, {size:,} bytes")
    return {
        **labels(found, answer),
        "text": f"Written to {target.relative}: {note}",
        "rows": sink.rows,
        "structured": {
            "path": target.relative,
            "columns": list(answer.columns),
            "rows": sink.rows,
            "bytes": size,
            "complete": not answer.cut,
            "masked": hidden,
            **on_record(found, sql, answer.text),
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
    engine, clock = engine_for(found, here), clock_of(here, obligations)
    began = time.perf_counter()
    touched = engine.analyse(sql, clock)
    judged.check(found, sql, touched)
    named = time.perf_counter()
    ruled = bool(obligations.masks or obligations.filters or obligations.min_group)
    lines = [] if ruled else engine.explain(sql, clock)
    planned = time.perf_counter()
    result = listing(("plan",), [[line] for line in lines], obligations, "lines")
    reads = sorted(id_of(found, name) for name in touched.reads)
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
            "fingerprint": on_record(found, sql, sql)["fingerprint"],
            "milliseconds": {
                "names": round((named - began) * 1000, 1),
                "plan": round((planned - named) * 1000, 1),
            },
        },
        "taint": [f"sql.{found.name}"],
        "accessed": [found.id, *reads],
    }


def write(
    here: Surroundings, *, source: str, sql: str, commit: bool = False, expected_rows: int = -1
) -> Result:
    """Run one INSERT, UPDATE or DELETE in a transaction and say what it is about.

    Without ``commit`` it is rolled back. With it, ``expected_rows`` must be the number that the preview
    said, or nothing is changed. Raises SqlError ``changed``, ``too_large``, ``unsupported_obligation`` where masks,
    filters or groups hold (how many rows a change is about tells of them), and those of the statement.
    """
    obligations = read_obligations(here.obligations)
    if obligations.masks or obligations.filters or obligations.min_group:
        raise SqlError(
            "unsupported_obligation", "Where masks, filters or groups hold nothing can be changed."
        )
    found = find_source(here.settings, source)
    if commit and expected_rows < 0:
        raise SqlError("bad_arguments", "commit needs expected_rows: preview the change first.")
    most = MOST_ROWS if obligations.rows is None else min(MOST_ROWS, obligations.rows)
    done = engine_for(found, here).change(
        sql,
        expected_rows if commit else None,
        most,
        lambda touched: judged.check(found, sql, touched),
        clock_of(here, obligations),
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
            **on_record(found, sql, done.text),
        },
        "taint": [f"sql.{found.name}"] if shown else [],
        "accessed": [
            found.id,
            *sorted(id_of(found, name) for name in done.touched.reads | done.touched.writes),
        ],
        "failed": False,
    }
