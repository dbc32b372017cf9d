"""The drivers, behind one shape: run a statement, say its columns, give its rows.

Each is loaded when a source of its kind is first used, and told the session's bounds in its own words: a
time limit, a tag for the warehouse's own history, a cap of bytes where the warehouse has one. Who logs in is
the source's user, so the warehouse's own grants, masks and row policies hold beneath ours.
"""

import contextlib
import importlib
import json
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol

from devagent_sql.engines.port import Cell, Clock, Row
from devagent_sql.errors import ErrorClass, SqlError
from devagent_sql.sources import Warehouse

_TAG = "devagent"


class Cursor(Protocol):
    """One statement that was run."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    def fetch(self, count: int) -> list[Row]:
        """At most so many rows, fewer only at the end."""
        ...


class Connection(Protocol):
    def run(self, sql: str, clock: Clock) -> Cursor: ...


def cell(value: Any) -> Cell:
    """Numbers of the machine, texts and bytes as such; all else as its text, nested values as JSON."""
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if _is_nested(value):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | dict)


class _DbApi:
    """A connection of PEP 249."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def run(self, sql: str, clock: Clock) -> "_DbApiCursor":
        clock.check()
        cursor = self._raw.cursor()
        cursor.execute(sql)
        return _DbApiCursor(cursor)


class _DbApiCursor:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        described: list[Any] = list(cursor.description or ())
        self.columns = tuple(str(one[0]) for one in described)
        self.types = tuple(str(one[1]).lower() for one in described)

    def fetch(self, count: int) -> list[Row]:
        return [tuple(map(cell, row)) for row in self._cursor.fetchmany(count)]


class _BigQuery:
    """A client of Google's, which has jobs instead of cursors."""

    def __init__(self, module: Any, client: Any, where: Warehouse) -> None:
        self._module = module
        self._client = client
        self._where = where

    def _config(self, *, dry_run: bool) -> Any:
        return self._module.QueryJobConfig(
            dry_run=dry_run,
            use_legacy_sql=False,
            maximum_bytes_billed=self._where.most_bytes or None,
            labels={"application": _TAG},
        )

    def run(self, sql: str, clock: Clock) -> "_BigQueryCursor":
        clock.check()
        # A dry run costs nothing and says what BigQuery itself takes the statement for.
        tried = self._client.query(sql, job_config=self._config(dry_run=True), timeout=clock.left)
        if tried.statement_type != "SELECT":
            raise SqlError("not_a_query", "Only statements that read are run here.")
        job = self._client.query(sql, job_config=self._config(dry_run=False), timeout=clock.left)
        try:
            return _BigQueryCursor(job.result(timeout=max(0.1, clock.left)))
        except BaseException:
            with contextlib.suppress(Exception):
                job.cancel()
            raise


class _BigQueryCursor:
    def __init__(self, rows: Any) -> None:
        self.columns = tuple(str(field.name) for field in rows.schema)
        self.types = tuple(str(field.field_type).lower() for field in rows.schema)
        self._rows: Iterator[Any] = iter(rows)

    def fetch(self, count: int) -> list[Row]:
        return [tuple(map(cell, row.values())) for row in islice(self._rows, count)]


class Driver(NamedTuple):
    module: str
    extra: str


DRIVERS = {
    "snowflake": Driver("snowflake.connector", "snowflake"),
    "databricks": Driver("databricks.sql", "databricks"),
    "bigquery": Driver("google.cloud.bigquery", "bigquery"),
}


@contextlib.contextmanager
def connected(
    kind: str, where: Warehouse, secret: str | None, clock: Clock
) -> Generator[Connection]:
    """A connection, closed at the end. Raises SqlError only; the driver's words are never shown."""
    clock.check()
    driver = DRIVERS[kind]
    try:
        module: Any = importlib.import_module(driver.module)
    except ImportError:
        raise SqlError(
            "driver_missing",
            f"The driver {driver.module} is not installed: install devagent[{driver.extra}].",
        ) from None
    raw: Any = None
    try:
        raw, connection = _opened(kind, module, where, secret, clock)
        yield connection
    except SqlError:
        raise
    except Exception as error:
        raise translated(error, clock) from None
    finally:
        if raw is not None:
            with contextlib.suppress(Exception):
                raw.close()


