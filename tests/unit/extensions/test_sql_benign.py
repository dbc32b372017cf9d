"""What people really ask: the answer is the engine's own."""

import sqlite3
from contextlib import closing

import pytest

from devagent_sql import tools
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
EXPLAIN QUERY PLAN SELECT name FROM customers WHERE city = 'Oslo'
""".strip().splitlines()


def test_the_corpus_is_large_enough() -> None:
    assert len(set(BENIGN)) >= 60


@pytest.mark.parametrize("sql", BENIGN)
def test_the_answer_is_the_engines_own(here: ShopSurroundings, sql: str) -> None:
    with closing(sqlite3.connect(f"{here.folder}/shop.db")) as connection:
        cursor = connection.execute(sql)
        expected = [list(row) for row in cursor.fetchall()]
        columns = [column[0] for column in cursor.description]
    result = tools.query(here, source="shop", sql=sql)
    assert result.get("structured") == {
        "columns": columns,
        "rows": expected,
        "complete": True,
        "masked": [],
    }
    assert result.get("failed") is False
