"""The small-group rule: only aggregates over at least so many rows leave a table.

Every SELECT that reads a table must be one aggregate over that table alone: counts, sums, averages
and deviations of plain columns, grouped by expressions over its columns. It gets a HAVING that drops
groups of fewer rows, and of fewer values of any column that is aggregated. Minima, maxima, windows,
FILTER, joins and nested queries would give single rows away and are refused.

An error of one row would tell of it as well (``WHERE id = 1 AND 1 / (salary - 9000) > 0``), so conditions
and keys are made of what cannot fail: columns, constants, comparisons, and few functions.

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
_PARTS_OF_TIME = frozenset(["year", "quarter", "month", "day", "hour", "minute", "second"])
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
    *_PARTS_OF_TIME,
}
"""Functions of one row that may stand around an aggregate or in a group's key."""

_TOTAL = (
    *(exp.Column, exp.Identifier, exp.Boolean, exp.Null, exp.Paren, exp.Tuple, exp.Literal, exp.Having, exp.Where),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.DataType, exp.DataTypeParam, exp.Var, exp.Distinct, exp.Star),
)  # fmt: skip
"""What can fail for no value of a column."""
_TOTAL_FUNCTIONS = _AGGREGATES | _PARTS_OF_TIME | {"lower", "upper", "coalesce", "round", "trunc", "ceil", "ceiling", "floor"}  # fmt: skip
_NUMERIC = (exp.Div, exp.IntDiv, exp.Mod, exp.Extract, exp.Neg)
_TEXTUAL = {"lower", "upper", "substr", "strftime"}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.NullSafeEQ, exp.NullSafeNEQ)  # fmt: skip
_UNITS = _PARTS_OF_TIME | {"week"}


def _called(node: exp.Expr) -> str:
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def keep_large(references: list[Reference], least: int, *, typed: bool = False) -> None:
    """Rewrite in place. Raises SqlError ``small_group`` for a statement that cannot be held to it.

    ``typed``: the engine converts texts that are compared with numbers, days or truths, and fails for some."""
    for reference in references:
        select = reference.node.find_ancestor(exp.Select)
        if select is None or reference.relation.kind != "table":
            raise _refusal()
        _one_table(select, reference)
        types = {one.name: one.kind or one.type.lower() for one in reference.relation.columns}
        _aggregate(select, least, types if typed else None)


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


def _aggregate(select: exp.Select, least: int, types: dict[str, str] | None) -> None:
    group = select.args.get("group")
    keys: list[exp.Expr] = list(group.expressions) if group else []
    if group and any(value for name, value in group.args.items() if name != "expressions"):
        raise _refusal()
    if any(isinstance(one, exp.Rollup | exp.Cube | exp.GroupingSets) for one in keys):
        raise _refusal()
    keys = [_meant(key, select) for key in keys]
    for part in (*keys, select.args.get("where"), select.args.get("having")):
        if part is not None and not (_is_total(part) and _fits(part, types)):
            raise SqlError(
                "small_group",
                "Policy gives groups only: conditions and groups may compare columns with constants, and compute nothing that can fail.",
            )
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
            if isinstance(value, exp.Cast) and value.to.is_type(*exp.DataType.TEXT_TYPES):
                value = value.this  # as ``profile`` counts what has no equality
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


def _is_total(node: exp.Expr) -> bool:
    """Whether no value of a column can make it fail."""
    name = _called(node)
    constant = _is_constant
    match node:
        case exp.Neg():
            return constant(node.this)
        case exp.Cast():
            return constant(node.this)
        case exp.Div() | exp.IntDiv() | exp.Mod():
            # The smallest number by -1 is too large.
            by = node.expression
            fits = isinstance(by, exp.Literal) and not by.is_string and by.this.isdigit()
            return fits and int(by.this) > 0 and _is_total(node.this)
        case exp.Like() | exp.ILike():
            # A pattern that ends in the escape character is an error for some texts only.
            pattern = node.expression
            plain = isinstance(pattern, exp.Literal) and "\\" not in pattern.this
            return plain and _is_total(node.this)
        case exp.Extract():
            return node.name.lower() in _UNITS and _is_total(node.expression)
        case exp.Anonymous() if name in ("date_trunc", "date_part"):
            unit = node.expressions[0] if node.expressions else None
            known = isinstance(unit, exp.Literal) and unit.this.lower() in _UNITS
            return known and all(map(_is_total, node.expressions[1:]))
        case exp.Anonymous() if name in ("substr", "strftime"):
            at = 0 if name == "substr" else None
            fixed = [one for place, one in enumerate(node.expressions) if place != at]
            if at is None:
                return constant(node.expressions[0]) and all(isinstance(one, exp.Column) or constant(one) for one in node.expressions[1:])  # fmt: skip
            return _is_total(node.expressions[0]) and all(isinstance(one, exp.Literal) for one in fixed)  # fmt: skip
        case exp.Anonymous():
            known = name in _TOTAL_FUNCTIONS
        case _:
            known = isinstance(node, _TOTAL)
    return known and all(map(_is_total, node.iter_expressions()))


def _fits(part: exp.Expr, types: dict[str, str] | None) -> bool:
    """Like is compared with like, and conditions are truths. ``types`` of the columns; None = no matter."""
    if types is None:
        return True
    for node in part.find_all(*_COMPARISONS, exp.Anonymous):
        if isinstance(node, exp.Anonymous) and _called(node) != "coalesce":
            continue
        if len({_kind(one, types) for one in node.iter_expressions()} - {""}) > 1:
            return False
    for node in part.find_all(exp.Where, exp.Having, exp.And, exp.Or, exp.Not):
        if any(_kind(one, types) != "boolean" for one in node.iter_expressions()):
            return False
    return True


def _kind(node: exp.Expr, types: dict[str, str]) -> str:
    """What it is a value of; "" for what takes the type of the other side."""
    node = node.unnest()
    match node:
        case exp.Column():
            return types.get(node.name, "?")
        case exp.Literal():
            return "" if node.is_string else "number"
        case exp.Null():
            return ""
        case exp.Cast():
            if node.to.is_type(*exp.DataType.TEMPORAL_TYPES):
                return "time"
            return "number" if node.to.is_type(*exp.DataType.NUMERIC_TYPES) else "?"
        case exp.Tuple():
            kinds = {_kind(one, types) for one in node.expressions} - {""}
            return kinds.pop() if len(kinds) == 1 else "?" if kinds else ""
        case exp.Anonymous() if _called(node) in ("coalesce", *_TEXTUAL):
            return _kind(node.expressions[0], types) if _called(node) == "coalesce" else "text"
        case exp.Anonymous():
            return "time" if _called(node) == "date_trunc" else "number"
        case _:
            return "number" if isinstance(node, _NUMERIC) else "boolean"


def _is_constant(node: exp.Expr) -> bool:
    if isinstance(node, exp.Neg):
        node = node.this
    return isinstance(node, exp.Literal)


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
