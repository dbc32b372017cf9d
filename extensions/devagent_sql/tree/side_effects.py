"""What a database does besides when a table is changed: its keys, its triggers, its children.

An engine tells of each table what the catalog says (``Facts``); the walk follows it from table to table.
What keys do is named: tables that they change as written, columns that they look into as read, since a key's
refusal tells of values. What code may do (triggers, rules, functions in defaults and checks) nobody can read from it:
it is what the source's settings declare, or the change is refused.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from devagent_sql.engines.port import Effects, Name, Touched, Verb
from devagent_sql.errors import SqlError


class Reference(NamedTuple):
    """A foreign key between this table and another; ``columns`` are this table's, ``others`` the other's.

    ``on_delete`` and ``on_update`` say what is done to the rows that refer: cascade, set (null or default), refuse."""

    other: int | str
    columns: tuple[str, ...]
    others: tuple[str, ...]
    on_delete: str = "refuse"
    on_update: str = "refuse"


class Facts(NamedTuple):
    """What the catalog says of a table. ``told_apart``: columns of each of its unique keys; ``checked``: of each check.

    ``code``: the verbs that run code nobody can see through. ``parts``: partitions, tables that inherit from it;
    ``moved_by``: the columns whose change moves a row from one to another. ``unseen``: columns that keys of tables
    may refer to of which the engine does not tell."""

    schema: str
    name: str
    told_apart: tuple[frozenset[str], ...] = ()
    checked: tuple[frozenset[str], ...] = ()
    refers: tuple[Reference, ...] = ()
    referred: tuple[Reference, ...] = ()
    code: frozenset[str] = frozenset()
    parts: tuple[int | str, ...] = ()
    moved_by: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()


class SideEffects(NamedTuple):
    """``facts`` are among cascade and code."""

    touched: Touched
    facts: frozenset[str]

    def joined(self, touched: Touched) -> Touched:
        return Touched(touched.reads | self.touched.reads, touched.writes | self.touched.writes)


Look = Callable[[int | str], Facts]
_Step = tuple[int | str, str, frozenset[str]]


def side_effects(
    table: int | str, verb: Verb, columns: Collection[str], look: Look, effects: Effects
) -> SideEffects:
    """Of a change of ``columns`` of that table (of DELETE: none).

    Raises SqlError ``side_effects`` where code runs of which ``effects`` says nothing."""
    walk = _Walk(look, effects)
    first: _Step = (table, verb, frozenset(columns))
    waiting: list[_Step] = [first]
    seen: set[_Step] = {first}
    while waiting:
        for step in walk.step(*waiting.pop()):
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    reads, writes = frozenset(walk.reads), frozenset(walk.writes)
    return SideEffects(Touched(reads, writes), frozenset(walk.facts))


class _Walk:
    def __init__(self, look: Look, effects: Effects) -> None:
        self._look = look
        self._effects = effects
        self.reads: set[Name] = set()
        self.writes: set[Name] = set()
        self.facts: set[str] = set()

    def step(self, table: int | str, verb: str, columns: frozenset[str]) -> list[_Step]:
        """Note what this change touches; the changes that follow from it."""
        found = self._look(table)
        self._write(found, columns)
        unseen = found.unseen if verb == "delete" else found.unseen & columns
        if verb in found.code or (verb != "insert" and unseen):
            self._code(found, seen=verb in found.code)
        follows: list[_Step] = [(part, verb, columns) for part in found.parts]
        if verb == "update" and columns & found.moved_by:
            follows += [(part, moving, columns) for part in found.parts for moving in ("delete", "insert")]  # fmt: skip
        if verb != "delete":
            self._looks(found, columns, updating=verb == "update")
        for reference in found.referred:
            if verb == "delete" or (verb == "update" and columns & {*reference.columns}):
                action = reference.on_delete if verb == "delete" else reference.on_update
                follows += self._on_referrer(reference, action, verb)
        return follows

    def _write(self, found: Facts, columns: frozenset[str]) -> None:
        self.writes.add((found.schema, found.name))
        self.writes |= {(found.schema, found.name, column) for column in columns}

    def _read(self, found: Facts, columns: Collection[str]) -> None:
        self.reads |= {(found.schema, found.name, column) for column in columns}

    def _code(self, found: Facts, *, seen: bool) -> None:
        declared = self._effects(found.schema, found.name)
        if declared is None:
            raise SqlError(
                "side_effects",
                "A change of that table may change others in ways that cannot be told (a trigger, a rule, a function, "
                "a key that is hidden from this login). The source's setting effects may say what it changes.",
            )
        self.facts |= {"code"} if seen else set()
        self.writes |= declared

    def _looks(self, found: Facts, columns: frozenset[str], *, updating: bool) -> None:
        """Keys and checks look into columns that the statement need not name, and their refusal tells of them."""
        for key in found.told_apart:
            if columns & key:
                self._read(found, key)
        for check in found.checked:
            if updating and columns & check:
                self._read(found, check)
        for reference in found.refers:
            if columns & {*reference.columns}:
                self._read(self._look(reference.other), reference.others)

    def _on_referrer(self, reference: Reference, action: str, verb: str) -> list[_Step]:
        other = self._look(reference.other)
        self._read(other, reference.others)
        if action == "refuse":
            return []
        self.facts.add("cascade")
        if verb == "delete" and action == "cascade":
            return [(reference.other, "delete", frozenset())]
        return [(reference.other, "update", frozenset(reference.others))]
