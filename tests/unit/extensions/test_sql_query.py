"""``query`` and ``describe``: values, bounds, masks, and everything that can be wrong with a file."""

import os
import sqlite3
import time
import tracemalloc
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import CANARY, MASK_PRIVATE, SETTINGS, ShopSurroundings, build_shop

MILLION = """
WITH d(i) AS (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))
SELECT a.i, b.i, c.i, d.i, e.i, f.i, 'some text' FROM d a, d b, d c, d d, d e, d f
"""
ENDLESS = f"SELECT count(*) FROM ({MILLION}) AS x, ({MILLION}) AS y"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = tmp_path_factory.mktemp("shop")
    build_shop(str(folder / "shop.db"))
    return ShopSurroundings(str(folder))


def rows(here: ShopSurroundings, sql: str, **arguments: Any) -> list[list[Any]]:
    return tools.query(here, source="shop", sql=sql, **arguments).get("structured", {})["rows"]


def error_of(here: ShopSurroundings, sql: str = "SELECT count(*) FROM customers") -> str:
    with pytest.raises(SqlError) as raised:
        tools.query(here, source="shop", sql=sql)
    return raised.value.error


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NULL", None),
        ("9007199254740992", 9007199254740992),
        ("9007199254740993", {"int": "9007199254740993"}),
        ("-9223372036854775807 - 1", {"int": "-9223372036854775808"}),
        ("9e999", {"float": "inf"}),
        ("-9e999", {"float": "-inf"}),
        ("9e999 - 9e999", None),
        ("0.1", 0.1),
        ("x'00ff10'", {"blob": 3, "hex": "00ff10"}),
        ("zeroblob(1000)", {"blob": 1000, "hex": "00" * 32}),
        ("x''", {"blob": 0, "hex": ""}),
        ("CAST(x'fffe41' AS TEXT)", {"not_utf8": 3, "hex": "fffe41"}),
        ("'2026-11-20 10:00:00'", "2026-11-20 10:00:00"),
        ("'NULL'", "NULL"),
        ("''", ""),
        ("'a' || char(10) || 'b'", "a\nb"),
        ("'é' || char(128512)", "é😀"),
    ],
)
def test_a_value_keeps_its_type(here: ShopSurroundings, expression: str, value: object) -> None:
    assert rows(here, f"SELECT {expression}") == [[value]]


def test_a_long_text_is_cut_and_says_how_long_it_is(here: ShopSurroundings) -> None:
    [[value]] = rows(here, "SELECT hex(zeroblob(10000))")
    assert value == {"text": "0" * 4000, "characters": 20000}


def test_rows_for_the_model_are_one_line_each(here: ShopSurroundings) -> None:
    text = tools.query(here, source="shop", sql="SELECT 'a' || char(10) || 'b' AS c, 1 AS c")[
        "text"
    ]
    assert text == '["c","c"]\n["a\\nb",1]\n(1 row)'


def test_the_persons_table_holds_no_control_characters(here: ShopSurroundings) -> None:
    result = tools.query(here, source="shop", sql="SELECT char(27) || '[31m' || char(8238) AS c")
    view = result.get("view", "")
    assert "\x1b" not in view
    assert "\u202e" not in view
    assert "\\x1b[31m" in view


def test_a_cut_result_says_so(here: ShopSurroundings) -> None:
    result = tools.query(here, source="shop", sql="SELECT id FROM customers ORDER BY id", limit=3)
    assert result.get("rows") == 3
    assert result["text"].endswith("(first 3 of more: limit)")
    assert result.get("structured", {})["complete"] is False


def test_a_result_of_exactly_the_limit_is_complete(here: ShopSurroundings) -> None:
    result = tools.query(here, source="shop", sql="SELECT id FROM staff", limit=4)
    assert result["text"].endswith("(4 rows)")
    assert result.get("structured", {})["complete"] is True


def test_policys_row_limit_wins_and_is_named(here: ShopSurroundings) -> None:
    bounded = here._replace(obligations={"limit_rows": 2})
    result = tools.query(bounded, source="shop", sql="SELECT id FROM customers", limit=5)
    assert result.get("rows") == 2
    assert result["text"].endswith("(first 2 of more: policy's row limit)")


