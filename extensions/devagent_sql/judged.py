"""A call touches no more than was named for it when it was judged.

``resources`` names what a statement would touch, and policy answers that. Until the call runs, which may
be after a person was asked, the schema can change: a view may be another. So what was named is kept,
and a run that would touch more ends before its first row.
"""

import threading
from collections import OrderedDict

from devagent_sql.engines.port import Touched
from devagent_sql.errors import SqlError
from devagent_sql.sources import Source

_MOST_KEPT = 1_024
Named = frozenset[tuple[str, ...]]
_kept: OrderedDict[tuple[Source, str], Named | None] = OrderedDict()
"""None = what was named turned out to be old: nothing that was judged by it may run any more."""
_lock = threading.Lock()


def of(touched: Touched) -> Named:
    """Reads and writes told apart."""
    reads = {("read", *name) for name in touched.reads}
    return frozenset(reads | {("write", *name) for name in touched.writes})


def keep(source: Source, sql: str, touched: Touched) -> None:
    """Of two namings of one statement what both named counts: either may be the one that was granted."""
    names = of(touched)
    with _lock:
        before = _kept.get((source, sql))
        _kept[source, sql] = names if before is None else names & before
        _kept.move_to_end((source, sql))
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)


def check(source: Source, sql: str, touched: Touched) -> None:
    """Raises SqlError ``changed`` where more would be touched than was named, and for every other call of the
    statement until it is named anew; a statement that nobody asked about before (a server without policy) may
    touch what it touches."""
    with _lock:
        if (source, sql) not in _kept:
            return
        named = _kept[source, sql]
        if named is not None and of(touched) <= named:
            return
        _kept[source, sql] = None
    raise SqlError("changed", "The schema was changed since this was permitted. Ask again.")
