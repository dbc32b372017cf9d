"""The shop as a MariaDB database, with types and objects that SQLite has not.

Logins: ``reader`` may read what a clerk needs, ``writer`` may also write, ``owner`` may do everything in it,
``filer`` read the server's files, ``roamer`` read every schema.
Every value that ``reader`` must not see holds ``CANARY``.
"""

from typing import Any

from tests.support.mariadb_server import MariaDBServer
from tests.support.shop import CANARY

DATABASE = "shop"

SCHEMA = f"""
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (
    id int PRIMARY KEY, name varchar(80) NOT NULL, email varchar(80) NOT NULL UNIQUE, phone varchar(80), city varchar(80) NOT NULL COMMENT 'where parcels go',
    mail_domain varchar(80) AS (substring_index(email, '@', -1)) STORED, joined date NOT NULL, tenant int NOT NULL, KEY (phone)
);
CREATE TABLE products (sku varchar(20) PRIMARY KEY, title varchar(80) NOT NULL, price decimal(10, 2) NOT NULL, weight float, FULLTEXT KEY (title));
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer_id int NOT NULL, placed datetime NOT NULL, status varchar(20) NOT NULL, note text, tenant int NOT NULL,
    feeling enum('calm', 'busy'), CONSTRAINT whose FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE TABLE order_lines (order_id bigint NOT NULL, sku varchar(20) NOT NULL, quantity int NOT NULL, PRIMARY KEY (order_id, sku));
CREATE TABLE staff (id int PRIMARY KEY, name varchar(80) NOT NULL, manager_id int, salary decimal(10, 0) NOT NULL, team varchar(20) NOT NULL);
CREATE TABLE subscribers (email varchar(80), topic varchar(20));
CREATE TABLE `Odd Names` (`select` int, `a.b` text, `Ünï` text, `quo``te` text, `dq"q` text);
CREATE TABLE kinds (
    id int PRIMARY KEY, n decimal(30, 10), f double, d date, dt datetime(6), ts timestamp(3) NULL, t time, y year, b varbinary(20), bl blob, j json,
    e enum('a', 'b'), s set('x', 'y'), bi bit(12), ub bigint unsigned, l varchar(20) CHARACTER SET latin1, u uuid, bo boolean
);
CREATE TABLE digits (d int PRIMARY KEY);
CREATE TABLE hushed (id int PRIMARY KEY, shown int, unshown int INVISIBLE);
CREATE TABLE ledger (id int PRIMARY KEY, amount int) ENGINE = MyISAM;
CREATE TABLE vault (id int PRIMARY KEY, secret varchar(80) NOT NULL);
CREATE SQL SECURITY INVOKER VIEW contacts AS SELECT id, name, email AS mail FROM customers;
CREATE VIEW order_totals AS
    SELECT o.id AS order_id, o.customer_id, sum(l.quantity * p.price) AS total
    FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p USING (sku) GROUP BY o.id, o.customer_id;
CREATE VIEW best_customers AS
    SELECT c.name, sum(t.total) AS total FROM contacts c JOIN order_totals t ON t.customer_id = c.id GROUP BY c.id, c.name;
CREATE VIEW vault_view AS SELECT id, secret FROM vault;
CREATE FUNCTION leak() RETURNS varchar(80) READS SQL DATA SQL SECURITY DEFINER RETURN (SELECT secret FROM vault LIMIT 1);
CREATE FUNCTION strpos(a text, b text) RETURNS varchar(80) READS SQL DATA SQL SECURITY DEFINER RETURN (SELECT secret FROM vault LIMIT 1);
CREATE VIEW leaking AS SELECT leak() AS x;
CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA SQL SECURITY DEFINER BEGIN DELETE FROM staff; RETURN 1; END;
CREATE PROCEDURE wipe_all() SQL SECURITY DEFINER DELETE FROM staff;
CREATE SEQUENCE numbers;
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
INSERT INTO customers (id, name, email, phone, city, joined, tenant)
    SELECT n, elt(n, 'Ana', 'Bo', 'Chidi', 'Dara', 'Elif', 'Femi', 'Gita', 'Hugo', 'Ines', 'Jun'),
        concat(lower(elt(n, 'Ana', 'Bo', 'Chidi', 'Dara', 'Elif', 'Femi', 'Gita', 'Hugo', 'Ines', 'Jun')), '.{CANARY}@', if(n % 2, 'post', 'mail'), '.{CANARY}.example'),
        if(n <> 4, concat('+00 {CANARY} ', lpad(n, 3, '0')), NULL), elt(1 + n % 3, 'Lagos', 'Lisbon', 'Oslo'), date '2026-01-11' + INTERVAL n * 20 DAY, n % 2
    FROM (SELECT d + 1 AS n FROM digits) q;
INSERT INTO products VALUES ('cup', 'Blue cup', 12.50, 0.4), ('pen', 'Pen', 1.99, 0.02), ('rug', 'Wool rug', 480, NULL), ('tea', 'Green tea', 6.40, 0.25);
INSERT INTO orders SELECT n, 1 + n * 7 % 10, timestamp('2026-03-01 12:00') + INTERVAL n DAY, elt(1 + n % 3, 'paid', 'sent', 'returned'),
        if(n % 5 = 0, 'leave at {CANARY} gate', NULL), n % 2, elt(1 + n % 3, 'calm', 'busy', NULL) FROM (SELECT a.d * 10 + b.d AS n FROM digits a, digits b WHERE a.d < 3) q WHERE n > 0;
INSERT INTO order_lines SELECT o.id, p.sku, 1 + o.id % 3 FROM orders o, products p WHERE (o.id + length(p.title)) % 2 = 1;
INSERT INTO staff VALUES (1, 'Kai', NULL, 9000, 'ops'), (2, 'Lou', 1, 7000, 'ops'), (3, 'Mia', 1, 7100, 'ops'), (4, 'Noor', 2, 5000, 'web'), (5, 'Omar', 2, 5200, 'web'), (6, 'Pia', 2, 123456, 'law');
INSERT INTO subscribers VALUES ('ana.{CANARY}@post.{CANARY}.example', 'tea'), ('nobody.{CANARY}@none.example', 'rugs');
INSERT INTO `Odd Names` VALUES (1, 'dotted', 'ümlaut ☃', 'q', 'd');
INSERT INTO kinds VALUES
    (1, 1.50, 1.5, '2026-02-28', '2026-02-28 01:02:03.004', '2026-02-28 01:02:03', '-04:05:06', 2026, x'00ff10', x'00ff10', '{{"a": 1}}', 'a', 'x,y', b'101010101010', 18446744073709551615, 'grüß', '00000000-0000-0000-0000-000000000001', true),
    (2, 12345678901234567890.0123456789, -1e308, '1000-01-01', NULL, NULL, '838:59:59', NULL, '', '', 'null', NULL, '', b'0', 9007199254740993, '', NULL, false),
    (3, NULL, NULL, '9999-12-31', '9999-12-31 23:59:59.999999', NULL, NULL, 1901, NULL, NULL, NULL, 'b', NULL, NULL, 0, NULL, NULL, NULL);
INSERT INTO ledger VALUES (1, 100), (2, 200);
INSERT INTO hushed (id, shown, unshown) VALUES (1, 10, 100), (2, 20, 200);
INSERT INTO vault VALUES (1, '{CANARY} of the vault');
CREATE USER reader, writer, owner, filer;
GRANT ALL ON shop.* TO owner;
CREATE USER roamer;
GRANT FILE ON *.* TO filer;
GRANT SELECT ON `%`.* TO roamer;
GRANT SELECT ON shop.* TO filer;
"""
_VIEWS = ("contacts", "order_totals", "best_customers", "leaking")

