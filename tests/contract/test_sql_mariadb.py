"""MariaDB, a real server: what is governed, what is typed, what goes wrong and how it is told."""

import json
import threading
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent_sql import tools
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.mysql.connection import connected
from devagent_sql.engines.mysql.engine import MySQL
from devagent_sql.engines.mysql.rights import may_more
from devagent_sql.engines.mysql.rows import conversions
from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.pool import close_idle
from devagent_sql.engines.port import NO_RULES, Clock, Row
from devagent_sql.sources import Server
from devagent_sql.values import as_json
from tests.support import mariadb_shop
from tests.support.mariadb_server import MariaDBServer, installed
from tests.support.shop import CANARY, ShopSurroundings
from tests.support.sql_asking import error_of, ids, outcome, rows
from tests.support.sql_corpus import statements

pytestmark = pytest.mark.skipif(not installed(), reason="MariaDB is not installed")

HIDE: dict[str, Any] = {
    "mask": {"tag:pii.*": "hash", "tag:private": "null"},
    "filter": {"table:shop.shop.customers": ["tenant = 1", "city <> 'Oslo'"]},
}
RUNAWAY = (
    "SELECT count(*) FROM digits a, digits b, digits c, digits d, digits e, digits f, digits g, digits h, digits i "
    "WHERE (a.d + b.d * c.d + d.d * e.d + f.d * g.d * h.d + i.d) % 7 = 3"
)


@pytest.fixture(scope="module")
def server(mariadb_with_shop: MariaDBServer) -> MariaDBServer:
    return mariadb_with_shop


@pytest.fixture(scope="module")
def here(server: MariaDBServer) -> ShopSurroundings:
    return ShopSurroundings("/", {}, 20.0, mariadb_shop.settings(server))


def run(server: MariaDBServer, *statements: str) -> None:
    connection = server.connect(database="shop")
    try:
        with connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
    finally:
        connection.close()


# ---- the corpus ----


def test_a_benign_statement_gives_what_the_engine_gives(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    import pymysql

    bare = server.connect("reader", database="shop", conv=conversions(pymysql))
    wrong: list[str] = []
    try:
        for sql in statements("mysql_benign.sql"):
            with bare.cursor() as cursor:
                cursor.execute(sql)
                names = [column[0] for column in cursor.description]
                bits = {at for at, column in enumerate(cursor.description) if column[1] == 16}
                expected = [
                    [
                        int.from_bytes(cell, "big") if at in bits and cell is not None else as_json(cell)
                        for at, cell in enumerate(row)
                    ]
                    for row in cursor.fetchall()
                ]  # fmt: skip
            found = tools.query(here, source="shop", sql=sql, limit=1000).get("structured", {})
            if (found["columns"], found["rows"]) != (names, expected):
                wrong.append(sql)
    finally:
        bare.close()
    assert wrong == []


@settings(max_examples=40)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12))
def test_a_text_is_read_by_the_server_as_it_was_by_the_tree(
    here: ShopSurroundings, text: str
) -> None:
    """Quotes, backslashes and all: what stands in a literal never ends it."""
    for quote in "'\"":
        literal = text.replace("\\", "\\\\").replace(quote, quote * 2)
        sql = f"SELECT {quote}{literal}{quote} AS x, hex({quote}{literal}{quote}) AS h"
        assert rows(here, sql) == [[text, text.encode().hex().upper()]]


@settings(max_examples=40)
@given(text=st.text(st.sampled_from("\\'\"`%_-#/*! ;a\n\t"), max_size=10))
def test_what_stands_between_quotes_is_one_value_or_an_error(
    here: ShopSurroundings, text: str
) -> None:
    """Escapes left as they come: one column, no more, or nothing at all."""
    error, told = outcome(here, f"SELECT '{text}' AS x")
    if not error:
        assert len(json.loads(told)["structured"]["rows"][0]) == 1


