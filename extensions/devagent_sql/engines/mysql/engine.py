"""The MySQL and MariaDB engine: describe, analyse, run, change."""

from collections.abc import Callable

from devagent_sql.engines.batches import hand_over
from devagent_sql.engines.mysql.catalog import Catalog, columns_of, listed
from devagent_sql.engines.mysql.connection import connected
from devagent_sql.engines.mysql.rows import streamed
from devagent_sql.engines.mysql.session import Session
from devagent_sql.engines.mysql.side_effects import check_counted, counters, looking, place
from devagent_sql.engines.port import (
    Analysis,
    Answer,
    Changed,
    Clock,
    Effects,
    Permit,
    Row,
    Rules,
    Sink,
    Table,
    Touched,
    check_affected,
    undeclared,
)
from devagent_sql.errors import SqlError
from devagent_sql.sources import Server
from devagent_sql.tree import masks, parse
from devagent_sql.tree.changes import Change, checked, govern_change, is_definition, target_of
from devagent_sql.tree.dialects import MYSQL
from devagent_sql.tree.govern import govern, named_tables
from devagent_sql.tree.side_effects import SideEffects, side_effects


class MySQL:
    """See ``Engine``. Connections are kept between calls (``connection``); the password is asked for at each."""

    def __init__(
        self, server: Server, password: Callable[[], str | None], effects: Effects = undeclared
    ) -> None:
        self._server = server
        self._password = password
        self._effects = effects

    def tables(self, clock: Clock) -> list[tuple[str, str]]:
        with connected(self._server, self._password(), clock) as session:
            return [(one.schema, one.name) for one in listed(session, self._server.schemas)]

    def describe(self, table: str, clock: Clock) -> list[Table]:
        with connected(self._server, self._password(), clock) as session:
            if not table:
                return listed(session, self._server.schemas)
            return [columns_of(session, self._catalog(session).find(*_parts(table)))]

    def find(self, table: str, clock: Clock) -> tuple[str, str, tuple[str, ...]]:
        with connected(self._server, self._password(), clock) as session:
            found = self._catalog(session).find(*_parts(table))
            return found.schema, found.name, tuple(column.name for column in found.columns)

    def analyse(self, sql: str, clock: Clock) -> Touched:
        parse.statement(sql, MYSQL)  # what is refused at sight needs no connection
        with connected(self._server, self._password(), clock) as session:
            return govern(sql, MYSQL, self._catalog(session).looked_up).touched

    def analyse_change(self, sql: str, clock: Clock) -> Analysis:
        if is_definition(sql, MYSQL):
            return Analysis(Touched(frozenset(), frozenset()), frozenset({"ddl"}))
        with connected(self._server, self._password(), clock) as session:
            change = self._checked(session, sql, locking=False)
            besides = self._besides(session, change)
        return Analysis(besides.joined(change.touched), change.facts | besides.facts)

    def change(
        self, sql: str, expected: int | None, most_rows: int, permit: Permit, clock: Clock
    ) -> Changed:
        with connected(self._server, self._password(), clock, writing=True) as session:
            change = self._checked(session, sql, locking=True)
            touched = self._besides(session, change).joined(change.touched)
            permit(touched)
            before = session.rows(change.sample) if change.sample else []
            declared = self._effects(*change.table[:2]) is not None
            counted = {} if declared else counters(session)
            with session.raw.cursor() as cursor:
                affected = int(cursor.execute(change.text))
            if not declared:
                check_counted(counted, counters(session))
            check_affected(affected, expected, most_rows)
            after: list[Row] = []
            if change.verb == "update":
                after = self._again(session, change, before)
            if expected is not None:
                session.raw.commit()
            done = expected is not None
            return Changed(affected, done, change.columns, before, after, touched, change.text)

    def _besides(self, session: Session, change: Change) -> SideEffects:
        table = place(change.table[0], change.table[1])
        return side_effects(table, change.verb, change.written, looking(session), self._effects)

    def _checked(self, session: Session, sql: str, *, locking: bool) -> Change:
        catalog = self._catalog(session, locking=locking)
        names = named_tables(target_of(checked(sql, MYSQL)), MYSQL)
        relation = catalog.find(*names[0])
        if not catalog.is_undone_whole(relation):
            raise SqlError(
                "unsupported_table", "That table's storage engine cannot undo: nothing is changed there."
            )  # fmt: skip
        key = [(one.key, one.name) for one in columns_of(session, relation).columns if one.key]
        return govern_change(sql, MYSQL, catalog.looked_up, tuple(name for _, name in sorted(key)))

    def _again(self, session: Session, change: Change, before: list[Row]) -> list[Row]:
        """The sampled rows after the change, found by their keys; none where a key itself was changed."""
        relation = self._catalog(session).find(*change.table[:2])
        key = [one.name for one in columns_of(session, relation).columns if one.key]
        if not key:
            return []
        places = [change.columns.index(name) for name in key]
        condition = " AND ".join(f"{quoted(name)} = %s" for name in key)
        shown = ", ".join(map(quoted, change.columns))
        text = f"SELECT {shown} FROM {'.'.join(map(quoted, change.table))} WHERE {condition}"  # noqa: S608 — quoted names
        found = [session.rows(text, [row[place] for place in places]) for row in before]
        return [row for rows in found for row in rows]

    def explain(self, sql: str, clock: Clock) -> list[str]:
        with connected(self._server, self._password(), clock) as session:
            governed = govern(sql, MYSQL, self._catalog(session, locking=True).looked_up)
            plan = streamed(session, f"EXPLAIN {governed.text}")
            try:
                rows = plan.fetch(1_000)
            finally:
                plan.end()
            lines = [" | ".join("" if cell is None else str(cell) for cell in row) for row in rows]
            return [" | ".join(plan.columns), *lines]

    def run(self, sql: str, most_rows: int, sink: Sink, rules: Rules, clock: Clock) -> Answer:
        parse.statement(sql, MYSQL)
        with connected(self._server, self._password(), clock) as session:
            governed = govern(sql, MYSQL, self._catalog(session, locking=True).looked_up, rules)
            if governed.keyed:
                session.rows("SET @devagent_key = %s", [masks.KEY])
            # The server stops by itself where the statement has no LIMIT of its own.
            session.raw.query(f"SET SESSION sql_select_limit = {most_rows + 1}")
            stream = streamed(session, governed.text)
            try:
                sink.begin(stream.columns, stream.types, governed.touched)
                cut = hand_over(stream.fetch, sink, most_rows, clock)
            finally:
                stream.end()
            masked, text = governed.masked, governed.text
            return Answer(stream.columns, cut, governed.touched, masked, text, stream.types)

    def _catalog(self, session: Session, *, locking: bool = False) -> Catalog:
        return Catalog(session, self._server, locking=locking)


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _parts(table: str) -> tuple[str, str]:
    """Schema or "" and name, as ``describe`` takes them: ``orders`` or ``sales.orders``, spelled exactly."""
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else ("", table)
