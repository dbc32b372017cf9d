"""What every server promises, PostgreSQL and MariaDB alike; what is one's own is in its own file."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from devagent_sql import tools
from devagent_sql.engines.pool import close_idle
from devagent_sql.errors import SqlError
from tests.support import mariadb_server, postgres_server
from tests.support.shop import CANARY, ShopSurroundings
from tests.support.sql_asking import error_of, ids, outcome, rows, unordered
from tests.support.sql_corpus import statements
from tests.support.sql_servers import MariaDBShop, PostgresShop, ServedShop
from tests.support.sql_statements import Tables, statement_over

HIDE: dict[str, Any] = {
    "mask": {"tag:pii.*": "hash", "tag:private": "null"},
    "filter": {"table:*.*.customers": ["tenant = 1", "city <> 'Oslo'"]},
}
_UNREAD = {"postgres": ["WITH v AS (SELECT * FROM vault) SELECT 1"], "mysql": list[str]()}
"""PostgreSQL leaves out a CTE that nothing reads, and with it the check of rights."""


def _postgres(request: pytest.FixtureRequest) -> ServedShop:
    if not postgres_server.installed():
        pytest.skip("PostgreSQL is not installed")
    return PostgresShop(request.getfixturevalue("postgres_with_shop"))


def _mariadb(request: pytest.FixtureRequest) -> ServedShop:
    if not mariadb_server.installed():
        pytest.skip("MariaDB is not installed")
    return MariaDBShop(request.getfixturevalue("mariadb_with_shop"))


@pytest.fixture(scope="module", params=[_postgres, _mariadb], ids=["postgres", "mariadb"])
def shop(request: pytest.FixtureRequest) -> ServedShop:
    return request.param(request)


@pytest.fixture(scope="module")
def here(shop: ServedShop) -> ShopSurroundings:
    return ShopSurroundings("/", {}, 20.0, shop.settings())


# ---- the corpus ----


def test_a_hostile_statement_leaks_nothing_and_changes_nothing(
    shop: ServedShop, here: ShopSurroundings
) -> None:
    before = shop.content()
    allowed: list[str] = []
    for sql in statements(f"{shop.corpus}_hostile.sql"):
        error, told = outcome(here, sql)
        assert CANARY not in told, sql
        if not error:
            allowed.append(sql)
    assert allowed == _UNREAD[shop.corpus]
    assert shop.content() == before
    assert not Path("/tmp/devagent-never").exists()


def test_the_corpora_are_large_enough() -> None:
    least = {"postgres": 400, "mysql": 240}
    for corpus, count in least.items():
        found = {*statements(f"{corpus}_benign.sql"), *statements(f"{corpus}_hostile.sql")}
        assert len(found) >= count


def test_hidden_values_stay_hidden_whatever_is_asked(
    shop: ServedShop, here: ShopSurroundings
) -> None:
    """Every benign statement again, under masks and filters: no canary in any answer."""
    hidden = here._replace(obligations=HIDE)
    for sql in statements(f"{shop.corpus}_benign.sql"):
        error, told = outcome(hidden, sql)
        assert error in ("", "grouping", "masked_view", "type_mismatch"), sql
        assert CANARY not in told, sql


def test_a_filter_and_masks_hold_beneath_views_and_in_every_clause(here: ShopSurroundings) -> None:
    hidden = here._replace(obligations=HIDE)
    names = rows(hidden, "SELECT name FROM customers ORDER BY 1")
    assert names == rows(
        here, "SELECT name FROM customers WHERE tenant = 1 AND city <> 'Oslo' ORDER BY 1"
    )
    assert rows(hidden, "SELECT name FROM contacts ORDER BY 1") == names
    assert rows(hidden, "SELECT count(*) FROM customers WHERE email LIKE '%CANARY%'") == [[0]]
    assert rows(hidden, "SELECT count(*) FROM contacts WHERE mail LIKE '%@%'") == [[0]]
    assert rows(hidden, "SELECT mail_domain FROM customers LIMIT 1") == [[None]]
    assert rows(hidden, "SELECT note FROM orders WHERE note IS NOT NULL") == []
    # The same value is the same token, so joins still find each other.
    assert rows(hidden, "SELECT c.name FROM customers c JOIN subscribers s USING (email)") == [
        ["Ana"]
    ]


TABLES: Tables = {
    "customers": ("id", "name", "email", "phone", "city", "tenant"),
    "subscribers": ("email", "topic"),
    "contacts": ("id", "name", "mail"),
    "staff": ("id", "name", "manager_id", "team"),
}
HIDE_TEXTS: dict[str, Any] = {
    "mask": {"column:**.email": "null", "column:**.phone": "partial"},
    "filter": {"table:*.*.customers": ["tenant = 1", "city <> 'Oslo'"]},
}


@pytest.fixture(scope="module")
def removed(shop: ServedShop) -> ShopSurroundings:
    """The shop from which the forbidden was removed beforehand; no rules."""
    shop.make_removed()
    return ShopSurroundings("/", {}, 20.0, shop.settings(database="removed"))


@settings(max_examples=15)
@given(sql=statement_over(TABLES))
def test_an_answer_under_rules_is_the_answer_where_the_forbidden_was_removed(
    shop: ServedShop, here: ShopSurroundings, removed: ShopSurroundings, sql: str
) -> None:
    sql = sql.replace("VARCHAR(80)", shop.text)
    assert unordered(here._replace(obligations=HIDE_TEXTS), sql) == unordered(removed, sql)


# ---- who logs in ----


def test_a_login_that_may_do_more_is_refused_unless_the_source_says_so(shop: ServedShop) -> None:
    for user in shop.powerful:
        strict = ShopSurroundings("/", {}, 20.0, shop.settings(user))
        assert error_of(strict, "SELECT name FROM customers") == "elevated_role", user
        lax = ShopSurroundings("/", {}, 20.0, shop.settings(user, elevated=True))
        assert len(rows(lax, "SELECT name FROM customers")) == 10


def test_a_login_that_fails_says_so_without_the_engines_words(
    shop: ServedShop, tmp_path: Path
) -> None:
    def of(**more: Any) -> str:
        return error_of(ShopSurroundings("/", {}, 5.0, shop.settings(**more)), "SELECT 1")

    assert of(database="nosuch") == "no_such_database"
    assert of(user="nobody_at_all") == "login_refused"
    assert of(host=str(tmp_path / "none")) == "unreachable"
    assert of(secret="not-stored") == "login_refused"


def test_a_call_touches_no_more_than_it_was_judged_for(
    shop: ServedShop, here: ShopSurroundings
) -> None:
    sql = "SELECT * FROM judged"
    seen = "GRANT SELECT ON judged TO reader" if shop.corpus == "postgres" else "GRANT SELECT, SHOW VIEW ON judged TO reader"  # fmt: skip
    shop.run("CREATE VIEW judged AS SELECT 1 AS x", seen)
    try:
        ids(here, sql)
        shop.run("DROP VIEW judged", "CREATE VIEW judged AS SELECT phone FROM customers", seen)
        assert error_of(here, sql) == "changed"
        assert error_of(here, sql) == "changed"
        ids(here, sql)
        assert len(rows(here, sql)) == 10
    finally:
        shop.run("DROP VIEW judged")


# ---- bounds ----


def test_wide_rows_are_read_a_few_at_a_time(shop: ServedShop, here: ShopSurroundings) -> None:
    wide = ", ".join(f"repeat('x', 10000) AS c{place}" for place in range(100))
    result = tools.query(here, source="shop", sql=f"SELECT {wide} FROM {shop.wide_from}")
    assert result.get("structured", {})["complete"] is False


def test_a_runaway_statement_ends_with_its_time(shop: ServedShop, here: ShopSurroundings) -> None:
    started = time.monotonic()
    assert error_of(here._replace(time_limit_s=0.3), shop.runaway) == "timeout"
    assert time.monotonic() - started < 10


def test_a_call_that_nobody_waits_for_ends(shop: ServedShop, here: ShopSurroundings) -> None:
    class Waiting(ShopSurroundings):
        cancelled = threading.Event()

    timer = threading.Timer(0.2, Waiting.cancelled.set)
    timer.start()
    started = time.monotonic()
    assert error_of(Waiting(*here), shop.runaway) == "timeout"
    assert time.monotonic() - started < 10
    timer.join()


def test_a_lock_is_waited_for_a_second_at_most(shop: ServedShop, here: ShopSurroundings) -> None:
    with shop.locked():
        started = time.monotonic()
        assert error_of(here, "SELECT * FROM products") == "locked"
        assert time.monotonic() - started < 8


def test_a_server_that_is_killed_is_a_clear_error(shop: ServedShop, here: ShopSurroundings) -> None:
    with shop.doomed() as (its_settings, kill):
        there = here._replace(settings=its_settings)
        timer = threading.Timer(0.3, kill)
        timer.start()
        assert error_of(there, shop.runaway) == "unreachable"
        timer.join()
        assert error_of(there, "SELECT 1") == "unreachable"
    close_idle()


# ---- changes ----


def test_a_change_is_previewed_and_committed_as_previewed(shop: ServedShop) -> None:
    writer = ShopSurroundings("/", {}, 20.0, shop.settings("writer"))
    sql = "UPDATE staff SET salary = salary * 2 WHERE team = 'web'"
    before = shop.content()
    preview = tools.write(writer, source="shop", sql=sql).get("structured", {})
    assert preview["affected"] == 2
    assert preview["rows"][0] == ["before", 4, "5000"]
    assert preview["rows"][-1] == ["after", 5, "10400"]
    common = ("DROP TABLE staff", "TRUNCATE staff", "UPDATE staff SET name = wipe()")
    for wrong in (*common, *shop.refused_changes):
        for expected in (0, 1):
            with pytest.raises(SqlError):
                tools.write(writer, source="shop", sql=wrong, commit=True, expected_rows=expected)
    with pytest.raises(SqlError) as raised:
        tools.write(writer, source="shop", sql=sql, commit=True, expected_rows=9)
    assert raised.value.error == "changed"
    assert shop.content() == before
    for one in (sql, sql.replace("* 2", "/ 2")):
        done = tools.write(writer, source="shop", sql=one, commit=True, expected_rows=2)
        assert done.get("structured", {})["committed"] is True
    tags = {
        (one["id"], one["access"]): one["tags"]
        for one in tools.resources("write", {"source": "shop", "sql": "DELETE FROM staff"}, writer)
    }
    assert tags[f"table:{shop.place}.staff", "write"] == ["sql.delete", "sql.unbounded"]
