SELECT * FROM vault
SELECT secret FROM vault_view
TABLE vault
SELECT count(*) FROM vault WHERE secret LIKE 'C%'
SELECT salary FROM staff
SELECT s FROM staff s
SELECT s.* FROM staff s
SELECT * FROM staff
SELECT to_jsonb(s) FROM staff s
SELECT count(*) FROM staff WHERE salary > 100000
SELECT id FROM staff ORDER BY salary
SELECT (staff).salary FROM staff
SELECT salary(staff) FROM staff
SELECT staff.salary FROM staff
SELECT count(*) FROM staff NATURAL JOIN (SELECT 123456 AS salary) x
SELECT count(*) FROM staff JOIN (SELECT 123456::numeric AS salary) x USING (salary)
SELECT (SELECT salary FROM staff s2 WHERE s2.id = staff.id) FROM staff
WITH v AS (SELECT * FROM vault) SELECT 1
WITH v AS (TABLE vault) SELECT * FROM v
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM vault)
SELECT * FROM customers c LEFT JOIN vault v ON v.id = c.id
SELECT 1 UNION ALL SELECT id FROM vault
SELECT leak()
SELECT public.leak()
SELECT * FROM leak()
SELECT * FROM customers, LATERAL leak()
SELECT wipe()
SELECT wipe() FROM customers
SELECT nextval('numbers')
SELECT setval('numbers', 1000)
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT pg_ls_dir('/')
SELECT pg_stat_file('/etc/passwd')
SELECT * FROM pg_read_file('/etc/passwd')
SELECT * FROM pg_ls_dir('/') AS x
SELECT "pg_read_file"('/etc/passwd')
SELECT PG_READ_FILE('/etc/passwd')
SELECT pg_catalog.pg_read_file('/etc/passwd')
SELECT pg_catalog."pg_read_file"('/etc/passwd')
SELECT ('/etc/passwd'::text).pg_read_file
SELECT (f).pg_read_file FROM (SELECT '/etc/passwd'::text AS f) x
SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS f
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/devagent-never')
SELECT lo_get(1)
SELECT lo_from_bytea(0, 'x')
SELECT dblink('host=/tmp', 'SELECT 1')
SELECT dblink_exec('host=/tmp', 'DELETE FROM staff')
SELECT query_to_xml('SELECT secret FROM vault', true, true, '')
SELECT table_to_xml('vault', true, true, '')
SELECT database_to_xml(true, true, '')
SELECT cursor_to_xml('c', 1, true, true, '')
SELECT xpath('/x', '<x>y</x>')
SELECT set_config('search_path', 'x', false)
SELECT set_config('transaction_read_only', 'off', false)
SELECT current_setting('config_file')
SELECT version()
SELECT current_user
SELECT session_user
SELECT user
SELECT current_database()
SELECT inet_server_addr()
SELECT pg_backend_pid()
SELECT pg_sleep(10)
SELECT pg_sleep_for('10 seconds')
SELECT pg_terminate_backend(1)
SELECT pg_cancel_backend(1)
SELECT pg_reload_conf()
SELECT pg_advisory_lock(1)
SELECT pg_try_advisory_lock(1)
SELECT pg_notify('c', 'x')
SELECT txid_current()
SELECT pg_export_snapshot()
SELECT pg_switch_wal()
SELECT pg_logical_emit_message(true, 'a', 'b')
SELECT has_table_privilege('vault', 'SELECT')
SELECT pg_get_viewdef('vault_view')
SELECT pg_relation_size('vault')
SELECT 'vault'::regclass
SELECT CAST('vault' AS regclass)
SELECT 'leak'::regproc
SELECT to_regclass('vault')
SELECT obj_description(1)
SELECT ts_stat('SELECT 1')
SELECT * FROM ts_stat('SELECT to_tsvector(secret) FROM vault')
SELECT ts_rewrite('a'::tsquery, 'SELECT 1')
SELECT * FROM pg_class
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_stats
SELECT * FROM pg_catalog.pg_stats
SELECT most_common_vals FROM pg_stats WHERE tablename = 'vault'
SELECT * FROM pg_shadow
SELECT * FROM pg_authid
SELECT * FROM pg_settings
SELECT * FROM pg_stat_activity
SELECT * FROM pg_locks
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM pg_toast.pg_toast_1
SELECT ctid FROM customers
SELECT xmin, xmax FROM customers
SELECT tableoid FROM customers
SELECT oid FROM customers
SELECT c.tableoid FROM customers c
INSERT INTO staff VALUES (9, 'x', 1, 1, 'x')
INSERT INTO subscribers DEFAULT VALUES RETURNING *
UPDATE staff SET salary = 1
UPDATE staff SET salary = 1 RETURNING salary
DELETE FROM staff
DELETE FROM staff USING customers
MERGE INTO staff USING customers ON true WHEN MATCHED THEN DELETE
TRUNCATE staff
WITH q AS (DELETE FROM staff RETURNING *) SELECT * FROM q
WITH q AS (INSERT INTO subscribers VALUES ('a', 'b') RETURNING *) SELECT * FROM q
WITH q AS (UPDATE staff SET salary = 0 RETURNING *) SELECT 1
WITH q AS (SELECT 1) DELETE FROM staff
WITH q AS (SELECT 1) INSERT INTO subscribers SELECT email, phone FROM customers
SELECT * FROM (DELETE FROM staff RETURNING *) x
SELECT * INTO copy FROM customers
SELECT * INTO TEMP copy FROM customers
CREATE TABLE t (a int)
CREATE TABLE t AS SELECT email FROM customers
CREATE TEMP TABLE t AS SELECT 1
CREATE VIEW w AS SELECT 1
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE EXTENSION dblink
CREATE ROLE x
DROP TABLE staff
DROP SCHEMA public CASCADE
ALTER TABLE staff ADD COLUMN x int
ALTER ROLE reader SUPERUSER
ALTER SYSTEM SET fsync = off
GRANT ALL ON staff TO reader
REVOKE ALL ON staff FROM writer
COPY staff TO '/tmp/devagent-never'
COPY staff FROM '/etc/passwd'
COPY (SELECT 1) TO PROGRAM 'id'
COPY customers TO STDOUT
DO $$ BEGIN PERFORM 1; END $$
CALL x()
EXECUTE x
PREPARE x AS SELECT 1
DEALLOCATE ALL
DECLARE c CURSOR FOR SELECT 1
FETCH ALL FROM c
LISTEN x
NOTIFY x
UNLISTEN *
LOCK TABLE staff
VACUUM
ANALYZE
CLUSTER
CHECKPOINT
REINDEX TABLE staff
REFRESH MATERIALIZED VIEW cities
DISCARD ALL
LOAD 'x'
SECURITY LABEL ON TABLE staff IS 'x'
COMMENT ON TABLE staff IS 'x'
SET ROLE admin
SET search_path = pg_catalog
SET SESSION AUTHORIZATION admin
RESET ALL
RESET ROLE
SHOW ALL
SHOW config_file
BEGIN
COMMIT
ROLLBACK
SAVEPOINT s
START TRANSACTION READ WRITE
SET TRANSACTION READ WRITE
EXPLAIN SELECT 1
EXPLAIN ANALYZE DELETE FROM staff
EXPLAIN (ANALYZE) SELECT wipe()
SELECT 1; SELECT 2
SELECT 1; DELETE FROM staff
SELECT 1; COMMIT; DELETE FROM staff
SELECT 1;;
; SELECT 1
SELECT 1 /* */; DROP TABLE staff; --
SELECT 1 FROM customers FOR UPDATE
SELECT 1 FROM customers FOR SHARE
SELECT 1 FROM customers TABLESAMPLE SYSTEM (100)
SELECT 1 FROM ONLY customers
SELECT * FROM ROWS FROM (leak()) AS x
SELECT $1
SELECT :name
SELECT ?
SELECT email FROM nosuch
SELECT nosuch FROM customers
SELECT other.customers.email FROM other.customers
SELECT name FROM customers, staff
SELECT email FROM customers WHERE
SELECT email FROM customers WHERE name = 'unclosed
/* unclosed SELECT 1
--
SELECT repeat('x', 1000000000)
SELECT repeat('x', 1000 * 1000 * 1000)
SELECT lpad('x', 1000000000)
SELECT array_fill(1, ARRAY[100000000])
SELECT 1 OPERATOR(pg_catalog.+) 1
SELECT 'x'::xml
SELECT CAST('a' AS pg_catalog.regclass)
SELECT XMLPARSE(DOCUMENT '<a/>')
SELECT XMLELEMENT(NAME a)
SELECT * FROM JSON_TABLE('{}', '$' COLUMNS (a int))
SELECT CURRENT_CATALOG
SELECT CURRENT_SCHEMA
SELECT current_schemas(true)
SELECT pg_catalog.current_schemas(true)
SELECT x.pg_sleep FROM (SELECT 1 AS y) x
SELECT count(*) FROM customers GROUP BY leak()
SELECT count(*) FROM customers ORDER BY leak()
SELECT count(*) FROM customers HAVING leak() = 'x'
SELECT * FROM customers LIMIT (SELECT length(leak()))
SELECT sum(id) OVER (ORDER BY leak()) FROM customers
SELECT CASE WHEN leak() IS NULL THEN 1 END
SELECT ARRAY[leak()]
SELECT 1 WHERE leak() > ''
SELECT 1 FROM customers JOIN orders ON leak() = 'x'
SELECT string_agg(leak(), ',') FROM customers
VALUES (leak())
SELECT DISTINCT ON (leak()) id FROM customers
SELECT id FROM customers WINDOW w AS (ORDER BY leak())
SELECT (ROW(1, leak())).f2
SELECT EXTRACT("YEAR FROM now()), (SELECT secret FROM vault LIMIT 1), extract(year" FROM placed) FROM orders
SELECT EXTRACT("DAY FROM current_date), (SELECT max(salary) FROM staff), EXTRACT(DAY" FROM placed) FROM orders
SELECT CAST(name AS varchar("9)), (SELECT secret FROM vault), CAST('' AS varchar(9")) FROM customers
SELECT '1'::numeric("9), (SELECT secret FROM vault), 1::numeric(9")
