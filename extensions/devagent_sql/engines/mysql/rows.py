"""Rows as the server sends them, their values and types."""

import importlib
from typing import Any

from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.port import Row

_TYPES = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "null", 7: "timestamp", 8: "bigint",
    9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 15: "varchar", 16: "bit", 245: "json", 246: "decimal",
    247: "enum", 248: "set", 249: "text", 250: "text", 251: "text", 252: "text", 253: "varchar", 254: "char", 255: "geometry",
}  # fmt: skip
_INTEGERS, _FLOATS = (1, 2, 3, 8, 9, 13), (4, 5)
_BINARY = 63
"""The number of the character set of bytes."""


def conversions(driver: Any) -> dict[Any, Any]:
    """Numbers of the machine are read as such, all else as the server writes it, which loses nothing."""
    return {
        **driver.converters.encoders,
        **dict.fromkeys(_INTEGERS, int),
        **dict.fromkeys(_FLOATS, float),
    }


def streamed(session: Session, sql: str) -> "Stream":
    """Run a statement, its rows not yet read."""
    driver: Any = importlib.import_module("pymysql.cursors")
    cursor = session.raw.cursor(driver.SSCursor)
    cursor.execute(sql)
    return Stream(session, cursor)


class Stream:
    """Rows as the server sends them."""

    def __init__(self, session: Session, cursor: Any) -> None:
        self._session = session
        self._cursor = cursor
        self._result = cursor._result
        fields = self._result.fields
        self.columns = tuple(str(field.name) for field in fields)
        self.types = tuple(map(_type_name, fields))
        bits = [place for place, field in enumerate(fields) if field.type_code == 16]
        for place in bits:
            self._result.converters[place] = (None, _bits)

    def fetch(self, count: int) -> list[Row]:
        """At most so many rows, fewer only at the end."""
        read = self._result._read_rowdata_packet_unbuffered
        rows: list[Row] = []
        while len(rows) < count and (row := read()) is not None:
            rows.append(row)
        return rows

    def end(self) -> None:
        """Leave the rest unread. The server would send it all, so then the connection goes."""
        if self._result.unbuffered_active:
            self._result.unbuffered_active = False
            self._session.raw._force_close()
        self._cursor.connection = None


def _type_name(field: Any) -> str:
    name = _TYPES.get(field.type_code, "other")
    if field.charsetnr == _BINARY and name in ("text", "varchar", "char"):
        return {"text": "blob", "varchar": "varbinary", "char": "binary"}[name]
    return name


def _bits(data: bytes) -> int:
    """BIT comes as bytes, the most significant first."""
    return int.from_bytes(data, "big")