# ---- resources ----


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT name FROM customers", {"customers.name"}),
        ("SELECT 1 FROM customers ORDER BY email", {"customers.email"}),
        ("SELECT count(*) FROM customers", set[str]()),
        ("SELECT count(*) FROM customers GROUP BY city", {"customers.city"}),
        ("SELECT city, count(*) AS id FROM customers GROUP BY city HAVING id > 3", {"customers.city", "customers.id"}),
        ("SELECT * FROM subscribers", {"subscribers.email", "subscribers.topic"}),
        ("SELECT 1 FROM customers JOIN subscribers USING (email)", {"customers.email", "subscribers.email"}),
        ("SELECT 1 FROM customers NATURAL JOIN subscribers", {"customers.email", "subscribers.email"}),
        ("WITH q AS (SELECT email AS e FROM customers) SELECT e FROM q", {"customers.email"}),
        ("SELECT mail_domain FROM customers", {"customers.mail_domain", "customers.email"}),
        ("SELECT name FROM contacts", {"contacts.name", "customers.id", "customers.name", "customers.email"}),
        ("SELECT timestampdiff(DAY, joined, now()) FROM customers", {"customers.joined"}),
        ("SELECT group_concat(name ORDER BY phone) FROM customers", {"customers.name", "customers.phone"}),
    ],
)  # fmt: skip
def test_every_column_that_is_read_is_named(
    here: ShopSurroundings, sql: str, columns: set[str]
) -> None:
    found = {one for one in ids(here, sql) if one.startswith("column:")}
    assert found == {f"column:shop.shop.{name}" for name in columns}


def test_a_star_is_the_columns_that_the_login_may_read(here: ShopSurroundings) -> None:
    assert rows(here, "SELECT * FROM staff WHERE id = 1") == [[1, "Kai", None, "ops"]]
    assert error_of(here, "SELECT *, unshown FROM hushed") == "unsupported_syntax"
    shown = {one for one in ids(here, "SELECT * FROM hushed") if one.startswith("column:")}
    assert shown == {"column:shop.shop.hushed.id", "column:shop.shop.hushed.shown"}


# ---- masks, filters, groups ----


def test_the_errors_of_a_statement_do_not_tell_of_filtered_rows(here: ShopSurroundings) -> None:
    hidden = here._replace(obligations={"filter": {"table:shop.shop.customers": ["id <> 7"]}})
    # Of more than one row where id is 7: an error of the server's, unless the row is kept out.
    sql = "SELECT count(*) FROM customers WHERE if(id = 7, (SELECT d FROM digits), 1)"
    assert error_of(here, sql) == "invalid"
    assert rows(hidden, sql) == [[9]]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("null", [None] * 5),
        ("partial", ["A***", "1***", "2***", None, "2***"]),
        ("range", [None, "10.00", "2026-01-01", None, None]),
    ],
)  # fmt: skip
def test_each_kind_of_mask_makes_of_a_value_what_it_can(
    here: ShopSurroundings, kind: str, expected: list[Any]
) -> None:
    names = ("customers.name", "products.price", "customers.joined", "kinds.b", "kinds.y")
    masked = here._replace(
        obligations={"mask": {f"column:shop.shop.{name}": kind for name in names}}
    )
    sql = "SELECT name, price, joined, b, y FROM customers, products, kinds WHERE customers.id = 1 AND sku = 'cup' AND kinds.id = 1"
    assert rows(masked, sql) == [expected]


def test_the_small_group_rule_gives_large_groups_only(server: MariaDBServer) -> None:
    writer = ShopSurroundings("/", {"min_group": 2}, 10.0, mariadb_shop.settings(server, "writer"))
    sql = "SELECT team, count(*), avg(salary) FROM staff GROUP BY team ORDER BY team"
    assert [row[:2] for row in rows(writer, sql)] == [["ops", 3], ["web", 2]]
    for refused in (
        "SELECT salary FROM staff",
        "SELECT group_concat(salary) FROM staff",
        "SELECT sum(if(id = 6, salary, 0)) FROM staff",
        "SELECT team, sum(salary) FROM staff GROUP BY team WITH ROLLUP",
        "SELECT json_arrayagg(salary) FROM staff",
    ):
        assert error_of(writer, refused) == "small_group", refused


# ---- who logs in ----


