"""A small shop as a SQLite database: people with private data, orders, views over both.

Every private value holds ``CANARY``, so that a search for that word finds any leak.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

CANARY = "CANARY"

SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    phone TEXT,
    city TEXT NOT NULL,
    mail_domain TEXT AS (substr(email, instr(email, '@') + 1)),
    joined TEXT NOT NULL
);
CREATE TABLE products (
    sku TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    weight_kg REAL
) WITHOUT ROWID;
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    placed TEXT NOT NULL,
    status TEXT NOT NULL,
    note TEXT
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
) WITHOUT ROWID;
CREATE TABLE staff (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    manager_id INTEGER REFERENCES staff (id),
    salary INTEGER NOT NULL
);
CREATE TABLE subscribers (email TEXT, topic TEXT);
CREATE TABLE "a.b" (x INTEGER, "c.d" TEXT);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX customers_by_city ON customers (city);
CREATE INDEX customers_by_phone ON customers (phone);
CREATE VIEW contacts AS SELECT id, name, email AS mail FROM customers;
CREATE VIEW order_totals AS
    SELECT o.id AS order_id, o.customer_id, sum(l.quantity * p.price_cents) AS cents
    FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.sku = l.sku
    GROUP BY o.id;
CREATE VIEW best_customers AS
    SELECT c.name, sum(t.cents) AS cents FROM contacts c JOIN order_totals t ON t.customer_id = c.id
    GROUP BY c.id ORDER BY cents DESC;
CREATE VIEW reachable AS SELECT customers.id FROM customers JOIN subscribers USING (email);
CREATE VIEW reachable_count AS SELECT count(*) AS people FROM customers NATURAL JOIN subscribers;
"""

_NAMES = ("Ana", "Bo", "Chidi", "Dara", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jun")
_CITIES = ("Lisbon", "Oslo", "Lagos")
_STATUSES = ("paid", "sent", "returned")


def build_shop(path: str, schema: str = SCHEMA) -> None:
    """Write the shop into a new file at ``path``. The same data every time."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema)
        connection.executemany(
            "INSERT INTO customers (id, name, email, phone, city, joined) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    name,
                    f"{name.lower()}.{CANARY}@{'post' if number % 2 else 'mail'}.{CANARY}.example",
                    None if number == 4 else f"+00 {CANARY} {number:03}",
                    _CITIES[number % 3],
                    f"2026-0{1 + number % 9}-11",
                )
                for number, name in enumerate(_NAMES, 1)
            ],
        )
        connection.executemany(
            "INSERT INTO products VALUES (?, ?, ?, ?)",
            [
                ("cup", "Blue cup", 1250, 0.4),
                ("pen", "Pen", 199, 0.02),
                ("rug", "Wool rug", 48000, None),
                ("tea", "Green tea", 640, 0.25),
            ],
        )
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
            [
                (
                    number,
                    1 + number * 7 % 10,
                    f"2026-1{number % 2}-{1 + number % 28:02}",
                    _STATUSES[number % 3],
                    f"leave at {CANARY} gate" if number % 5 == 0 else None,
                )
                for number in range(1, 31)
            ],
        )
        connection.executemany(
            "INSERT INTO order_lines VALUES (?, ?, ?)",
            [
                (number, sku, 1 + number % 3)
                for number in range(1, 31)
                for place, sku in enumerate(("cup", "pen", "rug", "tea"))
                if (number + place) % 2
            ],
        )
        connection.executemany(
            "INSERT INTO staff VALUES (?, ?, ?, ?)",
            [
                (1, "Kai", None, 9000),
                (2, "Lou", 1, 7000),
                (3, "Mia", 1, 7100),
                (4, "Noor", 2, 5000),
            ],
        )
        connection.executemany(
            "INSERT INTO subscribers VALUES (?, ?)",
            [
                (f"ana.{CANARY}@post.{CANARY}.example", "tea"),
                (f"nobody.{CANARY}@none.example", "rugs"),
            ],
        )
        connection.execute("""INSERT INTO "a.b" VALUES (1, 'dotted')""")


_PRIVATE = (
    ("customers", "email"),
    ("customers", "phone"),
    ("orders", "note"),
    ("subscribers", "email"),
)


def build_shop_without_private(path: str) -> None:
    """The same shop with NULL in every private column."""
    build_shop(path, SCHEMA.replace("email TEXT NOT NULL UNIQUE", "email TEXT UNIQUE"))
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column in _PRIVATE:
            connection.execute(f"UPDATE {table} SET {column} = NULL")


def build_shop_with_other_private(path: str) -> None:
    """The same shop with other values, in another order, in every private column."""
    build_shop(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, column in _PRIVATE:
            connection.execute(
                f"UPDATE {table} SET {column} = printf('%03d', 900 - rowid * 37 % 101) || '@other'"
            )


SETTINGS: dict[str, Any] = {
    "sources": {
        "shop": {
            "type": "sqlite",
            "path": "shop.db",
            "env": "dev",
            "owner": "#shop-team",
            "tags": {
                "column:shop.main.customers.email": ["pii.email"],
                "column:shop.main.customers.phone": ["pii.phone"],
                "column:shop.main.subscribers.email": ["pii.email"],
                "column:shop.main.orders.note": ["private"],
            },
        }
    }
}

MASK_PRIVATE = {"mask": {"tag:pii.*": "null", "tag:private": "null"}}
"""The obligation that hides every value holding the canary."""


class ShopSurroundings(NamedTuple):
    """What a call of the SQL tools is given, over a folder that holds ``shop.db``."""

    folder: str
    obligations: Mapping[str, Any] = {}
    time_limit_s: float = 5.0
    settings: Mapping[str, Any] = SETTINGS

    def secret(self, name: str) -> str | None:
        """There are none."""
        del name
