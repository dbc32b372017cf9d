"""A long answer takes no more memory than a short one. Ten million rows: ``DEVAGENT_SQL_ROWS=10000000``."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from devagent_sql.engines.duckdb.engine import DuckDB
from devagent_sql.engines.mysql.engine import MySQL
from devagent_sql.engines.port import Engine
from devagent_sql.engines.postgres.engine import Postgres
from devagent_sql.engines.sqlite.engine import Sqlite
from devagent_sql.sources import Server
from tests.support import mariadb_server, postgres_server
from tests.support.sql_series import measured

ROWS = int(os.environ.get("DEVAGENT_SQL_ROWS", "100000"))
MOST_GROWTH = 12 * 2**20


def engine(name: str, request: pytest.FixtureRequest, folder: Path) -> Engine:
    match name:
        case "sqlite":
            with closing(sqlite3.connect(folder / "empty.db")) as connection:
                connection.execute("CREATE TABLE t (x)")
            return Sqlite(str(folder / "empty.db"))
        case "duckdb":
            duckdb.connect(str(folder / "empty.duckdb")).close()
            return DuckDB(str(folder / "empty.duckdb"))
        case "postgres":
            if not postgres_server.installed():
                pytest.skip("PostgreSQL is not installed")
            host = request.getfixturevalue("postgres_with_shop").host
            return Postgres(Server(host=host, database="shop", user="reader"), lambda: None)
        case _:
            if not mariadb_server.installed():
                pytest.skip("MariaDB is not installed")
            host = request.getfixturevalue("mariadb_with_shop").socket
            where = Server(host=host, database="shop", user="reader", schemas=("shop",))
            return MySQL(where, lambda: None)


@pytest.mark.parametrize("name", ["sqlite", "duckdb", "postgres", "mariadb"])
def test_memory_does_not_grow_with_the_rows(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sink = measured(name, engine(name, request, tmp_path), ROWS)
    assert sink.rows == ROWS
    assert sink.most - sink.settled < MOST_GROWTH
