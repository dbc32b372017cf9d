"""``resources``: everything a statement touches is named, whatever it hides behind."""

from pathlib import Path
from typing import Any

import pytest

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import ShopSurroundings, build_shop


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = tmp_path_factory.mktemp("shop")
    build_shop(str(folder / "shop.db"))
    return ShopSurroundings(str(folder))


def touched(here: ShopSurroundings, sql: str) -> tuple[set[str], set[str]]:
    """Tables and columns without their common beginning."""
    listed = tools.resources("query", {"source": "shop", "sql": sql}, here)
    assert listed[0] == {"id": "source:shop", "access": "read", "tags": []}
    assert all(one["access"] == "read" for one in listed)
    ids = [one["id"] for one in listed[1:]]
    assert len(ids) == len(set(ids))
    return (
        {name.removeprefix("table:shop.main.") for name in ids if name.startswith("table:")},
        {name.removeprefix("column:shop.main.") for name in ids if name.startswith("column:")},
    )


CASES: list[tuple[str, str, str]] = [
    ("SELECT 1", "", ""),
    ("VALUES (1), (2)", "", ""),
    ("SELECT count(*) FROM orders", "orders", ""),
    ("SELECT 1 FROM ORDERS", "orders", ""),
    ("SELECT ID FROM \"Orders\"", "orders", "orders.id"),
    ("SELECT o.id FROM main.orders AS o", "orders", "orders.id"),
    ("SELECT rowid FROM orders", "orders", "orders.id"),
    ("SELECT rowid FROM subscribers", "subscribers", "subscribers.rowid"),
    ("SELECT * FROM subscribers", "subscribers", "subscribers.email subscribers.topic"),
    ("SELECT s.* FROM subscribers s, orders", "subscribers orders", "subscribers.email subscribers.topic"),
    ("SELECT x FROM \"a.b\"", "a%2Eb", "a%2Eb.x"),
    ("SELECT \"c.d\" FROM [a.b]", "a%2Eb", "a%2Eb.c%2Ed"),
    ("SELECT 1 FROM orders WHERE status = 'x'", "orders", "orders.status"),
    ("SELECT 1 FROM orders ORDER BY placed", "orders", "orders.placed"),
    ("SELECT 1 FROM orders GROUP BY status HAVING max(id) > 1", "orders", "orders.status orders.id"),
    ("SELECT upper(note) FROM orders", "orders", "orders.note"),
    ("SELECT sum(id) OVER (PARTITION BY status ORDER BY placed) FROM orders", "orders",
     "orders.id orders.status orders.placed"),
    ("SELECT count(*) FILTER (WHERE note IS NULL) FROM orders", "orders", "orders.note"),
    ("SELECT (SELECT max(salary) FROM staff)", "staff", "staff.salary"),
    ("SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE city = 'Oslo')",
     "orders customers", "orders.id orders.customer_id customers.id customers.city"),
    ("SELECT 1 WHERE EXISTS (SELECT 1 FROM staff WHERE salary > 1)", "staff", "staff.salary"),
    ("WITH q AS (SELECT salary AS s FROM staff) SELECT s FROM q", "staff", "staff.salary"),
    ("WITH staff AS (SELECT 1 AS salary) SELECT salary FROM staff", "", ""),
    ("SELECT z FROM (SELECT name AS z FROM staff)", "staff", "staff.name"),
    ("SELECT name FROM staff UNION SELECT city FROM customers", "staff customers", "staff.name customers.city"),
    ("SELECT a.name FROM staff a JOIN staff b ON a.manager_id = b.id", "staff",
     "staff.name staff.manager_id staff.id"),
    ("SELECT mail FROM contacts", "contacts customers",
     "contacts.mail customers.id customers.name customers.email"),
    ("SELECT count(*) FROM contacts", "contacts customers",
     "customers.id customers.name customers.email"),
    ("SELECT mail_domain FROM customers", "customers", "customers.mail_domain customers.email"),
    ("SELECT count(*) FROM customers JOIN (SELECT 'x' AS email) USING (email)", "customers", "customers.email"),
    ("SELECT topic FROM customers JOIN subscribers USING (email)", "customers subscribers",
     "subscribers.topic subscribers.email customers.email"),
    ("SELECT topic FROM customers NATURAL JOIN subscribers", "customers subscribers",
     "subscribers.topic subscribers.email customers.email"),
    ("SELECT count(*) FROM customers JOIN (SELECT 3 AS id) USING (id)", "customers", "customers.id"),
    ("SELECT count(*) FROM products JOIN (SELECT 'pen' AS sku) USING (sku)", "products", "products.sku"),
    ("SELECT count(*) FROM reachable", "reachable customers subscribers",
     "customers.id customers.email subscribers.email"),
    ("SELECT people FROM reachable_count", "reachable_count customers subscribers",
     "reachable_count.people customers.email subscribers.email"),
    ("SELECT count(*) FROM reachable_count", "reachable_count customers subscribers",
     "customers.email subscribers.email"),
    ("SELECT people FROM 'reachable_count'", "reachable_count customers subscribers",
     "reachable_count.people customers.email subscribers.email"),
    ("WITH RECURSIVE up (i, m) AS (SELECT id, manager_id FROM staff WHERE id = 4 UNION ALL "
     "SELECT s.id, s.manager_id FROM staff s JOIN up ON s.id = up.m) SELECT i FROM up",
     "staff", "staff.id staff.manager_id"),
    ("SELECT value FROM staff, json_each('[1]')", "staff", ""),
    ("SELECT value FROM staff, json_each(json_array(name))", "staff", "staff.name"),
    ("EXPLAIN QUERY PLAN SELECT name FROM staff", "staff", "staff.name"),
    ("SELECT name /* FROM orders */ FROM staff -- customers", "staff", "staff.name"),
    ("SELECT 'orders' FROM staff", "staff", ""),
    ("SELECT sku FROM order_lines WHERE order_id = 1", "order_lines", "order_lines.sku order_lines.order_id"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "tables", "columns"), CASES, ids=[case[0] for case in CASES])
