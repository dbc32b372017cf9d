"""What policy asks of a call, and which columns a mask covers. What is not understood is refused."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from devagent_sql.errors import SqlError
from devagent_sql.names import matches
from devagent_sql.sources import Source

OF_THE_HOUSE = {"redact", "require_reason", "two_person", "log_full"}


class Obligations(NamedTuple):
    """Upper bounds (None = policy sets none) and the patterns of masked columns.

    Every kind of mask (hash, partial, range, tokenise) is carried out as ``null``, the strongest: a
    column that predicates can compare gives its values away whatever is shown of it.
    """

    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    masks: tuple[str, ...] = ()

    def masked(self, source: Source, schema: str, table: str, column: str) -> bool:
        """Whether a mask names the column, one of its tags, or a tag of its table."""
        if not self.masks:
            return False
        column_id = source.column_id(schema, table, column)
        tags = source.tags_of(column_id) + source.tags_of(source.table_id(schema, table))
        names = [column_id, *(f"tag:{tag}" for tag in tags)]
        return any(matches(pattern, name) for pattern in self.masks for name in names)


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SqlError("unsupported_obligation", f"The obligation {key} is not a number.")
    return value


def read_obligations(asked: Mapping[str, Any]) -> Obligations:
    """Raises SqlError ``unsupported_obligation`` for one that cannot be carried out."""
    known = {"limit_rows", "limit_bytes", "timeout_s", "mask"} | OF_THE_HOUSE
    unknown = sorted(set(asked) - known)
    if unknown:
        raise SqlError(
            "unsupported_obligation", f"Policy asks for {unknown[0]}; not possible here."
        )
    masks: tuple[str, ...] = ()
    mask = asked.get("mask", {})
    if not isinstance(mask, Mapping):
        raise SqlError("unsupported_obligation", "The obligation mask is not a table.")
    masks = tuple(cast("Mapping[str, object]", mask))
    if any(pattern.partition(":")[0] not in ("column", "tag") for pattern in masks):
        raise SqlError("unsupported_obligation", "A mask is for column: and tag: patterns only.")
    rows = asked.get("limit_rows")
    size = asked.get("limit_bytes")
    seconds = asked.get("timeout_s")
    return Obligations(
        None if rows is None else int(_number(rows, "limit_rows")),
        None if size is None else int(_number(size, "limit_bytes")),
        None if seconds is None else _number(seconds, "timeout_s"),
        masks,
    )
