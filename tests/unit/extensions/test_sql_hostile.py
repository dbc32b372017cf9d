"""What must not work: writes, escapes, runaways, and learning masked values.

Masked values are judged by non-interference: two shops that differ in nothing but their private
values must give the same answer, word for word, to every statement.
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from devagent_sql import tools
from devagent_sql.errors import SqlError
from tests.support.shop import (
    CANARY,
    MASK_PRIVATE,
    ShopSurroundings,
    build_shop,
    build_shop_with_other_private,
)

FORBIDDEN = """
INSERT INTO staff VALUES (9, 'x', 1, 1)
INSERT INTO staff DEFAULT VALUES RETURNING *
REPLACE INTO staff VALUES (1, 'x', 1, 1)
UPDATE staff SET salary = 1
UPDATE staff SET salary = 1 RETURNING salary
DELETE FROM staff
WITH q AS (SELECT 1) DELETE FROM staff
WITH q AS (SELECT 1) INSERT INTO subscribers SELECT email, phone FROM customers
WITH q AS (SELECT 1) UPDATE staff SET salary = 0
INSERT INTO staff VALUES (1, 'x', 1, 1) ON CONFLICT DO UPDATE SET salary = 0
CREATE TABLE t (a)
CREATE TEMP TABLE t AS SELECT email FROM customers
CREATE VIEW w AS SELECT email FROM customers
CREATE TRIGGER g AFTER UPDATE ON staff BEGIN SELECT 1; END
CREATE VIRTUAL TABLE t USING fts5(a)
CREATE INDEX i ON staff (name)
DROP TABLE staff
DROP VIEW contacts
ALTER TABLE staff ADD COLUMN x
ALTER TABLE staff RENAME TO y
REINDEX
ANALYZE
VACUUM
VACUUM INTO '/tmp/devagent-sql-never.db'
ATTACH 'shop.db' AS other
ATTACH '/etc/passwd' AS p
DETACH main
BEGIN
BEGIN IMMEDIATE
COMMIT
ROLLBACK
SAVEPOINT s
PRAGMA query_only = OFF
PRAGMA writable_schema = ON
PRAGMA journal_mode = WAL
PRAGMA table_info(customers)
PRAGMA database_list
pragma/**/user_version=7
SELECT * FROM pragma_table_info('customers')
SELECT * FROM pragma_database_list
SELECT 1 FROM pragma_table_list JOIN (SELECT 'staff' AS name) USING (name)
SELECT load_extension('/tmp/x.so')
SELECT readfile('/etc/passwd')
SELECT writefile('/tmp/x', 'y')
SELECT edit('x')
SELECT fts3_tokenizer('simple')
SELECT sqlite_compileoption_get(1)
SELECT sqlite_source_id()
SELECT last_insert_rowid()
SELECT nosuchfunction(email) FROM customers
SELECT sql FROM sqlite_master
SELECT sql FROM main.sqlite_schema
SELECT count(*) FROM sqlite_master JOIN (SELECT 'staff' AS name) USING (name)
SELECT * FROM sqlite_temp_master
SELECT * FROM temp.sqlite_schema
SELECT * FROM dbstat
SELECT count(*) FROM dbstat JOIN (SELECT 'staff' AS name) USING (name)
SELECT count(*) FROM (SELECT 1 FROM dbstat)
SELECT count(*) FROM json_each('[]'), (SELECT 1 FROM dbstat)
SELECT * FROM sqlite_dbpage
SELECT * FROM sqlite_stmt
SELECT 1; SELECT 2
SELECT 1; DELETE FROM staff
SELECT 1;;
; SELECT 1
SELECT 1 /* */; DROP TABLE staff; --
EXPLAIN SELECT email FROM customers
EXPLAIN DELETE FROM staff
EXPLAIN QUERY PLAN DELETE FROM staff
EXPLAIN QUERY PLAN
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 1
SELECT ?
SELECT :name
SELECT email FROM nosuch
SELECT CANARY FROM customers
SELECT other.customers.email FROM other.customers
SELECT "a".b FROM a.b
SELECT CAST(zeroblob(2000000000) AS TEXT)
SELECT hex(zeroblob(900000))
SELECT instr(hex(zeroblob(400000)), hex(zeroblob(200000)) || 'b')
SELECT email FROM customers WHERE
SELECT email FROM customers WHERE name = 'unclosed
/* unclosed SELECT 1
--
TABLE customers
SET x = 1
.dump
COPY customers TO '/tmp/x'
SELECT * INTO copy FROM customers
""".strip("\n").splitlines()

CURIOUS = """
SELECT * FROM customers
SELECT email, phone FROM customers
SELECT mail_domain FROM customers
SELECT mail FROM contacts
SELECT * FROM orders
SELECT id FROM customers
SELECT id FROM customers LIMIT 1
SELECT id FROM customers ORDER BY email
SELECT id FROM customers ORDER BY mail_domain, phone
SELECT name FROM customers ORDER BY length(email) DESC LIMIT 1
SELECT count(*) FROM customers WHERE email LIKE 'ana.%'
SELECT count(*) FROM customers WHERE email > '9'
SELECT count(*) FROM customers WHERE mail_domain = 'other'
SELECT count(*) FROM customers WHERE substr(email, 1, 1) = 'a'
SELECT id FROM customers WHERE phone = '+00 CANARY 001'
SELECT id FROM customers INDEXED BY customers_by_phone WHERE phone > ''
SELECT min(email), max(phone) FROM customers
SELECT group_concat(email) FROM customers
SELECT group_concat(id) FROM customers
SELECT group_concat(id) FROM (SELECT id FROM customers ORDER BY phone)
SELECT json_group_array(note) FROM orders
SELECT json_object('e', email) FROM customers
SELECT length(email), hex(email), quote(email), unicode(phone), typeof(note) FROM customers, orders
SELECT CASE WHEN email LIKE 'a%' THEN 1 ELSE 1 / 0 END FROM customers
SELECT row_number() OVER (ORDER BY email), id FROM customers
SELECT row_number() OVER (), id FROM customers
SELECT dense_rank() OVER (PARTITION BY note ORDER BY id) FROM orders
SELECT first_value(id) OVER (ORDER BY phone DESC) FROM customers
SELECT count(DISTINCT email), count(phone) FROM customers
SELECT email FROM customers UNION SELECT email FROM subscribers
SELECT email FROM customers INTERSECT SELECT email FROM subscribers
SELECT email FROM customers EXCEPT SELECT 'x'
SELECT c.id FROM customers c JOIN subscribers s ON c.email = s.email
SELECT c.id FROM customers c JOIN subscribers s USING (email)
SELECT c.id FROM customers c NATURAL JOIN subscribers s
SELECT count(*) FROM customers JOIN (SELECT 'ana.CANARY@post.CANARY.example' AS email) USING (email)
SELECT count(*) FROM customers NATURAL JOIN (SELECT 'ana.CANARY@post.CANARY.example' AS email)
SELECT count(*) FROM customers /* x */ natural/**/join (SELECT '+00 CANARY 001' AS phone)
SELECT count(*) FROM contacts JOIN (SELECT 'ana.CANARY@post.CANARY.example' AS mail) USING (mail)
SELECT count(*) FROM customers JOIN (SELECT 'other' AS mail_domain) USING (mail_domain)
SELECT count(*) FROM customers LEFT JOIN subscribers USING (email) WHERE topic IS NOT NULL
SELECT id FROM reachable
SELECT count(*) FROM reachable
SELECT people FROM reachable_count
SELECT count(*) FROM reachable_count
WITH q AS (SELECT email AS e FROM customers) SELECT count(*) FROM q WHERE e LIKE 'a%'
WITH customers AS (SELECT * FROM main.customers) SELECT email FROM customers
WITH RECURSIVE r(i, e) AS (SELECT 1, email FROM customers WHERE id = 1 UNION ALL SELECT i + 1, substr(e, i) FROM r WHERE i < 9) SELECT e FROM r
SELECT 1 WHERE 'ana.CANARY@post.CANARY.example' IN (SELECT email FROM customers)
SELECT 1 WHERE ('ana.CANARY@post.CANARY.example', 'tea') IN subscribers
SELECT EXISTS (SELECT 1 FROM customers WHERE email = 'ana.CANARY@post.CANARY.example')
SELECT (SELECT email FROM customers WHERE id = o.customer_id) FROM orders o
SELECT value FROM customers, json_each(json_array(email))
SELECT id FROM customers GROUP BY mail_domain
SELECT count(*) FROM customers GROUP BY mail_domain HAVING min(email) < 'b'
SELECT a.id FROM customers a JOIN customers b ON a.email < b.email
SELECT a.id FROM customers a JOIN customers b USING (email) WHERE a.id < 3
SELECT "customers"."EMAIL", [customers].[Email], `customers`.`eMail` FROM "CUSTOMERS"
SELECT e FROM (SELECT email AS e FROM (SELECT * FROM customers)) WHERE e GLOB 'a*'
SELECT email COLLATE NOCASE FROM customers ORDER BY 1 DESC
SELECT coalesce(email, 'none'), ifnull(phone, 'none'), nullif(note, 'x') FROM customers, orders
SELECT email IS NULL, phone IS NOT NULL, note ISNULL FROM customers, orders
SELECT abs(CASE WHEN email LIKE 'a%' THEN -9223372036854775808 ELSE 1 END) FROM customers
SELECT json(CASE WHEN phone LIKE '+00%' THEN 'not json' ELSE '1' END) FROM customers
SELECT zeroblob(CASE WHEN email LIKE 'a%' THEN 2000000000 ELSE 1 END) FROM customers WHERE id = 1
SELECT max(length(note)) FROM orders
SELECT id FROM orders WHERE note GLOB '*gate*'
SELECT sum(CASE WHEN note IS NULL THEN 0 ELSE 1 END) FROM orders
EXPLAIN QUERY PLAN SELECT id FROM customers WHERE email = 'x' ORDER BY phone
SELECT rowid FROM subscribers WHERE email LIKE 'ana%'
SELECT topic FROM subscribers ORDER BY email
""".strip().splitlines()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = tmp_path_factory.mktemp("shop")
    build_shop(str(folder / "shop.db"))
    return ShopSurroundings(str(folder), time_limit_s=3.0)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = tmp_path_factory.mktemp("other")
    build_shop_with_other_private(str(folder / "shop.db"))
    return ShopSurroundings(str(folder), MASK_PRIVATE, time_limit_s=3.0)


def fingerprint(folder: str) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in Path(folder).iterdir()
    }


def test_the_corpus_is_large_enough() -> None:
    assert len(set(FORBIDDEN)) + len(set(CURIOUS)) >= 120


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_hostile_statement_is_refused_and_changes_nothing(
    here: ShopSurroundings, sql: str
) -> None:
    before = fingerprint(here.folder)
    with pytest.raises(SqlError) as raised:
        tools.query(here, source="shop", sql=sql)
    assert raised.value.error in {
        *("forbidden_statement", "forbidden_function", "not_a_query", "many_statements", "syntax"),
        *(
            "unsupported_table",
            "unbounded_recursion",
            "no_such_table",
            "no_such_column",
            "too_large",
            "unsupported_syntax",
        ),
    }
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert fingerprint(here.folder) == before


def answer(here: ShopSurroundings, sql: str) -> tuple[str, str | dict[str, Any]]:
    try:
        result = tools.query(here, source="shop", sql=sql)
    except SqlError as error:
        return error.error, str(error)
    return result["text"], {"view": result.get("view"), **result.get("structured", {})}


@pytest.mark.parametrize("sql", CURIOUS)
def test_a_masked_value_changes_no_answer(
    here: ShopSurroundings, elsewhere: ShopSurroundings, sql: str
) -> None:
    before = fingerprint(here.folder)
    masked = here._replace(obligations=MASK_PRIVATE)
    found = answer(masked, sql)
    assert found == answer(elsewhere, sql)
    _, told = found
    if not isinstance(told, str):  # a column may be named after the statement's own text
        assert CANARY not in str(told["rows"])
    assert fingerprint(here.folder) == before


def test_only_a_join_by_name_a_masked_index_or_a_plan_costs_the_answer(
    here: ShopSurroundings,
) -> None:
    masked = here._replace(obligations=MASK_PRIVATE)
    errors = [
        error for error, told in (answer(masked, sql) for sql in CURIOUS) if isinstance(told, str)
    ]
    assert set(errors) == {"masked_join", "masked_index", "too_large", "forbidden_statement"}
    plans = [sql for sql in CURIOUS if sql.startswith("EXPLAIN")]
    assert errors.count("forbidden_statement") == len(plans) > 0
    assert len(errors) < len(CURIOUS) / 4


def test_a_plan_tells_nothing_of_filtered_or_grouped_tables(here: ShopSurroundings) -> None:
    sql = "EXPLAIN QUERY PLAN SELECT count(*) FROM customers"
    for rules in (
        {"filter": {"table:**.customers": ["id = 1"]}},
        {"mask": {"column:**.email": "hash"}},
        {"min_group": 2},
    ):
        assert answer(here._replace(obligations=rules), sql)[0] == "forbidden_statement", rules
    assert "SCAN" in answer(here, sql)[0]
