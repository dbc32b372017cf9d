"""The shop as a PostgreSQL database, with types and objects that SQLite has not.

Roles: ``reader`` may read what a clerk needs, ``writer`` may also write, ``owner_of_all`` owns the tables.
Every value that ``reader`` must not see holds ``CANARY``.
"""

from typing import Any

import psycopg

from tests.support.postgres_server import PostgresServer
from tests.support.shop import CANARY

DATABASE = "shop"

SCHEMA = f"""
CREATE ROLE owner_of_all LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE writer LOGIN;
GRANT ALL ON SCHEMA public TO owner_of_all;
SET ROLE owner_of_all;
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, phone text, city text NOT NULL,
    mail_domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED, joined date NOT NULL, tenant int NOT NULL
);
COMMENT ON COLUMN customers.city IS 'where parcels go';
CREATE TABLE products (sku text PRIMARY KEY, title text NOT NULL, price numeric(10, 2) NOT NULL CHECK (price >= 0), weight real);
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, placed timestamptz NOT NULL,
    status text NOT NULL, note text, feeling mood, tenant int NOT NULL
);
CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders, sku text NOT NULL REFERENCES products, quantity int NOT NULL, PRIMARY KEY (order_id, sku)
);
CREATE TABLE staff (id int PRIMARY KEY, name text NOT NULL, manager_id int REFERENCES staff, salary numeric NOT NULL, team text NOT NULL);
CREATE TABLE subscribers (email text, topic text);
CREATE TABLE "Odd Names" ("select" int, "a.b" text, "Ünï" text, "quo""te" text);
CREATE TABLE kinds (
    id int PRIMARY KEY, n numeric, f float8, d date, ts timestamp, tz timestamptz, t time, iv interval, b bytea, j json, jb jsonb,
    a int[], ta text[], u uuid, ip inet, r int4range, bo boolean, big bigint, c char(5), m money
);
CREATE TABLE events (day date NOT NULL, what text, tenant int) PARTITION BY RANGE (day);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE vault (id int PRIMARY KEY, secret text NOT NULL);
CREATE VIEW contacts AS SELECT id, name, email AS mail FROM customers;
CREATE VIEW order_totals AS
    SELECT o.id AS order_id, o.customer_id, sum(l.quantity * p.price) AS total
    FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p USING (sku) GROUP BY o.id, o.customer_id;
CREATE VIEW best_customers AS
    SELECT c.name, sum(t.total) AS total FROM contacts c JOIN order_totals t ON t.customer_id = c.id GROUP BY c.id, c.name;
CREATE VIEW vault_view AS SELECT id, secret FROM vault;
CREATE MATERIALIZED VIEW cities AS SELECT city, count(*) AS people FROM customers GROUP BY city;
CREATE INDEX ON customers (phone);
CREATE FUNCTION leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT secret FROM vault LIMIT 1';
CREATE FUNCTION wipe() RETURNS int LANGUAGE sql VOLATILE AS 'DELETE FROM staff RETURNING 1';
CREATE SEQUENCE numbers;
INSERT INTO customers (id, name, email, phone, city, joined, tenant)
    SELECT n, (ARRAY['Ana','Bo','Chidi','Dara','Elif','Femi','Gita','Hugo','Ines','Jun'])[n],
        lower((ARRAY['Ana','Bo','Chidi','Dara','Elif','Femi','Gita','Hugo','Ines','Jun'])[n]) || '.{CANARY}@' || CASE n % 2 WHEN 1 THEN 'post' ELSE 'mail' END || '.{CANARY}.example',
        CASE WHEN n <> 4 THEN '+00 {CANARY} ' || lpad(n::text, 3, '0') END, (ARRAY['Lagos','Lisbon','Oslo'])[1 + n % 3], date '2026-01-11' + n * 20, n % 2
    FROM generate_series(1, 10) n;
INSERT INTO products VALUES ('cup', 'Blue cup', 12.50, 0.4), ('pen', 'Pen', 1.99, 0.02), ('rug', 'Wool rug', 480, NULL), ('tea', 'Green tea', 6.40, 0.25);
INSERT INTO orders SELECT n, 1 + n * 7 % 10, timestamptz '2026-03-01 12:00+00' + n * interval '1 day', (ARRAY['paid','sent','returned'])[1 + n % 3],
        CASE WHEN n % 5 = 0 THEN 'leave at {CANARY} gate' END, (ARRAY['calm','busy',NULL])[1 + n % 3]::mood, n % 2 FROM generate_series(1, 30) n;
INSERT INTO order_lines SELECT n, sku, 1 + n % 3 FROM generate_series(1, 30) n, products WHERE (n + length(title)) % 2 = 1;
INSERT INTO staff VALUES (1, 'Kai', NULL, 9000, 'ops'), (2, 'Lou', 1, 7000, 'ops'), (3, 'Mia', 1, 7100, 'ops'), (4, 'Noor', 2, 5000, 'web'), (5, 'Omar', 2, 5200, 'web'), (6, 'Pia', 2, 123456, 'law');
INSERT INTO subscribers VALUES ('ana.{CANARY}@post.{CANARY}.example', 'tea'), ('nobody.{CANARY}@none.example', 'rugs');
INSERT INTO "Odd Names" VALUES (1, 'dotted', 'ümlaut ☃', 'q');
INSERT INTO kinds VALUES
    (1, 1.50, 1.5, '2026-02-28', '2026-02-28 01:02:03.004', '2026-02-28 01:02:03+00', '04:05', '1 mon 2 days', '\\x00ff10', '{{"a": 1}}', '{{"b": [1, 2]}}', '{{1,2,NULL}}', '{{a,"b c"}}', '00000000-0000-0000-0000-000000000001', '10.0.0.1', '[1,5)', true, 9007199254740993, 'ab', 12.34),
    (2, 'NaN', 'NaN', 'infinity', '-infinity', NULL, NULL, NULL, '', 'null', '[]', '{{}}', NULL, NULL, NULL, 'empty', false, -9223372036854775808, '', 0),
    (3, 123456789012345678901234567890.123456789, 'Infinity', '0044-03-15 BC', NULL, NULL, '24:00', '-1 years', NULL, NULL, NULL, '{{{{1,2}},{{3,4}}}}', '{{"x,y","NULL",NULL}}', NULL, '::1/64', NULL, NULL, NULL, NULL, NULL);
INSERT INTO events SELECT date '2025-12-20' + n, 'e' || n, n % 2 FROM generate_series(0, 20) n;
INSERT INTO vault VALUES (1, '{CANARY} of the vault');
REFRESH MATERIALIZED VIEW cities;
GRANT SELECT ON customers, products, orders, order_lines, subscribers, "Odd Names", kinds, events, contacts, order_totals, best_customers, cities TO reader, writer;
GRANT SELECT (id, name, manager_id, team) ON staff TO reader;
GRANT SELECT ON staff TO writer;
GRANT INSERT, UPDATE, DELETE ON staff, products, subscribers TO writer;
RESET ROLE;
ANALYZE;
"""