@pytest.mark.parametrize(
    ("on", "refused"),
    [("`%`.*", True), ("`my%`.*", True), ("`m_sql`.*", True), ("`mysql`.`user`", True), ("*.*", True),
     ("`sho_`.*", False), ("`my\\_%`.*", False), ("`%`.`user`", False), ("`shop`.*", False), ("`a.b`.*", False)],
)  # fmt: skip
def test_a_grant_on_schemas_that_are_like_a_text_reaches_the_servers_own_too(
    on: str, refused: bool
) -> None:
    class Granted(Session):
        def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
            del parameters
            return [(None,)] if sql == "SELECT CURRENT_ROLE()" else [(f"GRANT SELECT ON {on} TO `u`@`%`",)]  # fmt: skip

    assert may_more(Granted(None, True, "", False)) is refused


def test_rights_that_come_by_a_role_count(server: MariaDBServer) -> None:
    run(
        server,
        "CREATE ROLE powerful",
        "GRANT FILE ON *.* TO powerful",
        "CREATE USER climber",
        "GRANT SELECT ON shop.customers TO climber",
        "GRANT powerful TO climber",
        "SET DEFAULT ROLE powerful FOR climber",
    )
    climber = ShopSurroundings("/", {}, 10.0, mariadb_shop.settings(server, "climber"))
    assert error_of(climber, "SELECT name FROM customers") == "elevated_role"


# ---- what is kept between calls ----