def test_no_rows_may_be_allowed(here: ShopSurroundings) -> None:
    bounded = here._replace(obligations={"limit_rows": 0})
    assert rows(bounded, "SELECT id FROM customers") == []


def test_the_byte_limit_cuts_between_rows(here: ShopSurroundings) -> None:
    bounded = here._replace(obligations={"limit_bytes": 30})
    result = tools.query(bounded, source="shop", sql="SELECT 'twelve bytes' FROM customers")
    assert result.get("rows") == 1
    assert "first 1 of more: size limit" in result["text"]


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_limit_out_of_bounds_is_refused(here: ShopSurroundings, limit: int) -> None:
    with pytest.raises(SqlError) as raised:
        tools.query(here, source="shop", sql="SELECT 1", limit=limit)
    assert raised.value.error == "bad_arguments"


def test_a_million_rows_are_bounded_in_memory(here: ShopSurroundings) -> None:
    tracemalloc.start()
    try:
        result = tools.query(here, source="shop", sql=MILLION, limit=10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.get("rows", 0) > 1000
    assert "size limit" in result["text"]
    assert len(result["text"]) < 70_000
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "hurried",
    [
        ShopSurroundings("", time_limit_s=0.2),
        ShopSurroundings("", {"timeout_s": 0.2}, time_limit_s=30),
    ],
)
@pytest.mark.parametrize(
    "sql", [ENDLESS, f"SELECT 1 FROM ({ENDLESS})", f"SELECT * FROM ({MILLION}) ORDER BY 7, 6, 5"]
)
def test_a_runaway_statement_ends_with_its_time(
    here: ShopSurroundings, hurried: ShopSurroundings, sql: str
) -> None:
    started = time.monotonic()
    assert error_of(hurried._replace(folder=here.folder), sql) == "timeout"
    assert time.monotonic() - started < 2


def test_no_time_at_all_is_a_timeout(here: ShopSurroundings) -> None:
    assert error_of(here._replace(time_limit_s=0)) == "timeout"


def test_a_mask_reads_as_null_and_is_told(here: ShopSurroundings) -> None:
    masked = here._replace(obligations=MASK_PRIVATE)
    result = tools.query(
        masked, source="shop", sql="SELECT name, email FROM customers WHERE id = 1"
    )
    assert result.get("structured", {})["rows"] == [["Ana", None]]
    assert result.get("structured", {})["masked"] == ["column:shop.main.customers.email"]
    assert (
        "Masked by policy, in every part of the statement: main.customers.email" in result["text"]
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("null", [None, None, None]),
        ("new", [None, None, None]),
        ("partial", ["a***", "1***", "2***"]),
        ("range", [None, 1000, "2026-01-01"]),
    ],
)
def test_each_kind_of_mask_makes_of_a_value_what_it_can(
    here: ShopSurroundings, kind: str, expected: list[Any]
) -> None:
    names = ("customers.email", "products.price_cents", "orders.placed")
    masks = {f"column:shop.main.{name}": kind for name in names}
    masked = here._replace(obligations={"mask": masks})
    sql = (
        "SELECT email, price_cents, placed FROM customers, products, orders "
        "WHERE customers.id = 1 AND sku = 'cup' AND orders.id = 1"
    )
    assert rows(masked, sql) == [expected]


@pytest.mark.parametrize("kind", ["hash", "tokenise"])
def test_equal_values_have_equal_tokens_that_nobody_can_compute(
    here: ShopSurroundings, kind: str
) -> None:
    masked = here._replace(obligations={"mask": {"column:**.email": kind}})
    joined = "SELECT c.name, c.email = s.email FROM customers c JOIN subscribers s USING (email)"
    assert rows(masked, joined) == [["Ana", 1]]
    (shown,) = rows(masked, "SELECT email FROM customers WHERE id = 1")[0]
    assert CANARY not in shown
    assert len(shown) in (16, 20)
    assert error_of(masked, f"SELECT devagent_mask('{kind}', 'a')") == "forbidden_function"


