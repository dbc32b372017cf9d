"""A connection as the rest of the engine knows it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from devagent_sql.engines.port import Row


class Session(NamedTuple):
    """A connection (of the driver, which has no types), and what kind of server it leads to."""

    raw: Any
    is_mariadb: bool
    modes: str
    folds_tables: bool
    """Whether names of tables that differ in case alone are one."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a short answer."""
        with self.raw.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return list(cursor.fetchall() or ())