def _opened(
    kind: str, module: Any, where: Warehouse, secret: str | None, clock: Clock
) -> tuple[Any, Connection]:
    seconds = max(1, int(clock.left))
    match kind:
        case "snowflake":
            login = {"user": where.user, "password": secret}
            if where.login == "oauth":
                login = {"authenticator": "oauth", "token": secret}
            raw = module.connect(
                account=where.account,
                warehouse=where.warehouse or None,
                database=where.database,
                schema=where.schemas[0],
                role=where.role or None,
                application=_TAG,
                login_timeout=min(seconds, 30),
                network_timeout=seconds + 5,
                session_parameters={
                    "QUERY_TAG": _TAG,
                    "STATEMENT_TIMEOUT_IN_SECONDS": seconds,
                    "MULTI_STATEMENT_COUNT": 1,
                },
                **login,
            )
            return raw, _DbApi(raw)
        case "databricks":
            raw = module.connect(
                server_hostname=where.host,
                http_path=where.http_path,
                access_token=secret,
                catalog=where.database,
                schema=where.schemas[0],
                user_agent_entry=_TAG,
                session_configuration={"STATEMENT_TIMEOUT": str(seconds), "ANSI_MODE": "true"},
            )
            return raw, _DbApi(raw)
        case _:
            credentials: Any = None
            if secret is not None:
                accounts: Any = importlib.import_module("google.oauth2.service_account")
                credentials = accounts.Credentials.from_service_account_info(json.loads(secret))
            raw = module.Client(
                project=where.database, location=where.location or None, credentials=credentials
            )
            return raw, _BigQuery(module, raw, where)


_BY_WORD: tuple[tuple[str, tuple[ErrorClass, str]], ...] = (
    ("timeout", ("timeout", "The time limit was reached. Narrow the statement.")),
    ("timed out", ("timeout", "The time limit was reached. Narrow the statement.")),
    ("deadline", ("timeout", "The time limit was reached. Narrow the statement.")),
    ("bytes billed", ("too_large", "The statement would read more bytes than the source allows.")),
    ("unauthorized", ("login_refused", "The warehouse refused the login. Check the source's user and secret.")),
    ("authenticat", ("login_refused", "The warehouse refused the login. Check the source's user and secret.")),
    ("incorrect username", ("login_refused", "The warehouse refused the login. Check the source's user and secret.")),
    ("permission", ("permission_denied", "The user that is used here may not read that.")),
    ("not authorized", ("permission_denied", "The user that is used here may not read that.")),
    ("access denied", ("permission_denied", "The user that is used here may not read that.")),
    ("privilege", ("permission_denied", "The user that is used here may not read that.")),
    ("syntax", ("syntax", "The statement is not valid in the warehouse's SQL.")),
    ("parse_", ("syntax", "The statement is not valid in the warehouse's SQL.")),
    ("unresolved_column", ("no_such_column", "No such column. Use describe with the table's name.")),
    ("invalid identifier", ("no_such_column", "No such column. Use describe with the table's name.")),
    ("unrecognized name", ("no_such_column", "No such column. Use describe with the table's name.")),
    ("table_or_view_not_found", ("no_such_table", "No such table or view. Use describe to list them.")),
    ("does not exist", ("no_such_table", "No such table or view, or not for this user.")),
    ("not found", ("no_such_table", "No such table or view, or not for this user.")),
    ("division by zero", ("bad_value", "A value cannot be computed as asked.")),
    ("divide_by_zero", ("bad_value", "A value cannot be computed as asked.")),
    ("numeric value", ("bad_value", "A value cannot be computed as asked.")),
    ("cast_invalid", ("bad_value", "A value cannot be cast as asked.")),
    ("connect", ("unreachable", "The warehouse cannot be reached, or it ended the connection.")),
)  # fmt: skip


def translated(error: Exception, clock: Clock) -> SqlError:
    """By words of the driver's message, which chooses the class and is never shown."""
    if clock.left <= 0 or isinstance(error, TimeoutError):
        return SqlError("timeout", "The time limit was reached. Narrow the statement.")
    said = f"{type(error).__name__} {error}".lower()
    for word, told in _BY_WORD:
        if word in said:
            return SqlError(*told)
    return SqlError("invalid", "The warehouse cannot carry out the statement as it is written.")
