"""Databricks SQL, Snowflake and BigQuery: what is sent to their drivers, and what comes of it.

No server runs here: the drivers are fakes of their own interface over a real database (``fake_warehouse``).
"""

import json
import sys
from typing import Any

import pytest

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.fake_warehouse import Data, install
from tests.support.shop import CANARY

SOURCES: dict[str, dict[str, Any]] = {
    "snowflake": {"account": "org-account", "database": "SHOP", "schemas": ["PUBLIC"], "user": "reader", "secret": "token"},
    "databricks": {"host": "dbc.example", "http_path": "/sql/1.0/warehouses/1", "database": "shop", "schemas": ["sales"], "secret": "token"},
    "bigquery": {"database": "shop", "schemas": ["sales"], "most_bytes": 1_000_000},
}  # fmt: skip
KINDS = list(SOURCES)
HIDE: dict[str, Any] = {
    "mask": {"column:**.email": "null"},
    "filter": {"table:**.customers": ["tenant = 1"]},
}


class Here:
    """Surroundings over one source, its secret among them."""

    folder = "/"
    time_limit_s = 30.0

    def __init__(self, kind: str, obligations: dict[str, Any] | None = None, secret: str = "hidden") -> None:  # fmt: skip
        self.settings: dict[str, Any] = {"sources": {"shop": {"type": kind, **SOURCES[kind]}}}
        self.obligations = obligations or {}
        self._secret = secret

    def secret(self, name: str) -> str | None:
        return self._secret if name == "token" else None


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def data(kind: str, monkeypatch: pytest.MonkeyPatch) -> Data:
    return install(monkeypatch, kind)


def asked(here: Here, sql: str) -> dict[str, Any]:
    return tools.query(here, source="shop", sql=sql).get("structured", {})


def error_of(here: Here, sql: str) -> str:
    with pytest.raises(SqlError) as raised:
        tools.query(here, source="shop", sql=sql)
    assert CANARY not in str(raised.value)
    return raised.value.error


def test_a_statement_is_run_as_it_was_checked(data: Data, kind: str) -> None:
    here = Here(kind)
    assert asked(here, "SELECT name FROM customers WHERE id = 1")["rows"] == [["Ana"]]
    found = asked(here, "SELECT city, count(*) AS n FROM customers GROUP BY city ORDER BY city")
    assert found["rows"] == [["Lagos", 2], ["Oslo", 2]]
    joined = "SELECT c.name, o.total, o.placed, o.tags FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1"
    assert asked(here, joined)["rows"] == [["Bo", "1.50", "2026-01-02", '["a", "b"]']]
    with_cte = "WITH q AS (SELECT id FROM orders WHERE total > 6) SELECT count(*) AS n FROM q"
    assert asked(here, with_cte)["rows"] == [[4]]
    assert data.connected_with["closed"] is True


def test_two_columns_of_one_name_are_both_there(data: Data, kind: str) -> None:
    assert asked(Here(kind), "SELECT 1 AS n, 2 AS n")["rows"] == [[1, 2]]


def test_columns_are_named_through_stars_and_views(data: Data, kind: str) -> None:
    named = {one["id"].lower() for one in tools.resources("query", {"source": "shop", "sql": "SELECT * FROM contacts"}, Here(kind))}  # fmt: skip
    schema = SOURCES[kind]["schemas"][0].lower()
    assert f"column:shop.{schema}.customers.email" in named
    assert f"column:shop.{schema}.contacts.mail" in named


