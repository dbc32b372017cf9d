"""What people really ask: the answer is the engine's own."""

import sqlite3
from contextlib import closing

import pytest

from devagent_sql import tools
from devagent_sql.values import as_json
from tests.support.shop import ShopSurroundings, build_shop


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ShopSurroundings:
    folder = tmp_path_factory.mktemp("shop")
    build_shop(str(folder / "shop.db"))
    return ShopSurroundings(str(folder))


BENIGN = """
SELECT 1
SELECT 1;
SELECT 1 -- a remark
/* a remark; SELECT 2 */ SELECT 1
VALUES (1, 'a'), (2, NULL)
SELECT NULL, 1, 1.5, 'x', -0.0
SELECT 'it''s; fine' AS "a; b"
SELECT * FROM customers
SELECT * FROM customers ORDER BY name DESC LIMIT 3 OFFSET 2
SELECT name FROM customers WHERE city = 'Oslo' ORDER BY name
SELECT DISTINCT city FROM customers ORDER BY 1
SELECT city, count(*) AS n FROM customers GROUP BY city HAVING n > 2 ORDER BY n DESC, city
SELECT count(*), count(phone), count(DISTINCT city) FROM customers
SELECT name, CASE WHEN city = 'Oslo' THEN 'north' ELSE 'south' END FROM customers ORDER BY id
SELECT upper(name) || '!' FROM customers WHERE length(name) > 3 ORDER BY id
SELECT name FROM customers WHERE name LIKE 'a%' OR name GLOB 'B*' ORDER BY 1
SELECT name FROM customers WHERE id BETWEEN 2 AND 4 ORDER BY id
SELECT name FROM customers WHERE id IN (1, 3, 99) ORDER BY id
SELECT name FROM customers WHERE phone IS NULL
SELECT substr(joined, 1, 7) AS month, count(*) FROM customers GROUP BY month ORDER BY month
SELECT strftime('%Y', placed), count(*) FROM orders GROUP BY 1
SELECT date('2026-01-31', '+1 month'), julianday('2026-01-02') - julianday('2026-01-01')
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
SELECT o.id, c.name FROM orders o, customers c WHERE c.id = o.customer_id ORDER BY o.id
SELECT c.name, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id
SELECT * FROM orders JOIN order_lines ON id = order_id ORDER BY id, sku
SELECT sku, title, quantity FROM order_lines JOIN products USING (sku) ORDER BY order_id, sku
SELECT count(*) FROM order_lines NATURAL JOIN products
SELECT c.name, o.id FROM customers c CROSS JOIN orders o ORDER BY 1, 2 LIMIT 5
SELECT a.name, b.name FROM staff a LEFT JOIN staff b ON a.manager_id = b.id ORDER BY a.id
SELECT a.name, b.name FROM staff a JOIN staff b USING (manager_id) ORDER BY 1, 2
SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id) ORDER BY 1
SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE status = 'paid') ORDER BY 1
SELECT (SELECT max(price_cents) FROM products), (SELECT min(weight_kg) FROM products)
SELECT title FROM products WHERE price_cents = (SELECT max(price_cents) FROM products)
SELECT name, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c ORDER BY id
SELECT city FROM customers UNION SELECT status FROM orders ORDER BY 1
SELECT city FROM customers UNION ALL SELECT city FROM customers ORDER BY 1 LIMIT 4
SELECT id FROM customers INTERSECT SELECT customer_id FROM orders ORDER BY 1
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders ORDER BY 1
WITH t AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) SELECT max(n) FROM t
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b
WITH q(n) AS MATERIALIZED (SELECT id FROM staff) SELECT sum(n) FROM q
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4) SELECT sum(i) FROM n
WITH RECURSIVE up(i, m) AS (SELECT id, manager_id FROM staff WHERE id = 4 UNION ALL SELECT s.id, s.manager_id FROM staff s JOIN up ON s.id = up.m) SELECT i FROM up
SELECT name, row_number() OVER (ORDER BY salary DESC) FROM staff ORDER BY id
SELECT name, sum(salary) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM staff
SELECT status, rank() OVER w FROM orders WINDOW w AS (PARTITION BY status ORDER BY placed) ORDER BY id
SELECT name, lag(name) OVER (ORDER BY id), lead(name, 1, '-') OVER (ORDER BY id) FROM staff
SELECT group_concat(name, '; ') FROM (SELECT name FROM staff ORDER BY id)
SELECT count(*) FILTER (WHERE status = 'paid') FROM orders
SELECT * FROM contacts ORDER BY id
SELECT name FROM best_customers LIMIT 2
SELECT c.name, t.cents FROM order_totals t JOIN customers c ON c.id = t.customer_id ORDER BY t.order_id
SELECT id FROM reachable
SELECT people FROM reachable_count
SELECT "c.d" FROM "a.b"
SELECT [x] FROM [a.b]
SELECT main.orders.id FROM main.orders WHERE main.orders.id = 3
SELECT mail_domain, count(*) FROM customers GROUP BY 1 ORDER BY 1
SELECT json_extract('{"a": [1, 2]}', '$.a[1]'), '{"a": 5}' ->> 'a'
SELECT key, value FROM json_each('{"a": 1, "b": 2}')
SELECT fullkey FROM json_tree('[1, [2]]')
SELECT json_group_array(name) FROM (SELECT name FROM staff ORDER BY id)
SELECT json_object('name', name) FROM staff ORDER BY id
SELECT round(avg(price_cents) / 100.0, 2), total(weight_kg) FROM products
SELECT abs(-3), max(1, 2), min('a', 'b'), coalesce(NULL, 4), ifnull(NULL, 5), nullif(1, 1)
SELECT hex('ab'), quote('x'), typeof(1.0), unicode('A'), char(65), instr('abc', 'c'), trim(' x ')
SELECT printf('%05.2f|%s', 3.14159, 'x'), replace('aba', 'a', 'c'), ltrim('xxa', 'x')
SELECT CAST('12' AS INTEGER) + 1, 7 / 2, 7 % 3, 1 << 4, ~1, NOT 0, 3 IS NOT NULL
SELECT 'a' COLLATE NOCASE = 'A', 'abc' LIKE 'A_C', 'x' IN ('x', 'y')
SELECT 1 AS a, 2 AS a
SELECT x.* FROM (SELECT 1 AS p, 2 AS q) AS x
SELECT iif(1, 'y', 'n'), sign(-2), likely(1)
SELECT order_id, sku FROM order_lines WHERE (order_id, sku) IN (VALUES (1, 'cup'), (2, 'pen'))
SELECT id FROM orders NOT INDEXED WHERE customer_id = 3 ORDER BY id
SELECT id FROM orders INDEXED BY orders_by_customer WHERE customer_id = 3 ORDER BY id
SELECT c.name FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id WHERE o.id < 4 ORDER BY o.id
SELECT rowid, id FROM customers WHERE rowid = 2
SELECT ALL city FROM customers ORDER BY 1
SELECT count ( * ) , max( price_cents )  FROM products
SELECT   price_cents+1  ,  price_cents * 2 AS twice FROM products ORDER BY sku
SELECT (SELECT count(*) FROM staff), 'a, b', "x" FROM "a.b"
SELECT -price_cents, ~price_cents, NOT price_cents FROM products ORDER BY sku
SELECT 1 = 1, 1 == 1, 1 <> 2, 1 != 2, 1 IS 1, 1 IS NOT NULL, NULL ISNULL, 1 NOTNULL
SELECT 1 < 2 AND 2 <= 2 OR 3 > 2, 5 & 3, 5 | 3, 8 >> 1, 'a' || 1 || NULL
SELECT 7 / 2, 7.0 / 2, -7 / 2, 7 % -3, 1 / 0, 9223372036854775807 + 1
SELECT x'00ff', 0x1F, 1e3, .5, 1.
SELECT CAST('7' AS INT), CAST(7.9 AS INTEGER), CAST(1 AS TEXT), CAST('1.5' AS REAL), CAST('abc' AS BLOB), CAST('12x' AS NUMERIC)
SELECT name FROM customers WHERE name LIKE 'A%' ESCAPE '!' OR name NOT LIKE '%a' ORDER BY 1
SELECT name FROM customers WHERE name NOT GLOB 'A*' AND id NOT BETWEEN 2 AND 4 ORDER BY 1
SELECT name FROM customers WHERE name IN (SELECT name FROM staff UNION SELECT 'Ana') ORDER BY 1
SELECT name FROM customers ORDER BY name COLLATE NOCASE DESC, id ASC LIMIT 2
SELECT name FROM customers ORDER BY phone NULLS LAST, id LIMIT 3
SELECT name FROM customers ORDER BY phone DESC NULLS FIRST, id LIMIT 3
SELECT name FROM customers ORDER BY id LIMIT 2, 3
SELECT name n, city c FROM customers cc WHERE cc.id = 1
SELECT name AS "full name", city AS 'town' FROM customers WHERE id = 1
SELECT CUSTOMERS.NAME FROM Customers WHERE ID = 1
SELECT o.* FROM orders AS o WHERE o.id < 3 ORDER BY o.id
SELECT o.id, c.* FROM orders o INNER JOIN customers c ON c.id = o.customer_id WHERE o.id = 1
SELECT c.id FROM customers c LEFT OUTER JOIN orders o ON o.customer_id = c.id AND o.status = 'paid' WHERE o.id IS NULL ORDER BY 1
SELECT count(*) FROM customers c FULL OUTER JOIN staff s ON s.id = c.id
SELECT count(*) FROM staff NATURAL LEFT JOIN orders
SELECT * FROM (SELECT id, name FROM staff) JOIN (SELECT id, status FROM orders) USING (id) ORDER BY id
SELECT * FROM (VALUES (1, 'one'), (2, 'two')) ORDER BY column1
SELECT column1 FROM (VALUES (3), (4)) WHERE column1 > 3
SELECT city, group_concat(name, ',') FROM (SELECT city, name FROM customers ORDER BY name) GROUP BY city ORDER BY city
SELECT city, count(*) FILTER (WHERE phone IS NOT NULL) AS reachable FROM customers GROUP BY 1 HAVING reachable > 1 ORDER BY 1
SELECT status, sum(id) AS s FROM orders GROUP BY status HAVING sum(id) > 10 ORDER BY s
SELECT substr(placed, 1, 7) m, status, count(*) FROM orders GROUP BY m, status ORDER BY m, status
SELECT id, total(id) OVER (PARTITION BY status ORDER BY id) FROM orders ORDER BY id LIMIT 5
SELECT id, avg(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM staff ORDER BY id
SELECT id, dense_rank() OVER (ORDER BY status), percent_rank() OVER (ORDER BY status) FROM orders ORDER BY id LIMIT 5
SELECT id, nth_value(name, 2) OVER (ORDER BY id), ntile(2) OVER (ORDER BY id) FROM staff ORDER BY id
SELECT id, max(id) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM staff ORDER BY id
SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM staff ORDER BY id
WITH a(x) AS (SELECT 1), b AS (SELECT x FROM a UNION ALL SELECT 2) SELECT * FROM b ORDER BY x
WITH customers AS (SELECT id FROM staff) SELECT count(*) FROM customers
WITH t AS NOT MATERIALIZED (SELECT id FROM staff) SELECT * FROM t WHERE id IN t ORDER BY id
WITH RECURSIVE days(d) AS (SELECT '2026-01-01' UNION ALL SELECT date(d, '+1 day') FROM days WHERE d < '2026-01-05') SELECT d FROM days
WITH RECURSIVE boss AS (SELECT id, name, 0 AS depth FROM staff WHERE manager_id IS NULL UNION ALL SELECT s.id, s.name, b.depth + 1 FROM staff s JOIN boss b ON s.manager_id = b.id) SELECT * FROM boss ORDER BY depth, id
SELECT EXISTS (SELECT 1 FROM staff), NOT EXISTS (SELECT 1 FROM staff WHERE id > 99)
SELECT id FROM orders o WHERE id = (SELECT max(id) FROM orders i WHERE i.customer_id = o.customer_id) ORDER BY id
SELECT CASE status WHEN 'paid' THEN 1 WHEN 'sent' THEN 2 END AS s, count(*) FROM orders GROUP BY s ORDER BY s
SELECT strftime('%Y-%m', 'now') > '2020', date('2026-02-28', '+1 day'), time('12:00', '-90 minutes'), datetime(0, 'unixepoch')
SELECT julianday('2026-01-01'), unixepoch('2026-01-01'), strftime('%j', '2026-02-01')
SELECT json_array(1, 'a', NULL), json_type('[1]'), json_valid('x'), json('{"a":1}') -> 'a', '{"a":{"b":2}}' -> 'a' ->> 'b', '[1,2]' ->> 1
SELECT e.value, count(*) FROM json_each('["a","b","a"]') AS e GROUP BY e.value ORDER BY 1
SELECT c.name, j.value FROM customers c, json_each('[1,2]') j WHERE c.id = 1 ORDER BY 2
SELECT lower('ABC'), length('äö'), replace('a-b', '-', '+'), rtrim('xaax', 'x'), substr('hello', -3, 2), substring('hello', 2), hex(x'0a')
SELECT round(2.567, 1), round(2.5), abs(-1.5), max(1, 2, 3), min('b', 'a'), coalesce(NULL, NULL, 3), nullif(1, 2), sign(-3)
SELECT typeof(1), typeof(1.0), typeof('a'), typeof(NULL), typeof(x'00'), quote(NULL), quote('it''s'), unicode('€'), char(8364)
SELECT printf('%d %s %.2f %5d|%-5s|%x', 1, 'a', 1.005, 42, 'ab', 255), format('%05d', 42)
SELECT total(NULL), sum(NULL), count(NULL), avg(NULL), group_concat(NULL)
SELECT (1, 2) = (1, 2), (1, 2) < (1, 3), 1 IN (), 'a' BETWEEN 'A' AND 'b'
SELECT id FROM orders WHERE (customer_id, status) IN (SELECT customer_id, status FROM orders WHERE id < 3) ORDER BY id
SELECT "customers"."name" FROM "customers" WHERE "customers"."id" = 1
SELECT `name` FROM `customers` WHERE [id] = 1
SELECT name /* who */ , city /* where */ FROM customers WHERE id = 1
EXPLAIN QUERY PLAN SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id
EXPLAIN QUERY PLAN SELECT name FROM customers WHERE city = 'Oslo'
""".strip().splitlines()


def test_the_corpus_is_large_enough() -> None:
    assert len(set(BENIGN)) >= 130


@pytest.mark.parametrize("sql", BENIGN)
def test_the_answer_is_the_engines_own(here: ShopSurroundings, sql: str) -> None:
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection:
        cursor = connection.execute(sql)
        expected = [[as_json(cell) for cell in row] for row in cursor.fetchall()]
        columns = [column[0] for column in cursor.description]
    result = tools.query(here, source="shop", sql=sql)
    structured = result.get("structured", {})
    assert {name: structured[name] for name in ("columns", "rows", "complete", "masked")} == {
        "columns": columns,
        "rows": expected,
        "complete": True,
        "masked": [],
    }
    assert result.get("failed") is False
