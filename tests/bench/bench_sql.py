"""What governing costs: each call of the SQL tools beside the bare engine.

Run: ``python tests/bench/bench_sql.py``. Least of several runs, in milliseconds.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]

from devagent_sql import tools  # noqa: E402 — found by the line above
from tests.support.shop import MASK_PRIVATE, ShopSurroundings, build_shop  # noqa: E402

STATEMENTS = {
    "one row": "SELECT name FROM customers WHERE id = 3",
    "join and group": "SELECT c.city, count(*) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1",
    "nested views": "SELECT name, cents FROM best_customers",
    "masked column": "SELECT name, email FROM customers",
}


def least(run: Callable[[], object], times: int = 30) -> float:
    """The least wall time of ``times`` runs, in milliseconds."""
    found: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append((time.perf_counter() - started) * 1000)
    return min(found)


def bare(path: str, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql).fetchall()


def widen(path: str, tables: int) -> None:
    """Add empty tables, for the cost of a large schema."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(tables):
            connection.execute(f"CREATE TABLE extra_{number} (id INTEGER PRIMARY KEY, a, b, c, d)")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/shop.db"
        build_shop(path)
        here = ShopSurroundings(folder, MASK_PRIVATE)
        for tables in (0, 500):
            widen(path, tables)
            print(f"\n{tables} more tables{'':14}{'bare':>8}{'resources':>11}{'query':>8}")
            for name, sql in STATEMENTS.items():
                arguments = {"source": "shop", "sql": sql}
                print(
                    f"{name:<29}{least(lambda sql=sql: bare(path, sql)):>8.2f}"
                    f"{least(lambda a=arguments: tools.resources('query', a, here)):>11.2f}"
                    f"{least(lambda a=arguments: tools.query(here, source=a['source'], sql=a['sql'])):>8.2f}"
                )
            print(
                f"{'describe, all':<48}{least(lambda: tools.describe(here, source='shop')):>8.2f}"
            )


if __name__ == "__main__":
    main()
