"""Changes: previewed, counted, committed only as previewed; what they are is named beforehand."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import ShopSurroundings, build_shop

RAISE = "UPDATE staff SET salary = salary + 100 WHERE manager_id = 1"


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = str(tmp_path_factory.mktemp("shop"))
    build_shop(f"{folder}/shop.db")
    return ShopSurroundings(folder)


def salaries(here: ShopSurroundings) -> list[int]:
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection:
        return [row[0] for row in connection.execute("SELECT salary FROM staff ORDER BY id")]


def error_of(here: ShopSurroundings, sql: str, **more: Any) -> str:
    with pytest.raises(SqlError) as raised:
        tools.write(here, source="shop", sql=sql, **more)
    return raised.value.error


def named(here: ShopSurroundings, sql: str) -> dict[tuple[str, str], list[str]]:
    found = tools.resources("write", {"source": "shop", "sql": sql}, here)
    return {(one["id"], one["access"]): one["tags"] for one in found}


def test_a_preview_shows_rows_before_and_after_and_changes_nothing(here: ShopSurroundings) -> None:
    result = tools.write(here, source="shop", sql=RAISE)
    assert result.get("structured", {})["rows"] == [
        *(["before", 2, 7000], ["before", 3, 7100]),
        *(["after", 2, 7100], ["after", 3, 7200]),
    ]
    assert result["text"].startswith("2 rows would change; rolled back.")
    assert salaries(here) == [9000, 7000, 7100, 5000]


def test_a_commit_is_done_only_for_as_many_rows_as_were_previewed(here: ShopSurroundings) -> None:
    assert error_of(here, RAISE, commit=True) == "bad_arguments"
    assert error_of(here, RAISE, commit=True, expected_rows=3) == "changed"
    assert salaries(here) == [9000, 7000, 7100, 5000]
    done = tools.write(here, source="shop", sql=RAISE, commit=True, expected_rows=2)
    assert done["text"].startswith("2 rows changed and committed.")
    assert salaries(here) == [9000, 7100, 7200, 5000]


def test_policys_row_limit_bounds_a_change(here: ShopSurroundings) -> None:
    bound = here._replace(obligations={"limit_rows": 1})
    assert error_of(bound, RAISE, commit=True, expected_rows=2) == "too_large"
    assert salaries(here) == [9000, 7000, 7100, 5000]


def test_what_a_change_is_is_named_beforehand(here: ShopSurroundings) -> None:
    found = named(here, RAISE)
    assert found["table:shop.main.staff", "write"] == ["sql.update"]
    assert found["column:shop.main.staff.salary", "write"] == ["sql.update"]
    assert ("column:shop.main.staff.manager_id", "read") in found
    assert named(here, "DELETE FROM staff")["source:shop", "write"] == [
        "sql.delete",
        "sql.unbounded",
    ]
    assert named(here, "DELETE FROM staff WHERE 1 = 1")["table:shop.main.staff", "write"] == [
        "sql.delete",
        "sql.unbounded",
    ]
    for condition, unbounded in (
        *(
            ("id = id", True),
            ("(id) = id", True),
            ("id = 1 OR true", True),
            ("id IS NOT NULL", True),
        ),
        *(
            ("NOT (id <> id)", True),
            ("id = 1 OR id IS NOT NULL", True),
            ("EXISTS (SELECT 1 FROM orders)", True),
        ),
        *(
            ("id = 1 AND true", False),
            ("id IN (1, 2)", False),
            ("name LIKE 'K%'", False),
            ("NOT id = 1", False),
        ),
        *(("id > (SELECT 1)", False), ("manager_id IS NULL", False), ("id = 1 OR id = 2", False)),
        ("EXISTS (SELECT 1 FROM orders WHERE orders.id = staff.id)", False),
    ):
        tags = named(here, f"DELETE FROM staff WHERE {condition}")["table:shop.main.staff", "write"]
        assert ("sql.unbounded" in tags) == unbounded, condition
    assert named(here, "DROP TABLE staff") == {("source:shop", "write"): ["sql.ddl"]}
    insert = named(here, "INSERT INTO subscribers SELECT email, 'x' FROM customers")
    assert insert["column:shop.main.customers.email", "read"] == ["pii.email"]


@pytest.mark.parametrize(
    "sql",
    [
        *("DROP TABLE staff", "CREATE TABLE t (a)", "ALTER TABLE staff ADD x", "VACUUM", "PRAGMA user_version = 1"),
        *("SELECT 1", "REPLACE INTO staff VALUES (1, 'x', 1, 1)", "INSERT OR REPLACE INTO staff VALUES (1, 'x', 1, 1)"),
        *("DELETE FROM staff RETURNING *", "WITH q AS (SELECT 1) DELETE FROM staff", "DELETE FROM staff; SELECT 1"),
        *("UPDATE staff SET name = load_extension('x')", "INSERT INTO staff VALUES (load_extension('x'), 1, 1, 1)"),
        *("UPDATE sqlite_schema SET sql = ''", "DELETE FROM staff WHERE id IN (SELECT 1 FROM sqlite_schema)"),
        *("ATTACH 'x' AS y", "BEGIN", "COMMIT", "INSERT INTO staff DEFAULT VALUES", "UPDATE contacts SET name = 'x'"),
    ],
)  # fmt: skip
def test_nothing_but_one_change_of_one_table_is_run(here: ShopSurroundings, sql: str) -> None:
    before = salaries(here)
    assert error_of(here, sql, commit=True, expected_rows=1) in (
        *("forbidden_statement", "forbidden_function", "unsupported_table", "many_statements"),
        *("unsupported_syntax", "not_a_query", "invalid", "syntax"),
    )
    assert salaries(here) == before


def test_constraints_and_foreign_keys_hold(here: ShopSurroundings) -> None:
    assert error_of(here, "DELETE FROM customers WHERE id = 1") == "invalid"
    assert error_of(here, "UPDATE products SET price_cents = -1 WHERE sku = 'pen'") == "invalid"
    inserted = "INSERT INTO staff (id, name, manager_id, salary) VALUES (9, 'Zoe', 1, 10)"
    tools.write(here, source="shop", sql=inserted, commit=True, expected_rows=1)
    assert salaries(here)[-1] == 10


def test_a_plan_is_shown_and_not_where_rules_hold(here: ShopSurroundings) -> None:
    sql = "SELECT name FROM customers WHERE id = 1"
    assert "SEARCH customers" in tools.explain(here, source="shop", sql=sql)["text"]
    masked = here._replace(obligations={"mask": {"column:**.email": "null"}})
    told = tools.explain(masked, source="shop", sql=sql)["text"]
    assert "SEARCH" not in told
    assert told.startswith(
        "reads: column:shop.main.customers.id, column:shop.main.customers.name, "
    )


def test_a_profile_counts_and_obeys_the_rules(here: ShopSurroundings) -> None:
    bound = here._replace(
        obligations={
            "mask": {"column:**.email": "null"},
            "filter": {"table:shop.main.customers": ["city = 'Oslo'"]},
        }
    )
    found = tools.profile(bound, source="shop", table="customers", columns="id, email,city")
    assert found.get("structured", {})["rows"] == [
        ["id", 4, 0, 4, 1, 10],
        ["email", 4, 4, 0, None, None],
        ["city", 4, 0, 1, "Oslo", "Oslo"],
    ]
    whole = tools.profile(here, source="shop", table="order_lines")
    assert [row[0] for row in whole.get("structured", {})["rows"]] == [
        "order_id",
        "sku",
        "quantity",
    ]
    names = {
        one["id"]
        for one in tools.resources(
            "profile", {"source": "shop", "table": "customers", "columns": "city"}, here
        )
    }
    assert names == {"source:shop", "table:shop.main.customers", "column:shop.main.customers.city"}


EFFECTS = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE, low INT, high INT, CHECK (low < high));
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INT REFERENCES parent ON DELETE CASCADE, code TEXT REFERENCES parent (code) ON DELETE SET NULL);
CREATE TABLE grandchild (child_id INT REFERENCES child (id) ON DELETE CASCADE);
CREATE TABLE audit (what TEXT);
CREATE TABLE watched (id INTEGER PRIMARY KEY, x TEXT);
CREATE TRIGGER watching AFTER UPDATE OF x ON watched BEGIN INSERT INTO audit SELECT email FROM customers LIMIT 1; END;
CREATE TRIGGER instead INSTEAD OF UPDATE ON contacts BEGIN DELETE FROM watched; END;
INSERT INTO parent VALUES (1, 'a', 1, 2);
INSERT INTO child VALUES (1, 1, 'a');
INSERT INTO grandchild VALUES (1);
INSERT INTO watched VALUES (1, 'x');
"""


