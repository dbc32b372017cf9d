SELECT * FROM '/etc/passwd'
SELECT * FROM "/etc/passwd"
SELECT * FROM 'x.csv'
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_csv_auto('/etc/passwd')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_json('/etc/passwd')
SELECT * FROM read_parquet('/etc/passwd')
SELECT * FROM parquet_scan('/etc/passwd')
SELECT * FROM glob('/etc/*')
SELECT * FROM sniff_csv('/etc/passwd')
SELECT getenv('HOME')
SELECT current_setting('memory_limit')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_columns()
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM sqlite_master
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('customers')
SELECT * FROM postgres_scan('', '', '')
SELECT * FROM pragma_table_info('customers')
PRAGMA table_info('customers')
PRAGMA database_list
INSTALL httpfs
LOAD httpfs
ATTACH '/tmp/x.db' AS x
DETACH shop
USE memory
SET memory_limit = '10GB'
SET enable_external_access = true
RESET memory_limit
COPY customers TO '/tmp/devagent-never.csv'
COPY customers FROM '/etc/passwd'
EXPORT DATABASE '/tmp/devagent-never'
IMPORT DATABASE '/tmp/x'
INSERT INTO orders VALUES (1)
UPDATE orders SET status = 'x'
DELETE FROM orders
TRUNCATE orders
CREATE TABLE t (a INT)
CREATE TEMP TABLE t AS SELECT 1
CREATE MACRO f(x) AS x
CREATE SECRET s (TYPE s3)
DROP TABLE orders
ALTER TABLE orders ADD COLUMN x INT
CALL pragma_version()
CHECKPOINT
VACUUM
BEGIN
PREPARE p AS SELECT 1
EXECUTE p
EXPLAIN ANALYZE SELECT 1
DESCRIBE customers
SHOW TABLES
SUMMARIZE customers
PIVOT orders ON status
SELECT * EXCLUDE (name) FROM customers
SELECT COLUMNS('e.*') FROM customers
SELECT * REPLACE (1 AS id) FROM customers
SELECT 1; DELETE FROM orders
SELECT nextval('s')
SELECT ?
SELECT $1
SELECT rowid FROM customers
SELECT * FROM nosuch
SELECT nosuch FROM customers
SELECT name FROM customers USING SAMPLE 1
SELECT repeat('x', 1000000000)
WITH q AS (DELETE FROM orders RETURNING *) SELECT * FROM q
SELECT * INTO t FROM customers
SELECT list_transform([1], x -> getenv('HOME'))
SELECT getvariable('x')
SELECT write_log('x')
SELECT * FROM customers AT (VERSION => 1)
SELECT EXTRACT("YEAR FROM now()), (SELECT content FROM read_text('/etc/passwd')), extract(year" FROM placed) FROM orders
SELECT EXTRACT("YEAR FROM now()), (SELECT count(*) FROM duckdb_settings), extract(year" FROM placed) FROM orders
SELECT * FROM histogram('customers', 'email')
SELECT h.* FROM unnest([1]) AS u(email), histogram('customers', email) h
SELECT h.* FROM generate_series(1, 1) AS email, LATERAL histogram('customers', email) h
SELECT h.* FROM customers c JOIN histogram('values', (SELECT 1)) h ON true
FROM histogram('values', 1)
SELECT * FROM main.histogram('values', 1)
SELECT * FROM (FROM histogram_values('values', 1))
