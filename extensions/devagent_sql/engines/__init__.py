"""The engines, each loaded on first use."""

from importlib.util import find_spec

from devagent_sql.engines.port import Engine
from devagent_sql.errors import SqlError
from devagent_sql.sources import Source, database_file
from devagent_sql.types import Surroundings


def engine_for(source: Source, here: Surroundings) -> Engine:
    """The source's database behind its engine.

    Raises SqlError ``unsupported_engine``, ``driver_missing`` or those of ``database_file``.
    """
    match source.type:
        case "sqlite":
            from devagent_sql.engines.sqlite.engine import Sqlite  # noqa: PLC0415 — loads its driver

            return Sqlite(database_file(source, here.folder))
        case "postgres":
            _need("psycopg", "postgres")
            from devagent_sql.engines.postgres.engine import Postgres  # noqa: PLC0415

            return Postgres(source.server, lambda: _password(source, here), source.effects_of)
        case "mysql":
            _need("pymysql", "mysql")
            from devagent_sql.engines.mysql.engine import MySQL  # noqa: PLC0415

            return MySQL(source.server, lambda: _password(source, here), source.effects_of)
        case "duckdb":
            _need("duckdb", "duckdb")
            from devagent_sql.engines.duckdb.engine import DuckDB  # noqa: PLC0415

            return DuckDB(database_file(source, here.folder), owner=getattr(here, "owner", None))
        case "snowflake" | "databricks" | "bigquery":
            from devagent_sql.engines.warehouse.engine import WarehouseEngine  # noqa: PLC0415

            return WarehouseEngine(source.type, source.warehouse, lambda: _password(source, here))
        case _:
            known = "sqlite, postgres, duckdb, mysql, mariadb, snowflake, databricks, bigquery"
            raise SqlError(
                "unsupported_engine", f"There is no engine {source.type!r}; known: {known}."
            )


def _need(driver: str, extra: str) -> None:
    if find_spec(driver) is None:
        raise SqlError(
            "driver_missing", f"The driver {driver} is not installed: install devagent[{extra}]."
        )


def _password(source: Source, here: Surroundings) -> str | None:
    """By its handle; None where the source names none (the server may trust the socket)."""
    if not source.secret:
        return None
    found = here.secret(source.secret)
    if found is None:
        raise SqlError(
            "login_refused", f"The secret of source {source.name!r} is not stored on this computer."
        )
    return found
