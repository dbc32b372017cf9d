"""The tables and views that a statement may name, as the resolver needs them."""

import re
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from devagent_sql.engines.port import Name
from devagent_sql.names import fold


class RelationColumn(NamedTuple):
    """``kind``: number, text, time, bytes, or "" for any other type (what a mask can make of it).

    ``made_of`` are the columns that a generated column's expression names. ``hidden``: no star shows it (INVISIBLE)."""

    name: str
    type: str
    kind: str
    made_of: tuple[str, ...] = ()
    hidden: bool = False


class Relation(NamedTuple):
    """``definition`` is a view's query, its tables named with their schemas; empty for a table.

    ``beneath`` is all that reading it reads besides: of a view, of a table that others inherit from. ``calls``: a view
    calls, itself or beneath, functions that people made, which may read anything."""

    schema: str
    name: str
    kind: str
    columns: tuple[RelationColumn, ...]
    definition: str = ""
    beneath: frozenset[Name] = frozenset()
    calls: bool = False

    def column(self, name: str) -> RelationColumn | None:
        return next((column for column in self.columns if column.name == name), None)


class Relations(Protocol):
    def find(self, schema: str, name: str) -> Relation:
        """``schema`` "" = by the source's search path.

        Raises SqlError ``no_such_table`` or ``unsupported_table``."""
        ...


def named_in(expression: str, names: Iterable[str], quote: str) -> tuple[str, ...]:
    """The columns that a generated column's expression, as the catalog writes it, names, and perhaps more: each
    whose name stands there as a word."""
    text = fold(expression)
    return tuple(
        name
        for name in names
        if re.search(rf"(?<!\w){re.escape(fold(name).replace(quote, quote * 2))}(?!\w)", text)
    )


def traced(columns: Iterable[RelationColumn]) -> tuple[RelationColumn, ...]:
    """The same, each generated column made of all that those are made of that it is made of."""
    listed = tuple(columns)
    direct = {column.name: column.made_of for column in listed}
    found: list[RelationColumn] = []
    for column in listed:
        reached: dict[str, None] = {}
        waiting = list(column.made_of)
        while waiting:
            name = waiting.pop()
            if name != column.name and name not in reached:
                reached[name] = None
                waiting.extend(direct.get(name, ()))
        found.append(column._replace(made_of=tuple(reached)))
    return tuple(found)
