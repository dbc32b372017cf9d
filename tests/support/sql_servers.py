"""The servers of the tests, each with the shop, as a test of what all of them promise sees them."""

import contextlib
import signal
from collections.abc import Callable, Generator
from typing import Any, Protocol

import psycopg

from devagent_sql.engines.pool import close_idle
from tests.support import mariadb_shop, postgres_shop
from tests.support.mariadb_server import MariaDBServer, mariadb_server
from tests.support.postgres_server import PostgresServer, postgres_server

Settings = dict[str, Any]


class ServedShop(Protocol):
    """``place`` is the shop as resources spell it; ``powerful`` are logins that may do more than read and change rows.
    ``runaway`` takes minutes; ``text`` is the type of the statements of ``sql_statements``."""

    corpus: str
    place: str
    powerful: tuple[str, ...]
    runaway: str
    wide_from: str
    text: str
    refused_changes: tuple[str, ...]

    def settings(self, user: str = "reader", **more: Any) -> Settings: ...

    def content(self) -> str: ...

    def run(self, *statements: str) -> None:
        """As one who may do everything."""
        ...

    def make_removed(self) -> None:
        """A database ``removed``: the shop from which a policy's forbidden was removed beforehand."""
        ...

    def locked(self) -> contextlib.AbstractContextManager[object]:
        """Somebody holds all of ``products``."""
        ...

    def doomed(self) -> "contextlib.AbstractContextManager[tuple[Settings, Callable[[], None]]]":
        """Another server with the shop, and what kills it."""
        ...


class PostgresShop:
    corpus = "postgres"
    place = "shop.public"
    powerful: tuple[str, ...] = ("admin", "owner_of_all")
    runaway = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 1000) b"
    wide_from = "generate_series(1, 50) g"
    text = "VARCHAR(80)"
    refused_changes: tuple[str, ...] = (
        "UPDATE staff SET salary = 0 FROM customers",
        "DELETE FROM staff RETURNING *",
        "COPY staff FROM '/x'",
        "INSERT INTO staff SELECT * FROM leak()",
        "DELETE FROM staff WHERE name = leak()",
    )

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def settings(self, user: str = "reader", **more: Any) -> Settings:
        return postgres_shop.settings(self._server, user, **more)

    def content(self) -> str:
        return postgres_shop.content(self._server)

    def run(self, *statements: str, database: str = "shop") -> None:
        with psycopg.connect(
            host=self._server.host, dbname=database, user="admin", autocommit=True
        ) as connection:
            for sql in statements:
                connection.execute(sql.encode())

    def make_removed(self) -> None:
        close_idle()  # a database that is in use cannot be copied
        self.run("CREATE DATABASE removed TEMPLATE shop", database="postgres")
        self.run(
            "DELETE FROM order_lines; DELETE FROM orders",
            "DELETE FROM customers WHERE NOT (tenant = 1 AND city <> 'Oslo')",
            "ALTER TABLE customers ALTER email DROP NOT NULL",
            "UPDATE customers SET email = NULL, phone = left(phone, 1) || '***'",
            "UPDATE subscribers SET email = NULL",
            database="removed",
        )

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        with psycopg.connect(host=self._server.host, dbname="shop", user="admin") as other:
            other.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
            yield

    @contextlib.contextmanager
    def doomed(self) -> Generator[tuple[Settings, Callable[[], None]]]:
        with postgres_server() as other:
            postgres_shop.build(other)
            yield postgres_shop.settings(other), lambda: other.process.send_signal(signal.SIGQUIT)


class MariaDBShop:
    corpus = "mysql"
    place = "shop.shop"
    powerful: tuple[str, ...] = ("root", "owner", "filer", "roamer")
    runaway = (
        "SELECT count(*) FROM digits a, digits b, digits c, digits d, digits e, digits f, digits g, digits h, digits i "
        "WHERE (a.d + b.d * c.d + d.d * e.d + f.d * g.d * h.d + i.d) % 7 = 3"
    )
    wide_from = "digits a, digits b LIMIT 50"
    text = "CHAR(80)"
    refused_changes: tuple[str, ...] = (
        "UPDATE staff, products SET salary = 0",
        "UPDATE staff SET salary = 0 LIMIT 1",
        "DELETE staff FROM staff JOIN products",
        "DELETE FROM staff ORDER BY id LIMIT 1",
        "INSERT INTO staff VALUES (9, leak(), NULL, 1, 'x')",
        "INSERT IGNORE INTO staff VALUES (1, 'x', NULL, 1, 'x')",
        "INSERT INTO staff VALUES (1, 'x', NULL, 1, 'x') ON DUPLICATE KEY UPDATE salary = 0",
        "REPLACE INTO staff VALUES (1, 'x', NULL, 1, 'x')",
        "UPDATE staff SET salary = 0 /*! WHERE id = 1 */",
        "UPDATE ledger SET amount = 0",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE staff",
    )

    def __init__(self, server: MariaDBServer) -> None:
        self._server = server

    def settings(self, user: str = "reader", **more: Any) -> Settings:
        # MariaDB does not show a login the keys of tables that it may not read.
        return mariadb_shop.settings(
            self._server, user, effects={"table:shop.shop.staff": []}, **more
        )

    def content(self) -> str:
        return mariadb_shop.content(self._server)

    def run(self, *statements: str) -> None:
        connection = self._server.connect(database="shop")
        try:
            with connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql)
        finally:
            connection.close()

    def make_removed(self) -> None:
        self.run(
            "CREATE DATABASE removed CHARACTER SET utf8mb4",
            "CREATE TABLE removed.customers AS SELECT id, name, nullif(email, email) AS email, concat(left(phone, 1), '***') AS phone, city, tenant "
            "FROM customers WHERE tenant = 1 AND city <> 'Oslo'",
            "CREATE TABLE removed.subscribers AS SELECT nullif(email, email) AS email, topic FROM subscribers",
            "CREATE TABLE removed.staff AS SELECT id, name, manager_id, team FROM staff",
            "CREATE VIEW removed.contacts AS SELECT id, name, email AS mail FROM removed.customers",
            "GRANT SELECT, SHOW VIEW ON removed.* TO reader",
        )

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        other = self._server.connect(database="shop")
        try:
            with other.cursor() as cursor:
                cursor.execute("LOCK TABLES products WRITE")
            yield
        finally:
            other.close()

    @contextlib.contextmanager
    def doomed(self) -> Generator[tuple[Settings, Callable[[], None]]]:
        with mariadb_server() as other:
            mariadb_shop.build(other)
            yield mariadb_shop.settings(other), lambda: other.process.send_signal(signal.SIGKILL)
