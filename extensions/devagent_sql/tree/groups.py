"""The small-group rule: only aggregates over at least so many rows leave a table.

Every SELECT that reads a table must be one aggregate over that table alone: counts, sums, averages
and deviations of plain columns, grouped by expressions over its columns. It gets a HAVING that drops
groups of fewer rows, and of fewer values of any column that is aggregated. Minima, maxima, windows,
FILTER, joins and nested queries would give single rows away and are refused.

This does not stop a difference of two large groups: for that, the answers would need noise.
"""

from sqlglot import exp

from devagent_sql.errors import SqlError
from devagent_sql.tree.scopes import Reference

_AGGREGATES = {
    "count",
    "sum",
    "avg",
    "total",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
}
_HARMLESS = {
    "round",
    "trunc",
    "ceil",
    "ceiling",
    "floor",
    "coalesce",
    "nullif",
    "abs",
    "date_trunc",
    "date_part",
    "lower",
    "upper",
    "substr",
    "strftime",
    "to_char",
}
"""Functions of one row that may stand around an aggregate or in a group's key."""


def _called(node: exp.Expr) -> str:
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def keep_large(references: list[Reference], least: int) -> None:
    """Rewrite in place. Raises SqlError ``small_group`` for a statement that cannot be held to it."""
    for reference in references:
        select = reference.node.find_ancestor(exp.Select)
        if select is None or reference.relation.kind != "table":
            raise _refusal()
        _one_table(select, reference)
        _aggregate(select, least)


def _one_table(select: exp.Select, reference: Reference) -> None:
    clause = select.args.get("from_")
    if clause is None or clause.this is not reference.node or reference.node.args.get("joins"):
        raise _refusal()
    if any(
        select.args.get(part) for part in ("joins", "laterals", "windows", "qualify", "distinct")
    ):
        raise _refusal()
    inner = [node for node in select.find_all(exp.Query) if node is not select]
    if inner or any(True for _ in select.find_all(exp.Window, exp.Filter)):
        raise _refusal()


def _aggregate(select: exp.Select, least: int) -> None:
    group = select.args.get("group")
    keys: list[exp.Expr] = list(group.expressions) if group else []
    if group and any(value for name, value in group.args.items() if name != "expressions"):
        raise _refusal()
    if any(isinstance(one, exp.Rollup | exp.Cube | exp.GroupingSets) for one in keys):
        raise _refusal()
    keys = [_meant(key, select) for key in keys]
    parts = [
        *select.expressions,
        *(select.args[name] for name in ("having", "order") if select.args.get(name)),
    ]
    columns: dict[str, exp.Column] = {}
    aggregated = False
    for part in parts:
        for node in part.find_all(exp.Func):
            name = _called(node)
            if name in _HARMLESS or isinstance(node, exp.And | exp.Or | exp.Cast | exp.Extract):
                continue
            if name not in _AGGREGATES or len(node.expressions) != 1:
                raise _refusal()
            aggregated = True
            value = node.expressions[0]
            if isinstance(value, exp.Distinct) and name == "count" and len(value.expressions) == 1:
                value = value.expressions[0]
            if isinstance(value, exp.Column) and not isinstance(value.this, exp.Star):
                columns[value.sql()] = value
            elif not isinstance(value, exp.Star):
                raise _refusal()
        _check_covered(part, keys, select)
    if not aggregated and not keys:
        raise _refusal()
    conditions: list[exp.Expr] = [
        _count(exp.Star()),
        *(_count(one.copy()) for one in columns.values()),
    ]
    bounds = [exp.GTE(this=one, expression=exp.Literal.number(least)) for one in conditions]
    having = select.args.get("having")
    whole: exp.Expr = bounds[0]
    for one in bounds[1:]:
        whole = exp.And(this=whole, expression=one)
    if having is not None:
        whole = exp.And(this=exp.Paren(this=having.this), expression=whole)
    select.set("having", exp.Having(this=whole))


def _count(what: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="count", expressions=[what])


def _meant(key: exp.Expr, select: exp.Select) -> exp.Expr:
    """A GROUP BY element's expression: of its number, of its output's name, or itself."""
    if isinstance(key, exp.Literal) and not key.is_string:
        place = int(key.this) if key.this.isdigit() else 0
        if not 1 <= place <= len(select.expressions):
            raise _refusal()
        return select.expressions[place - 1].unalias()
    if isinstance(key, exp.Column) and not key.table:
        for one in select.expressions:
            if isinstance(one, exp.Alias) and one.alias == key.name:
                return one.this
    return key


def _check_covered(part: exp.Expr, keys: list[exp.Expr], select: exp.Select) -> None:
    """Every column stands in an aggregate or in an expression that is grouped by."""
    outputs = {one.alias_or_name for one in select.expressions}
    waiting = [part]
    while waiting:
        node = waiting.pop()
        if _called(node) in _AGGREGATES or node in keys:
            continue
        if isinstance(node, exp.Star):
            raise _refusal()
        if isinstance(node, exp.Column) and (
            node.table or node.name not in outputs or not node.find_ancestor(exp.Order)
        ):
            raise _refusal()
        waiting.extend(node.iter_expressions())


def _refusal() -> SqlError:
    return SqlError(
        "small_group",
        "Policy gives only counts, sums and averages over one table at a time, grouped, without nested queries.",
    )
