"""PostgreSQL, a real server: what is governed, what is typed, what goes wrong and how it is told."""

from typing import Any

import psycopg
import pytest

from devagent_sql import tools
from devagent_sql.engines.batches import Kept
from devagent_sql.engines.pool import close_idle
from devagent_sql.engines.port import NO_RULES, Clock
from devagent_sql.engines.postgres import engine as postgres_engine
from devagent_sql.engines.postgres.connection import ADAPTERS, connected
from devagent_sql.engines.postgres.engine import Postgres
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.values import as_json
from tests.support import postgres_shop
from tests.support.postgres_server import PostgresServer, installed, postgres_server
from tests.support.shop import CANARY, ShopSurroundings
from tests.support.sql_asking import error_of, ids, outcome, rows
from tests.support.sql_corpus import statements

pytestmark = pytest.mark.skipif(not installed(), reason="PostgreSQL is not installed")

HIDE: dict[str, Any] = {
    "mask": {"tag:pii.*": "hash", "tag:private": "null"},
    "filter": {"table:shop.public.customers": ["tenant = 1", "city <> 'Oslo'"]},
}


@pytest.fixture(scope="module")
def server(postgres_with_shop: PostgresServer) -> PostgresServer:
    return postgres_with_shop


@pytest.fixture(scope="module")
def here(server: PostgresServer) -> ShopSurroundings:
    return ShopSurroundings("/", {}, 10.0, postgres_shop.settings(server))


def admin(server: PostgresServer, database: str = "shop") -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(host=server.host, dbname=database, user="admin", autocommit=True)


def test_what_a_call_looks_up_stays_prepared_for_the_next_and_nothing_else_does(
    server: PostgresServer,
) -> None:
    login = Server(host=server.host, database="shop", user="reader")
    engine = Postgres(login, lambda: None)
    seen: list[list[tuple[Any, ...]]] = []
    for number in range(4):
        engine.run(
            f"SELECT name FROM customers WHERE id = {number}", 5, Kept(), NO_RULES, Clock.of(20)
        )
        with connected(login, None, Clock.of(20)) as connection:
            seen.append(connection.execute("SELECT name, left(statement, 200) FROM pg_prepared_statements ORDER BY 1").fetchall())  # fmt: skip
        with pytest.raises(SqlError):
            engine.run("SELECT 1 / (id - 7) FROM customers", 50, Kept(), NO_RULES, Clock.of(20))
    close_idle()
    assert len(seen[-1]) >= 3
    assert seen[-1] == seen[1]
    assert not any("customers" in text for _, text in seen[-1])


