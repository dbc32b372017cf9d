"""The tables and views that a statement may name, as the resolver needs them."""

from typing import NamedTuple, Protocol

from devagent_sql.engines.port import Name


class RelationColumn(NamedTuple):
    """``kind``: number, text, time, bytes, or "" for any other type (what a mask can make of it).

    ``made_of`` are the columns that a generated column's expression names."""

    name: str
    type: str
    kind: str
    made_of: tuple[str, ...] = ()


class Relation(NamedTuple):
    """``definition`` is a view's query, its tables named with their schemas; empty for a table.

    ``beneath`` is all that reading it reads besides: of a view, of a table that others inherit from."""

    schema: str
    name: str
    kind: str
    columns: tuple[RelationColumn, ...]
    definition: str = ""
    beneath: frozenset[Name] = frozenset()

    def column(self, name: str) -> RelationColumn | None:
        return next((column for column in self.columns if column.name == name), None)


class Relations(Protocol):
    def find(self, schema: str, name: str) -> Relation:
        """``schema`` "" = by the source's search path.

        Raises SqlError ``no_such_table`` or ``unsupported_table``."""
        ...