def test_masks_and_filters_hold_in_every_clause(data: Data, kind: str) -> None:
    masks = HIDE
    if kind == "snowflake":
        masks = {"mask": {"column:**.EMAIL": "null"}, "filter": {"table:**.CUSTOMERS": ["tenant = 1"]}}  # fmt: skip
    here = Here(kind, masks)
    assert asked(here, "SELECT name, email FROM customers ORDER BY id")["rows"] == [["Ana", None], ["Chidi", None]]  # fmt: skip
    assert asked(here, "SELECT count(*) AS n FROM customers WHERE email LIKE '%CANARY%'")["rows"] == [[0]]  # fmt: skip
    assert CANARY not in json.dumps(asked(here, "SELECT mail FROM contacts"))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers",
        "CREATE TABLE x (a INT)",
        "SELECT 1; DROP TABLE customers",
        "CALL system$wait(1)",
        "SELECT SYSTEM$CANCEL_ALL_QUERIES()",
        "SELECT * FROM @stage/file.csv",
        "SELECT $1 FROM @stage",
        "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))",
        "SELECT * FROM customers AT (OFFSET => -60)",
        "COPY INTO @stage FROM customers",
        "SELECT * FROM IDENTIFIER('customers')",
        "SELECT * FROM read_files('/Volumes/x')",
        "SELECT * FROM delta.`/tmp/x`",
        "SELECT * FROM parquet.`/tmp/x`",
        "SELECT * FROM customers VERSION AS OF 1",
        "SELECT ai_query('m', 'x')",
        "SELECT java_method('java.lang.System', 'exit')",
        "SELECT reflect('java.lang.System', 'exit')",
        "SELECT secret('scope', 'key')",
        "SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')",
        "SELECT * FROM ML.PREDICT(MODEL m, TABLE t)",
        "SELECT * FROM `shop.sales.INFORMATION_SCHEMA.TABLES`",
        "SELECT * FROM `sales.cust*`",
        "SELECT * FROM other.secrets",
        "SELECT * FROM information_schema.tables",
        "SELECT SESSION_USER()",
        "SELECT current_user()",
        "EXPORT DATA OPTIONS (uri = 'gs://x') AS SELECT 1",
        "ASSERT 1 = 1",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "BEGIN SELECT 1; END",
        "LIST @stage",
        "SHOW TABLES",
        "USE ROLE accountadmin",
        "SELECT EXTRACT(\"YEAR FROM placed), (SELECT max(email) FROM customers), EXTRACT(YEAR\" FROM placed) FROM orders",
        "SELECT EXTRACT(`YEAR FROM placed), (SELECT max(email) FROM customers), EXTRACT(YEAR` FROM placed) FROM orders",
    ],
)  # fmt: skip
def test_a_hostile_statement_is_never_sent(data: Data, kind: str, sql: str) -> None:
    if kind == "bigquery" and '"YEAR' in sql:
        return  # a text in quotes there
    error_of(Here(kind), sql)
    assert not [one for one in data.sent if "information_schema" not in one.lower()]


def test_the_sessions_bounds_are_told_to_the_driver(data: Data, kind: str) -> None:
    asked(Here(kind), "SELECT 1 AS one")
    given = data.connected_with
    match kind:
        case "snowflake":
            assert given["session_parameters"]["QUERY_TAG"] == "devagent"
            assert given["session_parameters"]["MULTI_STATEMENT_COUNT"] == 1
            assert 0 < given["session_parameters"]["STATEMENT_TIMEOUT_IN_SECONDS"] <= 30
            assert given["password"] == "hidden"
        case "databricks":
            assert 0 < int(given["session_configuration"]["STATEMENT_TIMEOUT"]) <= 30
            assert (given["catalog"], given["access_token"]) == ("shop", "hidden")
        case _:
            assert given["maximum_bytes_billed"] == 1_000_000
            assert given["use_legacy_sql"] is False


def test_a_driver_that_fails_is_told_by_class(data: Data, kind: str) -> None:
    if kind != "bigquery":
        assert error_of(Here(kind, secret="wrong"), "SELECT 1 AS x") == "login_refused"
    assert error_of(Here(kind), "SELECT nosuch FROM customers") == "no_such_column"
    with pytest.raises(SqlError) as raised:
        tools.write(Here(kind), source="shop", sql="DELETE FROM customers")
    assert raised.value.error == "read_only"


def test_a_driver_that_is_not_there_says_what_to_install(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"snowflake": "snowflake.connector", "databricks": "databricks.sql", "bigquery": "google.cloud.bigquery"}[kind]  # fmt: skip
    monkeypatch.setitem(sys.modules, name, None)
    assert error_of(Here(kind), "SELECT 1 AS x") == "driver_missing"


@pytest.mark.parametrize("missing", ["database", "schemas"])
def test_a_source_that_lacks_something_is_refused(kind: str, missing: str) -> None:
    here = Here(kind)
    del here.settings["sources"]["shop"][missing]
    if (kind, missing) == ("snowflake", "schemas"):
        return  # PUBLIC is meant
    with pytest.raises(SqlError) as raised:
        tools.sources(here)
    assert raised.value.error == "bad_settings"
