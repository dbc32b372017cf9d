SELECT 1
SELECT 1;
select 1 -- a remark
/* a remark; SELECT 2 */ SELECT 1
SELECT 1 AS a, 2 AS a
SELECT NULL, 1, 1.5, 'x', true, -0.0, 1e10
SELECT 'it''s; fine' AS "a; b", $$dollar; quoted$$, E'tab\there', U&'\0041'
VALUES (1, 'a'), (2, NULL)
TABLE products
SELECT * FROM customers ORDER BY id
SELECT * FROM customers ORDER BY name DESC LIMIT 3 OFFSET 2
SELECT Name, CITY FROM Customers ORDER BY ID
SELECT public.customers.name FROM public.customers ORDER BY public.customers.id
SELECT customers.* FROM customers ORDER BY id
SELECT c.*, c.id FROM customers AS c ORDER BY c.id
SELECT name FROM customers WHERE city = 'Oslo' ORDER BY name
SELECT DISTINCT city FROM customers ORDER BY 1
SELECT DISTINCT ON (city) city, name FROM customers ORDER BY city, name
SELECT city, count(*) AS n FROM customers GROUP BY city HAVING count(*) > 2 ORDER BY n DESC, city
SELECT count(*), count(phone), count(DISTINCT city) FROM customers
SELECT name, CASE WHEN city = 'Oslo' THEN 'north' ELSE 'south' END FROM customers ORDER BY id
SELECT CASE city WHEN 'Oslo' THEN 1 WHEN 'Lagos' THEN 2 END FROM customers ORDER BY id
SELECT CASE WHEN id > 3 THEN name ELSE city END FROM customers ORDER BY id
SELECT upper(name) || '!' FROM customers WHERE length(name) > 3 ORDER BY id
SELECT name FROM customers WHERE name LIKE 'A%' OR name ILIKE 'b%' ORDER BY 1
SELECT name FROM customers WHERE name ~ '^[A-C]' AND name !~* 'x' ORDER BY 1
SELECT name FROM customers WHERE name SIMILAR TO '(A|B)%' ORDER BY 1
SELECT name FROM customers WHERE id BETWEEN 2 AND 4 ORDER BY id
SELECT name FROM customers WHERE id IN (1, 3, 99) ORDER BY id
SELECT name FROM customers WHERE id = ANY (ARRAY[1, 2]) ORDER BY id
SELECT name FROM customers WHERE id > ALL (SELECT id FROM staff) ORDER BY id
SELECT name FROM customers WHERE phone IS NULL
SELECT name FROM customers WHERE phone IS NOT DISTINCT FROM NULL
SELECT date_trunc('month', joined) AS month, count(*) FROM customers GROUP BY month ORDER BY month
SELECT extract(year FROM joined), date_part('month', joined) FROM customers ORDER BY id
SELECT extract(epoch FROM placed)::bigint FROM orders ORDER BY id LIMIT 3
SELECT joined + 1, joined - date '2026-01-01', joined + interval '1 month' FROM customers ORDER BY id LIMIT 2
SELECT placed AT TIME ZONE 'UTC' FROM orders ORDER BY id LIMIT 2
SELECT to_char(placed AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM orders ORDER BY id LIMIT 2
SELECT to_char(price, '999.99'), to_number('12.5', '99.9'), to_date('2026-01-02', 'YYYY-MM-DD') FROM products ORDER BY sku
SELECT age(timestamp '2026-03-01', timestamp '2026-01-01'), make_date(2026, 1, 2)
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
SELECT o.id, c.name FROM orders o, customers c WHERE c.id = o.customer_id ORDER BY o.id
SELECT c.name, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id
SELECT c.id, c.name, c.city, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id
SELECT c.name FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id WHERE o.id < 4 ORDER BY o.id
SELECT count(*) FROM customers c FULL JOIN orders o ON c.id = o.customer_id AND o.id < 3
SELECT sku, title, quantity FROM order_lines JOIN products USING (sku) ORDER BY order_id, sku
SELECT * FROM order_lines JOIN products USING (sku) ORDER BY order_id, sku LIMIT 3
SELECT p.*, l.quantity FROM order_lines l JOIN products p USING (sku) ORDER BY order_id, sku LIMIT 3
SELECT count(*) FROM order_lines NATURAL JOIN products
SELECT * FROM order_lines NATURAL JOIN products ORDER BY order_id, sku LIMIT 2
SELECT * FROM order_lines NATURAL LEFT JOIN products ORDER BY order_id, sku LIMIT 2
SELECT count(*) FROM staff NATURAL JOIN (SELECT 'ops' AS team) AS t
SELECT c.name, o.id FROM customers c CROSS JOIN orders o ORDER BY 1, 2 LIMIT 5
SELECT a.name, b.name FROM staff a LEFT JOIN staff b ON a.manager_id = b.id ORDER BY a.id
SELECT a.name, b.name FROM staff a JOIN staff b USING (manager_id) ORDER BY 1, 2
SELECT team, manager_id, count(*) FROM staff JOIN staff s2 USING (team, manager_id) GROUP BY team, manager_id ORDER BY 1, 2
SELECT id FROM staff JOIN (SELECT id FROM customers) c USING (id) JOIN orders USING (id) ORDER BY id
SELECT x.id FROM (staff JOIN orders USING (id)) JOIN customers x USING (id) ORDER BY 1
SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id) ORDER BY 1
SELECT name FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.status = 'paid') ORDER BY 1
SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE status = 'paid') ORDER BY 1
SELECT (SELECT max(price) FROM products), (SELECT min(weight) FROM products)
SELECT (SELECT name FROM customers WHERE id = 1), EXISTS (SELECT 1), ARRAY(SELECT id FROM staff ORDER BY 1)
SELECT title FROM products WHERE price = (SELECT max(price) FROM products)
SELECT name, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) FROM customers c ORDER BY id
SELECT name, (SELECT count(*) FROM orders WHERE customer_id = c.id AND status = 'paid') AS paid FROM customers c ORDER BY id
SELECT city FROM customers UNION SELECT status FROM orders ORDER BY 1
SELECT city FROM customers UNION ALL SELECT city FROM customers ORDER BY city LIMIT 4
SELECT id FROM customers INTERSECT SELECT customer_id FROM orders ORDER BY id
SELECT id FROM customers EXCEPT SELECT id::int FROM orders WHERE id < 5 ORDER BY 1
(SELECT id FROM customers ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM staff ORDER BY id DESC LIMIT 1) ORDER BY 1
SELECT 1 UNION (SELECT 2 INTERSECT SELECT 2) ORDER BY 1
WITH t AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) SELECT max(n) FROM t
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b
WITH q(n) AS MATERIALIZED (SELECT id FROM staff) SELECT sum(n) FROM q
WITH customers AS (SELECT id, name FROM public.customers WHERE id < 4) SELECT * FROM customers ORDER BY id
WITH x AS (SELECT 1 AS a) SELECT * FROM x AS y(b) JOIN x ON x.a = y.b
WITH x AS (SELECT 1 AS a) SELECT (WITH x AS (SELECT 2 AS a) SELECT a FROM x), a FROM x
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n
WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT sum(i) FROM n
WITH RECURSIVE up AS (SELECT id, name, manager_id FROM staff WHERE id = 4 UNION ALL SELECT s.id, s.name, s.manager_id FROM staff s JOIN up ON s.id = up.manager_id) SELECT name FROM up ORDER BY id
WITH RECURSIVE tree AS (SELECT id, name, 0 AS depth FROM staff WHERE manager_id IS NULL UNION ALL SELECT s.id, s.name, depth + 1 FROM staff s JOIN tree t ON s.manager_id = t.id) SELECT * FROM tree ORDER BY depth, id
SELECT name, row_number() OVER (ORDER BY name DESC) FROM staff ORDER BY id
SELECT id, sum(quantity) OVER (ORDER BY order_id, sku ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM order_lines JOIN orders ON id = order_id ORDER BY order_id, sku LIMIT 5
SELECT status, rank() OVER w FROM orders WINDOW w AS (PARTITION BY status ORDER BY placed) ORDER BY id
SELECT name, lag(name) OVER (ORDER BY id), lead(name, 1, '-') OVER (ORDER BY id) FROM staff ORDER BY id
SELECT name, first_value(name) OVER (PARTITION BY team ORDER BY id), ntile(2) OVER (ORDER BY id) FROM staff ORDER BY id
SELECT city, count(*) * 100.0 / sum(count(*)) OVER () AS share FROM customers GROUP BY city ORDER BY city
SELECT avg(quantity) OVER (PARTITION BY sku ORDER BY order_id RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM order_lines ORDER BY sku, order_id LIMIT 4
SELECT string_agg(name, '; ' ORDER BY name DESC) FROM staff
SELECT array_agg(id ORDER BY id) FILTER (WHERE id > 2), count(*) FILTER (WHERE team = 'ops') FROM staff
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price), mode() WITHIN GROUP (ORDER BY title) FROM products
SELECT stddev(price), variance(price), corr(price, weight) FROM products
SELECT bool_and(price > 1), bool_or(price > 100), every(price > 0) FROM products
SELECT team, grouping(team), count(*) FROM staff GROUP BY ROLLUP (team) ORDER BY team
SELECT team, manager_id, count(*) FROM staff GROUP BY GROUPING SETS ((team), (manager_id), ()) ORDER BY 1, 2
SELECT team, manager_id, count(*) FROM staff GROUP BY CUBE (team, manager_id) ORDER BY 1, 2
SELECT lower(city) AS c, count(*) FROM customers GROUP BY c ORDER BY c
SELECT lower(name) AS name FROM customers ORDER BY name
SELECT city AS name, count(*) FROM customers GROUP BY city ORDER BY name
SELECT name AS n FROM customers ORDER BY length(name), name
SELECT id FROM orders ORDER BY placed DESC NULLS LAST, id ASC LIMIT 3
SELECT id FROM orders ORDER BY id FETCH FIRST 3 ROWS ONLY
SELECT id FROM orders ORDER BY id LIMIT ALL OFFSET 27
SELECT * FROM contacts ORDER BY id
SELECT name, total FROM best_customers ORDER BY total DESC LIMIT 2
SELECT c.name, t.total FROM order_totals t JOIN customers c ON c.id = t.customer_id ORDER BY t.order_id
SELECT * FROM cities ORDER BY city
SELECT * FROM events WHERE day < '2025-12-24' ORDER BY day
SELECT tenant, count(*) FROM events GROUP BY 1 ORDER BY 1
SELECT "select", "a.b", "Ünï", "quo""te" FROM "Odd Names"
SELECT o.* FROM "Odd Names" AS o
SELECT "o o".id FROM orders AS "o o" ORDER BY 1 LIMIT 1
SELECT * FROM kinds ORDER BY id
SELECT n, f, d, ts, tz FROM kinds WHERE n = 'NaN' OR f > 1 ORDER BY id
SELECT a[1], a[1:2], ta[2], array_length(a, 1), cardinality(a) FROM kinds ORDER BY id
SELECT j -> 'a', j ->> 'a', jb -> 'b' -> 0, jb #> '{b,1}', jb #>> '{b,1}', jb @> '{"b": [1]}', jb ? 'b' FROM kinds ORDER BY id
SELECT jsonb_array_length(jb -> 'b'), jsonb_typeof(jb), jsonb_build_object('k', id), to_jsonb(n) FROM kinds WHERE id = 1
SELECT jsonb_path_query(jb, '$.b[*]') FROM kinds WHERE id = 1
SELECT a && ARRAY[2], a @> ARRAY[1], ARRAY[1] <@ a, array_to_string(a, '-') FROM kinds ORDER BY id
SELECT r @> 3, lower(r), upper(r), isempty(r) FROM kinds ORDER BY id
SELECT host(ip), masklen(ip), ip << '10.0.0.0/8' FROM kinds ORDER BY id
SELECT b, length(b), encode(b, 'hex'), md5(b) FROM kinds ORDER BY id
SELECT row_to_json(s) FROM (SELECT id, name FROM staff ORDER BY id LIMIT 2) s
SELECT p FROM products p ORDER BY sku
SELECT to_jsonb(p) FROM products p ORDER BY sku
SELECT count(p), count(p.*) FROM products p
SELECT json_agg(p ORDER BY sku) FROM products p
SELECT jsonb_object_agg(sku, price) FROM products
SELECT * FROM generate_series(1, 3)
SELECT g FROM generate_series(1, 3) g ORDER BY g DESC
SELECT i * 2 AS d FROM generate_series(1, 5, 2) AS s(i)
SELECT d::date FROM generate_series(date '2026-01-01', date '2026-01-03', interval '1 day') AS d
SELECT n, x FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, n)
SELECT key, value FROM jsonb_each('{"a": 1, "b": 2}') ORDER BY key
SELECT e FROM jsonb_array_elements('[1, 2]') AS e
SELECT value FROM jsonb_array_elements_text('["x", "y"]')
SELECT k.id, e.value FROM kinds k, jsonb_array_elements(k.jb -> 'b') AS e ORDER BY 1, 2
SELECT k.id, x FROM kinds k CROSS JOIN unnest(k.a) AS x ORDER BY k.id, x
SELECT unnest(ARRAY[1, 2]), generate_series(1, 2)
SELECT c.name, l.n FROM customers c, LATERAL (SELECT count(*) AS n FROM orders o WHERE o.customer_id = c.id) l ORDER BY c.id
SELECT c.name, l.id FROM customers c LEFT JOIN LATERAL (SELECT id FROM orders o WHERE o.customer_id = c.id ORDER BY id DESC LIMIT 1) l ON true ORDER BY c.id
SELECT regexp_replace('a1b2', '[0-9]', '#', 'g'), split_part('a,b', ',', 2), substring('hello' FROM 2 FOR 3), substring('hello', 2)
SELECT position('l' IN 'hello'), strpos('hello', 'l'), overlay('hello' PLACING 'XX' FROM 2 FOR 2), trim(BOTH 'x' FROM 'xhix'), btrim(' a '), ltrim('xa', 'x'), rtrim('ax', 'x')
SELECT lpad('7', 3, '0'), rpad('7', 3), repeat('ab', 3), reverse('abc'), initcap('a b'), left('abc', 2), right('abc', 2)
SELECT concat('a', 1, NULL), concat_ws('-', 'a', NULL, 'b'), format('%s-%I', 'a', 'b c'), quote_literal('x''y'), chr(65), ascii('A')
SELECT round(1.256, 2), trunc(1.9), ceil(1.1), floor(-1.1), abs(-3), mod(7, 3), 7 / 2, 7 % 3, power(2, 3), 2 ^ 3, sqrt(16), |/ 16, sign(-2), 1 << 4, 5 & 3, 5 | 3, 5 # 3, ~1
SELECT greatest(1, 2), least(1, 2), coalesce(NULL, 4), nullif(1, 1), NOT false, 3 IS NOT NULL, 1 IS DISTINCT FROM 2
SELECT '12'::int + 1, CAST('1.5' AS numeric(5, 2)), '2026-01-01'::date, 'a'::varchar(3), 1::text, '{1,2}'::int[], 't'::bool, 1.5::float8, '1 day'::interval
SELECT date '2026-01-31' + interval '1 month', interval '1 day' * 2, timestamp '2026-01-01 10:00' - interval '90 minutes'
SELECT (date '2026-01-01', date '2026-02-01') OVERLAPS (date '2026-01-15', date '2026-03-01')
SELECT row(1, 'a'), (1, 2) = (1, 2), (1, 2) IN ((1, 2), (3, 4))
SELECT 'abc' COLLATE "C" < 'abd', 'x' IN ('x', 'y'), 'a_c' LIKE 'a\_c', 'a%c' LIKE 'a!%c' ESCAPE '!'
SELECT to_tsvector('english', 'a fat cat') @@ to_tsquery('english', 'cat')
SELECT id FROM kinds WHERE u = '00000000-0000-0000-0000-000000000001'::uuid
SELECT feeling, count(*) FROM orders GROUP BY feeling ORDER BY feeling
SELECT id FROM orders WHERE feeling = 'calm' ORDER BY id LIMIT 2
SELECT order_id, sku FROM order_lines WHERE (order_id, sku) IN (VALUES (1::bigint, 'cup'), (2, 'pen')) ORDER BY 1, 2
SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS t(n, w) ORDER BY n
SELECT x.* FROM (SELECT 1 AS p, 2 AS q) AS x
SELECT * FROM (SELECT 1 AS a, 2 AS a) AS x
SELECT count FROM (SELECT count(*) FROM staff) s
SELECT lower FROM (SELECT lower(name) FROM staff ORDER BY id LIMIT 1) s
SELECT t.team, t.n FROM (SELECT team, count(*) AS n FROM staff GROUP BY team) t WHERE t.n > 1 ORDER BY t.n
SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY status) t
SELECT o.status, sum(l.quantity * p.price) AS revenue FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.sku = l.sku GROUP BY o.status ORDER BY revenue DESC
SELECT date_trunc('week', placed) AS w, status, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1, 2
SELECT c.city, count(DISTINCT o.id), round(avg(l.quantity), 2) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id LEFT JOIN order_lines l ON l.order_id = o.id GROUP BY c.city ORDER BY 1
SELECT sku FROM products WHERE weight IS NULL OR weight < 0.1 ORDER BY sku
SELECT now() > '2020-01-01', current_date > '2020-01-01', current_timestamp > '2020-01-01'
SELECT count(*) FROM orders WHERE placed >= now() - interval '100 years'
SELECT name FROM customers ORDER BY city, name LIMIT 2 OFFSET 1
SELECT length(string_agg(c.name, '')) FROM customers c
SELECT s.id, s.name, s.team FROM staff s ORDER BY s.id
SELECT count(*) FROM staff
SELECT a.id FROM customers a WHERE a.id = (SELECT min(b.id) FROM customers b WHERE b.city = a.city) ORDER BY a.id
SELECT sum(CASE WHEN status = 'paid' THEN 1 ELSE 0 END) AS paid, count(*) FROM orders
SELECT id FROM orders WHERE note IS NOT NULL AND status <> 'paid' ORDER BY id
