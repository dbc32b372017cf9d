"""FROM: tables, common table expressions, nested queries, functions and joins (rules 1 and 4 of ``resolve``)."""

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree.columns import Columns, Query
from devagent_sql.tree.dialects import Dialect, key
from devagent_sql.tree.relations import Relations
from devagent_sql.tree.scopes import (
    Outputs,
    Reference,
    Scope,
    Source,
    no_such_column,
    unsupported,
    with_names,
)

_FUNCTION_COLUMNS = {
    "json_each": ("key", "value"),
    "jsonb_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "json_array_elements": ("value",),
    "jsonb_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements_text": ("value",),
}
"""Columns of functions in FROM that are not named after the alias."""


class FromClause:
    """Puts the sources of a FROM clause into its scope. ``references`` are the relations met, in order."""

    def __init__(
        self, relations: Relations, dialect: Dialect, columns: Columns, query: Query
    ) -> None:
        self._relations = relations
        self._dialect = dialect
        self._columns = columns
        self._query = query
        self.references: list[Reference] = []

    def _key(self, name: str) -> str:
        return key(self._dialect, name)

    def item(self, item: exp.Expr, scope: Scope) -> None:
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            self._table(item, scope)
        elif isinstance(item, exp.Table):
            self._table_function(item, item.this, scope)
        elif isinstance(item, exp.Unnest):
            self._table_function(item, item, scope)
        elif isinstance(item, exp.Lateral):
            self._lateral(item, scope)
        elif isinstance(item, exp.Subquery) and _is_joined_group(item.this):
            if item.args.get("alias"):
                raise unsupported()
            self.item(item.this, scope)
        elif isinstance(item, exp.Subquery | exp.Values):
            outputs = self._query(item, scope.outer, scope.ctes)
            self._derived(item, outputs, scope)
        else:
            raise unsupported()
        for join in item.args.get("joins") or ():
            self.join(join, scope)
        for lateral in item.args.get("laterals") or ():
            self.item(lateral, scope)

    def _derived(self, item: exp.Expr, outputs: Outputs, scope: Scope) -> None:
        alias = item.args.get("alias")
        columns = [one.name for one in alias.args.get("columns") or ()] if alias else []
        names = [name for name in with_names(outputs, columns) if name is not None]
        self._add(scope, Source(item.alias, ((self._key(name), name) for name in names), None))

    def _add(self, scope: Scope, source: Source) -> None:
        if source.name and any(
            self._key(source.name) == self._key(one.name) for one in scope.sources
        ):
            raise SqlError("syntax", "A table's name is given twice in FROM: use aliases.")
        scope.sources.append(source)

    def _lateral(self, item: exp.Lateral, scope: Scope) -> None:
        inner = item.this
        if isinstance(inner, exp.Subquery):
            self._derived(item, self._query(inner, scope, scope.ctes), scope)
        else:
            self._table_function(item, inner, scope)

    def _table_function(self, item: exp.Expr, function: exp.Expr, scope: Scope) -> None:
        """A function in FROM: it sees what stands before it, and offers its alias and known columns."""
        parts = function.expressions if isinstance(function, exp.Unnest) else [function]
        self._columns.walk(parts, scope)
        called = "unnest" if isinstance(function, exp.Unnest) else _function_name(function)
        alias = item.args.get("alias")
        columns = [one.name for one in alias.args.get("columns") or ()] if alias else []
        if isinstance(
            function.args.get("offset"), exp.Identifier
        ):  # WITH ORDINALITY, its name given
            columns.append(function.args["offset"].name)
        name = item.alias or called
        certain = columns or _FUNCTION_COLUMNS.get(called, ())
        offered = (
            {*columns, "ordinality"}
            if columns
            else {name, called, "ordinality", *_FUNCTION_COLUMNS.get(called, ())}
        )
        if self._dialect.name == "duckdb":
            offered |= {
                "unnest",
                "range",
                "generate_series",
                "key",
                "value",
                "json",
                "fullkey",
                "path",
                "type",
                "atom",
                "id",
                "parent",
                "rowid",
            }
        self._add(
            scope,
            Source(
                name,
                ((self._key(one), one) for one in sorted(offered)),
                None,
                loose=True,
                certain=map(self._key, certain),
            ),
        )

    def _table(self, item: exp.Table, scope: Scope) -> None:
        name = item.name
        cte = scope.ctes.get(self._key(name)) if not item.args.get("db") else None
        alias = item.args.get("alias")
        renamed = [one.name for one in alias.args.get("columns") or ()] if alias else []
        if cte is not None:
            unique, outputs = cte
            if alias is None:
                item.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
            item.set("this", exp.to_identifier(unique, quoted=True))
            names = [one for one in with_names(outputs, renamed) if one is not None]
            self._add(scope, Source(item.alias, ((self._key(one), one) for one in names), None))
            return
        relation = self._relations.find(item.text("db"), name)
        reference = Reference(item, relation, item.alias or name, grouped=scope.grouped)
        columns = [column.name for column in relation.columns]
        if renamed:
            if len(renamed) > len(columns):
                raise SqlError("syntax", "The alias names more columns than the table has.")
            reference.renamed = tuple(renamed)
            reference.use_all()
        shown = [*renamed, *columns[len(renamed) :]]
        pairs = [(self._key(one), column) for one, column in zip(shown, columns, strict=True)]
        self.references.append(reference)
        self._add(scope, Source(reference.alias, pairs, reference))

    def join(self, join: exp.Join, scope: Scope) -> None:
        plain_comma = not (
            join.args.get("on")
            or join.args.get("using")
            or join.args.get("method")
            or join.side
            or join.kind
        )
        if plain_comma:
            scope.start = len(scope.sources)
        boundary = len(scope.sources)
        self.item(join.this, scope)
        if join.args.get("method"):
            self._spell_out_natural(join, scope, boundary)
        for one in join.args.get("using") or ():
            self._merge(self._key(one.name), scope, boundary)
        condition = join.args.get("on")
        if condition is not None:
            self._columns.walk([condition], scope, joined_only=True)

    def _spell_out_natural(self, join: exp.Join, scope: Scope, boundary: int) -> None:
        if join.method.upper() != "NATURAL":
            raise unsupported()
        left, right = scope.sources[scope.start : boundary], scope.sources[boundary:]
        if any(source.reference is None and not source.columns for source in (*left, *right)):
            raise unsupported()
        theirs = {name for source in right for name in source.shown}
        common = list(
            dict.fromkeys(name for source in left for name in source.shown if name in theirs)
        )
        join.set("method", None)
        if common:
            join.set("using", [exp.to_identifier(name, quoted=True) for name in common])
        else:
            join.set("on", exp.true())
            join.set("kind", None)

    def _merge(self, name: str, scope: Scope, boundary: int) -> None:
        places = [
            at for at in range(scope.start, len(scope.sources)) if name in scope.sources[at].columns
        ]
        if not any(at < boundary for at in places) or not any(at >= boundary for at in places):
            raise no_such_column()
        for at in places:
            scope.sources[at].use(name)
        scope.merged[name] = set(places)


def _is_joined_group(inner: object) -> bool:
    """``(a JOIN b ON …)``: parentheses around tables, no query."""
    while isinstance(inner, exp.Subquery) and not inner.args.get("alias"):
        inner = inner.this
    return isinstance(inner, exp.Table)


def _function_name(function: exp.Expr) -> str:
    if isinstance(function, exp.Anonymous):
        return fold(str(function.this))
    raise unsupported()