def test_what_a_change_sets_off_is_named_and_done(here: ShopSurroundings) -> None:
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection, connection:
        connection.executescript(EFFECTS)
    gone = "DELETE FROM parent WHERE id = 1"
    found = named(here, gone)
    for table in ("parent", "child", "grandchild"):
        assert found[f"table:shop.main.{table}", "write"] == ["sql.cascade", "sql.delete"]
    assert ("column:shop.main.child.code", "write") in found
    tools.write(here, source="shop", sql=gone, commit=True, expected_rows=1)
    seen = "UPDATE watched SET x = 'y' WHERE id = 1"
    found = named(here, seen)
    assert found["table:shop.main.audit", "write"] == ["sql.code", "sql.update"]
    assert ("column:shop.main.customers.email", "read") in found
    tools.write(here, source="shop", sql=seen, commit=True, expected_rows=1)
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM grandchild").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM audit").fetchall() == [(1,)]
    assert error_of(here, "UPDATE contacts SET name = 'x' WHERE id = 1") == "unsupported_table"


def test_what_a_refusal_would_tell_of_is_named_as_read(here: ShopSurroundings) -> None:
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection, connection:
        connection.executescript(EFFECTS)
    for sql, column in (
        ("INSERT INTO customers (id, name, email, city, joined) VALUES (99, 'x', 'y', 'z', '')", "customers.email"),
        ("UPDATE parent SET low = 5 WHERE id = 1", "parent.high"),
        ("INSERT INTO child (parent_id) VALUES (1)", "parent.id"),
        ("DELETE FROM customers WHERE id = 1", "orders.customer_id"),
        ("INSERT INTO subscribers VALUES ('a', 'b')", ""),
    ):  # fmt: skip
        columns = {name for name, access in named(here, sql) if (access, name[:6]) == ("read", "column")}  # fmt: skip
        assert (f"column:shop.main.{column}" in columns) if column else not columns, sql


