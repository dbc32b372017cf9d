"""A long answer of each engine, and a sink that keeps nothing of it and looks at the memory as rows come."""

import os
from collections.abc import Sequence
from pathlib import Path

from devagent_sql.engines.port import NO_RULES, Clock, Engine, Row, Touched

SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n, 'row ' || n AS name, n / 7.0 AS x FROM s",
    "postgres": "SELECT n, 'row ' || n AS name, n / 7.0::float8 AS x FROM generate_series(1, {rows}) AS t(n)",
    "duckdb": "SELECT n, 'row ' || n AS name, n / 7.0::double AS x FROM range({rows}) t(n)",
    "mariadb": "SELECT a.d AS n, concat('row ', b.d) AS name, c.d / 7.0 AS x FROM digits a, digits b, digits c, digits d, digits e, digits f, digits g LIMIT {rows}",
}


class Counting:
    """``settled`` is the resident memory in bytes after so many rows, ``most`` the most thereafter."""

    def __init__(self, settled_after: int, *, children: bool) -> None:
        self._settled_after = settled_after
        self._children = children
        self.rows = 0
        self.settled = 0
        self.most = 0

    def begin(self, columns: tuple[str, ...], types: tuple[str, ...], touched: Touched) -> None:
        assert len(columns) == 3

    def take(self, rows: Sequence[Row]) -> int:
        before = self.rows
        self.rows += len(rows)
        if self.rows // 50_000 != before // 50_000 or not self.settled:
            found = resident(children=self._children)
            if self.rows >= self._settled_after:
                self.settled = self.settled or found
                self.most = max(self.most, found)
        return len(rows)


def resident(*, children: bool) -> int:
    """Bytes of this process that are in memory; with ``children`` of those that it started as well."""
    own = os.getpid()
    found = [own]
    if children:
        for task in os.listdir(f"/proc/{own}/task"):
            listed = Path(f"/proc/{own}/task/{task}/children").read_text().split()
            found += [int(one) for one in listed]
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in found]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def measured(name: str, engine: Engine, rows: int) -> Counting:
    """Raises AssertionError where not every row came."""
    sink = Counting(rows // 100, children=name == "duckdb")
    cut = engine.run(SERIES[name].format(rows=rows), rows, sink, NO_RULES, Clock.of(1800)).cut
    assert (sink.rows, cut) == (rows, "")
    return sink
