"""Random statements under random policies, over the engines of files (see ``tests.support.sql_law``).

More examples: ``DEVAGENT_SQL_EXAMPLES=5000``.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, nullcontext
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from devagent_sql.engines.duckdb import engine as duckdb_engine
from devagent_sql.engines.duckdb.engine import Start
from devagent_sql.engines.duckdb.process import Child, child
from devagent_sql.engines.port import Clock
from devagent_sql.tree.masks import KEY
from tests.support.shop import ShopSurroundings
from tests.support.sql_groups import Grouped, grouped_statements
from tests.support.sql_law import Rows, World, asked, check, sorted_rows, views
from tests.support.sql_nested import Speech, nested_statements
from tests.support.sql_worlds import Policy, keyed_hmac, keyed_sha, policies, removed, script, whole

EXAMPLES = int(os.environ.get("DEVAGENT_SQL_EXAMPLES", "28"))

SQLITE = {"int": "INTEGER", "text": "TEXT", "day": "TEXT", "ranged.int": "INTEGER", "ranged.day": "TEXT"}  # fmt: skip
DUCKDB = {"int": "INTEGER", "text": "VARCHAR", "day": "DATE", "ranged.int": "DOUBLE", "ranged.day": "TIMESTAMP"}  # fmt: skip


@pytest.fixture(scope="module")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("sqlite")
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        for sql in script(whole(), SQLITE):
            connection.execute(sql)
        connection.execute("CREATE INDEX by_city ON customers (city)")
        connection.execute("CREATE UNIQUE INDEX by_email ON customers (email)")
        views(connection.execute, sqlite3.Error)

    def oracle(made: list[str], sql: str) -> Rows | None:
        with closing(sqlite3.connect(":memory:")) as connection:
            for one in made:
                connection.execute(one)
            views(connection.execute, sqlite3.Error)
            try:
                return sorted_rows(connection.execute(sql).fetchall())
            except sqlite3.Error:
                return None

    settings = {"sources": {"shop": {"type": "sqlite", "path": "shop.db"}}}
    here = ShopSurroundings(str(folder), {}, 20.0, settings)
    return World(here, "main", SQLITE, keyed_hmac(KEY), oracle)


def _shared(one: Child) -> Start:
    return lambda _path, _clock, _owner: nullcontext(one)


@pytest.fixture(scope="module")
def duckdb_world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    folder = tmp_path_factory.mktemp("duckdb")
    path = str(Path(folder) / "shop.duckdb")
    with duckdb.connect(path) as connection:
        for sql in script(whole(), DUCKDB):
            connection.execute(sql)
        views(connection.execute, duckdb.Error)

    def oracle(made: list[str], sql: str) -> Rows | None:
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            for one in made:
                connection.execute(one)
            views(connection.execute, duckdb.Error)
            try:
                return sorted_rows(connection.execute(sql).fetchall())
            except duckdb.Error:
                return None

    source = {"sources": {"shop": {"type": "duckdb", "path": "shop.duckdb"}}}
    here = ShopSurroundings(str(folder), {}, 600.0, source)
    with child(path, Clock.of(3600)) as one, pytest.MonkeyPatch.context() as patch:
        # One child for every statement: starting them takes the time.
        patch.setattr(duckdb_engine.DuckDB.__init__, "__defaults__", (_shared(one),))
        yield World(here, "main", DUCKDB, keyed_sha(KEY), oracle)


LAWS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=(
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ),
)


@LAWS
@given(policy=policies(), sql=nested_statements(Speech("TEXT", lateral=False, ordered="", concat="({} || {})", series="(SELECT value AS x FROM json_each('[1, 2]')) AS {0}")))  # fmt: skip
def test_sqlite_answers_as_if_the_forbidden_were_not_there(
    sqlite_world: World, policy: Policy, sql: str
) -> None:
    event(check(sqlite_world, policy, sql))


@LAWS
@given(policy=policies(), sql=nested_statements())
def test_duckdb_answers_as_if_the_forbidden_were_not_there(
    duckdb_world: World, policy: Policy, sql: str
) -> None:
    event(check(duckdb_world, policy, sql))


@LAWS
@given(policy=policies(), asked_for=grouped_statements(), least=st.integers(2, 4))
def test_no_group_is_shown_of_fewer_rows_or_values_than_policy_asks_for(
    sqlite_world: World, duckdb_world: World, policy: Policy, asked_for: Grouped, least: int
) -> None:
    policy = policy._replace(most=0, denied=frozenset())
    for world in (sqlite_world, duckdb_world):
        left = removed(policy, world.digest)
        if not asked_for.fits(left.types):
            continue
        error, rows = asked(world, policy, asked_for.sql, min_group=least)
        assert (error, rows) == ("", sorted_rows(asked_for.answer(left.rows, least))), asked_for.sql
