"""The SQLite engine: describe, analyse, run."""

from devagent_sql.engines.batches import Kept
from devagent_sql.engines.port import (
    NO_RULES,
    Analysis,
    Answer,
    Changed,
    Clock,
    Permit,
    Rules,
    Sink,
    Table,
    Touched,
)
from devagent_sql.engines.sqlite import changes, shields
from devagent_sql.engines.sqlite.analysis import (
    analyse,
    analyse_masked,
    is_writing,
    mentioned_in,
    nothing_masked,
    offered,
)
from devagent_sql.engines.sqlite.catalog import Catalog
from devagent_sql.engines.sqlite.connection import reading
from devagent_sql.engines.sqlite.describing import counted_rows, described
from devagent_sql.engines.sqlite.guard import Guard
from devagent_sql.engines.sqlite.regenerate import regenerated
from devagent_sql.engines.sqlite.running import run_plain, run_shielded
from devagent_sql.tree.changes import is_definition
from devagent_sql.tree.dialects import SQLITE


class Sqlite:
    """See ``Engine``. ``path`` is the file's real path; nothing is held between calls."""

    def __init__(self, path: str) -> None:
        self._path = path

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with reading(self._path, clock) as connection:
            return [("main", member.name) for member in offered(Catalog(connection))]

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            member = catalog.member(table)
            return "main", member.name, tuple(c.name for c in catalog.columns(member.name))

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            if table:
                return [described(connection, catalog, catalog.member(table))]
            return [
                Table("main", member.name, member.kind, counted_rows(connection, member), ())
                for member in offered(catalog)
            ]

    def analyse(self, sql: str, clock: Clock) -> Touched:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            text = sql if is_writing(sql) else regenerated(sql, catalog, NO_RULES).text
            return analyse(connection, catalog, text, nothing_masked, recording=True).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        if is_definition(sql, SQLITE):
            return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
        with reading(self._path, clock) as connection:
            return changes.analysed(connection, Catalog(connection), sql)

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        return changes.change(self._path, sql, expected, most_rows, permit, clock)

    def explain(self, sql: str, clock: Clock) -> list[str]:
        plan = Kept()
        self.run(f"EXPLAIN QUERY PLAN {sql}", 1000, plan, NO_RULES, clock)
        return [str(row[-1]) for row in plan.rows]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        with reading(self._path, clock) as connection:
            catalog = Catalog(connection)
            statement = regenerated(sql, catalog, rules)
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
