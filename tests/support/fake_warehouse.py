"""The three warehouses' drivers, as far as they are used, over a DuckDB that holds the data.

Each takes statements of its own dialect, translates them and runs them: what is sent must be whole and valid there,
and the calls, their arguments and what comes back have the drivers' own shapes. ``sent`` keeps what was run.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import duckdb
import pytest
import sqlglot

from tests.support.shop import CANARY

SCHEMA = f"""
ATTACH ':memory:' AS "{{database}}";
USE "{{database}}";
CREATE SCHEMA "{{schema}}";
SET schema = '{{database}}.{{schema}}';
CREATE TABLE customers (id INTEGER, name VARCHAR, email VARCHAR, city VARCHAR, tenant INTEGER);
INSERT INTO customers SELECT i, ['Ana','Bo','Chidi','Dara'][i], 'm' || i || '.{CANARY}@example', ['Oslo','Lagos'][1 + i % 2], i % 2 FROM range(1, 5) t(i);
CREATE TABLE orders (id INTEGER, customer_id INTEGER, total DECIMAL(10, 2), placed DATE, tags VARCHAR[]);
INSERT INTO orders SELECT i, 1 + i % 4, i * 1.5, DATE '2026-01-01' + i::INTEGER, ['a', 'b'] FROM range(1, 9) t(i);
CREATE VIEW contacts AS SELECT id, name, email AS mail FROM customers;
"""


class Data:
    """The database of one fake warehouse. ``folds``: its names are upper case, as Snowflake's are."""

    def __init__(self, dialect: str, database: str, schema: str, *, folds: bool = False) -> None:
        self.dialect = dialect
        self.schema = schema
        self.sent: list[str] = []
        self.connected_with: dict[str, Any] = {}
        self.raw = duckdb.connect(":memory:")
        text = SCHEMA.format(database=database, schema=schema)
        if folds:
            for name in ("customers", "orders", "contacts", "id", "name", "email", "city", "tenant", "customer_id", "total", "placed", "tags", "mail"):  # fmt: skip
                text = text.replace(f" {name} ", f' "{name.upper()}" ').replace(f"({name} ", f'("{name.upper()}" ').replace(f" {name},", f' "{name.upper()}",').replace(f" {name};", f' "{name.upper()}";')  # fmt: skip
        self.raw.execute(text)

    def run(self, sql: str) -> "duckdb.DuckDBPyConnection":
        self.sent.append(sql)
        if "INFORMATION_SCHEMA" in sql.upper():
            return self.raw.execute(self._catalog(sql))
        (text,) = sqlglot.transpile(sql, read=self.dialect, write="duckdb")
        return self.raw.execute(text)

    def _catalog(self, sql: str) -> str:
        if ".VIEWS" in sql.upper():
            return f"SELECT view_name, sql FROM duckdb_views() WHERE schema_name = '{self.schema}'"
        return f"SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = '{self.schema}' ORDER BY table_name, column_index"


class _Cursor:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._ran: Any = None

    def execute(self, sql: str) -> None:
        self._ran = self._data.run(sql)

    @property
    def description(self) -> Any:
        return self._ran.description

    def fetchmany(self, size: int) -> Any:
        return self._ran.fetchmany(size)


class _Connection:
    def __init__(self, data: Data) -> None:
        self._data = data

    def cursor(self) -> _Cursor:
        return _Cursor(self._data)

    def close(self) -> None:
        self._data.connected_with["closed"] = True


class _Field:
    def __init__(self, name: str, field_type: str) -> None:
        self.name, self.field_type = name, field_type


class _Row(tuple[Any, ...]):
    def values(self) -> tuple[Any, ...]:
        return tuple(self)


class _Rows:
    def __init__(self, ran: Any) -> None:
        self._ran = ran
        self.schema = [_Field(one[0], str(one[1])) for one in ran.description]

    def __iter__(self) -> Iterator[_Row]:
        while (row := self._ran.fetchone()) is not None:
            yield _Row(row)


class _Job:
    def __init__(self, data: Data, sql: str, *, dry_run: bool) -> None:
        self._data, self._sql = data, sql
        word = sql.split(None, 1)[0].upper()
        self.statement_type = "SELECT" if word in ("SELECT", "WITH", "(SELECT") else word
        self._ran = None if dry_run else data.run(sql)

    def result(self, timeout: float) -> _Rows:
        assert timeout > 0
        return _Rows(self._ran)

    def cancel(self) -> None:
        self._data.connected_with["cancelled"] = True


def install(patch: pytest.MonkeyPatch, kind: str) -> Data:
    """Put the fake driver where the real one would be."""
    import sys

    if kind == "snowflake":
        data = Data("snowflake", "SHOP", "PUBLIC", folds=True)
    else:
        data = Data(kind, "shop", "sales")

    def connect(**given: Any) -> _Connection:
        data.connected_with = given
        if given.get("password", given.get("access_token")) == "wrong":
            raise RuntimeError("250001: Incorrect username or password was specified: CANARY")
        return _Connection(data)

    class Client:
        def __init__(self, **given: Any) -> None:
            data.connected_with = given

        def query(self, sql: str, job_config: Any, timeout: float) -> _Job:
            assert timeout > 0
            data.connected_with |= job_config.given
            return _Job(data, sql, dry_run=job_config.given["dry_run"])

        def close(self) -> None:
            data.connected_with["closed"] = True

    class QueryJobConfig:
        def __init__(self, **given: Any) -> None:
            self.given = given

    names = {
        "snowflake": ("snowflake", "snowflake.connector"),
        "databricks": ("databricks", "databricks.sql"),
        "bigquery": ("google", "google.cloud", "google.cloud.bigquery"),
    }[kind]
    for name in names:
        patch.setitem(sys.modules, name, ModuleType(name))
    module: Any = sys.modules[names[-1]]
    if kind == "bigquery":
        module.Client, module.QueryJobConfig = Client, QueryJobConfig
    else:
        module.connect = connect
    return data
