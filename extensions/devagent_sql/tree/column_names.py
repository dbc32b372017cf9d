"""Names of output columns without one: as the engine would have named the text that came in.

What runs is written anew (``now()`` as ``CURRENT_TIMESTAMP``), and engines name columns after what
they read. So every such column is given its name before.
"""

from sqlglot import exp

from devagent_sql.names import fold
from devagent_sql.tree.dialects import Dialect

_POSTGRES_TYPES = {
    "INT": "int4", "BIGINT": "int8", "SMALLINT": "int2", "FLOAT": "float4", "REAL": "float4", "DOUBLE": "float8", "DECIMAL": "numeric",
    "BOOLEAN": "bool", "CHAR": "bpchar", "VARBINARY": "bytea", "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamptz",
}  # fmt: skip
_POSTGRES_CALLS: dict[type[exp.Expr], str] = {
    exp.Case: "case", exp.Coalesce: "coalesce", exp.Array: "array", exp.Exists: "exists", exp.AtTimeZone: "timezone",
    exp.Interval: "interval", exp.Substring: "substring", exp.StrPosition: "position", exp.Overlay: "overlay", exp.Overlaps: "overlaps",
    exp.Extract: "extract", exp.CurrentDate: "current_date", exp.CurrentTime: "current_time",
    exp.CurrentTimestamp: "current_timestamp", exp.Localtime: "localtime", exp.Localtimestamp: "localtimestamp",
    exp.SimilarTo: "?column?",
}  # fmt: skip


def name_outputs(tree: exp.Expr, dialect: Dialect) -> None:
    """Give every unnamed output of every SELECT a name, in place."""
    if dialect.name == "postgres":
        for select in tree.find_all(exp.Select):
            for one in select.expressions:
                if not isinstance(one, exp.Alias | exp.Column | exp.Star):
                    name, _ = _postgres(one)
                    one.replace(
                        exp.Alias(this=one.copy(), alias=exp.to_identifier(name, quoted=True))
                    )


def _postgres(node: exp.Expr) -> tuple[str, int]:
    """The name PostgreSQL gives, and how sure it is of it (2 a name, 1 a type, 0 none)."""
    match node:
        case exp.Paren() | exp.Collate() | exp.Bracket():
            return _postgres(node.this)
        case (
            exp.Filter() | exp.Window() | exp.WithinGroup() | exp.IgnoreNulls() | exp.RespectNulls()
        ):
            return _postgres(node.this)
        case exp.Column():
            return _column(node), 2
        case exp.Cast():
            name, sure = _postgres(node.this)
            return (name, 2) if sure > 1 else (_type(node.to), 1)
        case exp.Case():
            default = node.args.get("default")
            name, sure = _postgres(default) if default is not None else ("", 0)
            return (name, sure) if sure > 1 else ("case", 1)
        case exp.Subquery() if isinstance(node.this, exp.Select) and node.this.expressions:
            first = node.this.expressions[0]
            if isinstance(first, exp.Alias):
                return _folded(first.args["alias"]), 2
            return _postgres(first)
        case exp.Trim():
            return {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
                str(node.args.get("position") or "").upper(), "btrim"
            ), 2
        case exp.Tuple():
            return "row", 2
        case _:
            return _call(node)


def _call(node: exp.Expr) -> tuple[str, int]:
    if isinstance(node, exp.Anonymous):
        return fold(str(node.this)), 2
    for kind, name in _POSTGRES_CALLS.items():
        if isinstance(node, kind):
            return name, 2
    return "?column?", 0


def _column(node: exp.Column) -> str:
    return _folded(node.this) if isinstance(node.this, exp.Identifier) else "?column?"


def _folded(identifier: exp.Identifier) -> str:
    return identifier.name if identifier.args.get("quoted") else fold(identifier.name)


def _type(kind: exp.DataType) -> str:
    if kind.this == exp.DType.ARRAY and kind.expressions:
        return _type(kind.expressions[0])
    name = str(kind.this.value) if isinstance(kind.this, exp.DType) else ""
    return _POSTGRES_TYPES.get(name, name.lower())
