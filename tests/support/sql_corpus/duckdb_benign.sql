SELECT 1 AS one
SELECT NULL AS n, 1.5 AS d, 'x' AS s, true AS b
VALUES (1, 'a'), (2, NULL)
SELECT * FROM customers ORDER BY id
FROM customers ORDER BY id
SELECT Name, CITY FROM Customers ORDER BY ID
SELECT c.* FROM customers c ORDER BY c.id
SELECT main.customers.name FROM main.customers ORDER BY 1
SELECT DISTINCT city FROM customers ORDER BY 1
SELECT city, count(*) AS n FROM customers GROUP BY city HAVING n > 2 ORDER BY n DESC, city
SELECT city, count(*) AS n FROM customers GROUP BY ALL ORDER BY city
SELECT upper(name) AS u FROM customers WHERE length(name) > 3 ORDER BY u
SELECT name FROM customers WHERE name LIKE 'A%' OR name ILIKE 'b%' ORDER BY 1
SELECT name FROM customers WHERE id BETWEEN 2 AND 4 AND city IN ('Oslo', 'Lagos') ORDER BY id
SELECT name FROM customers WHERE phone IS NULL
SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
SELECT c.name, count(o.id) AS n FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.name ORDER BY 1
SELECT sku, title, quantity FROM order_lines JOIN products USING (sku) ORDER BY order_id, sku
SELECT count(*) AS n FROM order_lines NATURAL JOIN products
SELECT name FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id) ORDER BY 1
SELECT (SELECT max(price) FROM products) AS m
SELECT city FROM customers UNION SELECT status FROM orders ORDER BY 1
SELECT id FROM customers EXCEPT SELECT customer_id FROM orders ORDER BY 1
WITH t AS (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) SELECT max(n) AS m FROM t
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n ORDER BY i
SELECT name, row_number() OVER (ORDER BY name DESC) AS r FROM customers ORDER BY id
SELECT name FROM customers QUALIFY row_number() OVER (PARTITION BY city ORDER BY id) = 1 ORDER BY name
SELECT string_agg(name, '; ' ORDER BY name) AS s FROM customers
SELECT list(name ORDER BY id) AS l FROM customers
SELECT median(price) AS m, quantile_cont(price, 0.5) AS q FROM products
SELECT date_trunc('month', placed) AS m, count(*) AS n FROM orders GROUP BY m ORDER BY m
SELECT extract(year FROM placed) AS y, year(placed) AS z FROM orders ORDER BY id LIMIT 2
SELECT strftime(placed, '%Y-%m') AS m FROM orders ORDER BY id LIMIT 2
SELECT placed + INTERVAL 1 DAY AS d FROM orders ORDER BY id LIMIT 2
SELECT * FROM contacts ORDER BY id
SELECT * FROM totals ORDER BY status
SELECT i FROM range(3) AS t(i) ORDER BY i
SELECT * FROM generate_series(1, 3) AS g(x) ORDER BY x
SELECT unnest([1, 2, 3]) AS u
SELECT regexp_replace('a1b2', '[0-9]', '#', 'g') AS r, split_part('a,b', ',', 2) AS p
SELECT CAST('12' AS INTEGER) + 1 AS a, '1.5'::DECIMAL(5, 2) AS b, TRY_CAST('x' AS INTEGER) AS c
SELECT 7 // 2 AS i, 7 / 2 AS f, 7 % 3 AS m, 2 ** 3 AS p
SELECT CASE WHEN id > 5 THEN 'late' ELSE 'early' END AS w, count(*) AS n FROM orders GROUP BY w ORDER BY w
SELECT coalesce(phone, 'none') AS p FROM customers ORDER BY id
SELECT count(*) FILTER (WHERE status = 'paid') AS paid FROM orders
SELECT json_extract('{"a": 1}', '$.a') AS j
SELECT * FROM kinds ORDER BY id
SELECT "odd name"."a b" FROM "odd name"
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS p, mode() WITHIN GROUP (ORDER BY title) AS m FROM products
SELECT city, count(*) AS id FROM customers GROUP BY city HAVING id > 1 ORDER BY city
SELECT sum(id) AS id FROM customers HAVING id > 3
