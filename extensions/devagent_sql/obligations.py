"""What policy asks of a call: bounds, masks, row filters. What is not understood is refused."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from devagent_sql.engines.port import NO_RULES, Rules
from devagent_sql.errors import SqlError
from devagent_sql.names import matches, segment
from devagent_sql.sources import Source

OF_THE_HOUSE = {"redact", "require_reason", "two_person", "log_full"}


MASKS = ("range", "partial", "tokenise", "hash", "null")
"""From the weakest to the strongest; a kind that is not known here is null."""

CARRIED_OUT = ("limit_rows", "limit_bytes", "timeout_s", "mask", "filter", "min_group")


class Obligations(NamedTuple):
    """Upper bounds (None = policy sets none), masks and filters by pattern."""

    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    masks: tuple[tuple[str, str], ...] = ()
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    min_group: int = 0

    def rules(self, source: Source) -> Rules:
        """The same for one source's tables and columns."""
        patterns = [pattern for pattern, _ in (*self.masks, *self.filters)]
        if not any(_may_name(pattern, source) for pattern in patterns):
            return NO_RULES._replace(min_group=self.min_group)

        @lru_cache(maxsize=4096)
        def mask(schema: str, table: str, column: str) -> str:
            return self._mask(source, schema, table, column)

        @lru_cache(maxsize=512)
        def filters(schema: str, table: str) -> tuple[str, ...]:
            return self._filters(source, schema, table)

        return Rules(mask, filters, self.min_group)

    def _mask(self, source: Source, schema: str, table: str, column: str) -> str:
        """The strongest mask that names the column, its table, one of its tags or of its table's."""
        column_id, table_id = (
            source.column_id(schema, table, column),
            source.table_id(schema, table),
        )
        tags = {*source.tags_of(column_id), *source.tags_of(table_id)}
        names = [column_id, table_id, *(f"tag:{tag}" for tag in tags)]
        kinds = [
            MASKS.index(kind)
            for pattern, kind in self.masks
            if any(matches(pattern, name) for name in names)
        ]
        return MASKS[max(kinds)] if kinds else ""

    def _filters(self, source: Source, schema: str, table: str) -> tuple[str, ...]:
        name = source.table_id(schema, table)
        return tuple(
            one for pattern, texts in self.filters if matches(pattern, name) for one in texts
        )


def _may_name(pattern: str, source: Source) -> bool:
    """Whether the pattern of a mask or a filter may name anything of this source."""
    kind, _, names = pattern.partition(":")
    if kind == "tag":
        return any(matches(pattern, f"tag:{tag}") for _, tags in source.tags for tag in tags)
    first = names.partition(".")[0]
    return "*" in first or matches(first, segment(source.name))


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SqlError("unsupported_obligation", f"The obligation {key} is not a number.")
    return value


def read_obligations(asked: Mapping[str, Any]) -> Obligations:
    """Raises SqlError ``unsupported_obligation`` for one that cannot be carried out."""
    unknown = sorted(set(asked) - {*CARRIED_OUT} - OF_THE_HOUSE)
    if unknown:
        raise SqlError(
            "unsupported_obligation", f"Policy asks for {unknown[0]}; not possible here."
        )
    rows, size, seconds = (asked.get(key) for key in ("limit_rows", "limit_bytes", "timeout_s"))
    return Obligations(
        None if rows is None else int(_number(rows, "limit_rows")),
        None if size is None else int(_number(size, "limit_bytes")),
        None if seconds is None else _number(seconds, "timeout_s"),
        _masks(asked.get("mask", {})),
        _row_filters(asked.get("filter", {})),
        int(_number(asked.get("min_group", 0), "min_group")),
    )


def _table(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SqlError("unsupported_obligation", f"The obligation {key} is not a table.")
    return cast("Mapping[str, object]", value)


def _masks(value: object) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for pattern, kind in _table(value, "mask").items():
        if pattern.partition(":")[0] not in ("column", "tag", "table"):
            raise SqlError(
                "unsupported_obligation", "A mask is for column:, table: and tag: patterns only."
            )
        found.append((pattern, kind if isinstance(kind, str) and kind in MASKS else "null"))
    return tuple(found)


def _row_filters(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for pattern, texts in _table(value, "filter").items():
        listed = cast("list[object]", texts) if isinstance(texts, list) else [texts]
        whole = tuple(text for text in listed if isinstance(text, str))
        if pattern.partition(":")[0] != "table" or len(whole) != len(listed):
            raise SqlError(
                "unsupported_obligation", "A row filter is SQL text for a table: pattern."
            )
        found.append((pattern, whole))
    return tuple(found)
