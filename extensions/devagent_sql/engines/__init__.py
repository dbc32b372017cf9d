"""The engines, each loaded on first use."""

from devagent_sql.engines.port import Engine
from devagent_sql.errors import SqlError


def engine_for(kind: str) -> Engine:
    """The engine of a source's ``type``. Raises SqlError ``unsupported_engine``."""
    if kind == "sqlite":
        from devagent_sql.engines.sqlite.engine import Sqlite  # noqa: PLC0415 — each loads its driver

        return Sqlite()
    raise SqlError("unsupported_engine", f"There is no engine {kind!r}; known: sqlite.")
