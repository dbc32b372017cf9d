"""Random statements under random policies, over database servers (see ``tests.support.sql_law``).

More examples: ``DEVAGENT_SQL_EXAMPLES=5000``.
"""

import os
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings

from devagent_sql.engines.pool import close_idle
from devagent_sql.tree.masks import KEY
from tests.support import mariadb_server, mariadb_shop, postgres_server, postgres_shop
from tests.support.shop import ShopSurroundings
from tests.support.sql_law import Rows, World, check, sorted_rows, views
from tests.support.sql_nested import Speech, nested_statements
from tests.support.sql_worlds import VIEWS, Policy, keyed_sha, policies, script, whole

EXAMPLES = int(os.environ.get("DEVAGENT_SQL_EXAMPLES", "28")) // 4
POSTGRES = {"int": "int", "text": "text", "day": "date", "ranged.int": "numeric", "ranged.day": "timestamp"}  # fmt: skip
MARIADB = {"int": "int", "text": "varchar(80)", "day": "date", "ranged.int": "bigint", "ranged.day": "date"}  # fmt: skip
MARIADB_SPEECH = Speech(
    "CHAR(80)",
    lateral=False,
    ordered="group_concat({0} ORDER BY {0})",
    series="(SELECT 1 AS x UNION ALL SELECT 2) AS {0}",
)
LAWS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=(
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ),
)


@pytest.fixture(scope="module")
def postgres_world(request: pytest.FixtureRequest) -> Generator[World]:
    if not postgres_server.installed():
        pytest.skip("PostgreSQL is not installed")
    server = request.getfixturevalue("postgres_with_shop")
    with psycopg.connect(host=server.host, dbname="shop", user="admin", autocommit=True) as own:

        def run(sql: str) -> None:
            own.execute(sql.encode())

        run("CREATE SCHEMA base; GRANT USAGE ON SCHEMA base TO reader; SET search_path = base")
        for sql in script(whole(), POSTGRES):
            run(sql)
        views(run, psycopg.Error)
        run("GRANT SELECT ON ALL TABLES IN SCHEMA base TO reader")

        def oracle(made: list[str], sql: str) -> Rows | None:
            run("DROP SCHEMA IF EXISTS gone CASCADE; CREATE SCHEMA gone; SET search_path = gone")
            run(";".join(made))
            views(run, psycopg.Error)
            try:
                return sorted_rows(own.execute(sql.encode()).fetchall())
            except psycopg.Error:
                return None

        source = postgres_shop.settings(server, schemas=["base"], tags={})
        here = ShopSurroundings("/", {}, 20.0, source)
        yield World(here, "base", POSTGRES, keyed_sha(KEY), oracle)
        close_idle()
        run("DROP SCHEMA IF EXISTS gone CASCADE; DROP SCHEMA base CASCADE")


@pytest.fixture(scope="module")
def mariadb_world(request: pytest.FixtureRequest) -> Generator[World]:
    if not mariadb_server.installed():
        pytest.skip("MariaDB is not installed")
    import pymysql

    server = request.getfixturevalue("mariadb_with_shop")
    own = server.connect()
    cursor = own.cursor()

    def run(sql: str) -> Any:
        cursor.execute(sql)
        return cursor.fetchall()

    run("CREATE DATABASE base CHARACTER SET utf8mb4")
    run("USE base")
    for sql in script(whole(), MARIADB):
        run(sql)
    views(run, pymysql.Error)
    # Of one table after the other: a login that may read a whole schema may read what is made in it later.
    for name in [*whole().rows, *VIEWS]:
        run(f"GRANT SELECT, SHOW VIEW ON base.{name} TO reader")

    def oracle(made: list[str], sql: str) -> Rows | None:
        run("CREATE OR REPLACE DATABASE gone CHARACTER SET utf8mb4")
        run("USE gone")
        for one in made:
            run(one)
        views(run, pymysql.Error)
        try:
            return sorted_rows(run(sql))
        except pymysql.Error:
            return None

    source = mariadb_shop.settings(server, database="base", tags={})
    yield World(ShopSurroundings("/", {}, 20.0, source), "base", MARIADB, keyed_sha(KEY), oracle, any_case=True)  # fmt: skip
    close_idle()
    run("DROP DATABASE IF EXISTS gone")
    run("DROP DATABASE base")
    own.close()


@LAWS
@given(policy=policies(), sql=nested_statements())
def test_postgres_answers_as_if_the_forbidden_were_not_there(
    postgres_world: World, policy: Policy, sql: str
) -> None:
    event(check(postgres_world, policy, sql))


@LAWS
@given(policy=policies(), sql=nested_statements(MARIADB_SPEECH))
def test_mariadb_answers_as_if_the_forbidden_were_not_there(
    mariadb_world: World, policy: Policy, sql: str
) -> None:
    event(check(mariadb_world, policy, sql))
