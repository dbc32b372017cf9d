"""What a change sets off besides: keys, triggers, rules, functions, children; named beforehand, or refused."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from devagent_sql import tools
from devagent_sql.engines.pool import close_idle
from devagent_sql.errors import SqlError
from tests.support import mariadb_server, mariadb_shop, postgres_server, postgres_shop
from tests.support.shop import ShopSurroundings

Named = dict[tuple[str, str], list[str]]


def named(here: ShopSurroundings, sql: str) -> Named:
    found = tools.resources("write", {"source": "shop", "sql": sql}, here)
    return {(one["id"], one["access"]): one["tags"] for one in found}


def writes(here: ShopSurroundings, sql: str) -> set[str]:
    return {name.partition("shop.")[2] for name, access in named(here, sql) if access == "write"}


def reads(here: ShopSurroundings, sql: str) -> set[str]:
    return {name.partition("shop.")[2] for name, access in named(here, sql) if access == "read"}


def refusal(here: ShopSurroundings, sql: str) -> str:
    with pytest.raises(SqlError) as raised:
        tools.resources("write", {"source": "shop", "sql": sql}, here)
    with pytest.raises(SqlError) as again:
        tools.write(here, source="shop", sql=sql)
    assert again.value.error == raised.value.error
    return raised.value.error


def committed(here: ShopSurroundings, sql: str, rows: int) -> None:
    done = tools.write(here, source="shop", sql=sql, commit=True, expected_rows=rows)
    assert done.get("structured", {})["committed"] is True


POSTGRES = """
CREATE SCHEMA fx; GRANT USAGE ON SCHEMA fx TO writer; SET search_path = fx;
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, low int, high int, CHECK (low < high));
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE, code text REFERENCES parent (code) ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE grandchild (id int PRIMARY KEY, child_id int REFERENCES child ON DELETE CASCADE);
CREATE TABLE kept (id int PRIMARY KEY, parent_id int REFERENCES parent);
CREATE TABLE audit (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN INSERT INTO fx.audit VALUES (TG_OP); RETURN NULL; END';
CREATE FUNCTION noting() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN INSERT INTO fx.audit VALUES ('default'); RETURN 'x'; END$$;
CREATE FUNCTION fine(x text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
CREATE TABLE watched (id int PRIMARY KEY, x text);
CREATE TRIGGER watching AFTER UPDATE OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE besides AS ON INSERT TO ruled DO ALSO INSERT INTO audit VALUES ('rule');
CREATE TABLE defaulting (id int PRIMARY KEY, x text DEFAULT noting());
CREATE DOMAIN fine_text AS text CHECK (fine(VALUE));
CREATE TABLE domained (id int PRIMARY KEY, x fine_text);
CREATE TABLE indexed (id int PRIMARY KEY, x text);
CREATE INDEX ON indexed (fine(x));
CREATE TABLE above (id int, x text); CREATE TABLE below (y int) INHERITS (above);
CREATE TRIGGER watching AFTER DELETE ON below FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE dated (day date, x int, PRIMARY KEY (day, x)) PARTITION BY RANGE (day);
CREATE TABLE dated_early PARTITION OF dated FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE dated_late PARTITION OF dated FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW seen AS SELECT id, x FROM watched;
CREATE TABLE late (id int PRIMARY KEY, x text);
INSERT INTO parent VALUES (1, 'a', 1, 2), (2, 'b', 1, 2); INSERT INTO child VALUES (1, 1, 'a'), (2, 2, 'b'); INSERT INTO grandchild VALUES (1, 1);
INSERT INTO watched VALUES (1, 'x'); INSERT INTO below VALUES (1, 'x', 1); INSERT INTO dated VALUES ('2025-05-05', 1); INSERT INTO late VALUES (1, 'x');
GRANT ALL ON ALL TABLES IN SCHEMA fx TO writer; REVOKE ALL ON audit, grandchild FROM writer;
"""


class Postgres:
    """The tables above, and surroundings that may write them."""

    def __init__(self, server: postgres_server.PostgresServer) -> None:
        self.server = server
        self.here = self.declaring({})

    def declaring(self, effects: dict[str, list[str]]) -> ShopSurroundings:
        settings = postgres_shop.settings(self.server, "writer", schemas=["fx"], effects=effects)
        return ShopSurroundings("/", {}, 10.0, settings)

    def run(self, sql: str) -> list[Any]:
        with psycopg.connect(
            host=self.server.host, dbname="shop", user="admin", autocommit=True
        ) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def postgres(request: pytest.FixtureRequest) -> Generator[Postgres]:
    if not postgres_server.installed():
        pytest.skip("PostgreSQL is not installed")
    made = Postgres(request.getfixturevalue("postgres_with_shop"))
    made.run(POSTGRES)
    yield made
    close_idle()
    made.run("DROP SCHEMA fx CASCADE")


def test_what_the_keys_of_postgres_change_is_named(postgres: Postgres) -> None:
    here = postgres.here
    sql = "DELETE FROM parent WHERE id = 1"
    assert writes(here, sql) == {"fx.parent", "fx.child", "fx.child.code", "fx.grandchild", ""}
    assert {"fx.kept.parent_id", "fx.child.parent_id", "fx.grandchild.child_id"} <= reads(here, sql)
    assert named(here, sql)["table:shop.fx.grandchild", "write"] == ["sql.cascade", "sql.delete"]
    renamed = "UPDATE parent SET code = 'z' WHERE id = 1"
    assert writes(here, renamed) == {"fx.parent", "fx.parent.code", "fx.child", "fx.child.code", ""}
    # A statement that no key cares about names nothing besides.
    assert writes(here, "UPDATE parent SET low = 0 WHERE id = 1") == {"fx.parent", "fx.parent.low", ""}  # fmt: skip
    committed(here, sql, 1)
    assert postgres.run("SELECT count(*) FROM fx.grandchild") == [(0,)]


def test_what_a_refusal_of_postgres_would_tell_of_is_named_as_read(postgres: Postgres) -> None:
    here = postgres.here
    assert "fx.parent.code" in reads(here, "INSERT INTO parent (id, code) VALUES (9, 'a')")
    assert "fx.parent.high" in reads(here, "UPDATE parent SET low = 5 WHERE id = 1")
    assert "fx.parent.id" in reads(here, "INSERT INTO kept VALUES (1, 7)")
    assert "fx.parent.high" not in reads(here, "UPDATE parent SET code = 'x' WHERE id = 1")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE watched SET x = 'y' WHERE id = 1",
        "DELETE FROM watched WHERE id = 1",
        "INSERT INTO ruled VALUES (1)",
        "INSERT INTO defaulting (id) VALUES (1)",
        "INSERT INTO domained VALUES (1, 'x')",
        "INSERT INTO indexed VALUES (1, 'x')",
        "DELETE FROM above WHERE id = 1",
    ],
)
def test_code_of_postgres_that_a_change_would_run_is_refused_until_it_is_declared(
    postgres: Postgres, sql: str
) -> None:
    before = postgres.run("SELECT count(*) FROM fx.audit")
    assert refusal(postgres.here, sql) == "side_effects"
    empty = postgres.declaring({"table:shop.fx.*": []})
    assert "sql.code" in next(iter(named(empty, sql).values()))
    if "domained" in sql or "indexed" in sql:
        assert "would change" in tools.write(empty, source="shop", sql=sql)["text"]
    else:
        # What was declared is not so, and the server's own counters tell.
        with pytest.raises(SqlError) as raised:
            tools.write(empty, source="shop", sql=sql)
        assert raised.value.error == "side_effects"
    declared = postgres.declaring({"table:shop.fx.*": ["table:shop.fx.audit"]})
    assert "fx.audit" in writes(declared, sql)
    assert "would change" in tools.write(declared, source="shop", sql=sql)["text"]
    assert postgres.run("SELECT count(*) FROM fx.audit") == before


def test_partitions_and_tables_that_inherit_are_named_as_written(postgres: Postgres) -> None:
    assert writes(postgres.here, "UPDATE above SET x = 'y' WHERE id = 1") == {
        *("fx.above", "fx.above.x", "fx.below", "fx.below.x", ""),
    }
    committed(postgres.here, "UPDATE above SET x = 'y' WHERE id = 1", 1)
    sql = "UPDATE dated SET day = '2026-05-05' WHERE x = 1"
    assert {"fx.dated_early", "fx.dated_late"} <= writes(postgres.here, sql)
    committed(postgres.here, sql, 1)
    assert "fx.dated_early" in writes(postgres.here, "INSERT INTO dated VALUES ('2025-01-01', 3)")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE seen SET x = 'y' WHERE id = 1",
        "INSERT INTO late VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET x = 'z'",
        "INSERT INTO late VALUES (1, 'x') ON CONFLICT DO NOTHING",
        "MERGE INTO late USING watched w ON w.id = late.id WHEN MATCHED THEN DELETE",
        "UPDATE late SET x = 'y' WHERE id = 1 RETURNING x",
        "UPDATE late SET x = 'y' FROM watched WHERE watched.id = late.id",
        "DELETE FROM late USING watched WHERE watched.id = late.id",
        "DELETE FROM ONLY above",
        "INSERT INTO late OVERRIDING SYSTEM VALUE VALUES (1, 'x')",
        "WITH gone AS (DELETE FROM watched RETURNING id) DELETE FROM late WHERE id IN (SELECT id FROM gone)",
        "INSERT INTO late SELECT * FROM (DELETE FROM watched RETURNING *) q",
        "UPDATE late SET (id, x) = (SELECT id, x FROM watched)",
        "DELETE FROM late WHERE CURRENT OF c",
    ],
)
def test_no_other_way_to_change_a_table_is_taken(postgres: Postgres, sql: str) -> None:
    assert refusal(postgres.here, sql) in (
        *("forbidden_statement", "unsupported_table", "syntax", "unsupported_syntax", "not_a_query"),
    )  # fmt: skip


def test_a_trigger_that_comes_after_the_judgement_ends_the_change(postgres: Postgres) -> None:
    sql = "UPDATE late SET x = 'y' WHERE id = 1"
    assert writes(postgres.here, sql) == {"fx.late", "fx.late.x", ""}
    postgres.run("CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON fx.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fx.note()")  # fmt: skip
    with pytest.raises(SqlError) as raised:
        tools.write(postgres.here, source="shop", sql=sql, commit=True, expected_rows=1)
    assert raised.value.error == "side_effects"
    # Declared since: but what was permitted did not have it.
    since = postgres.declaring({"table:shop.fx.late": ["table:shop.fx.audit"]})
    assert "fx.audit" in writes(since, sql)
    assert postgres.run("SELECT x FROM fx.late") == [("x",)]


MARIADB = """
CREATE DATABASE fx;
CREATE DATABASE elsewhere;
CREATE TABLE fx.parent (id int PRIMARY KEY, code varchar(9) UNIQUE, low int, high int, CHECK (low < high));
CREATE TABLE fx.child (id int PRIMARY KEY, parent_id int, FOREIGN KEY (parent_id) REFERENCES fx.parent (id) ON DELETE CASCADE);
CREATE TABLE elsewhere.hidden (parent_id int, FOREIGN KEY (parent_id) REFERENCES fx.parent (id) ON DELETE CASCADE);
CREATE TABLE fx.audit (what varchar(9));
CREATE TABLE fx.watched (id int, x varchar(9));
CREATE TRIGGER fx.watching AFTER INSERT ON fx.watched FOR EACH ROW INSERT INTO fx.audit VALUES ('insert');
CREATE TRIGGER fx.setting BEFORE UPDATE ON fx.watched FOR EACH ROW SET NEW.x = 'other';
CREATE TABLE fx.plain (x varchar(9));
INSERT INTO fx.parent VALUES (1, 'a', 1, 2);
INSERT INTO fx.child VALUES (1, 1);
INSERT INTO fx.plain VALUES ('x');
GRANT SELECT, INSERT, UPDATE, DELETE ON fx.* TO writer
"""


class MariaDB:
    def __init__(self, server: mariadb_server.MariaDBServer) -> None:
        self.server = server
        self.here = self.declaring({})

    def declaring(self, effects: dict[str, list[str]]) -> ShopSurroundings:
        settings = mariadb_shop.settings(self.server, "writer", schemas=["fx"], effects=effects)
        return ShopSurroundings("/", {}, 20.0, settings)

    def run(self, *statements: str) -> Any:
        connection = self.server.connect()
        try:
            with connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def mariadb(request: pytest.FixtureRequest) -> Generator[MariaDB]:
    if not mariadb_server.installed():
        pytest.skip("MariaDB is not installed")
    made = MariaDB(request.getfixturevalue("mariadb_with_shop"))
    made.run(*MARIADB.strip().split(";\n"))
    yield made
    close_idle()
    made.run("DROP DATABASE elsewhere", "REVOKE SELECT, INSERT, UPDATE, DELETE ON fx.* FROM writer", "DROP DATABASE fx")  # fmt: skip


def test_what_the_keys_of_mariadb_change_is_named(mariadb: MariaDB) -> None:
    sql = "DELETE FROM parent WHERE id = 1"
    # Whoever refers to it from a table that the login is not shown cannot be named.
    assert refusal(mariadb.here, sql) == "side_effects"
    assert refusal(mariadb.here, "UPDATE parent SET code = 'z' WHERE id = 1") == "side_effects"
    declared = mariadb.declaring({"table:shop.fx.*": ["table:shop.elsewhere.hidden"]})
    assert writes(declared, sql) == {"fx.parent", "fx.child", "elsewhere.hidden", ""}
    assert "would change" in tools.write(declared, source="shop", sql=sql)["text"]
    assert "fx.parent.high" in reads(mariadb.here, "UPDATE parent SET low = 0 WHERE id = 1")
    assert "fx.parent.id" in reads(mariadb.here, "INSERT INTO child VALUES (5, 1)")
    assert "fx.parent.code" in reads(mariadb.here, "INSERT INTO parent (id) VALUES (9)")
    committed(mariadb.here, "UPDATE plain SET x = 'y' WHERE x = 'x'", 1)


@pytest.mark.parametrize(
    "sql", ["INSERT INTO watched VALUES (1, 'x')", "UPDATE watched SET id = 2 WHERE id = 1"]
)
def test_triggers_of_mariadb_are_refused_until_they_are_declared(
    mariadb: MariaDB, sql: str
) -> None:
    assert refusal(mariadb.here, sql) == "side_effects"
    declared = mariadb.declaring({"table:shop.fx.watched": ["table:shop.fx.audit"]})
    assert "fx.audit" in writes(declared, sql)
    assert "would change" in tools.write(declared, source="shop", sql=sql)["text"]


def test_a_trigger_of_mariadb_that_comes_after_the_judgement_ends_the_change(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    from devagent_sql.engines.mysql import side_effects

    mariadb.run("CREATE TRIGGER fx.later BEFORE INSERT ON fx.plain FOR EACH ROW SET NEW.x = 'set'")
    blind = side_effects.TRIGGERS + " AND FALSE"  # as a login that is not shown triggers has it
    monkeypatch.setattr(side_effects, "TRIGGERS", blind)
    sql = "INSERT INTO plain VALUES ('z')"
    assert writes(mariadb.here, sql) == {"fx.plain", "fx.plain.x", ""}
    with pytest.raises(SqlError) as raised:
        tools.write(mariadb.here, source="shop", sql=sql, commit=True, expected_rows=1)
    assert raised.value.error == "side_effects"
    assert mariadb.run("SELECT count(*) FROM fx.plain WHERE x IN ('z', 'set')") == ((0,),)
    mariadb.run("DROP TRIGGER fx.later")
