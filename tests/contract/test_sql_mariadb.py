"""MariaDB, a real server: what is governed, what is typed, what goes wrong and how it is told."""

import json
import signal
import threading
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
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
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.values import as_json
from tests.support import mariadb_shop
from tests.support.mariadb_server import MariaDBServer, installed, mariadb_server
from tests.support.shop import CANARY, ShopSurroundings
from tests.support.sql_corpus import statements
from tests.support.sql_statements import Tables, statement_over

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


def outcome(here: ShopSurroundings, sql: str) -> tuple[str, str]:
    """The error's class, and everything that is told."""
    try:
        return "", json.dumps(tools.query(here, source="shop", sql=sql))
    except SqlError as error:
        return error.error, str(error)


def error_of(here: ShopSurroundings, sql: str) -> str:
    return outcome(here, sql)[0]


def rows(here: ShopSurroundings, sql: str, limit: int = 1000) -> list[Any]:
    return tools.query(here, source="shop", sql=sql, limit=limit).get("structured", {})["rows"]


def ids(here: ShopSurroundings, sql: str) -> set[str]:
    return {one["id"] for one in tools.resources("query", {"source": "shop", "sql": sql}, here)}


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


def test_a_hostile_statement_leaks_nothing_and_changes_nothing(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    before = mariadb_shop.content(server)
    allowed: list[str] = []
    for sql in statements("mysql_hostile.sql"):
        error, told = outcome(here, sql)
        assert CANARY not in told, sql
        if not error:
            allowed.append(sql)
    assert allowed == []
    assert mariadb_shop.content(server) == before
    assert not Path("/tmp/devagent-never").exists()


def test_the_corpus_is_large_enough() -> None:
    assert len({*statements("mysql_benign.sql"), *statements("mysql_hostile.sql")}) >= 240


def test_hidden_values_stay_hidden_whatever_is_asked(here: ShopSurroundings) -> None:
    """Every benign statement again, under masks and filters: no canary in any answer."""
    hidden = here._replace(obligations=HIDE)
    for sql in statements("mysql_benign.sql"):
        error, told = outcome(hidden, sql)
        assert error in ("", "grouping", "masked_view"), sql
        assert CANARY not in told, sql


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
    assert rows(hidden, "SELECT c.name FROM customers c JOIN subscribers s USING (email)") == [
        ["Ana"]
    ]


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


TABLES: Tables = {
    "customers": ("id", "name", "email", "phone", "city", "tenant"),
    "subscribers": ("email", "topic"),
    "contacts": ("id", "name", "mail"),
    "orders": ("id", "status", "note"),
}
HIDE_TEXTS: dict[str, Any] = {
    "mask": {"column:**.email": "null", "column:**.phone": "partial", "column:**.note": "null"},
    "filter": {"table:*.*.customers": ["tenant = 1", "city <> 'Oslo'"]},
}


@pytest.fixture(scope="module")
def removed(server: MariaDBServer) -> ShopSurroundings:
    """The tables without what is forbidden, as a database of their own; no rules."""
    run(
        server,
        "CREATE DATABASE removed CHARACTER SET utf8mb4",
        "CREATE TABLE removed.customers AS SELECT id, name, nullif(email, email) AS email, concat(left(phone, 1), '***') AS phone, city, tenant FROM customers WHERE tenant = 1 AND city <> 'Oslo'",
        "CREATE TABLE removed.subscribers AS SELECT nullif(email, email) AS email, topic FROM subscribers",
        "CREATE TABLE removed.orders AS SELECT id, status, nullif(note, note) AS note FROM orders",
        "CREATE VIEW removed.contacts AS SELECT id, name, email AS mail FROM removed.customers",
        "GRANT SELECT, SHOW VIEW ON removed.* TO reader",
    )
    source = mariadb_shop.source(server, database="removed")
    return ShopSurroundings("/", {}, 20.0, {"sources": {"shop": source}})


def answer(here: ShopSurroundings, sql: str) -> tuple[str, list[str]]:
    try:
        return "", sorted(map(str, rows(here, sql)))
    except SqlError as error:
        return error.error, []


@settings(max_examples=15)
@given(sql=statement_over(TABLES).map(lambda sql: sql.replace("VARCHAR(80)", "CHAR(80)")))
def test_an_answer_under_rules_is_the_answer_where_the_forbidden_was_removed(
    here: ShopSurroundings, removed: ShopSurroundings, sql: str
) -> None:
    assert answer(here._replace(obligations=HIDE_TEXTS), sql) == answer(removed, sql)


# ---- who logs in ----


def test_a_login_that_may_do_more_is_refused_unless_the_source_says_so(
    server: MariaDBServer,
) -> None:
    run(server, "CREATE USER roamer", "GRANT SELECT ON `%`.* TO roamer")
    for user in ("root", "owner", "filer", "roamer"):
        strict = ShopSurroundings("/", {}, 10.0, mariadb_shop.settings(server, user))
        assert error_of(strict, "SELECT name FROM customers") == "elevated_role"
        lax = ShopSurroundings("/", {}, 10.0, mariadb_shop.settings(server, user, elevated=True))
        assert len(rows(lax, "SELECT name FROM customers")) == 10


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


def test_a_login_that_fails_says_so_without_the_engines_words(
    server: MariaDBServer, tmp_path: Path
) -> None:
    def of(**more: Any) -> str:
        shop = mariadb_shop.settings(server, **more)
        return error_of(ShopSurroundings("/", {}, 3.0, shop), "SELECT 1")

    assert of(database="nosuch") == "no_such_database"
    assert of(user="nobody_at_all") == "login_refused"
    assert of(host=str(tmp_path / "none")) == "unreachable"
    assert of(secret="not-stored") == "login_refused"
    assert of(tls="sometimes") == "bad_settings"


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


def test_a_call_touches_no_more_than_it_was_judged_for(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    sql = "SELECT * FROM judged"
    run(server, "CREATE VIEW judged AS SELECT 1 AS x", "GRANT SELECT, SHOW VIEW ON judged TO reader")  # fmt: skip
    ids(here, sql)
    run(server, "CREATE OR REPLACE VIEW judged AS SELECT phone FROM customers")
    assert error_of(here, sql) == "changed"
    assert error_of(here, sql) == "changed"
    ids(here, sql)
    assert len(rows(here, sql)) == 10
    run(server, "DROP VIEW judged")


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


def test_wide_rows_are_read_a_few_at_a_time(here: ShopSurroundings) -> None:
    wide = ", ".join(f"repeat('x', 10000) AS c{place}" for place in range(100))
    result = tools.query(here, source="shop", sql=f"SELECT {wide} FROM digits a, digits b LIMIT 50")
    assert result.get("structured", {})["complete"] is False


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


def test_a_runaway_statement_ends_with_its_time(here: ShopSurroundings) -> None:
    started = time.monotonic()
    assert error_of(here._replace(time_limit_s=0.3), RUNAWAY) == "timeout"
    assert time.monotonic() - started < 10


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


def test_a_lock_is_waited_for_a_second_at_most(
    server: MariaDBServer, here: ShopSurroundings
) -> None:
    other = server.connect(database="shop")
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLES products WRITE")
        started = time.monotonic()
        assert error_of(here, "SELECT * FROM products") == "locked"
        assert time.monotonic() - started < 8
    finally:
        other.close()


def test_a_server_that_is_killed_is_a_clear_error(here: ShopSurroundings) -> None:
    with mariadb_server() as doomed:
        mariadb_shop.build(doomed)
        there = here._replace(settings=mariadb_shop.settings(doomed))
        timer = threading.Timer(0.3, doomed.process.send_signal, [signal.SIGKILL])
        timer.start()
        assert error_of(there, RUNAWAY) == "unreachable"
        timer.join()
        assert error_of(there, "SELECT 1") == "unreachable"
    close_idle()


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


def test_a_change_is_previewed_and_committed_as_previewed(server: MariaDBServer) -> None:
    settings = mariadb_shop.settings(server, "writer", effects={"table:shop.shop.staff": []})
    writer = ShopSurroundings("/", {}, 10.0, settings)
    sql = "UPDATE staff SET salary = salary * 2 WHERE team = 'web'"
    before = mariadb_shop.content(server)
    preview = tools.write(writer, source="shop", sql=sql).get("structured", {})
    assert preview["affected"] == 2
    assert preview["rows"][0] == ["before", 4, "5000"]
    assert preview["rows"][-1] == ["after", 5, "10400"]
    for wrong in (
        "DROP TABLE staff",
        "TRUNCATE staff",
        "UPDATE staff, products SET salary = 0",
        "UPDATE staff SET salary = 0 LIMIT 1",
        "DELETE staff FROM staff JOIN products",
        "DELETE FROM staff ORDER BY id LIMIT 1",
        "UPDATE staff SET name = wipe()",
        "INSERT INTO staff VALUES (9, leak(), NULL, 1, 'x')",
        "INSERT IGNORE INTO staff VALUES (1, 'x', NULL, 1, 'x')",
        "INSERT INTO staff VALUES (1, 'x', NULL, 1, 'x') ON DUPLICATE KEY UPDATE salary = 0",
        "REPLACE INTO staff VALUES (1, 'x', NULL, 1, 'x')",
        "UPDATE staff SET salary = 0 /*! WHERE id = 1 */",
        "UPDATE ledger SET amount = 0",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE staff",
    ):
        with pytest.raises(SqlError):
            tools.write(writer, source="shop", sql=wrong, commit=True, expected_rows=1)
    with pytest.raises(SqlError) as raised:
        tools.write(writer, source="shop", sql=sql, commit=True, expected_rows=9)
    assert raised.value.error == "changed"
    assert mariadb_shop.content(server) == before
    back = "UPDATE staff SET salary = salary / 2 WHERE team = 'web'"
    for one in (sql, back):
        done = tools.write(writer, source="shop", sql=one, commit=True, expected_rows=2)
        assert done.get("structured", {})["committed"] is True
    tags = {
        (one["id"], one["access"]): one["tags"]
        for one in tools.resources("write", {"source": "shop", "sql": "DELETE FROM staff"}, writer)
    }
    assert tags["table:shop.shop.staff", "write"] == ["sql.delete", "sql.unbounded"]


def test_the_hidden_name_of_a_key_stands_for_no_column_that_was_not_named(
    here: ShopSurroundings,
) -> None:
    for sql in (
        "SELECT _rowid FROM customers GROUP BY _rowid",
        "SELECT max(_rowid) AS _rowid FROM customers GROUP BY city",
    ):
        assert outcome(here, sql)[0] == "no_such_column", sql
