"""Columns: which source each one belongs to (rules 2 to 6 of ``resolve``)."""

from collections.abc import Callable, Iterable, Iterator

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.tree.dialects import Dialect, key
from devagent_sql.tree.scopes import (
    Expressions,
    Outputs,
    Scope,
    Source,
    no_such_column,
    unsupported,
)

_PSEUDO_COLUMNS = frozenset(["rowid", "_rowid", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])
"""A table's, which no catalog lists: MySQL's ``_rowid`` is its key."""
_QUERIES = (exp.Select, exp.SetOperation)
Query = Callable[[exp.Expr, Scope | None, Expressions], Outputs]


class Columns:
    """``query`` resolves a query met within an expression."""

    def __init__(self, dialect: Dialect, query: Query) -> None:
        self._dialect = dialect
        self._query = query
        self.guessed = False
        """A name was taken for a function's column, and may be another's to the engine."""

    def _key(self, name: str) -> str:
        return key(self._dialect, name)

    def walk(
        self,
        parts: Iterable[exp.Expr],
        scope: Scope,
        *,
        aliases: set[str] | None = None,
        alias_first: bool = False,
        alias_within: bool = False,
        joined_only: bool = False,
    ) -> None:
        """``alias_first``: an output's name goes before a column's, where it stands alone; ``alias_within``: in
        expressions too."""
        for part in parts:
            for node in _own_nodes(part):
                if isinstance(node, _QUERIES):
                    self._query(node, scope, scope.ctes)
                elif isinstance(node, exp.Column):
                    alone = isinstance(
                        node.parent, exp.Ordered | exp.Order | exp.Tuple | exp.Distinct
                    )
                    bare = alias_first and (alone or alias_within)
                    self._column(
                        node, scope, aliases or set(), alias_first=bare, joined_only=joined_only
                    )
                elif isinstance(node, exp.Star) and not isinstance(
                    node.parent, exp.Anonymous | exp.Column
                ):
                    self._star(node, scope)

    def _star(self, node: exp.Star, scope: Scope) -> None:
        if not isinstance(node.parent, exp.Select):
            raise unsupported()
        if not scope.sources:
            raise SqlError("syntax", "There is no table to take all columns of.")
        for source in scope.sources:
            source.use_all()

    def qualified(self, node: exp.Column, scope: Scope) -> Source:
        qualifier, schema = self._key(node.table), node.text("db")
        reach: Scope | None = scope
        while reach is not None:
            for source in reach.sources:
                if (
                    source.name
                    and self._key(source.name) == qualifier
                    and (not schema or schema == source.schema)
                ):
                    return source
            reach = reach.outer
        raise SqlError("no_such_table", "A column is qualified with a name that is not in FROM.")

    def _column(
        self,
        node: exp.Column,
        scope: Scope,
        aliases: set[str],
        *,
        alias_first: bool,
        joined_only: bool,
    ) -> None:
        if isinstance(node.this, exp.Star):
            self.qualified(node, scope).use_all()
            node.set("db", None)
            return
        name = self._key(node.name)
        if node.table:
            source = self.qualified(node, scope)
            node.set("db", None)
            if name not in source.columns:
                raise no_such_column()
            self._use(source, name)
            return
        if alias_first and name in aliases:
            self._use_candidates(name, scope)
            self.guessed |= name in _PSEUDO_COLUMNS
            return
        reach: Scope | None = scope
        first = True
        while reach is not None:
            visible = reach.visible(joined_only=joined_only and first)
            having = [source for source in visible if name in source.columns]
            if having:
                self._take(node, name, reach, having)
                return
            reach, first = reach.outer, False
        if name in aliases:
            self.guessed |= name in _PSEUDO_COLUMNS
            return
        self._whole_row(node, name, scope)

    def _use_candidates(self, name: str, scope: Scope) -> None:
        """An output's name that may also be an input's: were the engine to take it so, it is named."""
        for source in scope.sources:
            if name in source.columns:
                source.use(name)

    def _use(self, source: Source, name: str) -> None:
        # Engines differ in what they call the columns of VALUES, and without a name nothing qualifies them.
        unsure = source.loose or (not source.name and source.reference is None)
        self.guessed |= unsure and name not in source.certain
        source.use(name)

    def _take(self, node: exp.Column, name: str, reach: Scope, having: list[Source]) -> None:
        places = {at for at, source in enumerate(reach.sources) if source in having}
        for source in having:
            self._use(source, name)
        if len(having) == 1:
            if having[0].name and self._dialect.quotes_all and not having[0].loose:
                node.set("table", exp.to_identifier(having[0].name, quoted=True))
            return
        if not places <= reach.merged.get(name, set()):
            raise SqlError("ambiguous_column", "A column is in several tables: qualify it.")

    def _whole_row(self, node: exp.Column, name: str, scope: Scope) -> None:
        if self._dialect.name == "mysql":
            raise no_such_column()
        reach: Scope | None = scope
        while reach is not None:
            for source in reach.sources:
                if source.name and self._key(source.name) == name:
                    # A table may have a system column of that name, which goes before.
                    self.guessed |= source.reference is None
                    source.use_all()
                    return
            reach = reach.outer
        raise no_such_column()


def _own_nodes(part: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of this scope; a query inside is given itself, its inside is not."""
    waiting = [part]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _QUERIES):
            waiting.extend(reversed(list(node.iter_expressions())))