def test_behind_a_pooler_that_ignores_what_is_asked_for_nothing_is_prepared_and_texts_end_where_they_do(
    server: PostgresServer, here: ShopSurroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PgBouncer does with ``ignore_startup_parameters = options``; its sessions are everybody's in turn."""
    close_idle()
    connect: Any = psycopg.connect

    def deaf(*, options: str, **more: Any) -> object:
        del options
        return connect(**more)

    with monkeypatch.context() as patch, admin(server) as connection:
        patch.setattr(psycopg, "connect", deaf)
        connection.execute("ALTER DATABASE shop SET standard_conforming_strings = off")
        connection.execute("ALTER DATABASE shop SET bytea_output = 'escape'")
        connection.execute("ALTER DATABASE shop SET DateStyle = 'German'")
        try:
            hidden = here._replace(obligations=HIDE)
            inside = " || (SELECT max(phone) FROM customers) AS y --"
            assert rows(hidden, f"SELECT 'a\\' AS x, '{inside}' AS z") == [["a\\", inside]]
            assert rows(here, "SELECT b, d FROM kinds WHERE id = 1") == [[{"blob": 3, "hex": "00ff10"}, "2026-02-28"]]  # fmt: skip
            login = Server(server.host, database="shop", user="reader")
            with connected(login, None, Clock.of(20)) as one:
                assert one.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
        finally:
            connection.execute("ALTER DATABASE shop RESET ALL")
            close_idle()


def test_what_a_function_beneath_a_view_does_is_undone_after_a_read(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    """A READ ONLY transaction allows of NOTIFY, and before PostgreSQL 16 of large objects; a commit would keep both."""
    with admin(server) as connection:
        connection.execute("""
            CREATE FUNCTION busy(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_notify('busy', 'seen');
                IF current_setting('server_version_num')::int < 160000 THEN PERFORM lo_from_bytea(0, 'kept'); END IF;
                RETURN x;
            END $$;
            CREATE VIEW busy_people AS SELECT id, busy(id) AS x FROM customers;
            GRANT SELECT ON busy_people TO reader;
            LISTEN busy;
        """)
        try:
            assert rows(here, "SELECT sum(x) FROM busy_people") == [[55]]
            with pytest.raises(SqlError):
                rows(here, "SELECT 1 / (x - 7) FROM busy_people")
            connection.execute("NOTIFY busy, 'last'")
            told = [one.payload for one in connection.notifies(timeout=20, stop_after=1)]
            kept = connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone()
        finally:
            connection.execute("DROP VIEW busy_people; DROP FUNCTION busy")
    assert (told, kept) == (["last"], (0,))


# ---- the corpus ----


def test_a_benign_statement_gives_what_the_engine_gives(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    benign = statements("postgres_benign.sql")
    wrong: list[str] = []
    with psycopg.connect(
        host=server.host, dbname="shop", user="reader", autocommit=True, context=ADAPTERS
    ) as bare:
        for sql in benign:
            cursor = bare.execute(sql.encode())
            expected = [[as_json(cell) for cell in row] for row in cursor.fetchall()]
            names = [column.name for column in cursor.description or []]
            found = tools.query(here, source="shop", sql=sql, limit=1000).get("structured", {})
            if (found["columns"], found["rows"]) != (names, expected):
                wrong.append(sql)
    assert wrong == []


@pytest.mark.parametrize("name", ["email", "phone", "xmin", "ctid"])
def test_the_name_of_a_function_stands_for_no_column_that_was_not_named(
    here: ShopSurroundings, name: str
) -> None:
    """What the parser takes for a function's row may be a column of a table around it to the server."""
    for sql in (
        f"SELECT id, (SELECT {name}::text FROM json_each('{{\"a\":1}}') AS {name}) FROM customers GROUP BY id",
        f"SELECT (SELECT string_agg({name}::text, ',') FROM json_each('{{\"a\":1}}') AS {name}) FROM customers GROUP BY city",
        f"SELECT (SELECT {name}::text FROM (SELECT 1, 2) AS {name}) FROM customers GROUP BY id",
        f"SELECT (SELECT max({name}::text) FROM customers GROUP BY city LIMIT 1) FROM json_each('{{\"a\":1}}') AS {name}",
    ):
        named = ids(here, sql)
        error, told = outcome(here, sql)
        if f"column:shop.public.customers.{name}" not in named:
            assert CANARY not in told, sql
            assert error or "(a,1)" in told or "(1,2)" in told, sql
    change = f"""UPDATE products SET title = (SELECT (SELECT {name}::text FROM json_each('{{"a":1}}') AS {name}) FROM customers GROUP BY id LIMIT 1) WHERE sku = 'cup'"""
    with pytest.raises(SqlError) as raised:
        tools.resources("write", {"source": "shop", "sql": change}, here)
    assert raised.value.error == "unsupported_syntax"
    sql = "SELECT c.id, c.name, count(n) FROM customers c, generate_series(1, 2) AS t(n) GROUP BY c.id ORDER BY 1 LIMIT 1"
    assert rows(here, sql) == [[1, "Ana", 2]]


def test_no_part_of_a_statement_is_written_as_something_else(here: ShopSurroundings) -> None:
    """Words that the parser takes bare, given as quoted names: written anew they would be statements."""
    hidden = here._replace(obligations=HIDE)
    for inside in ("(SELECT max(phone) FROM customers)", "(SELECT max(secret) FROM vault)"):
        for sql in (
            f'SELECT EXTRACT("year FROM now()), {inside}, extract(year" FROM placed) FROM orders',
            f"SELECT CAST(name AS varchar(\"9)), {inside}, CAST('' AS varchar(9\")) FROM customers",
            f"SELECT interval '1' \"day, {inside}\" FROM orders",
        ):
            assert CANARY not in outcome(hidden, sql)[1], sql


# ---- resources ----


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT name FROM customers", {"customers.name"}),
        ("SELECT 1 FROM customers ORDER BY email", {"customers.email"}),
        ("SELECT count(*) FROM customers", set[str]()),
        ("SELECT count(*) FROM customers GROUP BY city", {"customers.city"}),
        ("SELECT * FROM subscribers", {"subscribers.email", "subscribers.topic"}),
        ("SELECT s FROM subscribers s", {"subscribers.email", "subscribers.topic"}),
        ("SELECT s.* FROM subscribers s", {"subscribers.email", "subscribers.topic"}),
        (
            "SELECT 1 FROM customers JOIN subscribers USING (email)",
            {"customers.email", "subscribers.email"},
        ),
        (
            "SELECT 1 FROM customers NATURAL JOIN subscribers",
            {"customers.email", "subscribers.email"},
        ),
        ("WITH q AS (SELECT email AS e FROM customers) SELECT e FROM q", {"customers.email"}),
        ("SELECT mail_domain FROM customers", {"customers.mail_domain", "customers.email"}),
        (
            "SELECT name FROM contacts",
            {"contacts.name", "customers.id", "customers.name", "customers.email"},
        ),
        ("SELECT what FROM events", {"events.what", *(f"events_{y}.{c}" for y in (2025, 2026) for c in ("day", "what", "tenant"))}),
    ],
)  # fmt: skip
def test_every_column_that_is_read_is_named(
    here: ShopSurroundings, sql: str, columns: set[str]
) -> None:
    found = {one for one in ids(here, sql) if one.startswith("column:")}
    assert found == {f"column:shop.public.{name}" for name in columns}


def test_names_of_any_characters_are_names_like_others(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    names = ["a\x1fb", "c\x1ed", "tab\t", 'quote"', "back\\slash", "comma,{}", "NULL", "a.b"]
    listed = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}" text' for name in names)
    made = f"""CREATE TABLE "t\x1fu\n" ({listed}, g text GENERATED ALWAYS AS (upper("c\x1ed")) STORED);
        INSERT INTO "t\x1fu\n" ("c\x1ed") VALUES ('{CANARY}'); CREATE VIEW odd_view AS SELECT * FROM "t\x1fu\n";
        GRANT SELECT ON "t\x1fu\n", odd_view TO reader"""
    with admin(server) as connection:
        connection.execute(made.encode())
        try:
            hidden = here._replace(obligations={"mask": {"column:**.c%1Ed": "null"}})
            for table in ('"t\x1fu\n"', "odd_view"):
                found = tools.query(here, source="shop", sql=f"SELECT * FROM {table}")
                assert found.get("structured", {})["columns"] == [*names, "g"]
                assert rows(hidden, f"SELECT * FROM {table}") == [[None] * 9]
            assert "column:shop.public.t%1Fu%0A.c%1Ed" in ids(here, "SELECT g FROM odd_view")
            assert tools.describe(here, source="shop", table="odd_view").get("rows") == 9
        finally:
            connection.execute(b'DROP TABLE "t\x1fu\n" CASCADE')


def test_a_partition_is_reached_through_its_table_alone(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    with admin(server) as connection:
        connection.execute("GRANT SELECT ON events_2025 TO reader")
    assert error_of(here, "SELECT what FROM events_2025") == "no_such_table"
    assert error_of(here, "SELECT what FROM public.events_2025") == "no_such_table"
    assert len(rows(here, "SELECT what FROM events")) == 21


def test_a_view_names_what_lies_beneath(here: ShopSurroundings) -> None:
    assert "table:shop.public.vault" in ids(here, "SELECT id FROM vault_view")


# ---- masks, filters, groups ----


def test_a_view_that_calls_functions_that_people_made_is_not_read_where_rules_hold(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    """What such a function reads nobody names, and no shield stands before it."""
    hidden = here._replace(obligations=HIDE)
    elsewhere: dict[str, Any] = {"mask": {"column:other.**": "null", "tag:nobody.has": "hash"}}
    with admin(server) as connection:
        connection.execute("""
            CREATE FUNCTION mail_of(i int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT email FROM customers WHERE id = i';
            CREATE VIEW mails AS SELECT id, mail_of(customer_id) AS m FROM orders;
            CREATE VIEW mails_again AS SELECT * FROM mails;
            GRANT SELECT ON mails, mails_again TO reader;
        """)
        try:
            for view in ("mails", "mails_again"):
                assert error_of(hidden, f"SELECT m FROM {view}") == "masked_view"
                sql = f"SELECT count(*) FROM {view} WHERE m LIKE '%{CANARY}%'"
                assert rows(here, sql) == [[30]]
                assert rows(here._replace(obligations=elsewhere), sql) == [[30]]
        finally:
            connection.execute("DROP VIEW mails_again, mails; DROP FUNCTION mail_of")


def test_the_errors_of_a_statement_do_not_tell_of_filtered_rows(here: ShopSurroundings) -> None:
    hidden = here._replace(obligations={"filter": {"table:shop.public.customers": ["id <> 7"]}})
    sql = "SELECT count(*) FROM customers WHERE 1 / (id - 7) > 5"
    assert error_of(here, sql) == "bad_value"
    assert rows(hidden, sql) == [[0]]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("null", [None, None, None]), ("partial", ["A***", "1***", "2***"]), ("range", [None, "10", "2026-01-01 00:00:00"])],
)  # fmt: skip
def test_each_kind_of_mask_makes_of_a_value_what_it_can(
    here: ShopSurroundings, kind: str, expected: list[Any]
) -> None:
    masks = {f"column:shop.public.{name}": kind for name in ("customers.name", "products.price", "customers.joined")}  # fmt: skip
    masked = here._replace(obligations={"mask": masks})
    sql = (
        "SELECT name, price, joined FROM customers, products WHERE customers.id = 1 AND sku = 'cup'"
    )
    assert rows(masked, sql) == [expected]


def test_the_small_group_rule_gives_large_groups_only(server: PostgresServer) -> None:
    writer = ShopSurroundings("/", {"min_group": 2}, 10.0, postgres_shop.settings(server, "writer"))
    sql = "SELECT team, count(*), avg(salary) FROM staff GROUP BY team ORDER BY team"
    assert [row[:2] for row in rows(writer, sql)] == [["ops", 3], ["web", 2]]
    assert rows(writer, "SELECT sum(salary) FROM staff WHERE name = 'Pia'") == []
    assert rows(writer, "SELECT round(avg(salary)) FROM staff") == [["26126"]]
    for refused in (
        "SELECT salary FROM staff",
        "SELECT max(salary) FROM staff",
        "SELECT sum(salary) FILTER (WHERE id = 6) FROM staff",
        "SELECT sum(CASE WHEN id = 6 THEN salary ELSE 0 END) FROM staff",
        "SELECT sum(salary) OVER () FROM staff",
        "SELECT avg(a.salary) FROM staff a, staff b",
        "SELECT * FROM (SELECT salary FROM staff) s",
        "SELECT count(*) FROM staff WHERE id = (SELECT 6)",
        "SELECT name FROM contacts",
        "SELECT array_agg(salary) FROM staff",
        "SELECT count(*) FROM staff GROUP BY ROLLUP (team)",
        "SELECT DISTINCT team FROM staff",
        "SELECT count(*) FROM staff WHERE id = 6 AND 1 / (salary - 123456) > 0",
        "SELECT count(*) FROM staff WHERE id = 6 AND CAST(name AS int) > 0",
        "SELECT count(*) FROM staff WHERE id = 6 AND salary * 1000000000 > 0",
        "SELECT count(*) FROM staff WHERE name LIKE 'P\\'",
        "SELECT count(*) FROM staff WHERE id = 6 AND date_trunc(name, now()) > now()",
        "SELECT count(*) FROM staff WHERE substr(name, 1, id - 7) = ''",
        "SELECT count(*) FROM staff GROUP BY round(1 / (salary - 123456))",
        "SELECT team, count(*) FROM staff GROUP BY team HAVING 1 / (count(*) - 1) > 0",
    ):
        assert error_of(writer, refused) == "small_group", refused


def test_a_filter_that_is_no_expression_over_its_table_refuses_the_call(
    here: ShopSurroundings,
) -> None:
    for text in ("nosuch = 1", "id = (SELECT 1)", "true) OR (true", "leak() = 'x'", "1; DROP TABLE staff", ""):  # fmt: skip
        asked = here._replace(obligations={"filter": {"table:**.customers": [text]}})
        assert error_of(asked, "SELECT name FROM customers") == "unsupported_obligation", text


# ---- what is kept between calls ----


def sessions(server: PostgresServer) -> set[int]:
    with admin(server) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'devagent' AND datname = 'shop'"
        )
        return {row[0] for row in found.fetchall()}


