"""DuckDB, in its child process: the same promises as for the other engines."""

import hashlib
import time
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from devagent_sql import tools
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.duckdb.child import plain
from devagent_sql.engines.duckdb.engine import DuckDB
from devagent_sql.engines.duckdb.process import child
from devagent_sql.engines.port import NO_RULES, Clock, Rules
from devagent_sql.errors import SqlError
from devagent_sql.obligations import read_obligations
from devagent_sql.sources import find_source
from devagent_sql.tree.dialects import DUCKDB
from devagent_sql.values import as_json
from tests.support.shop import CANARY, ShopSurroundings
from tests.support.sql_asking import outcome, rows
from tests.support.sql_corpus import statements

SCHEMA = f"""
CREATE TABLE customers (id INTEGER, name VARCHAR, email VARCHAR, phone VARCHAR, city VARCHAR, tenant INTEGER);
INSERT INTO customers SELECT i, ['Ana','Bo','Chidi','Dara','Elif','Femi'][i], 'm' || i || '.{CANARY}@example', CASE WHEN i <> 4 THEN '+00 {CANARY}' END, ['Oslo','Lagos','Lisbon'][1 + i % 3], i % 2 FROM range(1, 7) t(i);
CREATE TABLE orders (id INTEGER, customer_id INTEGER, placed TIMESTAMP, status VARCHAR);
INSERT INTO orders SELECT i, 1 + i % 6, TIMESTAMP '2026-03-01 12:00' + INTERVAL (i) DAY, ['paid','sent'][1 + i % 2] FROM range(1, 13) t(i);
CREATE TABLE products (sku VARCHAR, title VARCHAR, price DECIMAL(10, 2));
INSERT INTO products VALUES ('cup', 'Blue cup', 12.50), ('pen', 'Pen', 1.99), ('rug', 'Rug', 480);
CREATE TABLE order_lines (order_id INTEGER, sku VARCHAR, quantity INTEGER);
INSERT INTO order_lines SELECT i, ['cup','pen','rug'][1 + i % 3], i % 3 + 1 FROM range(1, 13) t(i);
CREATE TABLE kinds (id INTEGER, h HUGEINT, f DOUBLE, b BLOB, l INTEGER[], s STRUCT(a INTEGER), d DATE, u UUID);
INSERT INTO kinds VALUES (1, 170141183460469231731687303715884105727, 'nan', '\\x00\\xFF'::BLOB, [1, 2], {{'a': 1}}, '2026-02-28', '00000000-0000-0000-0000-000000000001'), (2, NULL, 'inf', NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "values" (column1 VARCHAR, other INTEGER);
INSERT INTO "values" VALUES ('{CANARY}', 1);
CREATE TABLE "odd name" ("a b" INTEGER);
INSERT INTO "odd name" VALUES (1);
CREATE VIEW contacts AS SELECT id, name, email AS mail FROM customers;
CREATE VIEW totals AS SELECT status, count(*) AS n FROM orders GROUP BY status;
"""
HIDE: dict[str, Any] = {
    "mask": {"column:**.email": "hash", "column:**.phone": "partial"},
    "filter": {"table:shop.main.customers": ["tenant = 1"]},
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[ShopSurroundings]:
    folder = tmp_path_factory.mktemp("duck")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(SCHEMA)
    source = {"type": "duckdb", "path": "shop.duckdb"}
    yield ShopSurroundings(str(folder), {}, 20.0, {"sources": {"shop": source}})
    tools.close(str(folder))


def _as_told(value: Any) -> Any:
    match plain(value):
        case msgspec.msgpack.Ext(data=digits):
            return as_json(int(bytes(digits)))
        case told:
            return as_json(told)


@pytest.fixture(scope="module")
def engine(here: ShopSurroundings) -> Generator[DuckDB]:
    """The engine over one child that serves every statement of a corpus: starting them takes the time."""
    path = f"{here.folder}/shop.duckdb"
    with child(path, Clock.of(120)) as one:
        yield DuckDB(path, lambda _path, _clock, _owner: nullcontext(one))


def answer(engine: DuckDB, sql: str, rules: Rules = NO_RULES) -> tuple[str, list[list[Any]]]:
    kept = Kept()
    try:
        engine.run(sql, 1_000, kept, rules, Clock.of(60))
    except SqlError as error:
        return error.error, [[str(error)]]
    return "", [[as_json(cell) for cell in row] for row in kept.rows]


def test_a_benign_statement_gives_what_the_engine_gives(
    here: ShopSurroundings, engine: DuckDB
) -> None:
    with duckdb.connect(f"{here.folder}/shop.duckdb", read_only=True) as bare:
        expected = {
            sql: [[_as_told(cell) for cell in row] for row in bare.execute(sql).fetchall()]
            for sql in statements("duckdb_benign.sql")
        }
    found = {sql: answer(engine, sql) for sql in expected}
    assert found == {sql: ("", rows) for sql, rows in expected.items()}


def test_a_hostile_statement_is_refused_and_changes_nothing(
    here: ShopSurroundings, engine: DuckDB
) -> None:
    path = Path(here.folder) / "shop.duckdb"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    allowed = [sql for sql in statements("duckdb_hostile.sql") if not answer(engine, sql)[0]]
    assert allowed == []
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_the_corpus_is_large_enough() -> None:
    assert len({*statements("duckdb_benign.sql"), *statements("duckdb_hostile.sql")}) >= 120


@pytest.mark.parametrize("part", ["HAVING rowid > 1", "ORDER BY rowid"])
def test_an_output_called_as_a_tables_own_column_has_no_table_before_it(
    here: ShopSurroundings, part: str
) -> None:
    sql = f"SELECT count(*) AS rowid FROM customers GROUP BY city {part}"
    found = tools.query(here, source="shop", sql=sql).get("structured", {})
    assert found["rows"] == [[2], [2], [2]]
    assert 'FROM "main"."customers" ' not in found["sql"]
    assert '(SELECT "city" FROM "main"."customers")' in found["sql"]


def test_no_function_in_from_is_one_that_reads_tables_by_their_names(tmp_path: Path) -> None:
    """What may be called where a value stands may be another function in FROM."""
    with duckdb.connect(str(tmp_path / "own.duckdb")) as connection:
        listed = connection.execute(
            "SELECT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro', 'pragma')"
        ).fetchall()
        connection.execute("CREATE TABLE secret AS SELECT 1 AS x")
        connection.execute("CREATE VIEW counts AS SELECT * FROM histogram('secret', 'x')")
    assert {str(name) for (name,) in listed} & DUCKDB.functions - DUCKDB.in_from == {"histogram"}
    source = {"type": "duckdb", "path": "own.duckdb"}
    own = ShopSurroundings(str(tmp_path), {}, 20.0, {"sources": {"shop": source}})
    assert outcome(own, "SELECT * FROM counts")[0] == "unsupported_table"
    tools.close(str(tmp_path))


def test_the_child_by_itself_reaches_no_file_and_no_setting(here: ShopSurroundings) -> None:
    """The second wall, should a statement ever pass the first."""
    with child(f"{here.folder}/shop.duckdb", Clock.of(20)) as asked:
        for sql in (
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM '/etc/passwd'",
            f"SELECT * FROM read_blob('{here.folder}/shop.duckdb')",
            f"SELECT * FROM read_blob('{here.folder}/shop.duckdb.wal')",
            "SET enable_external_access = true",
            "COPY customers TO '/tmp/devagent-never.csv'",
            "DELETE FROM orders",
            "ATTACH '/tmp/devagent-never.db'",
            "SELECT 1; SELECT 2",
        ):
            with pytest.raises(SqlError):
                asked.run(sql, None, 10)
        asked.run("SELECT 1", None, 10)


def test_masks_and_filters_hold_beneath_views_and_in_every_clause(here: ShopSurroundings) -> None:
    hidden = here._replace(obligations=HIDE)
    assert rows(hidden, "SELECT name FROM contacts ORDER BY 1") == [["Ana"], ["Chidi"], ["Elif"]]
    assert rows(hidden, "SELECT count(*) FROM customers WHERE email LIKE '%CANARY%'") == [[0]]
    assert rows(hidden, "SELECT DISTINCT phone FROM customers") == [["+***"]]
    assert rows(hidden, "SELECT count(*) FROM contacts a JOIN customers b ON a.mail = b.email") == [
        [3]
    ]


def test_hidden_values_stay_hidden_whatever_is_asked(
    here: ShopSurroundings, engine: DuckDB
) -> None:
    rules = read_obligations(HIDE).rules(find_source(here.settings, "shop"))
    for sql in statements("duckdb_benign.sql"):
        error, found = answer(engine, sql, rules)
        assert error in ("", "type_mismatch"), sql
        assert CANARY not in str(found), sql


def test_columns_are_named_through_views_stars_and_joins(here: ShopSurroundings) -> None:
    def columns(sql: str) -> set[str]:
        found = tools.resources("query", {"source": "shop", "sql": sql}, here)
        return {
            one["id"].removeprefix("column:shop.main.")
            for one in found
            if one["id"].startswith("column:")
        }

    assert columns("SELECT * FROM totals") == {"totals.status", "totals.n", "orders.status"}
    assert columns("SELECT 1 FROM order_lines JOIN products USING (sku)") == {"order_lines.sku", "products.sku"}  # fmt: skip
    assert columns("SELECT name FROM customers ORDER BY email") == {"customers.name", "customers.email"}  # fmt: skip


def test_a_runaway_statement_ends_with_its_process(here: ShopSurroundings) -> None:
    started = time.monotonic()
    error, _ = outcome(here._replace(time_limit_s=1.5), "SELECT count(*) FROM range(100000000) a(i), range(100000) b(j) WHERE (a.i * b.j) % 7 = 3")  # fmt: skip
    assert error == "timeout"
    assert time.monotonic() - started < 8


def test_a_long_read_is_paged(here: ShopSurroundings) -> None:
    paged = DuckDB(f"{here.folder}/shop.duckdb")
    sql = "SELECT i FROM range(10000000) t(i)"
    kept = Kept()
    found = paged.run(sql, 2_500, kept, NO_RULES, Clock.of(20))
    assert (len(kept.rows), found.cut) == (2_500, "rows")


def test_a_name_that_functions_have_stands_for_no_column_that_was_not_named(
    here: ShopSurroundings,
) -> None:
    for sql in (
        "SELECT (SELECT id FROM range(1)) FROM customers GROUP BY ALL",
        "SELECT (SELECT max(id) FROM range(1)) FROM customers GROUP BY city",
        'SELECT (SELECT column1 FROM (VALUES (1))) FROM "values" GROUP BY other',
        "SELECT rowid FROM customers, range(1) GROUP BY rowid",
        "SELECT rowid AS rowid FROM customers GROUP BY rowid",
    ):
        touched = tools.resources("query", {"source": "shop", "sql": sql}, here)
        named = {one["id"] for one in touched}
        assert not named & {"column:shop.main.customers.id", "column:shop.main.values.column1"}
        error, told = outcome(here, sql)
        assert error, told


def test_the_small_group_rule_is_not_asked_around_by_errors(here: ShopSurroundings) -> None:
    grouped = here._replace(obligations={"min_group": 2})
    for sql in (
        "SELECT count(*) FROM customers WHERE id = 1 AND name = 5",
        "SELECT count(*) FROM customers WHERE name = id",
        "SELECT count(*) FROM customers WHERE name IN (1, 2)",
        "SELECT count(*) FROM customers WHERE (name) BETWEEN 1 AND 2",
        "SELECT count(*) FROM customers WHERE coalesce(name, 1) = 2",
        "SELECT count(*) FROM customers WHERE (id, name) = (1, 5)",
        "SELECT count(*) FROM customers WHERE id = 1 AND CAST(name AS INTEGER) > 0",
        "SELECT count(*) FROM customers WHERE id = 1 AND NOT name",
        "SELECT count(*) FROM customers WHERE name",
        "SELECT count(*) FROM customers WHERE name = true",
        "SELECT count(*) FROM customers WHERE name IS TRUE",
        "SELECT count(*) FROM customers WHERE lower(name) >= DATE '2026-01-01'",
        "SELECT count(*) FROM orders WHERE placed = status",
    ):
        assert outcome(grouped, sql)[0] == "small_group", sql
    for sql, expected in (
        (
            "SELECT count(*) FROM customers WHERE id > 2 AND city = 'Oslo' AND name IS NOT NULL",
            [[2]],
        ),
        (
            "SELECT year(placed), count(*) FROM orders WHERE placed >= '2026-01-01' GROUP BY 1",
            [[2026, 12]],
        ),
    ):
        assert rows(grouped, sql) == expected


@pytest.mark.parametrize(
    ("macro", "sql"),
    [
        ("upper(x) AS (SELECT max(email) FROM customers)", "SELECT upper('x')"),
        ("range(x) AS TABLE SELECT * FROM customers", "SELECT * FROM range(1)"),
        ("lower(a, b) AS (SELECT max(email) FROM customers)", "SELECT lower('a', 'b')"),
        ("listagg(x) AS (SELECT max(email) FROM customers)", "SELECT listagg('x')"),
        ('"||"(a, b) AS (SELECT max(email) FROM customers)', "SELECT 'a' || 'b'"),
        ("duckdb_functions() AS TABLE SELECT 1", "SELECT 1"),
        ('"Upper"(x) AS (SELECT max(email) FROM customers)', "SELECT UPPER('x')"),
    ],
)
def test_a_macro_of_the_database_never_stands_for_a_function_of_the_engine(
    tmp_path: Path, macro: str, sql: str
) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"CREATE TABLE customers AS SELECT '{CANARY}' AS email")
        connection.execute("CREATE MACRO harmless(x) AS x")
    source = {"sources": {"shop": {"type": "duckdb", "path": "shop.duckdb"}}}
    own = ShopSurroundings(str(tmp_path), {}, 20.0, source)
    assert rows(own, "SELECT lower('A')") == [["a"]]
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"CREATE MACRO {macro}")
    assert outcome(own, sql)[0] == "forbidden_function"


