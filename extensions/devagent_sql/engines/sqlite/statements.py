"""Statements on a SQLite file: analysed, changed, run. Loading this loads the parser (0.15 s); looking at tables
does without."""

from devagent_sql.engines.port import (
    NO_RULES,
    Analysis,
    Answer,
    Clock,
    Rules,
    Sink,
    Touched,
)
from devagent_sql.engines.sqlite import changes, shields
from devagent_sql.engines.sqlite.analysis import (
    analyse,
    analyse_masked,
    is_writing,
    mentioned_in,
    nothing_masked,
)
from devagent_sql.engines.sqlite.catalog import Catalog
from devagent_sql.engines.sqlite.changes import change
from devagent_sql.engines.sqlite.connection import reading
from devagent_sql.engines.sqlite.guard import Guard
from devagent_sql.engines.sqlite.regenerate import regenerated
from devagent_sql.engines.sqlite.running import run_plain, run_shielded
from devagent_sql.errors import SqlError
from devagent_sql.tree.changes import is_definition
from devagent_sql.tree.dialects import SQLITE

__all__ = ["analysed", "change", "change_analysed", "run"]


def analysed(path: str, sql: str, clock: Clock) -> Touched:
    """See ``Engine.analyse``."""
    with reading(path, clock) as connection:
        catalog = Catalog(connection)
        text = sql if is_writing(sql) else regenerated(sql, catalog, NO_RULES).text
        return analyse(connection, catalog, text, nothing_masked, recording=True).touched


def change_analysed(path: str, sql: str, clock: Clock) -> Analysis:
    """See ``Engine.analyse_change``."""
    if is_definition(sql, SQLITE):
        return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
    with reading(path, clock) as connection:
        return changes.analysed(connection, Catalog(connection), sql)


def run(path: str, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
    """See ``Engine.run``."""
    with reading(path, clock) as connection:
        catalog = Catalog(connection)
        statement = regenerated(sql, catalog, rules)
        if statement.is_plan and rules != NO_RULES:
            raise SqlError(
                "forbidden_statement",
                "A plan is not shown where policy masks, filters or groups: it tells of values.",
            )
        _, mentioned = mentioned_in(catalog, statement.text)
        catalog.load(mentioned)
        tables = shields.needing_shields(catalog, mentioned, rules)
        if tables:
            return run_shielded(
                connection, catalog, statement, tables, rules, most_rows, sink, clock
            )

        def masked(schema: str, table: str, column: str) -> bool:
            return bool(rules.mask(schema, table, column))

        analysis, text = analyse_masked(connection, catalog, statement.text, masked)
        guard = Guard(catalog, masked, recording=False)
        columns, cut = run_plain(connection, guard, analysis, text, most_rows, sink, clock)
        hidden = frozenset(("main", table, column) for table, column in analysis.hidden)
        return Answer(columns, cut, analysis.touched, hidden, text)