def test_a_connection_serves_the_next_call_and_keeps_nothing_of_the_last(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    close_idle()
    rows(here, "SELECT 1")
    (first,) = sessions(server)
    error_of(here, "SELECT 1 / 0")
    with connected(Server(server.host, database="shop", user="reader"), None, Clock.of(9)) as one:
        one.execute("SELECT pg_advisory_lock(7), set_config('statement_timeout', '1', false)")
        one.execute("SELECT set_config('search_path', 'pg_temp', false)")
        one.execute("DECLARE left_open CURSOR WITH HOLD FOR SELECT 1")
    assert sessions(server) == {first}
    assert len(rows(here, "SELECT name FROM customers")) == 10
    with admin(server) as connection:
        held = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchone()
    assert held == (0,)
    close_idle()


def test_a_connection_that_was_dropped_meanwhile_is_replaced(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    close_idle()
    rows(here, "SELECT 1")
    (old,) = sessions(server)
    with admin(server) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [old])
    assert rows(here, "SELECT 2") == [[2]]
    assert old not in sessions(server)


def test_what_is_remembered_of_the_schema_is_never_used_when_it_is_no_longer_so(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    """Each change is noticed by the next call: of a view, of a column, of what beneath is masked."""
    hidden = here._replace(obligations=HIDE)
    with admin(server) as connection:

        def change(sql: str) -> None:
            connection.execute(f"SET ROLE owner_of_all; {sql}; RESET ROLE".encode())

        change(
            "CREATE VIEW changing AS SELECT id, name AS x FROM customers; GRANT SELECT ON changing TO reader"
        )
        assert rows(hidden, "SELECT x FROM changing WHERE id = 1") == [["Ana"]]
        change("CREATE OR REPLACE VIEW changing AS SELECT id, email AS x FROM customers")
        assert CANARY not in str(rows(hidden, "SELECT x FROM changing"))
        assert "column:shop.public.customers.email" in ids(here, "SELECT x FROM changing")
        change("DROP VIEW changing")
        assert error_of(here, "SELECT x FROM changing") == "no_such_table"
        change("CREATE TABLE changing (id int); GRANT SELECT ON changing TO reader")
        assert rows(here, "SELECT * FROM changing") == []
        change(
            "ALTER TABLE changing ADD COLUMN y text DEFAULT 'new'; INSERT INTO changing VALUES (1)"
        )
        assert rows(here, "SELECT * FROM changing") == [[1, "new"]]
        change("CREATE TABLE child () INHERITS (changing)")
        assert "table:shop.public.child" in ids(here, "SELECT id FROM changing")
        change("ALTER TABLE changing RENAME COLUMN y TO z")
        assert error_of(here, "SELECT y FROM changing") == "no_such_column"
        change("DROP TABLE changing CASCADE")
        connection.execute("ALTER ROLE reader SUPERUSER")
        assert error_of(here, "SELECT name FROM customers") == "elevated_role"
        connection.execute("ALTER ROLE reader NOSUPERUSER")


def test_a_function_that_comes_into_the_schema_meanwhile_is_not_run(
    server: PostgresServer, here: ShopSurroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the path and the plan; one that fits better than PostgreSQL's own would be called."""
    rows(here, "SELECT 1")
    governed = postgres_engine.govern

    def late(*given: Any) -> Any:
        with admin(server) as connection:
            connection.execute(
                "CREATE FUNCTION public.upper(int) RETURNS text LANGUAGE sql AS $$SELECT max(email) FROM customers$$"
            )
        return governed(*given)

    with monkeypatch.context() as patch:
        patch.setattr(postgres_engine, "govern", late)
        assert error_of(here, "SELECT upper(1)") == "changed"
    assert error_of(here, "SELECT upper(1)") not in ("", "changed")
    with admin(server) as connection:
        connection.execute("DROP FUNCTION public.upper(int)")
    assert rows(here, "SELECT upper('a')") == [["A"]]


def test_rows_that_a_table_inherits_are_reached_through_it_alone(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    with admin(server) as connection:
        connection.execute(
            f"SET ROLE owner_of_all; CREATE TABLE folk (id int, tenant int, mail text); CREATE TABLE clerks (desk int) INHERITS (folk); "
            f"CREATE TABLE bosses () INHERITS (clerks); INSERT INTO folk VALUES (1, 1, 'a'); INSERT INTO clerks VALUES (2, 2, '{CANARY}', 5); "
            f"INSERT INTO bosses VALUES (3, 2, '{CANARY}', 6); CREATE VIEW clerks_seen AS SELECT id, desk, mail FROM clerks; "
            "CREATE TABLE apart (id int, tenant int, mail text); GRANT SELECT ON folk, clerks, bosses, clerks_seen, apart TO reader; RESET ROLE"
        )
    try:
        obligations = {
            "mask": {"column:shop.public.folk.mail": "null"},
            "filter": {"table:shop.public.folk": ["tenant = 1"]},
        }
        hidden = here._replace(obligations=obligations)
        assert rows(hidden, "SELECT * FROM folk") == [[1, 1, None]]
        for sql in ("SELECT * FROM clerks", "SELECT mail FROM public.bosses", "SELECT mail FROM ONLY clerks"):  # fmt: skip
            assert error_of(hidden, sql) in (
                "no_such_table",
                "unsupported_syntax",
                "forbidden_statement",
            )
            assert error_of(here, sql) != ""
        assert error_of(hidden, "SELECT mail FROM clerks_seen") == "no_such_table"
        assert "table:shop.public.folk" in ids(here, "SELECT desk FROM clerks_seen")
        assert CANARY in str(rows(here, "SELECT mail FROM clerks_seen"))
        named = [
            row[0] for row in tools.describe(here, source="shop").get("structured", {})["rows"]
        ]
        assert {"folk", "clerks", "bosses"} & {*named} == {"folk"}
        assert rows(here, "SELECT * FROM apart") == []
        with admin(server) as connection:
            connection.execute("SET ROLE owner_of_all; ALTER TABLE apart INHERIT folk")
        assert error_of(here, "SELECT * FROM apart") == "no_such_table"
        assert "table:shop.public.apart" in ids(here, "SELECT id FROM folk")
    finally:
        with admin(server) as connection:
            connection.execute("DROP TABLE folk CASCADE")


# ---- bounds ----


def test_a_long_read_is_paged_in_constant_memory(here: ShopSurroundings) -> None:
    import tracemalloc

    sql = "SELECT g, repeat('x', 100) FROM generate_series(1, 10000000) AS g"
    tracemalloc.start()
    try:
        result = tools.query(here, source="shop", sql=sql, limit=10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "size limit" in result["text"]
    assert 100 < result.get("rows", 0) < 1000
    assert peak < 8_000_000


def test_bytes_of_no_declared_encoding_are_told_apart_from_text() -> None:
    with postgres_server("SQL_ASCII") as ascii_server:
        with psycopg.connect(
            host=ascii_server.host, dbname="postgres", user="admin", autocommit=True
        ) as connection:
            connection.execute("CREATE ROLE reader LOGIN")
            connection.execute(
                "CREATE TABLE t AS SELECT E'gr\\xfc\\xdf'::text AS latin, 'plain' AS plain"
            )
            connection.execute("GRANT SELECT ON t TO reader")
        source = postgres_shop.source(ascii_server, database="postgres")
        there = ShopSurroundings("/", {}, 10.0, {"sources": {"shop": source}})
        assert rows(there, "SELECT * FROM t") == [[{"not_utf8": 4, "hex": "6772fcdf"}, "plain"]]


# ---- types, description ----


def test_values_of_every_type_come_whole(here: ShopSurroundings) -> None:
    result = tools.query(here, source="shop", sql="SELECT * FROM kinds ORDER BY id")
    structured = result.get("structured", {})
    first, second, third = (dict(zip(structured["columns"], row, strict=True)) for row in structured["rows"])  # fmt: skip
    assert structured["types"][1] == "numeric"
    assert structured["types"][11] == "int4[]"
    assert first["n"] == "1.50"
    assert first["b"] == {"blob": 3, "hex": "00ff10"}
    assert first["big"] == {"int": "9007199254740993"}
    assert (first["a"], first["jb"], first["r"]) == ("{1,2,NULL}", '{"b": [1, 2]}', "[1,5)")
    assert (second["n"], second["f"], second["d"]) == ("NaN", {"float": "nan"}, "infinity")
    assert (third["n"], third["d"]) == ("123456789012345678901234567890.123456789", "0044-03-15 BC")


def test_a_table_is_described_with_types_keys_and_comments(here: ShopSurroundings) -> None:
    result = tools.describe(here, source="shop", table="customers")
    described = {row[0]: row[1:] for row in result.get("structured", {})["rows"]}
    assert described["id"] == ["integer", "key 1, not null", ""]
    assert described["city"] == ["text", "not null; where parcels go", ""]
    assert described["email"] == ["text", "not null", "pii.email"]
    staff = tools.describe(here, source="shop", table="public.staff")["text"]
    assert "salary" not in staff
    assert "staff(id)" in staff
    overview = tools.describe(here, source="shop")["text"]
    assert "orders" in overview
    assert "vault" not in overview


# ---- changes, plans, profiles ----


def test_a_reader_changes_nothing_through_write(here: ShopSurroundings) -> None:
    with pytest.raises(SqlError) as raised:
        tools.write(here, source="shop", sql="DELETE FROM subscribers WHERE topic = 'tea'")
    assert raised.value.error == "permission_denied"


def test_describe_tells_nothing_of_what_is_kept_back(here: ShopSurroundings) -> None:
    with pytest.raises(SqlError) as raised:
        tools.describe(here, source="shop", table="vault")
    assert raised.value.error == "no_such_table"
    filtered = here._replace(obligations=HIDE)
    assert "rows" not in tools.describe(filtered, source="shop", table="customers")["text"]
    listed = tools.describe(filtered, source="shop").get("structured", {})["rows"]
    counts = {name: count for name, _, count in listed}
    assert (counts["customers"], counts["cities"], counts["orders"]) == (None, None, 30)
    grouped = here._replace(obligations={"min_group": 3})
    assert "rows" not in tools.describe(grouped, source="shop", table="staff")["text"]


def test_a_plan_and_a_profile_are_given(here: ShopSurroundings) -> None:
    assert (
        "Seq Scan" in tools.explain(here, source="shop", sql="SELECT name FROM customers")["text"]
    )
    found = tools.profile(here, source="shop", table="kinds", columns="id,n,jb,bo")
    assert found.get("structured", {})["rows"] == [
        ["id", 3, 0, 3, 1, 3],
        ["n", 3, 0, 3, "1.50", "NaN"],
        ["jb", 3, 1, 2, None, None],
        ["bo", 3, 1, 2, None, None],
    ]


def test_a_function_or_operator_of_the_database_never_stands_for_one_of_the_engine(
    server: PostgresServer, here: ShopSurroundings
) -> None:
    """One that fits the types of a call better than PostgreSQL's own goes before it, on whatever place of the path."""
    body = "LANGUAGE sql SECURITY DEFINER AS 'SELECT secret FROM vault'"
    with admin(server) as connection:
        connection.execute(f"CREATE FUNCTION public.upper(int) RETURNS text {body}".encode())
        connection.execute(f"CREATE FUNCTION public.joined(int, text) RETURNS text {body}".encode())
        connection.execute("CREATE OPERATOR public.|| (leftarg = int, rightarg = text, function = public.joined)")  # fmt: skip
        try:
            assert error_of(here, "SELECT upper(1)") == "type_mismatch"
            assert rows(here, "SELECT 1 || 'x'::text") == [["1x"]]
            change = "UPDATE subscribers SET topic = upper(1) WHERE topic = 'tea'"
            writer = here._replace(settings=postgres_shop.settings(server, "writer"))
            with pytest.raises(SqlError) as raised:
                tools.write(writer, source="shop", sql=change)
            assert raised.value.error == "type_mismatch"
        finally:
            connection.execute("DROP OPERATOR public.|| (int, text)")
            connection.execute("DROP FUNCTION public.upper(int), public.joined(int, text)")
