"""What a compiled statement reads, from the program that SQLite made of it (``EXPLAIN``).

The authorizer is not told of columns compared by ``USING`` and ``NATURAL``: ``SELECT count(*) FROM
customers JOIN (SELECT 'ana@…' AS email) USING (email)`` reports neither the column nor the table.
The program cannot hide them: every B-tree is opened by its root page, every stored value is fetched
by its position, every index search says how many key columns it compares.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from devagent_sql.engines.sqlite.catalog import Catalog, Storage
from devagent_sql.errors import SqlError

_OPENS = {"OpenRead", "ReopenIdx", "OpenWrite"}
_COMPARES = {
    *("SeekGE", "SeekGT", "SeekLE", "SeekLT", "IdxGE", "IdxGT", "IdxLE", "IdxLT"),
    *("Found", "NotFound", "NoConflict", "IfNoHope"),
}
_BY_NUMBER = {"SeekRowid", "NotExists", "Rowid", "IdxRowid"}
_WHOLE_ROW = {"RowData", "Offset"}
_COUNTS = {"Count"}
_MOVES = {"Rewind", "Last", "Next", "Prev", "Sort", "DeferredSeek", "SeekScan", "SeekHit"}
_OF_CURSORS = {"Column"} | _COMPARES | _BY_NUMBER | _WHOLE_ROW | _COUNTS | _MOVES
"""Opcodes whose first operand is a cursor and which read or walk what it stands on."""

_ROOT_IN_REGISTER = 0x10


class _Step(NamedTuple):
    opcode: str
    p1: int
    p2: int
    p3: int
    p4: object
    p5: int


class Read(NamedTuple):
    """``ordered`` are indexes used for more than counting: rows may come in their order."""

    tables: frozenset[str]
    columns: frozenset[tuple[str, str]]
    ordered: tuple[Storage, ...]
    virtual: bool


def read_by(program: Iterable[tuple[Any, ...]], catalog: Catalog, row_numbers: bool) -> Read:
    """What the program reads. ``row_numbers``: look-ups by row number count as reading the key.

    Raises SqlError ``unsupported_table`` for a B-tree that is not an offered table or its index,
    and for a program that is not understood.
    """
    programs: list[list[_Step]] = []
    for row in program:
        if row[0] == 0:
            # Those of triggers and of keys' actions follow the statement's, each with cursors of its own.
            programs.append([])
        programs[-1].append(_Step(str(row[1]), row[2], row[3], row[4], row[5], row[6]))
    found = [_read_by(steps, catalog, row_numbers) for steps in programs]
    return Read(
        frozenset[str]().union(*(one.tables for one in found)),
        frozenset[tuple[str, str]]().union(*(one.columns for one in found)),
        tuple(storage for one in found for storage in one.ordered),
        any(one.virtual for one in found),
    )


def _read_by(steps: list[_Step], catalog: Catalog, row_numbers: bool) -> Read:
    cursors: dict[int, list[Storage]] = {}
    for step in steps:
        if step.opcode in _OPENS:
            known = step.p3 == 0 and not step.p5 & _ROOT_IN_REGISTER
            storage = catalog.storage(step.p2) if known else None
            if storage is None:
                raise SqlError("unsupported_table", "Internal and virtual tables are not offered.")
            cursors.setdefault(step.p1, []).append(storage)
    columns: set[tuple[str, str]] = set()
    ordered: dict[str, Storage] = {}
    for step in steps:
        if step.opcode not in _OF_CURSORS:
            continue
        for storage in cursors.get(step.p1, ()):
            read = _columns(step, storage, catalog, row_numbers)
            columns |= {(storage.table, column) for column in read}
            if storage.of_index and step.opcode not in _COUNTS:
                ordered[storage.of_index] = storage
    return Read(
        frozenset(storage.table for opened in cursors.values() for storage in opened),
        frozenset(columns),
        tuple(ordered.values()),
        any(step.opcode == "VOpen" for step in steps),
    )


def _columns(step: _Step, storage: Storage, catalog: Catalog, row_numbers: bool) -> frozenset[str]:
    if step.opcode == "Column":
        if step.p2 >= len(storage.positions):
            raise SqlError("unsupported_table", "The engine's program was not understood.")
        return storage.positions[step.p2]
    if step.opcode in _WHOLE_ROW:
        return frozenset[str]().union(*storage.positions)
    if step.opcode in _COMPARES and storage.keys:
        text = str(step.p4)
        compared = int(text) if text.isdigit() else 0
        return frozenset[str]().union(*storage.positions[: compared or storage.keys])
    if row_numbers and step.opcode in _COMPARES | _BY_NUMBER:
        number = catalog.row_number(storage.table)
        return frozenset({number} if number else ())
    return frozenset()
