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

from itertools import count
from typing import Any, cast

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.tree.columns import Columns
from devagent_sql.tree.dialects import Dialect, folded, key
from devagent_sql.tree.from_clause import FromClause
from devagent_sql.tree.relations import Relations
from devagent_sql.tree.scopes import Expressions, Outputs, Scope, unsupported, with_names


class Resolver:
    """Resolves one statement in place. ``references`` are what it reads, in the order met."""

    def __init__(self, relations: Relations, dialect: Dialect) -> None:
        self._dialect = dialect
        self._columns = Columns(dialect, self.query)
        self._from = FromClause(relations, dialect, self._columns, self.query)
        self._numbers = count(1)
        self.references = self._from.references

    def statement(self, tree: exp.Query) -> Outputs:
        """Resolve the whole; the names of its output columns (None where only the engine knows).

        Raises SqlError: no_such_table, no_such_column, ambiguous_column, unsupported_syntax.
        """
        normalise(tree, self._dialect)
        outputs = self.query(tree, None, {})
        if self.guessed:
            # No table may then stay itself: a column that was not named must not be there.
            for reference in self.references:
                reference.grouped = False
        return outputs

    @property
    def guessed(self) -> bool:
        """A name was taken for what may be a column to the engine that was not named."""
        return self._columns.guessed

    def query(self, node: exp.Expr, outer: Scope | None, ctes: Expressions) -> Outputs:
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
                raise unsupported()
            self._modifiers(node, outer, ctes, outputs)
            return outputs
        if isinstance(node, exp.Values):
            scope = Scope(outer, ctes, grouped=False)
            self._columns.walk(node.expressions, scope)
            width = len(node.expressions[0].expressions) if node.expressions else 0
            return [f"column{place + 1}" for place in range(width)]
        raise unsupported()

    def _key(self, name: str) -> str:
        return key(self._dialect, name)

    def _modifiers(
        self,
        node: exp.Expr,
        outer: Scope | None,
        ctes: Expressions,
        outputs: Outputs,
    ) -> None:
        """ORDER BY, LIMIT and OFFSET of a set operation: output names and constants."""
        scope = Scope(outer, ctes, grouped=False)
        known = {self._key(name) for name in outputs if name is not None}
        for name in ("order", "limit", "offset"):
            part = node.args.get(name)
            if part is not None:
                self._columns.walk([part], scope, aliases=known, alias_first=True)

    def _with(self, node: exp.Expr, outer: Scope | None, ctes: Expressions) -> Expressions:
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
                ctes[self._key(name)] = (unique, with_names(outputs, columns))
                self.query(body.expression, outer, ctes)
                self._modifiers(body, outer, ctes, outputs)
            else:
                outputs = self.query(body, outer, ctes)
                ctes[self._key(name)] = (unique, with_names(outputs, columns))
            cte.args["alias"].set("this", exp.to_identifier(unique, quoted=True))
        return ctes

    def _select(self, node: exp.Select, outer: Scope | None, ctes: Expressions) -> Outputs:
        ctes = self._with(node, outer, ctes)
        scope = Scope(outer, ctes, grouped=node.args.get("group") is not None)
        clause = node.args.get("from_")
        if clause is not None:
            self._from.item(clause.this, scope)
        for join in node.args.get("joins") or ():
            self._from.join(join, scope)
        for lateral in node.args.get("laterals") or ():
            self._from.item(lateral, scope)
        named = {self._key(one.alias) for one in node.expressions if isinstance(one, exp.Alias)}
        anywhere = named if self._dialect.alias_everywhere else set[str]()
        self._columns.walk(node.expressions, scope, aliases=anywhere)
        outputs = self._outputs(node.expressions, scope)
        shown = named | {self._key(name) for name in outputs if name is not None}
        for part in ("where", "windows", "qualify", "having"):
            value: Any = node.args.get(part)
            parts = cast("list[exp.Expr]", value if isinstance(value, list) else [value])
            self._columns.walk(
                [one for one in parts if one],
                scope,
                aliases=anywhere,
                # Those that know an output's name anywhere take it in HAVING for the output.
                alias_first=part == "having",
                alias_within=True,
            )
        for part in ("group", "limit", "offset"):
            value = node.args.get(part)
            self._columns.walk(
                [value] if value else [], scope, aliases=shown if part == "group" else anywhere
            )
        for part in ("distinct", "order"):
            value = node.args.get(part)
            self._columns.walk([value] if value else [], scope, aliases=shown, alias_first=True)
        return outputs

    def _outputs(self, expressions: list[exp.Expr], scope: Scope) -> Outputs:
        found: Outputs = []
        for one in expressions:
            if isinstance(one, exp.Alias):
                found.append(one.alias)
            elif isinstance(one, exp.Star):
                found += self._all_columns(scope)
            elif isinstance(one, exp.Column) and isinstance(one.this, exp.Star):
                found += self._columns.qualified(one, scope).shown
            elif isinstance(one, exp.Column):
                found.append(one.name)
            else:
                found.append(None)
        return found

    def _all_columns(self, scope: Scope) -> Outputs:
        merged = list(scope.merged)
        rest = [
            name for source in scope.sources for name in source.shown if name not in scope.merged
        ]
        return [*merged, *rest]


def normalise(tree: exp.Expr, dialect: Dialect) -> None:
    """Identifiers as the engine understands them: folded where it folds, within its longest name."""
    for node in tree.find_all(exp.Identifier):
        name = node.this
        if not isinstance(name, str) or not name:
            raise unsupported()
        if dialect.folds and not node.args.get("quoted"):
            name = folded(dialect, name)
        if dialect.longest_name and len(name.encode()) > dialect.longest_name:
            raise SqlError("syntax", f"A name is longer than {dialect.longest_name} bytes.")
        node.set("this", name)
        node.set("quoted", node.args.get("quoted") or dialect.quotes_all)