TAGS = {
    "column:shop.shop.customers.email": ["pii.email"],
    "column:shop.shop.customers.phone": ["pii.phone"],
    "column:shop.shop.subscribers.email": ["pii.email"],
    "column:shop.shop.orders.note": ["private"],
    "table:shop.shop.vault": ["secret"],
}


def build(server: MariaDBServer) -> None:
    """Make the database and the logins."""
    from pymysql.constants import CLIENT

    grants: list[str] = []
    for login in ("reader", "writer"):
        for table in [
            "customers",
            "products",
            "orders",
            "order_lines",
            "subscribers",
            "`Odd Names`",
            "kinds",
            "contacts",
            "order_totals",
            "best_customers",
            "digits",
            "hushed",
            "ledger",
            "leaking",
        ]:
            right = "SELECT, SHOW VIEW" if table in _VIEWS else "SELECT"
            grants.append(f"GRANT {right} ON shop.{table} TO {login}")
    grants += [
        "GRANT SELECT (id, name, manager_id, team) ON shop.staff TO reader",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.staff TO writer",
        "GRANT INSERT, UPDATE, DELETE ON shop.products TO writer",
        "GRANT INSERT, UPDATE, DELETE ON shop.subscribers TO writer",
        "GRANT INSERT, UPDATE, DELETE ON shop.ledger TO writer",
    ]
    connection = server.connect(client_flag=CLIENT.MULTI_STATEMENTS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA + ";".join(grants))
            while cursor.nextset():
                pass
    finally:
        connection.close()


def source(server: MariaDBServer, user: str = "reader", **more: Any) -> dict[str, Any]:
    """A source's settings."""
    where = {"host": server.socket, "database": DATABASE}
    return {"type": "mariadb", **where, "user": user, "env": "dev", "tags": TAGS, **more}


def settings(server: MariaDBServer, user: str = "reader", **more: Any) -> dict[str, Any]:
    return {"sources": {"shop": source(server, user, **more)}}


def content(server: MariaDBServer) -> str:
    """Every row of every table and the list of objects, to see that nothing changed."""
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_TYPE <> 'VIEW' ORDER BY 1"
            )
            tables = [row[0] for row in cursor.fetchall()]
            found: list[object] = [tables]
            for table in tables:
                cursor.execute(f"CHECKSUM TABLE shop.`{table}`")
                found.append(cursor.fetchall())
            cursor.execute(
                "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES ORDER BY 1"
            )
            found.append(cursor.fetchall())
            cursor.execute("SELECT COUNT(*) FROM mysql.global_priv")
            found.append(cursor.fetchall())
        return str(found)
    finally:
        connection.close()
