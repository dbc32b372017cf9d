"""Names of output columns without one: as the engine would have named the text that came in.

What runs is written anew (``now()`` as ``CURRENT_TIMESTAMP``), and engines name columns after what
they read. So every such column is given its name before.
"""

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from devagent_sql.names import fold
from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.speakers import speaker

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


def name_outputs(tree: exp.Expr, dialect: Dialect, sql: str = "") -> None:
    """Give every unnamed output of every SELECT a name, in place; in MySQL, whose names are the text
    that stood there, those of the outermost SELECT of ``sql``."""
    if dialect.name == "mysql" and sql:
        _name_by_text(tree, sql)
    if dialect.name == "postgres":
        for select in tree.find_all(exp.Select):
            for one in select.expressions:
                if not isinstance(one, exp.Alias | exp.Column | exp.Star):
                    name, _ = _postgres(one)
                    one.replace(
                        exp.Alias(this=one.copy(), alias=exp.to_identifier(name, quoted=True))
                    )


_ENDS = {
    TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY, TokenType.HAVING, TokenType.ORDER_BY, TokenType.LIMIT,
    TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT, TokenType.WINDOW,
}  # fmt: skip
_OPENS = (TokenType.L_PAREN, TokenType.CASE)
_CLOSES = (TokenType.R_PAREN, TokenType.END)
_LONGEST = 255


def _name_by_text(tree: exp.Expr, sql: str) -> None:
    node = tree
    while not isinstance(node, exp.Select) and isinstance(node.this, exp.Expr):
        node = node.this
    if not isinstance(node, exp.Select):
        return
    texts = _listed_texts(sql)
    if len(texts) != len(node.expressions):
        return
    for one, text in zip(list(node.expressions), texts, strict=True):
        match one:
            case exp.Alias() | exp.Star() | exp.Column(this=exp.Star()):
                continue
            case exp.Column():
                name = one.name
            case exp.Literal(is_string=True) | exp.National():
                name = one.name
            case exp.Introducer():
                name = one.expression.name
            case exp.Null() | exp.Boolean():
                name = one.sql()
            case _:
                name = text
        name = name.strip()
        if name and len(name) <= _LONGEST and "\0" not in name:
            one.replace(exp.Alias(this=one.copy(), alias=exp.to_identifier(name, quoted=True)))


def _listed_texts(sql: str) -> list[str]:
    """What stands between the commas of the outermost SELECT's list."""
    tokens = speaker("mysql").tokenize(sql)
    ground = 0
    while ground < len(tokens) and tokens[ground].token_type == TokenType.L_PAREN:
        ground += 1
    depth = at = 0
    while at < len(tokens) and not (depth == ground and tokens[at].token_type == TokenType.SELECT):
        kind = tokens[at].token_type
        depth += (kind in _OPENS) - (kind in _CLOSES)
        at += 1
    parts: list[list[int]] = [[]]
    for place in range(at + 1, len(tokens)):
        kind = tokens[place].token_type
        if depth == ground and kind in _ENDS:
            break
        depth += (kind in _OPENS) - (kind in _CLOSES)
        if depth < ground:
            break
        if depth == ground and kind == TokenType.COMMA:
            parts.append([])
        elif kind not in (TokenType.DISTINCT, TokenType.ALL) or parts[0]:
            parts[-1].append(place)
    return [sql[tokens[part[0]].start : tokens[part[-1]].end + 1] if part else "" for part in parts]


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