def test_a_statement_names_what_it_reads(
    here: ShopSurroundings, sql: str, tables: str, columns: str
) -> None:
    assert touched(here, sql) == (set(tables.split()), set(columns.split()))


def test_a_nested_view_names_every_view_and_table_beneath(here: ShopSurroundings) -> None:
    tables, columns = touched(here, "SELECT cents FROM best_customers")
    assert tables == {
        *("best_customers", "contacts", "order_totals"),
        *("customers", "orders", "order_lines", "products"),
    }
    assert {"customers.email", "products.price_cents", "order_lines.quantity"} <= columns


def test_tags_come_with_the_resource(here: ShopSurroundings) -> None:
    listed = tools.resources(
        "query", {"source": "shop", "sql": "SELECT EMAIL FROM Customers"}, here
    )
    assert {
        "id": "column:shop.main.customers.email",
        "access": "read",
        "tags": ["pii.email"],
    } in listed


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("INSERT INTO orders (id) VALUES (99)", {"table:shop.main.orders"}),
        ("UPDATE staff SET salary = 1", {"table:shop.main.staff", "column:shop.main.staff.salary"}),
        ("WITH q AS (SELECT 1) DELETE FROM subscribers", {"table:shop.main.subscribers"}),
        (
            "REPLACE INTO products SELECT sku, title, 0, 0 FROM products",
            {"table:shop.main.products"},
        ),
    ],
)
def test_a_writing_statement_names_its_writes(
    here: ShopSurroundings, sql: str, written: set[str]
) -> None:
    listed = tools.resources("query", {"source": "shop", "sql": sql}, here)
    assert {one["id"] for one in listed if one["access"] == "write"} == written


def test_the_source_of_a_copying_write_is_named_as_read(here: ShopSurroundings) -> None:
    sql = "INSERT INTO subscribers SELECT email, name FROM customers"
    listed = tools.resources("query", {"source": "shop", "sql": sql}, here)
    reads = {one["id"] for one in listed if one["access"] == "read"}
    assert {"table:shop.main.customers", "column:shop.main.customers.email"} <= reads


def test_describe_names_each_table_it_shows(here: ShopSurroundings) -> None:
    listed = {one["id"] for one in tools.resources("describe", {"source": "shop"}, here)}
    shown = tools.describe(here, source="shop")
    names = {row[0] for row in shown.get("structured", {})["rows"]}
    assert listed == set(shown.get("accessed", []))
    assert len(listed) == len(names) + 1
    assert "table:shop.main.a%2Eb" in listed


def test_describe_of_a_table_names_each_column_it_shows(here: ShopSurroundings) -> None:
    arguments = {"source": "shop", "table": "STAFF"}
    listed = {one["id"] for one in tools.resources("describe", arguments, here)}
    assert listed == {
        *("source:shop", "table:shop.main.staff"),
        *(f"column:shop.main.staff.{name}" for name in ("id", "name", "manager_id", "salary")),
    }
    shown = tools.describe(here, source="shop", table="STAFF")
    assert listed == set(shown.get("accessed", []))


def test_sources_names_each_source(here: ShopSurroundings) -> None:
    assert [one["id"] for one in tools.resources("sources", {}, here)] == ["source:shop"]


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("drop", {}, "unknown_tool"),
        ("query", {"source": "shop"}, "bad_arguments"),
        ("query", {"source": 3, "sql": "SELECT 1"}, "bad_arguments"),
        ("query", {"source": "Shop", "sql": "SELECT 1"}, "unknown_source"),
        ("query", {"source": "shop", "sql": "SELECT nope FROM staff"}, "no_such_column"),
        ("query", {"source": "shop", "sql": "SELECT 1 FROM nope"}, "no_such_table"),
        ("describe", {"source": "shop", "table": "sqlite_schema"}, "unsupported_table"),
        ("describe", {"source": "shop", "table": "nope"}, "no_such_table"),
    ],
)
def test_what_cannot_be_named_is_refused(
    here: ShopSurroundings, tool: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SqlError) as raised:
        tools.resources(tool, arguments, here)
    assert raised.value.error == error


def test_the_call_reports_what_resources_named(here: ShopSurroundings, tmp_path: Path) -> None:
    sql = "SELECT name, cents FROM best_customers"
    judged = {one["id"] for one in tools.resources("query", {"source": "shop", "sql": sql}, here)}
    assert set(tools.query(here, source="shop", sql=sql).get("accessed", [])) == judged
