"""Filters and masks in SQLite: the answer is the answer over a database without what is forbidden."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings

from devagent_sql import tools
from devagent_sql.engines.sqlite.masking import masked
from devagent_sql.errors import SqlError
from devagent_sql.tree.masks import KEY
from tests.support.shop import CANARY, SCHEMA, ShopSurroundings, build_shop
from tests.support.sql_statements import Tables, statement_over

TABLES: Tables = {
    "customers": ("id", "name", "email", "phone", "city", "mail_domain"),
    "subscribers": ("email", "topic"),
    "contacts": ("id", "name", "mail"),
    "reachable": ("id",),
    "orders": ("id", "customer_id", "status", "note"),
}
RULES: dict[str, Any] = {
    "filter": {"table:shop.main.customers": ["city <> 'Oslo'", "id < 8"], "table:**.orders": ["id % 2"]},
    "mask": {"column:**.email": "hash", "column:**.phone": "partial", "column:**.note": "null"},
}  # fmt: skip


def mask(kind: object, value: Any) -> Any:
    return masked(kind, value, KEY)


def remove(path: str) -> None:
    """What the rules forbid, removed; a plain column stands where one was generated of masked values."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("mask", 2, mask)
        connection.execute("DELETE FROM order_lines")
        connection.execute("DELETE FROM orders WHERE NOT id % 2")
        connection.execute("DELETE FROM customers WHERE city = 'Oslo' OR id >= 8")
        connection.execute("UPDATE customers SET email = mask('hash', email), phone = mask('partial', phone), mail_domain = NULL")  # fmt: skip
        connection.execute("UPDATE subscribers SET email = mask('hash', email)")
        connection.execute("UPDATE orders SET note = NULL")


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShopSurroundings, ShopSurroundings]:
    """Under rules; and with the forbidden removed, without rules."""
    governed, removed = (str(tmp_path_factory.mktemp(name)) for name in ("governed", "removed"))
    build_shop(f"{governed}/shop.db")
    plain = SCHEMA.replace("mail_domain TEXT AS (substr(email, instr(email, '@') + 1))", "mail_domain TEXT")  # fmt: skip
    build_shop(f"{removed}/shop.db", plain)
    remove(f"{removed}/shop.db")
    return ShopSurroundings(governed, RULES), ShopSurroundings(removed)


def answer(here: ShopSurroundings, sql: str) -> tuple[str, list[str]]:
    try:
        result = tools.query(here, source="shop", sql=sql, limit=1000)
    except SqlError as error:
        return error.error, []
    return "", sorted(str(row) for row in result.get("structured", {})["rows"])


@settings(max_examples=60)
@given(sql=statement_over(TABLES))
def test_an_answer_under_rules_is_the_answer_where_the_forbidden_was_removed(
    shops: tuple[ShopSurroundings, ShopSurroundings], sql: str
) -> None:
    governed, removed = shops
    found = answer(governed, sql)
    assert found == answer(removed, sql)
    assert CANARY not in str(found[1])


ODD = """
SELECT count(*) FROM main.customers
SELECT CAST(a.id AS VARCHAR(80)) AS c FROM orders AS a ORDER BY 1
SELECT id FROM main.orders
SELECT 1 FROM customers
SELECT 1 FROM main.customers JOIN (SELECT 1)
SELECT count(*) FROM contacts
SELECT main.customers.email FROM main.customers ORDER BY 1
SELECT "customers"."EMAIL", [customers].[Email], `customers`.`eMail` FROM "CUSTOMERS" ORDER BY 1
SELECT * FROM contacts ORDER BY id
SELECT count(*) FROM reachable
SELECT people FROM reachable_count
SELECT id FROM customers WHERE email LIKE '%CANARY%'
SELECT id FROM customers ORDER BY email DESC, id
SELECT abs(CASE WHEN city = 'Oslo' THEN -9223372036854775808 ELSE 1 END) FROM customers
SELECT json(CASE WHEN id = 9 THEN 'no json' ELSE '1' END) FROM customers
SELECT (SELECT email FROM customers WHERE id = o.customer_id) FROM orders o ORDER BY o.id
SELECT count(*) FROM customers NATURAL JOIN subscribers
SELECT group_concat(phone) FROM (SELECT phone FROM customers ORDER BY phone)
WITH q AS (SELECT * FROM customers) SELECT count(*) FROM q WHERE mail_domain IS NOT NULL
SELECT * FROM (SELECT * FROM main.contacts) ORDER BY id
SELECT total(id), max(note) FROM orders
""".strip().splitlines()


@pytest.mark.parametrize("sql", ODD)
def test_no_other_spelling_goes_past_a_shield(
    shops: tuple[ShopSurroundings, ShopSurroundings], sql: str
) -> None:
    governed, removed = shops
    found = answer(governed, sql)
    assert found == answer(removed, sql)
    assert found[0] == ""


def test_a_name_in_with_that_is_a_shielded_tables_is_refused(
    shops: tuple[ShopSurroundings, ShopSurroundings],
) -> None:
    sql = "WITH customers AS (SELECT email FROM main.customers) SELECT * FROM customers"
    assert answer(shops[0], sql) == ("unsupported_syntax", [])


def test_a_view_that_names_its_table_with_the_schema_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("qualified"))
    view = "CREATE VIEW qualified AS SELECT count(*) AS n FROM main.customers JOIN subscribers USING (email);"
    build_shop(f"{folder}/shop.db", SCHEMA + view)
    here = ShopSurroundings(folder, RULES)
    assert answer(here, "SELECT n FROM qualified") == ("masked_view", [])


def test_the_small_group_rule_gives_large_groups_only(
    shops: tuple[ShopSurroundings, ShopSurroundings],
) -> None:
    here = shops[1]._replace(folder=shops[0].folder, obligations={"min_group": 4})
    error, rows = answer(here, "SELECT city, count(*) FROM customers GROUP BY city")
    assert (error, rows) == ("", ["['Oslo', 4]"])
    assert answer(here, "SELECT round(avg(salary), 1) FROM staff")[1] == ["[7025.0]"]
    for sql in (
        "SELECT name FROM customers",
        "SELECT max(salary) FROM staff",
        "SELECT avg(a.salary) FROM staff a, staff b",
        "SELECT * FROM contacts",
        "SELECT sum(CASE id WHEN 1 THEN salary END) FROM staff",
        "WITH staff AS (SELECT 1 AS salary) SELECT avg(salary) FROM main.staff",
        "SELECT (SELECT name FROM staff LIMIT 1)",
    ):
        assert answer(here, sql) == ("small_group", []), sql
