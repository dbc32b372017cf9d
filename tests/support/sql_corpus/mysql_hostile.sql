SELECT * FROM vault
SELECT secret FROM shop.vault
TABLE vault
SELECT * FROM vault_view
SELECT salary FROM staff
SELECT count(*) FROM staff WHERE salary > 100000
SELECT id FROM staff ORDER BY salary
SELECT 1 FROM staff GROUP BY salary
SELECT max(salary) FROM staff
SELECT 1 FROM staff JOIN (SELECT 123456 AS salary) x USING (salary)
SELECT (SELECT salary FROM staff s2 WHERE s2.id = staff.id) FROM staff
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM vault WHERE secret LIKE 'C%')
SELECT * FROM customers c LEFT JOIN vault v ON v.id = c.id
SELECT 1 UNION ALL SELECT id FROM vault
WITH v AS (SELECT * FROM vault) SELECT * FROM v
SELECT 1 /*! UNION SELECT secret FROM vault */
SELECT 1 /*!50000 UNION SELECT secret FROM vault */
SELECT 1 /*!999999 UNION SELECT secret FROM vault */
SELECT 1 /*M! UNION SELECT secret FROM vault */
SELECT 1 /*M!100100 UNION SELECT secret FROM vault */
SELECT /*!99999 1, */ name /*!50000 , (SELECT secret FROM vault) */ FROM customers
SELECT name FROM customers /*!50000 INTO OUTFILE '/tmp/devagent-never' */
SELECT name FROM customers INTO OUTFILE '/tmp/devagent-never'
SELECT name FROM customers INTO DUMPFILE '/tmp/devagent-never'
SELECT name INTO OUTFILE '/tmp/devagent-never' FROM customers
SELECT name INTO @x FROM customers LIMIT 1
SELECT @x := secret FROM vault
SELECT @x := 1
SELECT @devagent_key
SELECT @@version
SELECT @@global.secure_file_priv
SELECT @@hostname, @@datadir
SELECT load_file('/etc/passwd')
SELECT LOAD_FILE(0x2f6574632f706173737764)
SELECT `load_file`('/etc/passwd')
SELECT load_file/**/('/etc/passwd')
SELECT load_file ('/etc/passwd')
SELECT sleep(5)
SELECT SLEEP(5) FROM customers
SELECT benchmark(100000000, md5('a'))
SELECT get_lock('a', 10)
SELECT release_lock('a')
SELECT release_all_locks()
SELECT is_used_lock('a')
SELECT master_pos_wait('x', 1)
SELECT extractvalue(1, concat(0x7e, (SELECT secret FROM vault)))
SELECT updatexml(1, concat(0x7e, (SELECT secret FROM vault)), 1)
SELECT extractvalue(1, concat(0x7e, (SELECT max(phone) FROM customers)))
SELECT json_table('[1]', '$[*]' COLUMNS (x int PATH '$'))
SELECT * FROM json_table('[1]', '$[*]' COLUMNS (x int PATH '$')) j
SELECT user(), current_user(), session_user(), system_user()
SELECT version()
SELECT database()
SELECT schema()
SELECT connection_id()
SELECT last_insert_id(7)
SELECT row_count(), found_rows()
SELECT uuid(), uuid_short()
SELECT nextval(numbers)
SELECT NEXT VALUE FOR numbers
SELECT lastval(numbers)
SELECT setval(numbers, 1000)
SELECT * FROM numbers
SELECT leak()
SELECT shop.leak()
SELECT shop.strpos('a', 'b')
SELECT strpos('a', 'b')
SELECT wipe()
SELECT name FROM customers WHERE wipe()
SELECT * FROM leaking
SELECT trunc(1), string_agg(name, ',') FROM customers
CALL wipe_all()
CALL shop.wipe_all()
DO wipe()
DO sleep(5)
HANDLER vault OPEN
HANDLER vault READ FIRST
PREPARE p FROM 'SELECT secret FROM vault'
EXECUTE p
EXECUTE IMMEDIATE 'SELECT secret FROM vault'
DEALLOCATE PREPARE p
SET @a = 1
SET SESSION sql_mode = 'ANSI_QUOTES'
SET GLOBAL general_log = 1
SET PASSWORD = ''
SET ROLE owner
SHOW TABLES
SHOW GRANTS
SHOW CREATE TABLE vault
SHOW PROCESSLIST
SHOW VARIABLES
DESCRIBE vault
DESC vault
EXPLAIN SELECT * FROM vault
ANALYZE SELECT * FROM vault
ANALYZE TABLE customers
CHECK TABLE customers
CHECKSUM TABLE vault
OPTIMIZE TABLE customers
REPAIR TABLE ledger
FLUSH TABLES
FLUSH PRIVILEGES
RESET MASTER
KILL 1
KILL QUERY 1
LOCK TABLES customers WRITE
UNLOCK TABLES
USE mysql
BEGIN
START TRANSACTION
COMMIT
ROLLBACK
SAVEPOINT a
XA START 'x'
INSERT INTO staff VALUES (9, 'x', NULL, 1, 'x')
REPLACE INTO staff VALUES (9, 'x', NULL, 1, 'x')
UPDATE staff SET salary = 0
DELETE FROM staff
TRUNCATE staff
DROP TABLE staff
CREATE TABLE x (a int)
CREATE TABLE x AS SELECT * FROM vault
CREATE TEMPORARY TABLE x (a int)
CREATE FUNCTION f RETURNS STRING SONAME 'f.so'
ALTER TABLE staff ADD x int
RENAME TABLE staff TO s
GRANT ALL ON *.* TO reader
CREATE USER evil
INSTALL PLUGIN x SONAME 'x.so'
INSTALL SONAME 'x'
LOAD DATA INFILE '/etc/passwd' INTO TABLE products
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE products
LOAD XML INFILE '/etc/passwd' INTO TABLE products
SIGNAL SQLSTATE '45000'
BINLOG 'x'
CHANGE MASTER TO MASTER_HOST = 'x'
SELECT 1; DROP TABLE staff
SELECT 1; SELECT secret FROM vault
SELECT 1;;SELECT 2
SELECT * FROM mysql.user
SELECT * FROM mysql.global_priv
SELECT * FROM MySQL.User
SELECT * FROM information_schema.tables
SELECT * FROM INFORMATION_SCHEMA.COLUMNS
SELECT * FROM information_schema.processlist
SELECT * FROM information_schema.user_variables
SELECT * FROM performance_schema.threads
SELECT * FROM performance_schema.user_variables_by_thread
SELECT * FROM sys.session
SELECT * FROM shop.customers PROCEDURE ANALYSE()
SELECT * FROM customers PARTITION (p0)
SELECT * FROM customers FOR SYSTEM_TIME ALL
SELECT * FROM customers FOR UPDATE
SELECT * FROM customers LOCK IN SHARE MODE
SELECT SQL_CALC_FOUND_ROWS * FROM customers
SELECT HIGH_PRIORITY * FROM customers
SELECT name FROM customers WHERE id = ?
SELECT \N
SELECT _gbk'\'' UNION SELECT secret FROM vault -- '
SELECT _binary x'27' FROM vault
SELECT 'a\\' UNION SELECT secret FROM vault -- '
SELECT "a" UNION SELECT secret FROM vault
SELECT EXTRACT(`YEAR FROM now()), (SELECT secret FROM vault), extract(YEAR` FROM placed) FROM orders
SELECT CAST(1 AS char(`9)), (SELECT secret FROM vault), CAST(1 AS char(9`))
SELECT CONVERT(name USING `utf8mb4), (SELECT secret FROM vault), convert(name USING utf8mb4`) FROM customers
SELECT timestampdiff(`DAY, now(), now()), (SELECT secret FROM vault), timestampdiff(DAY`, now(), now())
SELECT placed + INTERVAL 1 `DAY, (SELECT secret FROM vault)` FROM orders
SELECT default(salary) FROM staff
SELECT values(salary) FROM staff
SELECT repeat('x', 1000000000)
SELECT rpad('x', 1000000000, 'y')
SELECT space(1000000000)
SELECT name FROM customers WHERE MATCH (title) AGAINST ('x')
SELECT * FROM seq_1_to_10000000
SELECT * FROM customers AS OF TIMESTAMP now()
SELECT sys_exec('id'), sys_eval('id')
SELECT des_encrypt('a'), aes_encrypt('a', 'b'), encrypt('a'), password('a'), old_password('a')
SELECT ST_AsText(ST_GeomFromText('x'))
SELECT gtid_subset((SELECT secret FROM vault), 1)
SELECT name_const('a', 1)
SELECT column_get(column_create('a', 1), 'a' AS int)
VALUES (1, (SELECT secret FROM vault))
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(secret) FROM n, vault
SELECT emailFROM customers FULL JOIN subscribers 'gate'USING (email)
