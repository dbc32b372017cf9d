"""A statement's way: text, checked tree, names, rules, and the text that runs instead."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sqlglot import exp

from devagent_sql.engines.port import NO_RULES, Name, Rules, Touched
from devagent_sql.errors import SqlError
from devagent_sql.tree import parse
from devagent_sql.tree.column_names import name_outputs
from devagent_sql.tree.dialects import Dialect, folded
from devagent_sql.tree.groups import keep_large
from devagent_sql.tree.masks import is_keyed
from devagent_sql.tree.relations import Relation, Relations
from devagent_sql.tree.resolve import Resolver
from devagent_sql.tree.scopes import Reference
from devagent_sql.tree.shields import mask_of, put, view_query

Lookup = Callable[[Iterable[tuple[str, str]]], Relations]
"""The catalog for these (schema or "", table) names, common table expressions among them."""

DEEPEST_VIEWS = 8


class Governed(NamedTuple):
    """``text`` is what runs; ``keyed``: it takes the masks' key as its only parameter."""

    text: str
    touched: Touched
    masked: frozenset[tuple[str, str, str]]
    keyed: bool


def govern(sql: str, dialect: Dialect, lookup: Lookup, rules: Rules = NO_RULES) -> Governed:
    """Raises SqlError of the classes of ``parse``, ``resolve``, ``groups`` and ``shields``."""
    tree = parse.statement(sql, dialect)
    parse.check_sizes(tree)
    name_outputs(tree, dialect, sql)
    relations = lookup(named_tables(tree, dialect))
    resolver = Resolver(relations, dialect)
    resolver.statement(tree)
    touched = read_by(resolver.references)
    if rules.min_group:
        keep_large(resolver.references, rules.min_group, typed=dialect.name == "duckdb")
    shielding = _Shielding(relations, dialect, rules)
    tree = shielding.put_all(tree, resolver.references)
    return Governed(
        parse.written(tree, dialect), touched, frozenset(shielding.masked), shielding.keyed
    )


def named_tables(tree: exp.Expr, dialect: Dialect) -> list[tuple[str, str]]:
    """(schema or "", name) of every table node, as the dialect folds them."""

    def name(node: exp.Table, part: str) -> str:
        identifier = node.args.get(part)
        if not isinstance(identifier, exp.Identifier):
            return ""
        return (
            folded(dialect, identifier.name)
            if dialect.folds and not identifier.args.get("quoted")
            else identifier.name
        )

    return sorted(
        {(name(node, "db"), name(node, "this")) for node in tree.find_all(exp.Table) if node.name}
    )


def read_by(references: list[Reference]) -> Touched:
    """Tables and columns, and for views everything that lies beneath."""
    reads: set[Name] = set()
    for reference in references:
        relation = reference.relation
        reads.add((relation.schema, relation.name))
        for column in relation.columns:
            if column.name in reference.used:
                names = (column.name, *column.made_of)
                reads |= {(relation.schema, relation.name, name) for name in names}
        reads |= relation.beneath
    return Touched(frozenset(reads), frozenset())


class _Shielding:
    """Puts the shields of one statement, and of the views that have to be opened for it."""

    def __init__(self, relations: Relations, dialect: Dialect, rules: Rules) -> None:
        self._relations = relations
        self._dialect = dialect
        self._rules = rules
        self.masked: set[tuple[str, str, str]] = set()
        self.keyed = False

    def put_all(self, tree: exp.Expr, references: list[Reference], depth: int = 0) -> exp.Expr:
        for reference in references:
            self._note(reference)
            if reference.relation.calls and self._rules != NO_RULES:
                raise SqlError(
                    "masked_view",
                    "A view that calls functions of the database's own cannot be read where masks or filters hold: they may read past them. Query its tables.",
                )
            inside = None
            if self._beneath_has_rules(reference.relation):
                inside = self._opened(reference.relation, depth)
            put(reference, self._rules, self._dialect, inside)
        return tree

    def _note(self, reference: Reference) -> None:
        relation = reference.relation
        for column in relation.columns:
            kind = mask_of(relation, column, self._rules) if column.name in reference.used else ""
            if kind:
                self.masked.add((relation.schema, relation.name, column.name))
                self.keyed |= is_keyed(kind)
        for name in relation.beneath:
            if len(name) == 3 and self._rules.mask(*name):
                self.masked.add(name)

    def _beneath_has_rules(self, relation: Relation) -> bool:
        return any(
            bool(self._rules.mask(*name)) if len(name) == 3 else bool(self._rules.filters(*name))
            for name in relation.beneath
        )

    def _opened(self, relation: Relation, depth: int) -> exp.Expr:
        """The view as a query over shielded tables."""
        if depth >= DEEPEST_VIEWS:
            raise SqlError("too_large", "Views are nested too deeply.")
        query = view_query(relation, self._dialect)
        name_outputs(query, self._dialect)
        resolver = Resolver(self._relations, self._dialect)
        outputs = resolver.statement(query)
        opened = self.put_all(query, resolver.references, depth + 1)
        columns = [exp.to_identifier(column.name, quoted=True) for column in relation.columns]
        name = exp.to_identifier(relation.name, quoted=True)
        if self._dialect.name == "mysql":
            # An alias takes no columns there; a stored definition names each of its outputs.
            if outputs != [column.name for column in relation.columns]:
                raise SqlError("masked_view", "A view over masked or filtered tables is not understood here.")  # fmt: skip
            return exp.Subquery(this=opened, alias=exp.TableAlias(this=name))
        return exp.Subquery(this=opened, alias=exp.TableAlias(this=name, columns=columns))