@pytest.mark.parametrize(
    "pattern",
    [
        *("column:shop.main.contacts.mail", "column:shop.*.customers.email"),
        *("column:SHOP.MAIN.CUSTOMERS.EMAIL", "tag:pii.email", "tag:**"),
    ],
)
def test_a_mask_may_name_the_view_the_column_or_its_tag(
    here: ShopSurroundings, pattern: str
) -> None:
    masked = here._replace(obligations={"mask": {pattern: "null"}})
    assert rows(masked, "SELECT name, mail FROM contacts WHERE id = 1") == [["Ana", None]]
    assert CANARY not in tools.query(masked, source="shop", sql="SELECT * FROM contacts")["text"]


def test_a_mask_on_a_tagged_table_covers_its_columns(here: ShopSurroundings) -> None:
    source = {**SETTINGS["sources"]["shop"], "tags": {"table:shop.main.customers": ["pii.all"]}}
    masked = here._replace(settings={"sources": {"shop": source}}, obligations=MASK_PRIVATE)
    assert rows(masked, "SELECT * FROM customers NOT INDEXED LIMIT 1") == [[None] * 7]


@pytest.mark.parametrize(
    "obligations",
    [
        {"filter": {"column:shop.main.orders.id": ["id = 1"]}},
        {"filter": {"table:shop.main.orders": [1]}},
        {"filter": "id = 1"},
        {"min_group": "many"},
        {"max_cost_usd": 1},
        {"mask": {"source:shop": "null"}},
        {"mask": ["column:**"]},
        {"limit_rows": "many"},
        {"limit_rows": -1},
        {"limit_bytes": True},
        {"timeout_s": float("nan")},
        {"new": 1},
    ],
)
@pytest.mark.parametrize("tool", ["sources", "describe", "query"])
def test_an_obligation_that_cannot_be_carried_out_refuses_the_call(
    here: ShopSurroundings, tool: str, obligations: Mapping[str, Any]
) -> None:
    bound = here._replace(obligations=obligations)
    calls = {
        "sources": lambda: tools.sources(bound),
        "describe": lambda: tools.describe(bound, source="shop"),
        "query": lambda: tools.query(bound, source="shop", sql="SELECT 1"),
    }
    with pytest.raises(SqlError) as raised:
        calls[tool]()
    assert raised.value.error == "unsupported_obligation"


def test_the_houses_own_obligations_are_not_ours(here: ShopSurroundings) -> None:
    bound = here._replace(obligations={"redact": ["x"], "require_reason": True, "log_full": True})
    assert rows(bound, "SELECT 1") == [[1]]


def test_taint_names_the_source_and_the_tags_read_unmasked(here: ShopSurroundings) -> None:
    sql = "SELECT email, phone FROM customers"
    assert tools.query(here, source="shop", sql=sql).get("taint") == [
        "sql.shop",
        "pii.email",
        "pii.phone",
    ]
    masked = here._replace(obligations={"mask": {"tag:pii.email": "null"}})
    assert tools.query(masked, source="shop", sql=sql).get("taint") == ["sql.shop", "pii.phone"]


def test_describe_shows_types_keys_references_and_tags(here: ShopSurroundings) -> None:
    shown = tools.describe(here, source="shop", table="Orders").get("structured", {})["rows"]
    assert shown[:2] == [
        ["id", "INTEGER", "key 1", ""],
        ["customer_id", "INTEGER", "not null, -> customers(id)", ""],
    ]
    assert shown[-1] == ["note", "TEXT", "", "private"]
    text = tools.describe(here, source="shop", table="customers")["text"]
    assert text.startswith("table customers; rows: 10; unique: email\n")
    assert '["mail_domain","TEXT","generated",""]' in text


