"""The tools: plain functions over the surroundings that a call is given.

``resources`` names what a call would touch; the call itself finds out
anew, inside the transaction it reads in, and reports it as ``accessed``.
Every expected failure is a SqlError, whose message is safe for the model.
"""

from collections.abc import Mapping
from typing import Any

from devagent_sql import export_file, judged
from devagent_sql.calls import clock_of, resource, resources_of, text_argument
from devagent_sql.engines import engine_for
from devagent_sql.engines.pool import close_idle
from devagent_sql.engines.port import Name
from devagent_sql.errors import SqlError
from devagent_sql.obligations import Obligations, read_obligations
from devagent_sql.pages import listing
from devagent_sql.sources import find_source, read_sources
from devagent_sql.statements import explain, export, query, write
from devagent_sql.tables import (
    chosen_columns,
    describe,
    profile,
    readable_columns,
    readable_tables,
    sample,
    selecting,
)
from devagent_sql.types import Resource, Result, Surroundings

__all__ = [
    "close",
    "describe",
    "explain",
    "export",
    "profile",
    "query",
    "resources",
    "sample",
    "sources",
    "write",
]


def sources(here: Surroundings) -> Result:
    """The configured sources. Raises SqlError ``bad_settings`` or ``unsupported_obligation``."""
    obligations = read_obligations(here.obligations)
    listed = [
        [s.name, s.type, s.env, s.owner, s.description]
        for s in read_sources(here.settings).values()
    ]
    columns = ("source", "engine", "env", "owner", "description")
    return listing(columns, listed, obligations, "sources")


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
        return [resource(one, one.id, "read") for one in read_sources(here.settings).values()]
    if tool not in ("describe", "query", "explain", "profile", "sample", "export", "write"):
        raise SqlError("unknown_tool", "There is no tool of that name.")
    found = find_source(here.settings, text_argument(args, "source"))
    engine, clock = engine_for(found, here), clock_of(here, Obligations())
    listed = [resource(found, found.id, "read")]
    if tool == "write":
        analysis = engine.analyse_change(text_argument(args, "sql"), clock)
        judged.keep(found, text_argument(args, "sql"), analysis.touched)
        facts = sorted(f"sql.{fact}" for fact in analysis.facts)
        listed[0] = {**listed[0], "access": "write", "tags": [*listed[0]["tags"], *facts]}
        listed += resources_of(found, analysis.touched.reads, "read")
        written = resources_of(found, analysis.touched.writes, "write")
        return listed + [{**one, "tags": [*one["tags"], *facts]} for one in written]
    if tool in ("query", "explain", "export"):
        sql = text_argument(args, "sql")
        if tool == "export":
            target = export_file.target_of(here.folder, text_argument(args, "path"))
            listed.append({"id": target.id, "access": "write", "tags": ["sql.export"]})
        touched = engine.analyse(sql, clock)
        judged.keep(found, sql, touched)
        listed += resources_of(found, touched.reads, "read")
        return listed + resources_of(found, touched.writes, "write")
    table = text_argument(args, "table", "")
    if not table:
        seen = readable_tables(here, found, list(engine.tables(clock)))
        return listed + resources_of(found, seen, "read")
    if tool in ("profile", "sample"):
        (described,) = engine.describe(table, clock)
        columns = text_argument(args, "columns", "")
        sql = selecting(found, described, chosen_columns(here, found, described, columns))
        touched = engine.analyse(sql, clock)
        judged.keep(found, sql, touched)
        return listed + resources_of(found, touched.reads, "read")
    schema, name, every = engine.find(table, clock)
    shown = readable_columns(here, found, schema, name, every)
    names: set[Name] = {(schema, name), *((schema, name, column) for column in shown)}
    return listed + resources_of(found, frozenset(names), "read")