TAGS = {
    "column:shop.public.customers.email": ["pii.email"],
    "column:shop.public.customers.phone": ["pii.phone"],
    "column:shop.public.subscribers.email": ["pii.email"],
    "column:shop.public.orders.note": ["private"],
    "table:shop.public.vault": ["secret"],
}


def build(server: PostgresServer, database: str = DATABASE, schema: str = SCHEMA) -> None:
    """Make the database and the roles."""
    with psycopg.connect(
        host=server.host, dbname="postgres", user="admin", autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{database}"'.encode())
    with psycopg.connect(host=server.host, dbname=database, user="admin") as connection:
        connection.execute(schema.encode())


def source(
    server: PostgresServer, user: str = "reader", database: str = DATABASE, **more: Any
) -> dict[str, Any]:
    """A source's settings."""
    return {
        "type": "postgres",
        "host": server.host,
        "database": database,
        "user": user,
        "env": "dev",
        "tags": TAGS,
        **more,
    }


def settings(server: PostgresServer, user: str = "reader", **more: Any) -> dict[str, Any]:
    return {"sources": {"shop": source(server, user, **more)}}


_DIGEST = "SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) FROM {} t"


def content(server: PostgresServer, database: str = DATABASE) -> str:
    """A digest of every row of every table and of the catalog of objects, to see that nothing changed."""
    with psycopg.connect(host=server.host, dbname=database, user="admin") as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        digests = [
            connection.execute(_DIGEST.format(name).encode()).fetchone() for (name,) in tables
        ]
        objects = connection.execute(
            "SELECT md5(string_agg(relname || relkind::text, ',' ORDER BY relname)) || (SELECT last_value || is_called::text FROM numbers) FROM pg_class"
        ).fetchone()
    return str((tables, digests, objects))
