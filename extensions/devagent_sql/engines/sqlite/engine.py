"""The SQLite engine: describe, analyse, run. ``statements`` is loaded with the first statement."""

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
from devagent_sql.engines.sqlite.analysis import offered
from devagent_sql.engines.sqlite.catalog import Catalog
from devagent_sql.engines.sqlite.connection import reading
from devagent_sql.engines.sqlite.describing import counted_rows, described


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
        from devagent_sql.engines.sqlite.statements import analysed  # noqa: PLC0415 (the parser)

        return analysed(self._path, sql, clock)

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        from devagent_sql.engines.sqlite.statements import change_analysed  # noqa: PLC0415

        return change_analysed(self._path, sql, clock)

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        from devagent_sql.engines.sqlite.statements import change  # noqa: PLC0415

        return change(self._path, sql, expected, most_rows, permit, clock)

    def explain(self, sql: str, clock: Clock) -> list[str]:
        plan = Kept()
        self.run(f"EXPLAIN QUERY PLAN {sql}", 1000, plan, NO_RULES, clock)
        return [str(row[-1]) for row in plan.rows]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        from devagent_sql.engines.sqlite.statements import run  # noqa: PLC0415

        return run(self._path, sql, most_rows, sink, rules, clock)