def test_describe_counts_no_further_than_it_must(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE many (i)")
        connection.executemany("INSERT INTO many VALUES (?)", ((i,) for i in range(10_001)))
    text = tools.describe(ShopSurroundings(str(tmp_path)), source="shop")["text"]
    assert '["many","table","over 10000"]' in text


def test_describe_of_everything_shows_no_columns(here: ShopSurroundings) -> None:
    assert "email" not in tools.describe(here, source="shop")["text"]


def test_virtual_and_shadow_tables_are_not_offered(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE plain (a)")
        connection.execute("CREATE VIRTUAL TABLE found USING fts5(body)")
        connection.execute("INSERT INTO found VALUES ('CANARY text')")
    here = ShopSurroundings(str(tmp_path))
    names = [row[0] for row in tools.describe(here, source="shop").get("structured", {})["rows"]]
    assert names == ["plain"]
    for sql in (
        "SELECT * FROM found",
        "SELECT * FROM found_content",
        "SELECT count(*) FROM found JOIN (SELECT 'CANARY text' AS body) USING (body)",
        "SELECT count(*) FROM plain, found('CANARY')",
        "SELECT count(*) FROM json_each('[]'), found",
    ):
        assert error_of(here, sql) in (
            "unsupported_table",
            "forbidden_statement",
            "forbidden_function",
        )


def test_a_generated_column_is_masked_with_what_it_is_made_of(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute(
            'CREATE TABLE t (a, b AS (upper(a)) STORED, "c" AS ("b" || 1), d DEFAULT (1), e AS (d + 1))'
        )
        connection.execute("INSERT INTO t (a) VALUES ('CANARY')")
    masked = ShopSurroundings(str(tmp_path), {"mask": {"column:shop.main.t.a": "null"}})
    assert rows(masked, "SELECT * FROM t") == [[None, None, None, 1, 2]]
    named = tools.resources("query", {"source": "shop", "sql": "SELECT c FROM t"}, masked)
    assert {one["id"][-1] for one in named if one["id"].startswith("column:")} == {"a", "b", "c"}


def test_an_index_on_an_expression_tells_nothing_of_a_masked_column(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.execute("CREATE INDEX i ON t (length(a))")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "ccc"), (2, "bb"), (3, "a")])
    here = ShopSurroundings(str(tmp_path))
    assert rows(here, "SELECT id FROM t WHERE length(a) > 0") == [[3], [2], [1]]
    masked = here._replace(obligations={"mask": {"column:shop.main.t.a": "null"}})
    assert rows(masked, "SELECT id FROM t") == [[1], [2], [3]]
    assert rows(masked, "SELECT id FROM t WHERE length(a) > 0") == []


def test_a_view_with_a_forbidden_function_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("CREATE VIEW evil AS SELECT load_extension('x') AS a FROM t")
    assert error_of(ShopSurroundings(str(tmp_path)), "SELECT a FROM evil") == "forbidden_function"


def shop_at(path: str) -> Mapping[str, Any]:
    return {"sources": {"shop": {"type": "sqlite", "path": path}}}


def test_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    assert error_of(ShopSurroundings(str(tmp_path))) == "no_such_database"
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text(f"{CANARY} " * 1000)
    assert error_of(ShopSurroundings(str(tmp_path))) == "not_a_database"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shop.db")
    assert error_of(ShopSurroundings(str(tmp_path))) == "not_a_database"


def test_a_damaged_file_is_named_as_such(tmp_path: Path) -> None:
    build_shop(str(tmp_path / "shop.db"))
    data = bytearray((tmp_path / "shop.db").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (tmp_path / "shop.db").write_bytes(data)
    assert error_of(ShopSurroundings(str(tmp_path)), "SELECT * FROM staff") == "corrupt"


def test_a_locked_database_is_named_as_such(tmp_path: Path) -> None:
    build_shop(str(tmp_path / "shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert error_of(ShopSurroundings(str(tmp_path), time_limit_s=0.4)) == "locked"
        assert time.monotonic() - started < 2
        other.execute("ROLLBACK")
    assert rows(ShopSurroundings(str(tmp_path)), "SELECT count(*) FROM staff") == [[4]]


def test_a_wal_database_is_read_with_its_newest_rows(tmp_path: Path) -> None:
    build_shop(str(tmp_path / "shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO staff VALUES (5, 'Oda', 1, 1)")
        here = ShopSurroundings(str(tmp_path))
        assert rows(here, "SELECT count(*) FROM staff") == [[5]]
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM staff")
        assert rows(here, "SELECT count(*) FROM staff") == [[5]]
        writer.execute("ROLLBACK")


def test_a_link_within_the_workspace_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    build_shop(str(tmp_path / "data" / "real.db"))
    (tmp_path / "shop.db").symlink_to("data/real.db")
    assert rows(ShopSurroundings(str(tmp_path)), "SELECT count(*) FROM staff") == [[4]]


@pytest.mark.parametrize("path", ["shop.db", "../elsewhere.db"])
def test_a_relative_path_that_leaves_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    build_shop(str(tmp_path / "elsewhere.db"))
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "shop.db").symlink_to("../elsewhere.db")
    assert error_of(ShopSurroundings(str(folder), settings=shop_at(path))) == "outside_workspace"


def test_an_absolute_path_is_taken_as_configured(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    path = tmp_path / "odd name?mode=rwc#%41.db"
    build_shop(str(path))
    here = ShopSurroundings(str(tmp_path / "workspace"), settings=shop_at(str(path)))
    assert rows(here, "SELECT count(*) FROM staff") == [[4]]
    assert error_of(here, "DELETE FROM staff") == "not_a_query"


@pytest.mark.parametrize(
    ("sources", "error"),
    [
        ({"shop": {"type": "oracle", "path": "shop.db"}}, "unsupported_engine"),
        ({"shop": {"type": "sqlite"}}, "bad_settings"),
        ({"shop": {"path": 3}}, "bad_settings"),
        ({"shop": {"path": "a\0b"}}, "bad_settings"),
        ({"shop": {"path": "shop.db", "pasword": "x"}}, "bad_settings"),
        ({"shop": {"path": "shop.db", "tags": {"email": ["pii"]}}}, "bad_settings"),
        ({"shop": {"path": "shop.db", "tags": {"column:**": "pii"}}}, "bad_settings"),
        ({"shop": "shop.db"}, "bad_settings"),
        (["shop"], "bad_settings"),
        ({"stop": {"path": "shop.db"}}, "unknown_source"),
    ],
)
def test_settings_that_are_wrong_are_refused(
    here: ShopSurroundings, sources: object, error: str
) -> None:
    assert error_of(here._replace(settings={"sources": sources})) == error


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 1\0", "syntax"),
        ("SELECT '\ud800'", "bad_text"),
        ("", "syntax"),
        ("SELECT " + "(" * 500 + "1" + ")" * 500, "too_large"),
        ("SELECT " + "1+" * 5000 + "1", "too_large"),
        ("SELECT " + " UNION SELECT ".join(["1"] * 100), "too_large"),
        ("SELECT id FROM orders JOIN customers ON 1", "ambiguous_column"),
        ("SELECT 1 WHERE 'a' LIKE '" + "%a" * 100 + "'", "invalid"),
        (f"SELECT 'x{'y' * 200_000}'", "too_large"),
        ("SELECT round(1, 2, 3)", "invalid"),
    ],
)
def test_a_statement_that_is_wrong_has_a_class_and_our_words(
    here: ShopSurroundings, sql: str, error: str
) -> None:
    assert error_of(here, sql) == error


def test_sources_lists_what_is_configured(here: ShopSurroundings) -> None:
    text = tools.sources(here)["text"]
    assert text.splitlines()[1:] == ['["shop","sqlite","dev","#shop-team",""]', "(1 source)"]
    assert "shop.db" not in text


def test_an_answer_is_read_page_by_page(here: ShopSurroundings) -> None:
    pages: list[Any] = []
    offset: int | None = 0
    while offset is not None:
        sql = "SELECT id FROM customers ORDER BY id"
        page = tools.query(here, source="shop", sql=sql, limit=4, offset=offset)
        pages.append([row[0] for row in page.get("structured", {})["rows"]])
        offset = page.get("structured", {}).get("next_offset")
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    second = tools.query(here, source="shop", sql="SELECT id FROM customers", limit=4, offset=4)
    assert second["text"].endswith("(rows 5 to 8, more: offset=8)")
    past = tools.query(here, source="shop", sql="SELECT id FROM customers", offset=10)
    assert past["text"].endswith("(no rows after 10)")
