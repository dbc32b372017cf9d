SELECT 1
SELECT 1 + 1, 'x', "y", NULL, true, false, 1.50, -3
SELECT 'it''s', 'a\'b', "d""q", 'back\\slash', 'line\nbreak', '%\_'
SELECT 1 AS 'quoted alias', 2 AS `back tick`, 3 x
SELECT 5--1, 5 - -1
SELECT 5 -- comment
SELECT 5 # comment
SELECT /* plain */ 5
SELECT 1 FROM DUAL
SELECT * FROM customers ORDER BY id
SELECT c.* FROM customers c ORDER BY c.id
SELECT shop.customers.name FROM shop.customers ORDER BY shop.customers.name
SELECT NAME, City FROM customers ORDER BY ID
SELECT DISTINCT city FROM customers ORDER BY city
SELECT count(*) FROM customers
SELECT COUNT(*), count(phone), count(DISTINCT city) FROM customers
SELECT count(DISTINCT city, tenant) FROM customers
SELECT city, count(*) FROM customers GROUP BY city ORDER BY 2 DESC, 1
SELECT city, count(*) AS n FROM customers GROUP BY city HAVING n > 2 ORDER BY n DESC, city
SELECT city AS place, count(*) FROM customers GROUP BY place ORDER BY place
SELECT city, count(*) FROM customers GROUP BY city WITH ROLLUP
SELECT c.id, c.name, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name ORDER BY c.id
SELECT upper(name), lower(city), length(name), char_length('é') FROM customers ORDER BY id
SELECT concat(name, ' of ', city) AS who FROM customers WHERE name LIKE 'A%' OR name LIKE '%o' ORDER BY id
SELECT name FROM customers WHERE id BETWEEN 2 AND 5 AND city IN ('Oslo', 'Lagos') ORDER BY id
SELECT name FROM customers WHERE phone IS NULL
SELECT name FROM customers WHERE phone <=> NULL
SELECT name FROM customers WHERE name REGEXP '^[A-C]' ORDER BY name
SELECT name FROM customers WHERE name NOT RLIKE 'a' ORDER BY name
SELECT name FROM customers WHERE name = 'ANA'
SELECT name FROM customers WHERE name = BINARY 'ANA'
SELECT name FROM customers WHERE name COLLATE utf8mb4_bin = 'Ana'
SELECT name FROM customers ORDER BY field(city, 'Oslo', 'Lisbon', 'Lagos'), name
SELECT name FROM customers ORDER BY id LIMIT 2, 3
SELECT name FROM customers ORDER BY id LIMIT 3 OFFSET 2
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
SELECT sku, title, quantity FROM order_lines JOIN products USING (sku) ORDER BY order_id, sku
SELECT count(*) FROM order_lines NATURAL JOIN products
SELECT c.name, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'paid' ORDER BY 1, 2
SELECT c.name, o.id FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id ORDER BY 1, 2
SELECT count(*) FROM customers, products
SELECT count(*) FROM customers CROSS JOIN products
SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id AND status = 'sent') ORDER BY 1
SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'paid') ORDER BY 1
SELECT (SELECT max(price) FROM products) AS dearest, (SELECT min(price) FROM products)
SELECT title FROM products WHERE price > ALL (SELECT price FROM products WHERE sku = 'cup')
SELECT q.city, q.n FROM (SELECT city, count(*) AS n FROM customers GROUP BY city) q WHERE q.n > 2 ORDER BY 1
SELECT city FROM customers UNION SELECT status FROM orders ORDER BY 1
SELECT id FROM customers UNION ALL SELECT id FROM staff ORDER BY 1
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders ORDER BY 1
SELECT id FROM customers INTERSECT SELECT id FROM staff ORDER BY 1
WITH t AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) SELECT max(n) AS m FROM t
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n ORDER BY i
WITH a AS (SELECT id FROM customers), b AS (SELECT id FROM a WHERE id > 5) SELECT count(*) FROM a JOIN b USING (id)
SELECT name, row_number() OVER (ORDER BY name DESC) AS r, rank() OVER (PARTITION BY city ORDER BY id) FROM customers ORDER BY id
SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM staff ORDER BY id
SELECT lag(name) OVER w AS before_it FROM staff WINDOW w AS (ORDER BY id) ORDER BY id
SELECT group_concat(name ORDER BY name SEPARATOR '; ') AS names FROM customers
SELECT group_concat(DISTINCT city ORDER BY city DESC) FROM customers
SELECT avg(price), sum(price), std(price), variance(price) FROM products
SELECT round(1.256, 2), truncate(1.999, 1), ceil(1.1), floor(-1.1), abs(-3), mod(7, 3), 7 / 2, 7 DIV 2, 7 % 3, 7 MOD 3, pow(2, 3), sqrt(16), sign(-2), 1 << 4, 5 & 3, 5 | 3, 5 ^ 3, ~1
SELECT 1 XOR 0, 1 && 0, 1 || 0, !1, NOT 0, 3 IS TRUE, NULL IS NOT FALSE
SELECT if(id > 3, 'late', 'early') AS w, ifnull(manager_id, 0), nullif(id, 1), coalesce(manager_id, id) FROM staff ORDER BY id
SELECT CASE WHEN id > 3 THEN 'late' ELSE 'early' END AS w, CASE team WHEN 'ops' THEN 1 END FROM staff ORDER BY id
SELECT date_format(placed, '%Y-%m') AS m, count(*) FROM orders GROUP BY m ORDER BY m
SELECT year(placed), month(placed), dayofweek(placed), extract(YEAR_MONTH FROM placed) FROM orders ORDER BY id LIMIT 2
SELECT placed + INTERVAL 1 DAY, date_add(placed, INTERVAL 2 HOUR), date_sub(placed, INTERVAL '1:30' MINUTE_SECOND) FROM orders ORDER BY id LIMIT 2
SELECT timestampdiff(DAY, '2026-01-01', placed), datediff(placed, '2026-01-01'), timestampadd(WEEK, 1, placed) FROM orders ORDER BY id LIMIT 2
SELECT date '2026-01-02', timestamp('2026-01-02 03:04:05'), str_to_date('02,03,2026', '%d,%m,%Y'), last_day('2026-02-01'), makedate(2026, 60)
SELECT cast('12' AS signed) + 1, cast('12.5' AS decimal(5, 2)), cast(12 AS char), cast('2026-01-01' AS date), convert('12', unsigned), convert('x' USING latin1)
SELECT replace('banana', 'a', 'o'), left('abc', 2), right('abc', 2), substring('abcdef', 2, 3), substring('abcdef' FROM 2), trim(LEADING 'x' FROM 'xxab'), lpad('7', 3, '0'), repeat('ab', 3), reverse('abc'), instr('abc', 'c'), locate('b', 'abc'), insert('Quadratic', 3, 4, 'What'), substring_index('a.b.c', '.', 2)
SELECT hex('abc'), unhex('616263'), x'616263', 0x616263, b'1000001', char(77, 121), ascii('a'), md5('a'), sha2('a', 256), crc32('a')
SELECT json_extract('{"a": [1, 2]}', '$.a[1]'), json_object('k', 1), json_array(1, 'x'), json_length('[1, 2]'), json_valid('{')
SELECT regexp_replace('a1b2', '[0-9]', '#'), regexp_substr('abc', 'b.'), 'abc' LIKE 'a|%' ESCAPE '|'
SELECT (1, 2) = (1, 2), row(1, 2) IN (row(1, 2), row(3, 4)), greatest(1, 3, 2), least('b', 'a'), 2 BETWEEN 1 AND 3
SELECT * FROM contacts ORDER BY id
SELECT mail FROM contacts WHERE id = 1
SELECT * FROM order_totals ORDER BY order_id
SELECT name, total FROM best_customers ORDER BY total DESC, name
SELECT * FROM kinds ORDER BY id
SELECT `select`, `a.b`, `Ünï`, `quo``te`, `dq"q` FROM `Odd Names`
SELECT id, name, team FROM staff ORDER BY manager_id, id
SELECT count(*) FROM staff a JOIN staff b ON b.manager_id = a.id
SELECT _utf8mb4'abc', N'national'
SELECT '☃', 'ünï'
SELECT count(*) FROM digits a, digits b, digits c
SELECT * FROM hushed ORDER BY id
SELECT h.*, 1 FROM hushed h ORDER BY id
SELECT unshown FROM hushed WHERE unshown > 100
SELECT * FROM hushed a NATURAL JOIN (SELECT 300 AS unshown) b ORDER BY id
SELECT * FROM (SELECT * FROM hushed) q NATURAL JOIN hushed h ORDER BY id
SELECT * FROM hushed GROUP BY id ORDER BY id
SELECT CASE WHEN (SELECT count(*) FROM customers WHERE id > 1) > 100 THEN 'many' ELSE 'few' END
SELECT id, sum(tenant) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM customers ORDER BY id
SELECT city, count(*) AS id FROM customers GROUP BY city HAVING id > 2 AND id < 9 ORDER BY city
SELECT city, count(*) AS id FROM customers GROUP BY city HAVING max(id) > 8 ORDER BY city
SELECT sum(id) AS id FROM customers HAVING id > 3
SELECT id, name AS team FROM staff HAVING team > 'L' ORDER BY id
