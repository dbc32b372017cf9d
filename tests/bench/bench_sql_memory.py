"""How much memory ten million rows take on their way from an engine to a sink, for each engine.

Run: ``python tests/bench/bench_sql_memory.py [ROWS]``. Prints the resident memory after 1 % and at its most thereafter: a
reader that kept anything would grow. DuckDB's child is another process, and counted with it.
"""

import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]

from devagent_sql.engines.port import Engine  # noqa: E402
from tests.support import mariadb_server, mariadb_shop, postgres_server, postgres_shop  # noqa: E402
from tests.support.sql_series import measured  # noqa: E402


def engines(stack: ExitStack) -> Generator[tuple[str, Engine]]:
    import sqlite3

    from devagent_sql.engines.sqlite.engine import Sqlite
    from devagent_sql.sources import Server

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    with closing(sqlite3.connect(f"{folder}/empty.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    yield "sqlite", Sqlite(f"{folder}/empty.db")
    try:
        import duckdb

        from devagent_sql.engines.duckdb.engine import DuckDB

        duckdb.connect(f"{folder}/empty.duckdb").close()
        yield "duckdb", DuckDB(f"{folder}/empty.duckdb")
    except ImportError:
        print("DuckDB is not installed")
    if postgres_server.installed():
        from devagent_sql.engines.postgres.engine import Postgres

        running = stack.enter_context(postgres_server.postgres_server())
        postgres_shop.build(running)
        server: Any = Server(host=running.host, database="shop", user="reader")
        yield "postgres", Postgres(server, lambda: None)
    if mariadb_server.installed():
        from devagent_sql.engines.mysql.engine import MySQL

        maria = stack.enter_context(mariadb_server.mariadb_server())
        mariadb_shop.build(maria)
        server = Server(host=maria.socket, database="shop", user="reader", schemas=("shop",))
        yield "mariadb", MySQL(server, lambda: None)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print(f"{'':<12}{'rows':>12}{'seconds':>9}{'after 1 %':>12}{'at most':>10}   MiB")
    with ExitStack() as stack:
        for name, engine in engines(stack):
            started = time.perf_counter()
            sink = measured(name, engine, rows)
            seconds = time.perf_counter() - started
            print(f"{name:<12}{sink.rows:>12,}{seconds:>9.1f}{sink.settled / 2**20:>12.1f}{sink.most / 2**20:>10.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
