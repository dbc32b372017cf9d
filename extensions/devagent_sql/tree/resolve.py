"""What every name of a statement means: which relation, which of its columns.

The rules, scope by scope as the engines have them:

1. A table's name is a common table expression in reach, or a relation of the catalog; else an error.
2. A column with a qualifier belongs to the nearest scope that has a source of that name.
3. A column without one belongs to the nearest scope in which a source has it; two such sources are an error.
4. Columns joined by USING or NATURAL are one column that belongs to both sides; NATURAL is spelled out as USING.
5. In ORDER BY a bare name is an output column first, in GROUP BY last.
6. A name that is no column but the name of a source is the whole row: every column of it.

Each table is left as a ``Reference`` with the columns that were used. Whoever writes the statement
anew shows the engine these columns and no others, so that a mistake here ends in an error there.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, cast

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.names import fold
from devagent_sql.tree.dialects import Dialect, key
from devagent_sql.tree.relations import Relation, Relations

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

_QUERIES = (exp.Select, exp.SetOperation)
Outputs = list[str | None]


class Reference:
    """One place where a relation of the catalog is read."""

    def __init__(self, node: exp.Table, relation: Relation, alias: str, *, grouped: bool) -> None:
        self.node = node
        self.relation = relation
        self.alias = alias
        self.grouped = grouped
        self.used: set[str] = set()
        self.renamed: tuple[str, ...] = ()

    def use_all(self) -> None:
        self.used |= {column.name for column in self.relation.columns}


class _Source:
    """Something in a FROM clause. ``columns`` maps the key of a name to the name of the relation's column.

    ``loose``: a function, whose columns the engine knows better; its names stay unqualified."""

    def __init__(
        self,
        name: str,
        columns: Iterable[tuple[str, str]],
        reference: Reference | None,
        *,
        loose: bool = False,
    ) -> None:
        self.name = name
        self.loose = loose
        self.columns = dict(columns)
        self.reference = reference
        self.schema = (
            reference.relation.schema if reference and not reference.node.args.get("alias") else ""
        )

    def use(self, column: str) -> None:
        if self.reference is not None:
            self.reference.used.add(self.columns[column])

    def use_all(self) -> None:
        if self.reference is not None:
            self.reference.use_all()


class _Scope:
    def __init__(
        self, outer: "_Scope | None", ctes: dict[str, tuple[str, Outputs]], *, grouped: bool
    ) -> None:
        self.outer = outer
        self.ctes = ctes
        self.grouped = grouped
        self.sources: list[_Source] = []
        self.start = 0
        self.merged: dict[str, set[int]] = {}

    def visible(self, *, joined_only: bool) -> list[_Source]:
        return self.sources[self.start :] if joined_only else self.sources


class Resolver:
    """Resolves one statement in place. ``references`` are what it reads, in the order met."""

    def __init__(self, relations: Relations, dialect: Dialect) -> None:
        self._relations = relations
        self._dialect = dialect
        self._numbers = count(1)
        self.references: list[Reference] = []

    def statement(self, tree: exp.Query) -> Outputs:
        """Resolve the whole; the names of its output columns (None where only the engine knows).

        Raises SqlError: no_such_table, no_such_column, ambiguous_column, unsupported_syntax.
        """
        normalise(tree, self._dialect)
        return self.query(tree, None, {})

    def query(
        self, node: exp.Expr, outer: _Scope | None, ctes: dict[str, tuple[str, Outputs]]
    ) -> Outputs:
        if isinstance(node, exp.Select):
            return self._select(node, outer, ctes)
        if isinstance(node, exp.SetOperation):
            ctes = self._with(node, outer, ctes)
            outputs = self.query(node.this, outer, ctes)
            self.query(node.expression, outer, ctes)
            self._modifiers(node, outer, ctes, outputs)
            return outputs
        if isinstance(node, exp.Subquery):
            outputs = self.query(node.this, outer, ctes)
            if node.args.get("joins") or node.args.get("laterals"):
                raise _unsupported()
            self._modifiers(node, outer, ctes, outputs)
            return outputs
        if isinstance(node, exp.Values):
            scope = _Scope(outer, ctes, grouped=False)
            self._walk(node.expressions, scope)
            width = len(node.expressions[0].expressions) if node.expressions else 0
            return [f"column{place + 1}" for place in range(width)]
        raise _unsupported()

    def _key(self, name: str) -> str:
        return key(self._dialect, name)

    def _modifiers(
        self,
        node: exp.Expr,
        outer: _Scope | None,
        ctes: dict[str, tuple[str, Outputs]],
        outputs: Outputs,
    ) -> None:
        """ORDER BY, LIMIT and OFFSET of a set operation: output names and constants."""
        scope = _Scope(outer, ctes, grouped=False)
        known = {self._key(name) for name in outputs if name is not None}
        for name in ("order", "limit", "offset"):
            part = node.args.get(name)
            if part is not None:
                self._walk([part], scope, aliases=known, alias_first=True)

    # ---- WITH ----

    def _with(
        self, node: exp.Expr, outer: _Scope | None, ctes: dict[str, tuple[str, Outputs]]
    ) -> dict[str, tuple[str, Outputs]]:
        """The expressions in reach below; each gets a name of its own, that no relation can have."""
        clause = cast("exp.With | None", node.args.get("with_"))
        if clause is None:
            return ctes
        ctes = dict(ctes)
        own: set[str] = set()
        for cte in cast("list[exp.CTE]", clause.expressions):
            name = cte.alias
            if self._key(name) in own or not name:
                raise SqlError("syntax", "A name is given twice in WITH.")
            own.add(self._key(name))
            unique = f"w{next(self._numbers)}_{name}".encode()[:60].decode(errors="ignore")
            columns = [one.name for one in cte.args["alias"].args.get("columns") or ()]
            body = cte.this
            if (
                clause.recursive
                and isinstance(body, exp.SetOperation)
                and not body.args.get("with_")
            ):
                outputs = self.query(body.this, outer, ctes)
                ctes[self._key(name)] = (unique, _renamed(outputs, columns))
                self.query(body.expression, outer, ctes)
                self._modifiers(body, outer, ctes, outputs)
            else:
                outputs = self.query(body, outer, ctes)
                ctes[self._key(name)] = (unique, _renamed(outputs, columns))
            cte.args["alias"].set("this", exp.to_identifier(unique, quoted=True))
        return ctes

    # ---- FROM ----

    def _from_item(self, item: exp.Expr, scope: _Scope) -> None:
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            self._table(item, scope)
        elif isinstance(item, exp.Table):
            self._table_function(item, item.this, scope)
        elif isinstance(item, exp.Unnest):
            self._table_function(item, item, scope)
        elif isinstance(item, exp.Lateral):
            self._lateral(item, scope)
        elif isinstance(item, exp.Subquery) and isinstance(item.this, exp.Table):
            if item.args.get("alias"):
                raise _unsupported()
            self._from_item(item.this, scope)
        elif isinstance(item, exp.Subquery | exp.Values):
            outputs = self.query(item, scope.outer, scope.ctes)
            self._derived(item, outputs, scope)
        else:
            raise _unsupported()
        for join in item.args.get("joins") or ():
            self._join(join, scope)
        for lateral in item.args.get("laterals") or ():
            self._from_item(lateral, scope)

    def _derived(self, item: exp.Expr, outputs: Outputs, scope: _Scope) -> None:
        alias = item.args.get("alias")
        columns = [one.name for one in alias.args.get("columns") or ()] if alias else []
        names = [name for name in _renamed(outputs, columns) if name is not None]
        self._add(scope, _Source(item.alias, ((self._key(name), name) for name in names), None))

    def _add(self, scope: _Scope, source: _Source) -> None:
        if source.name and any(
            self._key(source.name) == self._key(one.name) for one in scope.sources
        ):
            raise SqlError("syntax", "A table's name is given twice in FROM: use aliases.")
        scope.sources.append(source)

    def _lateral(self, item: exp.Lateral, scope: _Scope) -> None:
        inner = item.this
        if isinstance(inner, exp.Subquery):
            self._derived(item, self.query(inner, scope, scope.ctes), scope)
        else:
            self._table_function(item, inner, scope)

    def _table_function(self, item: exp.Expr, function: exp.Expr, scope: _Scope) -> None:
        """A function in FROM: it sees what stands before it, and offers its alias and known columns."""
        parts = function.expressions if isinstance(function, exp.Unnest) else [function]
        self._walk(parts, scope)
        called = "unnest" if isinstance(function, exp.Unnest) else _function_name(function)
        alias = item.args.get("alias")
        columns = [one.name for one in alias.args.get("columns") or ()] if alias else []
        if isinstance(
            function.args.get("offset"), exp.Identifier
        ):  # WITH ORDINALITY, its name given
            columns.append(function.args["offset"].name)
        name = item.alias or called
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
            _Source(name, ((self._key(one), one) for one in sorted(offered)), None, loose=True),
        )

    def _table(self, item: exp.Table, scope: _Scope) -> None:
        name = item.name
        cte = scope.ctes.get(self._key(name)) if not item.args.get("db") else None
        alias = item.args.get("alias")
        renamed = [one.name for one in alias.args.get("columns") or ()] if alias else []
        if cte is not None:
            unique, outputs = cte
            if alias is None:
                item.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
            item.set("this", exp.to_identifier(unique, quoted=True))
            names = [one for one in _renamed(outputs, renamed) if one is not None]
            self._add(scope, _Source(item.alias, ((self._key(one), one) for one in names), None))
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
        self._add(scope, _Source(reference.alias, pairs, reference))

    def _join(self, join: exp.Join, scope: _Scope) -> None:
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
        self._from_item(join.this, scope)
        if join.args.get("method"):
            self._spell_out_natural(join, scope, boundary)
        for one in join.args.get("using") or ():
            self._merge(self._key(one.name), scope, boundary)
        condition = join.args.get("on")
        if condition is not None:
            self._walk([condition], scope, joined_only=True)

    def _spell_out_natural(self, join: exp.Join, scope: _Scope, boundary: int) -> None:
        if join.method.upper() != "NATURAL":
            raise _unsupported()
        left, right = scope.sources[scope.start : boundary], scope.sources[boundary:]
        if any(source.reference is None and not source.columns for source in (*left, *right)):
            raise _unsupported()
        theirs = {name for source in right for name in source.columns}
        common = list(
            dict.fromkeys(name for source in left for name in source.columns if name in theirs)
        )
        join.set("method", None)
        if common:
            join.set("using", [exp.to_identifier(name, quoted=True) for name in common])
        else:
            join.set("on", exp.true())
            join.set("kind", None)

    def _merge(self, name: str, scope: _Scope, boundary: int) -> None:
        places = [
            at for at in range(scope.start, len(scope.sources)) if name in scope.sources[at].columns
        ]
        if not any(at < boundary for at in places) or not any(at >= boundary for at in places):
            raise _no_such_column()
        for at in places:
            scope.sources[at].use(name)
        scope.merged[name] = set(places)

    # ---- SELECT ----

    def _select(
        self, node: exp.Select, outer: _Scope | None, ctes: dict[str, tuple[str, Outputs]]
    ) -> Outputs:
        ctes = self._with(node, outer, ctes)
        scope = _Scope(outer, ctes, grouped=node.args.get("group") is not None)
        clause = node.args.get("from_")
        if clause is not None:
            self._from_item(clause.this, scope)
        for join in node.args.get("joins") or ():
            self._join(join, scope)
        for lateral in node.args.get("laterals") or ():
            self._from_item(lateral, scope)
        named = {self._key(one.alias) for one in node.expressions if isinstance(one, exp.Alias)}
        anywhere = named if self._dialect.alias_everywhere else set[str]()
        self._walk(node.expressions, scope, aliases=anywhere)
        outputs = self._outputs(node.expressions, scope)
        shown = named | {self._key(name) for name in outputs if name is not None}
        for part in ("where", "windows", "qualify", "having"):
            value: Any = node.args.get(part)
            parts = cast("list[exp.Expr]", value if isinstance(value, list) else [value])
            self._walk([one for one in parts if one], scope, aliases=anywhere)
        for part in ("group", "limit", "offset"):
            value = node.args.get(part)
            self._walk(
                [value] if value else [], scope, aliases=shown if part == "group" else anywhere
            )
        for part in ("distinct", "order"):
            value = node.args.get(part)
            self._walk([value] if value else [], scope, aliases=shown, alias_first=True)
        return outputs

    def _outputs(self, expressions: list[exp.Expr], scope: _Scope) -> Outputs:
        found: Outputs = []
        for one in expressions:
            if isinstance(one, exp.Alias):
                found.append(one.alias)
            elif isinstance(one, exp.Star):
                found += self._all_columns(scope)
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                found += list(self._qualified(one, scope).columns)
            elif isinstance(one, exp.Column):
                found.append(one.name)
            else:
                found.append(None)
        return found

    def _all_columns(self, scope: _Scope) -> Outputs:
        merged = list(scope.merged)
        rest = [
            name for source in scope.sources for name in source.columns if name not in scope.merged
        ]
        return [*merged, *rest]

    # ---- columns ----

    def _walk(
        self,
        parts: Iterable[exp.Expr],
        scope: _Scope,
        *,
        aliases: set[str] | None = None,
        alias_first: bool = False,
        joined_only: bool = False,
    ) -> None:
        for part in parts:
            for node in _own_nodes(part):
                if isinstance(node, _QUERIES):
                    self.query(node, scope, scope.ctes)
                elif isinstance(node, exp.Column):
                    bare = alias_first and isinstance(
                        node.parent, exp.Ordered | exp.Order | exp.Tuple | exp.Distinct
                    )
                    self._column(
                        node, scope, aliases or set(), alias_first=bare, joined_only=joined_only
                    )
                elif isinstance(node, exp.Star) and not isinstance(
                    node.parent, exp.Anonymous | exp.Column
                ):
                    self._star(node, scope)

    def _star(self, node: exp.Star, scope: _Scope) -> None:
        if not isinstance(node.parent, exp.Select):
            raise _unsupported()
        if not scope.sources:
            raise SqlError("syntax", "There is no table to take all columns of.")
        for source in scope.sources:
            source.use_all()

    def _qualified(self, node: exp.Column, scope: _Scope) -> _Source:
        qualifier, schema = self._key(node.table), node.text("db")
        reach: _Scope | None = scope
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
        scope: _Scope,
        aliases: set[str],
        *,
        alias_first: bool,
        joined_only: bool,
    ) -> None:
        if isinstance(node.this, exp.Star):
            self._qualified(node, scope).use_all()
            node.set("db", None)
            return
        name = self._key(node.name)
        if node.table:
            source = self._qualified(node, scope)
            node.set("db", None)
            if name not in source.columns:
                raise _no_such_column()
            source.use(name)
            return
        if alias_first and name in aliases:
            self._use_candidates(name, scope)
            return
        reach: _Scope | None = scope
        first = True
        while reach is not None:
            visible = reach.visible(joined_only=joined_only and first)
            having = [source for source in visible if name in source.columns]
            if having:
                self._take(node, name, reach, having)
                return
            reach, first = reach.outer, False
        if name in aliases:
            return
        self._whole_row(node, name, scope)

    def _use_candidates(self, name: str, scope: _Scope) -> None:
        """An output's name that may also be an input's: were the engine to take it so, it is named."""
        for source in scope.sources:
            if name in source.columns:
                source.use(name)

    def _take(self, node: exp.Column, name: str, reach: _Scope, having: list[_Source]) -> None:
        places = {at for at, source in enumerate(reach.sources) if source in having}
        for source in having:
            source.use(name)
        if len(having) == 1:
            if having[0].name and self._dialect.quotes_all and not having[0].loose:
                node.set("table", exp.to_identifier(having[0].name, quoted=True))
            return
        if not places <= reach.merged.get(name, set()):
            raise SqlError("ambiguous_column", "A column is in several tables: qualify it.")

    def _whole_row(self, node: exp.Column, name: str, scope: _Scope) -> None:
        if self._dialect.name == "mysql":
            raise _no_such_column()
        reach: _Scope | None = scope
        while reach is not None:
            for source in reach.sources:
                if source.name and self._key(source.name) == name:
                    source.use_all()
                    return
            reach = reach.outer
        raise _no_such_column()


def _own_nodes(part: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of this scope; a query inside is given itself, its inside is not."""
    waiting = [part]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _QUERIES):
            waiting.extend(reversed(list(node.iter_expressions())))


def normalise(tree: exp.Expr, dialect: Dialect) -> None:
    """Identifiers as the engine understands them: folded where it folds, within its longest name."""
    for node in tree.find_all(exp.Identifier):
        name = node.this
        if not isinstance(name, str) or not name:
            raise _unsupported()
        if dialect.folds and not node.args.get("quoted"):
            name = fold(name)
        if dialect.longest_name and len(name.encode()) > dialect.longest_name:
            raise SqlError("syntax", f"A name is longer than {dialect.longest_name} bytes.")
        node.set("this", name)
        node.set("quoted", node.args.get("quoted") or dialect.quotes_all)


def _function_name(function: exp.Expr) -> str:
    if isinstance(function, exp.Anonymous):
        return fold(str(function.this))
    raise _unsupported()


def _renamed(outputs: Outputs, columns: list[str]) -> Outputs:
    return [*columns, *outputs[len(columns) :]]


def _unsupported() -> SqlError:
    return SqlError("unsupported_syntax", "The statement uses a construct not allowed here.")


def _no_such_column() -> SqlError:
    return SqlError("no_such_column", "No such column. Use describe with the table's name.")