def _own(tmp_path: Path, obligations: dict[str, Any], *statements: str) -> ShopSurroundings:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        for sql in statements:
            connection.execute(sql)
    source = {"sources": {"shop": {"type": "duckdb", "path": "shop.duckdb"}}}
    return ShopSurroundings(str(tmp_path), obligations, 20.0, source)


def test_a_generated_column_is_masked_and_named_with_all_that_it_is_made_of(tmp_path: Path) -> None:
    own = _own(
        tmp_path,
        {"mask": {"column:**.email": "hash"}},
        'CREATE TABLE t (email VARCHAR, id INTEGER DEFAULT 5, g VARCHAR AS (upper("email")), h VARCHAR AS (g || \'!\'), "o d" INTEGER AS (id + 1))',
        f"INSERT INTO t (email) VALUES ('{CANARY}')",
        "CREATE VIEW v AS SELECT h FROM t",
        "CREATE TABLE plain (email VARCHAR, id INTEGER, said VARCHAR DEFAULT 'email')",
        "INSERT INTO plain (id) VALUES (1)",
    )
    assert rows(own, 'SELECT g, h, id, "o d" FROM t') == [[None, None, 5, 6]]
    assert rows(own, "SELECT h FROM v") == [[None]]
    assert rows(own, "SELECT said FROM plain") == [["email"]]
    named = {one["id"] for one in tools.resources("query", {"source": "shop", "sql": "SELECT h FROM t"}, own)}  # fmt: skip
    assert "column:shop.main.t.email" in named
    tools.close("")


@pytest.mark.parametrize("name", ["x AS SELECT 1 AS email --", 'x"" AS SELECT 1 AS email --', "a AS b"])  # fmt: skip
def test_the_name_of_a_view_is_never_taken_for_its_query(tmp_path: Path, name: str) -> None:
    own = _own(
        tmp_path,
        {"mask": {"column:**.t.email": "hash"}},
        f"CREATE TABLE t AS SELECT '{CANARY}' AS email",
        f'CREATE VIEW "{name}" AS SELECT email FROM t',
    )
    error, told = outcome(own, f'SELECT * FROM "{name}"')
    assert error in ("unsupported_table", "masked_view"), told
    tools.close("")
