"""A shield stands in a table's place: a subquery with the columns that the statement names, masked
and filtered as policy asks.

The statement's predicates, joins, orders and functions see what the shield shows and nothing beneath
it: what is not shown is not there. A filtered shield is fenced, so that the engine does not evaluate
the statement's own conditions (whose errors would tell) on rows that the filter keeps out.
"""

from typing import cast

from sqlglot import exp

from devagent_sql.engines.port import Rules
from devagent_sql.errors import SqlError
from devagent_sql.tree.dialects import Dialect, folded, key
from devagent_sql.tree.masks import masked
from devagent_sql.tree.parse import check_nodes, one_tree, tokenised
from devagent_sql.tree.relations import Relation, RelationColumn
from devagent_sql.tree.scopes import Reference
from devagent_sql.tree.speakers import speaker

_OFFSET = ("postgres", "duckdb")
_EVERY_ROW = {
    "mysql": 18_446_744_073_709_551_615,
    "databricks": 2_147_483_647,
    "snowflake": 9_223_372_036_854_775_807,
    "bigquery": 9_223_372_036_854_775_807,
}
"""The largest LIMIT that the engine takes."""


def has_rules(relation: Relation, rules: Rules) -> bool:
    """Whether a filter or a mask names this very relation."""
    return bool(rules.filters(relation.schema, relation.name)) or any(
        mask_of(relation, column, rules) for column in relation.columns
    )


def mask_of(relation: Relation, column: RelationColumn, rules: Rules) -> str:
    """The column's kind of mask; null where a column that it is generated from is masked."""
    if any(rules.mask(relation.schema, relation.name, other) for other in column.made_of):
        return "null"
    return rules.mask(relation.schema, relation.name, column.name)


def put(reference: Reference, rules: Rules, dialect: Dialect, inside: exp.Expr | None) -> None:
    """Replace the reference's table in the tree; ``inside`` is a query to read in the table's stead.

    A table without rules in a grouped SELECT stays itself: grouping by its key must still imply
    its other columns. Every column there is qualified, so the names are what was resolved.
    """
    relation, node = reference.relation, reference.node
    bare = inside is None and not has_rules(relation, rules)
    if bare and reference.grouped:
        node.set("db", exp.to_identifier(relation.schema, quoted=True))
        node.set("this", exp.to_identifier(relation.name, quoted=True))
        if not node.args.get("alias"):
            node.set("alias", exp.TableAlias(this=exp.to_identifier(reference.alias, quoted=True)))
        return
    if reference.starred and any(one.hidden and one.name in reference.used for one in relation.columns):  # fmt: skip
        raise SqlError(
            "unsupported_syntax", "A table has columns that * leaves out: name the columns instead."
        )
    shown: list[exp.Expr] = []
    for column in relation.columns:
        if column.name not in reference.used:
            continue
        kind = mask_of(relation, column, rules)
        name = exp.to_identifier(column.name, quoted=True)
        value = masked(kind, column, dialect) if kind else exp.Column(this=name)
        shown.append(exp.Alias(this=value, alias=name.copy()) if kind else value)
    if not shown:
        shown.append(
            exp.Alias(this=exp.Literal.number(1), alias=exp.to_identifier("one", quoted=True))
        )
    source = inside or exp.Table(
        this=exp.to_identifier(relation.name, quoted=True),
        db=exp.to_identifier(relation.schema, quoted=True),
    )
    select = exp.Select(expressions=shown, from_=exp.From(this=source))
    filters = [
        row_filter(text, relation, dialect)
        for text in rules.filters(relation.schema, relation.name)
    ]
    if filters:
        condition = filters[0]
        for one in filters[1:]:
            condition = exp.And(this=condition, expression=one)
        select.set("where", exp.Where(this=condition))
        _fence(select, dialect)
    alias = cast("exp.TableAlias | None", node.args.get("alias"))
    alias = (
        alias.copy()
        if alias
        else exp.TableAlias(this=exp.to_identifier(reference.alias, quoted=True))
    )
    joins, laterals = node.args.get("joins"), node.args.get("laterals")
    shield = exp.Subquery(this=select, alias=alias)
    if joins or laterals:
        shield.set("joins", joins)
        shield.set("laterals", laterals)
    node.replace(shield)


def _fence(select: exp.Select, dialect: Dialect) -> None:
    if dialect.name in _OFFSET:
        select.set("offset", exp.Offset(expression=exp.Literal.number(0)))
    else:
        every = exp.Literal.number(_EVERY_ROW[dialect.name])
        select.set("limit", exp.Limit(expression=every))


def row_filter(text: str, relation: Relation, dialect: Dialect) -> exp.Expr:
    """Policy's expression over the table's own columns. Raises SqlError ``unsupported_obligation``."""
    fault = SqlError(
        "unsupported_obligation",
        "A row filter of policy is not an expression over its table's columns.",
    )
    try:
        tree = one_tree(tokenised(f"SELECT ({text})", dialect), text, dialect)
        check_nodes(tree, dialect)
    except SqlError:
        raise fault from None
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("from_"):
        raise fault
    found = tree.expressions[0]
    if not isinstance(found, exp.Paren) or any(
        value for name, value in tree.args.items() if name != "expressions"
    ):
        raise fault
    if any(True for _ in found.find_all(exp.Query, exp.Star, exp.Window, exp.AggFunc)):
        raise fault
    columns = {key(dialect, column.name): column.name for column in relation.columns}
    for node in found.find_all(exp.Column):
        name = node.name if node.this.args.get("quoted") else folded(dialect, node.name)
        if node.table or key(dialect, name) not in columns:
            raise fault
        node.set("this", exp.to_identifier(columns[key(dialect, name)], quoted=True))
    return found


def view_query(relation: Relation, dialect: Dialect) -> exp.Query:
    """A view's own query as a checked tree. Raises SqlError ``masked_view`` where it is not understood."""
    refusal = SqlError(
        "masked_view",
        "A view over masked or filtered tables cannot be read here; query its tables.",
    )
    if relation.kind != "view" or not relation.definition:
        raise refusal
    try:
        trees = speaker(dialect.name).parse(relation.definition)
        if len(trees) != 1 or not isinstance(trees[0], exp.Query):
            raise refusal
        check_nodes(trees[0], dialect)
    except Exception:
        raise refusal from None
    return trees[0]
