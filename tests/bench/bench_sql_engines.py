"""What governing SQL costs beside the bare drivers: the check of a statement, and a long read.

Run: ``python tests/bench/bench_sql_engines.py``. Starts a PostgreSQL and a MariaDB of its own where they are installed.
CPU is that of the processes that belong to the caller, DuckDB's child among them, not that of a server; it holds on a busy machine, of which wall time tells little.
Floors: the check of an ordinary query p95 <= 10 ms warm; a read of 100,000 rows <= 15 % over the bare driver.
"""

import importlib
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]

from devagent_serving import Standalone  # noqa: E402
from devagent_sql import tools  # noqa: E402
from devagent_sql.engines.batches import Kept  # noqa: E402
from devagent_sql.engines.port import NO_RULES, Clock, Engine  # noqa: E402
from tests.support import mariadb_server, mariadb_shop, postgres_server, postgres_shop  # noqa: E402
from tests.support.shop import build_shop  # noqa: E402

STATEMENTS = {
    "one row": "SELECT name FROM customers WHERE id = 3",
    "join and group": "SELECT c.city, count(*) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.city ORDER BY 2 DESC",
    "3 CTEs and a window": (
        "WITH a AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id), b AS (SELECT id, name, city FROM customers), "
        "c AS (SELECT b.city, b.name, a.n FROM a JOIN b ON b.id = a.customer_id) "
        "SELECT city, name, n, rank() OVER (PARTITION BY city ORDER BY n DESC) AS place FROM c ORDER BY city, place"
    ),
}
ROWS = 100_000


def times(
    run: Callable[[], object], count: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Milliseconds by that clock, after one run that is not counted."""
    run()
    found: list[float] = []
    for _ in range(count):
        started = clock()
        run()
        found.append((clock() - started) * 1000)
    return found


def p95(found: list[float]) -> float:
    return statistics.quantiles(found, n=20)[-1]


def read_all(engine: Engine, sql: str) -> None:
    kept = Kept()
    engine.run(sql, ROWS, kept, NO_RULES, Clock.of(60))
    assert len(kept.rows) == ROWS


def cpu_s() -> float:
    """Of this process and of DuckDB's children, in seconds."""
    found = time.process_time()
    ticks = os.sysconf("SC_CLK_TCK")
    for pid in CHILDREN:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found += (int(fields[11]) + int(fields[12])) / ticks
    return found


CHILDREN: set[int] = set()


def table(name: str, source: dict[str, Any], tree: Callable[[str], object]) -> None:
    """``tree``: the parser alone, or with the names; ``check``: all that a call's judging needs, the resources in hand."""
    here = Standalone("/", {"sources": {"shop": source}})
    print(
        f"\n{name:<24}{'tree, CPU p50':>16}{'p95':>8}{'check, CPU p50':>18}{'p95':>8}{'wall p50':>12}{'p95':>8}   ms"
    )
    for title, sql in STATEMENTS.items():
        asked = {"source": "shop", "sql": sql}
        alone = times(lambda sql=sql: tree(sql), 100, time.process_time)
        whole = times(
            lambda asked=asked: tools.resources("query", asked, here), 100, time.process_time
        )
        wall = times(lambda asked=asked: tools.resources("query", asked, here), 100)
        print(
            f"{title:<24}{statistics.median(alone):>16.2f}{p95(alone):>8.2f}{statistics.median(whole):>18.2f}{p95(whole):>8.2f}"
            f"{statistics.median(wall):>12.2f}{p95(wall):>8.2f}"
        )


def long_read(engine: Engine, bare: Callable[[], object], sql: str) -> None:
    """Governed and bare in turn, so that a busy machine slows both."""
    walls: list[list[float]] = [[], []]
    cpus: list[list[float]] = [[], []]
    runs = (lambda: read_all(engine, sql), bare)
    for run in runs:
        run()
    for _ in range(15):
        for at, run in enumerate(runs):
            wall, cpu = time.perf_counter(), cpu_s()
            run()
            walls[at].append((time.perf_counter() - wall) * 1000)
            cpus[at].append((cpu_s() - cpu) * 1000)

    def line(what: str, found: list[list[float]]) -> str:
        governed, plain = found
        pairs = statistics.median(g / p for g, p in zip(governed, plain, strict=True))
        return (
            f"{what} bare {min(plain):.0f} ms, governed {min(governed):.0f} ms, {(min(governed) / min(plain) - 1) * 100:+.1f} % "
            f"(median of pairs {(pairs - 1) * 100:+.1f} %)"
        )

    print(
        f"{ROWS:,} rows: {line('wall', walls)}; {line('CPU', cpus)}; load {os.getloadavg()[0]:.1f}"
    )


def sqlite_tables(folder: str) -> None:
    from devagent_sql.engines.sqlite.engine import Sqlite
    from devagent_sql.tree import parse
    from devagent_sql.tree.dialects import SQLITE

    path = f"{folder}/shop.db"
    build_shop(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE big (id INTEGER PRIMARY KEY, name TEXT, price REAL, day TEXT)"
        )
        rows = ((n, f"name {n}", n / 7, f"2026-01-{1 + n % 28:02}") for n in range(ROWS))
        connection.executemany("INSERT INTO big VALUES (?, ?, ?, ?)", rows)

    def bare() -> None:
        with closing(sqlite3.connect(path)) as connection:
            assert len(connection.execute("SELECT * FROM big").fetchall()) == ROWS

    source = {"type": "sqlite", "path": path}
    table("SQLite", source, lambda sql: parse.written(parse.statement(sql, SQLITE), SQLITE))
    long_read(Sqlite(path), bare, "SELECT * FROM big")


def postgres_tables() -> None:
    import psycopg

    from devagent_sql.engines.postgres.catalog import Catalog
    from devagent_sql.engines.postgres.connection import connected
    from devagent_sql.engines.postgres.engine import Postgres
    from devagent_sql.sources import Server
    from devagent_sql.tree.dialects import POSTGRES
    from devagent_sql.tree.govern import govern

    with postgres_server.postgres_server() as running:
        postgres_shop.build(running)
        with psycopg.connect(host=running.host, dbname="shop", user="admin") as connection:
            connection.execute(
                "CREATE TABLE big AS SELECT n AS id, 'name ' || n AS name, n / 7.0::float8 AS price, date '2026-01-01' + n % 28 AS day "
                "FROM generate_series(1, 100000) n"
            )
            connection.execute("GRANT SELECT ON big TO reader")

        def bare() -> None:
            where: dict[str, Any] = {"host": running.host, "dbname": "shop", "user": "reader"}
            with psycopg.connect(**where) as connection:
                assert len(connection.execute("SELECT * FROM big").fetchall()) == ROWS

        server = Server(host=running.host, database="shop", user="reader")
        engine = Postgres(server, lambda: None)
        source = {"type": "postgres", "host": running.host, "database": "shop", "user": "reader"}
        with connected(server, None, Clock.of(600)) as open_connection:
            catalog = Catalog(open_connection, server, remembering=True)
            # What is asked of the database is asked once here: the rest is the tree's work.
            table("PostgreSQL", source, lambda sql: govern(sql, POSTGRES, catalog.looked_up))
        long_read(engine, bare, "SELECT * FROM big")


def mysql_tables() -> None:
    import pymysql

    from devagent_sql.engines.mysql.catalog import Catalog
    from devagent_sql.engines.mysql.connection import connected
    from devagent_sql.engines.mysql.engine import MySQL
    from devagent_sql.engines.mysql.rows import conversions
    from devagent_sql.sources import Server
    from devagent_sql.tree.dialects import MYSQL
    from devagent_sql.tree.govern import govern

    with mariadb_server.mariadb_server() as running:
        mariadb_shop.build(running)
        connection = running.connect(database="shop")
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE big AS SELECT n AS id, concat('name ', n) AS name, n / 7e0 AS price, date '2026-01-01' + INTERVAL n % 28 DAY AS day "
                "FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n FROM digits a, digits b, digits c, digits d, digits e) q"
            )
            cursor.execute("GRANT SELECT ON shop.big TO reader")
        connection.close()

        def bare() -> None:
            one = running.connect("reader", database="shop", conv=conversions(pymysql))
            with one.cursor() as cursor:
                cursor.execute("SELECT * FROM big")
                assert len(cursor.fetchall()) == ROWS
            one.close()

        server = Server(host=running.socket, database="shop", user="reader", schemas=("shop",))
        engine = MySQL(server, lambda: None)
        source = {"type": "mariadb", "host": running.socket, "database": "shop", "user": "reader"}
        with connected(server, None, Clock.of(600)) as session:
            catalog = Catalog(session, server, locking=False)
            table("MariaDB", source, lambda sql: govern(sql, MYSQL, catalog.looked_up))
        long_read(engine, bare, "SELECT * FROM big")


