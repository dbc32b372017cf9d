"""What MySQL or MariaDB does besides when a table is changed, as far as the login is shown it; and what it counted.

A login sees the keys of tables that it may read, and no others: whoever refers to a table from elsewhere is hidden
from it, and what an action of such a key changes is in no counter. So a DELETE, and an UPDATE of a column that a key
could refer to, needs the source's word on that table. Triggers may be hidden too, but what they run is counted.
"""

from collections.abc import Callable

from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.port import Row
from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree.side_effects import Facts, Reference

_INDEXED = "SELECT INDEX_NAME, COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
_COLUMNS = (
    "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
TRIGGERS = "SELECT DISTINCT EVENT_MANIPULATION FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s"
_CHECKS = (
    "SELECT c.CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t "
    "ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s"
)
_KEYS = (
    "SELECT k.CONSTRAINT_SCHEMA, k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, "
    "k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k "
    "JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA "
    "AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND "
)
_REFERS = _KEYS + "k.TABLE_SCHEMA = %s AND k.TABLE_NAME = %s"
_REFERRED = _KEYS + "k.REFERENCED_TABLE_SCHEMA = %s AND k.REFERENCED_TABLE_NAME = %s"
_ACTIONS = {"CASCADE": "cascade", "SET NULL": "set", "SET DEFAULT": "set"}
_COUNTERS = (
    "SHOW SESSION STATUS WHERE Variable_name IN ('Executed_triggers', 'Com_insert', 'Com_insert_select', 'Com_update', "
    "'Com_update_multi', 'Com_delete', 'Com_delete_multi', 'Com_replace', 'Com_replace_select', 'Com_call_procedure', 'Com_set_option')"
)
_OWN = ("Com_insert", "Com_insert_select", "Com_update", "Com_delete")


def place(schema: str, table: str) -> str:
    """A table as the walk over side effects names it."""
    return f"{schema}\0{table}"


def looking(session: Session) -> Callable[[int | str], Facts]:
    """What the server says of a table, asked once."""
    known: dict[int | str, Facts] = {}

    def look(table: int | str) -> Facts:
        if table not in known:
            schema, _, name = str(table).partition("\0")
            known[table] = _facts(session, schema, name)
        return known[table]

    return look


def _facts(session: Session, schema: str, name: str) -> Facts:
    where = (schema, name)
    every = frozenset(str(row[0]) for row in session.rows(_COLUMNS, where))
    unique: dict[str, set[str]] = {}
    indexed: set[str] = set()
    for index, column, others in session.rows(_INDEXED, where):
        # An index over an expression has no column's name.
        columns = every if column is None else frozenset({str(column)})
        indexed |= columns
        if not int(str(others)):
            unique.setdefault(str(index), set()).update(columns)
    clauses = [fold(str(row[0])) for row in session.rows(_CHECKS, where)]
    checked = [frozenset(one for one in every if fold(one) in clause) for clause in clauses]
    return Facts(
        schema,
        name,
        tuple(frozenset(one) for one in unique.values()),
        tuple(checked),
        tuple(_references(session.rows(_REFERS, where), to_here=False)),
        tuple(_references(session.rows(_REFERRED, where), to_here=True)),
        frozenset(fold(str(row[0])) for row in session.rows(TRIGGERS, where)),
        unseen=frozenset(indexed),
    )


def _references(rows: list[Row], *, to_here: bool) -> list[Reference]:
    keys: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        keys.setdefault(row[:4], []).append(row)
    found: list[Reference] = []
    for parts in keys.values():
        first = parts[0]
        mine, theirs = tuple(str(row[4]) for row in parts), tuple(str(row[7]) for row in parts)
        if to_here:
            actions = (_ACTIONS.get(str(first[at]), "refuse") for at in (8, 9))
            found.append(Reference(place(str(first[2]), str(first[3])), theirs, mine, *actions))
        else:
            found.append(Reference(place(str(first[5]), str(first[6])), mine, theirs))
    return found


def counters(session: Session) -> dict[str, int]:
    """How many statements and triggers this session has run, by kind."""
    return {str(name): int(str(value)) for name, value in session.rows(_COUNTERS)}


def check_counted(before: dict[str, int], after: dict[str, int]) -> None:
    """The second witness: one statement ran, and nothing within it. Raises SqlError ``side_effects``."""
    ran = {name: count - before.get(name, 0) for name, count in after.items()}
    own = sum(ran.pop(name, 0) for name in _OWN)
    if own != 1 or any(ran.values()):
        raise SqlError(
            "side_effects",
            "The change ran a trigger of the database: undone. The source's setting effects may say what it changes.",
        )
