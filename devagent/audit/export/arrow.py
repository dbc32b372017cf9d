"""Rows as Arrow tables, and as Parquet files (the ``lake`` extra)."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from devagent.audit.export.items import bounded
from devagent.audit.export.libraries import load
from devagent.audit.export.rows import Column, Row


def arrow_table(rows: Sequence[Row], columns: Mapping[str, Column]) -> Any:
    """A ``pyarrow.Table`` of the rows with these columns; what a row lacks is null, and a number that
    is too large for its column the largest. Raises ConfigError where pyarrow is not installed."""
    arrow = load("pyarrow", "lake", "Tables")
    types: Mapping[Column, Any] = {
        "text": arrow.string(),
        "texts": arrow.list_(arrow.string()),
        "whole": arrow.int64(),
        "fraction": arrow.float64(),
        "moment": arrow.timestamp("us", tz="UTC"),
        "flag": arrow.bool_(),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    try:
        return arrow.Table.from_pylist(list(rows), schema=schema)
    except OverflowError:  # rare, so it is looked for only then
        smaller = [{name: _held(value) for name, value in row.items()} for row in rows]
        return arrow.Table.from_pylist(smaller, schema=schema)


def _held(value: Any) -> Any:
    return bounded(value) if isinstance(value, int) and not isinstance(value, bool) else value


def write_parquet(rows: Sequence[Row], columns: Mapping[str, Column], out: str | BinaryIO) -> None:
    """The rows with these columns as a Parquet file. Raises OSError, and ConfigError as above."""
    parquet = load("pyarrow.parquet", "lake", "Parquet files")
    parquet.write_table(arrow_table(rows, columns), out, compression="zstd")