def duckdb_tables(folder: str) -> None:
    import duckdb

    from devagent_sql.engines.duckdb.engine import DuckDB
    from devagent_sql.engines.duckdb.process import child
    from devagent_sql.tree import parse
    from devagent_sql.tree.dialects import DUCKDB

    path = f"{folder}/shop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER, name VARCHAR, city VARCHAR)")
        connection.execute("CREATE TABLE orders (id INTEGER, customer_id INTEGER)")
        connection.execute(
            f"CREATE TABLE big AS SELECT n AS id, 'name ' || n AS name, n / 7.0::double AS price, DATE '2026-01-01' + (n % 28)::INTEGER AS day FROM range({ROWS}) t(n)"
        )

    def bare() -> None:
        with duckdb.connect(path, read_only=True) as connection:
            assert len(connection.execute("SELECT * FROM big").fetchall()) == ROWS

    source = {"type": "duckdb", "path": path}
    table("DuckDB", source, lambda sql: parse.written(parse.statement(sql, DUCKDB), DUCKDB))
    with child(path, Clock.of(60)) as one:
        CHILDREN.add(one.pid)
    long_read(DuckDB(path), bare, "SELECT * FROM big")


def imports() -> None:
    assert "sqlglot" not in sys.modules  # with the tools, which are imported above
    started = time.perf_counter()
    importlib.import_module("devagent_sql.tree.govern")

    print(
        "the tools import no sqlglot; import of the checked tree, at the first statement: "
        f"{(time.perf_counter() - started) * 1000:.0f} ms"
    )


def main() -> None:
    imports()
    with tempfile.TemporaryDirectory() as folder:
        sqlite_tables(folder)
        duckdb_tables(folder)
    if postgres_server.installed():
        postgres_tables()
    if mariadb_server.installed():
        mysql_tables()


if __name__ == "__main__":
    main()