def test_a_change_touches_no_more_than_it_was_judged_for(here: ShopSurroundings) -> None:
    sql = "UPDATE subscribers SET topic = 'x' WHERE email = 'y'"
    named(here, sql)
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection, connection:
        connection.execute("CREATE TRIGGER late AFTER UPDATE ON subscribers BEGIN DELETE FROM staff; END")  # fmt: skip
    assert error_of(here, sql, commit=True, expected_rows=0) == "changed"


@pytest.mark.parametrize(
    "rules",
    [
        {"mask": {"column:**.email": "hash"}},
        {"filter": {"table:**.staff": ["id = 1"]}},
        {"min_group": 2},
    ],
)
def test_nothing_is_changed_or_previewed_where_masks_filters_or_groups_hold(
    here: ShopSurroundings, rules: dict[str, Any]
) -> None:
    """Also without a house, which would have refused: the number of rows answers any question about them."""
    ruled = here._replace(obligations=rules)
    assert error_of(ruled, RAISE) == "unsupported_obligation"
    assert error_of(ruled, RAISE, commit=True, expected_rows=2) == "unsupported_obligation"
    assert salaries(here) == [9000, 7000, 7100, 5000]


def test_when_one_call_finds_the_schema_changed_no_other_judged_before_it_runs(
    here: ShopSurroundings,
) -> None:
    sql = "SELECT * FROM seen"

    def refused() -> str:
        with pytest.raises(SqlError) as raised:
            tools.query(here, source="shop", sql=sql)
        return raised.value.error

    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection:
        connection.execute("CREATE VIEW seen AS SELECT id FROM staff")
        for _ in range(2):  # two calls that wait for their answers side by side
            tools.resources("query", {"source": "shop", "sql": sql}, here)
        connection.execute("DROP VIEW seen")
        connection.execute("CREATE VIEW seen AS SELECT salary FROM staff")
    assert [refused(), refused()] == ["changed", "changed"]
    tools.resources("query", {"source": "shop", "sql": sql}, here)
    assert tools.query(here, source="shop", sql=sql).get("rows") == 4