def test_a_connection_serves_the_next_call_and_keeps_nothing_of_the_last(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    close_idle()
    login = Server(server.socket, database="shop", user="reader")
    with connected(login, None, Clock.of(9)) as one:
        first = one.raw.thread_id()
        one.rows("SELECT GET_LOCK('held', 1)")
        one.raw.query("SET @left = 1, SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'")
        one.raw.query("SET NAMES latin1")
    assert rows(here, "SELECT \"text\", 1 || 0, 'ü'") == [["text", 1, "ü"]]
    with connected(login, None, Clock.of(9)) as again:
        assert again.raw.thread_id() == first
        assert again.rows("SELECT @left, IS_FREE_LOCK('held')") == [(None, 1)]
    run(server, f"KILL {first}")
    assert rows(here, "SELECT 2") == [[2]]
    close_idle()


def test_a_view_that_the_login_cannot_see_through_is_refused(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    run(server, "CREATE VIEW blind AS SELECT secret FROM vault", "GRANT SELECT, SHOW VIEW ON blind TO reader")  # fmt: skip
    assert error_of(here, "SELECT * FROM blind") == "unsupported_table"
    run(server, "DROP VIEW blind")


# ---- bounds ----


def test_a_long_read_is_streamed_in_constant_memory(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    sql = "SELECT a.d FROM digits a, digits b, digits c, digits d, digits e, digits f, digits g LIMIT 10000000"
    login = Server(server.socket, database="shop", user="reader", schemas=("shop",))
    kept = Kept()
    tracemalloc.start()
    try:
        found = MySQL(login, lambda: None).run(sql, 20_000, kept, NO_RULES, Clock.of(60))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(kept.rows), found.cut) == (20_000, "rows")
    assert peak < 8_000_000
    result = tools.query(here, source="shop", sql=sql.replace("a.d", "repeat('x', 100) AS x"))
    assert result.get("rows") == 100


def test_odd_names_and_texts_of_other_encodings_come_whole(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    names = ["a`b", "select", "Ünï", "with space", "a.b", 'c"d', "%s"]
    listed = ", ".join("`" + name.replace("`", "``") + "` int" for name in names)
    run(
        server,
        f"CREATE TABLE `odd t` ({listed})",
        "INSERT INTO `odd t` VALUES (1, 2, 3, 4, 5, 6, 7)",
        "CREATE TABLE encoded (l varchar(9) CHARACTER SET latin1, c varchar(9) CHARACTER SET cp1251, u varchar(9) CHARACTER SET utf16, b varbinary(9))",
        "INSERT INTO encoded VALUES ('Zoë', 'Жук', '🦆', x'ff00')",
        "GRANT SELECT ON `odd t` TO reader",
        "GRANT SELECT ON encoded TO reader",
    )
    try:
        found = tools.query(here, source="shop", sql="SELECT * FROM `odd t`").get("structured", {})
        assert (found["columns"], found["rows"]) == (names, [[1, 2, 3, 4, 5, 6, 7]])
        assert rows(here, "SELECT * FROM encoded WHERE l = 'Zoë' AND c = 'Жук' AND u = '🦆'") == [
            ["Zoë", "Жук", "🦆", {"blob": 2, "hex": "ff00"}]
        ]
    finally:
        run(server, "DROP TABLE `odd t`, encoded")


def test_a_generated_column_is_masked_and_named_with_all_that_it_is_made_of(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    run(
        server,
        "CREATE TABLE made (mail varchar(40), g varchar(40) AS (upper(mail)), h varchar(44) AS (concat(g, '!')))",
        f"INSERT INTO made (mail) VALUES ('{CANARY}')",
        "GRANT SELECT ON made TO reader",
    )
    try:
        hidden = here._replace(obligations={"mask": {"column:**.made.mail": "hash"}})
        assert rows(hidden, "SELECT g, h FROM made") == [[None, None]]
        assert "column:shop.shop.made.mail" in ids(here, "SELECT h FROM made")
    finally:
        run(server, "DROP TABLE made")


def test_a_call_that_nobody_waits_for_is_ended_at_the_server(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    class Waiting(ShopSurroundings):
        cancelled = threading.Event()

    timer = threading.Timer(0.2, Waiting.cancelled.set)
    timer.start()
    assert error_of(Waiting(*here), RUNAWAY) == "timeout"
    timer.join()
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%digits%' AND ID <> CONNECTION_ID()"
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute(running)
        assert cursor.fetchall() == ((0,),)
    connection.close()


# ---- types, description, changes ----


def test_values_of_every_type_come_whole(here: ShopSurroundings) -> None:
    structured = tools.query(here, source="shop", sql="SELECT * FROM kinds ORDER BY id").get("structured", {})  # fmt: skip
    first, second, third = (dict(zip(structured["columns"], row, strict=True)) for row in structured["rows"])  # fmt: skip
    types = dict(zip(structured["columns"], structured["types"], strict=True))
    assert (types["n"], types["b"], types["dt"]) == ("decimal", "varbinary", "datetime")
    assert first["b"] == {"blob": 3, "hex": "00ff10"}
    assert first["ub"] == {"int": "18446744073709551615"}
    assert (first["bi"], first["l"], first["t"], first["s"]) == (2730, "grüß", "-04:05:06", "x,y")
    assert second["n"] == "12345678901234567890.0123456789"
    assert (second["f"], second["d"]) == (-1e308, "1000-01-01")
    assert third["dt"] == "9999-12-31 23:59:59.999999"


def test_a_table_is_described_with_types_keys_and_comments(here: ShopSurroundings) -> None:
    result = tools.describe(here, source="shop", table="customers")
    described = {row[0]: row[1:] for row in result.get("structured", {})["rows"]}
    assert described["id"] == ["int(11)", "key 1, not null", ""]
    assert described["city"] == ["varchar(80)", "not null; where parcels go", ""]
    assert described["email"] == ["varchar(80)", "not null", "pii.email"]
    assert described["mail_domain"] == ["varchar(80)", "generated", ""]
    assert "customers(id)" in tools.describe(here, source="shop", table="shop.orders")["text"]
    assert "salary" not in tools.describe(here, source="shop", table="staff")["text"]
    overview = tools.describe(here, source="shop")["text"]
    assert "orders" in overview
    assert "vault" not in overview


def test_a_plan_and_a_profile_are_given(here: ShopSurroundings) -> None:
    assert "customers" in tools.explain(here, source="shop", sql="SELECT name FROM customers")["text"]  # fmt: skip
    found = tools.profile(here, source="shop", table="kinds", columns="id,n,e")
    assert found.get("structured", {})["rows"] == [
        ["id", 3, 0, 3, 1, 3],
        ["n", 3, 1, 2, "1.5000000000", "12345678901234567890.0123456789"],
        ["e", 3, 1, 2, "a", "b"],
    ]


def test_the_hidden_name_of_a_key_stands_for_no_column_that_was_not_named(
    here: ShopSurroundings,
) -> None:
    for sql in (
        "SELECT _rowid FROM customers GROUP BY _rowid",
        "SELECT max(_rowid) AS _rowid FROM customers GROUP BY city",
    ):
        assert outcome(here, sql)[0] == "no_such_column", sql
