"""What a tree may be made of. Nodes, their parts, types and words that are not named here are refused."""

from sqlglot import exp

_NODE_NAMES = """
    Select Subquery Union Intersect Except With CTE TableAlias From Join Where Group Having Order Ordered Limit
    Offset Fetch LimitOptions Distinct Window WindowSpec Filter WithinGroup Values Tuple Paren Column Identifier
    Literal Star Alias Boolean Null Cast TryCast DataType DataTypeParam Table Lateral Unnest Rollup Cube
    GroupingSets Var Neg Not And Or Xor EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike
    SimilarTo Escape Glob RegexpLike RegexpILike Add Sub Mul Div IntDiv Mod Pow DPipe SafeDPipe BitwiseAnd
    BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift Sqrt Cbrt Case If Exists Any All Interval
    IntervalSpan AtTimeZone Bracket Slice Array Collate National RawString ByteString HexString BitString
    UnicodeString JSONExtract JSONExtractScalar JSONBExtract JSONBExtractScalar JSONPath JSONPathRoot
    JSONPathKey JSONPathSubscript JSONBContains JSONBContainsAnyTopKeys JSONBContainsAllTopKeys
    JSONBContainsTopKey ArrayContainsAll ArrayContainedBy ArrayOverlaps Adjacent Overlaps MatchAgainst Distance
    Extract Substring Trim StrPosition Overlay CurrentTimestamp CurrentDate CurrentTime Localtime Localtimestamp
    Kwarg PropertyEQ Struct Qualify GroupConcat Chr CharacterSet Introducer UtcDate UtcTime UtcTimestamp
"""
NODES = frozenset(_NODE_NAMES.split())

_TYPE_NAMES = """
    BIGINT INT SMALLINT TINYINT MEDIUMINT UBIGINT UINT USMALLINT UTINYINT UMEDIUMINT INT128 UINT128 DECIMAL
    BIGDECIMAL UDECIMAL FLOAT DOUBLE REAL BOOLEAN BIT CHAR NCHAR VARCHAR NVARCHAR TEXT NAME MEDIUMTEXT LONGTEXT
    TINYTEXT BINARY VARBINARY BLOB LONGBLOB MEDIUMBLOB TINYBLOB DATE DATETIME DATETIME2 TIME TIMETZ TIMESTAMP
    TIMESTAMPTZ TIMESTAMPLTZ TIMESTAMPNTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS YEAR INTERVAL JSON JSONB UUID
    INET ARRAY LIST STRUCT MAP MONEY INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE DATERANGE TSVECTOR TSQUERY
"""
TYPES = frozenset([*_TYPE_NAMES.split(), "CHARACTER_SET"])

_WORDS = """
    in as values over using exists any all some filter cast array row interval on and or not when then else
    case by select from where join having limit offset distinct union intersect except with lateral within group
    between like is set sets rollup cube grouping order partition materialized escape decimal numeric varchar
    char character bit time timestamp timestamptz timetz float double unnest tuple timestamp_s timestamp_ms
    timestamp_ns binary varbinary nchar nvarchar datetime year ilike glob similar to convert signed unsigned
    utc_date utc_time utc_timestamp group_concat separator using rollup struct for recursive div mod xor rlike regexp fetch first next overlaps qualify
"""
BEFORE_PARENTHESES = frozenset(_WORDS.split())
"""Words of the syntax that a parenthesis may follow without being called."""

_MODIFIERS = {"order", "limit", "offset", "joins", "laterals"}
_SET_OPERATION = {"with_", "this", "expression", "distinct", *_MODIFIERS}
_SELECT = {
    "with_",
    "expressions",
    "distinct",
    "from_",
    "where",
    "group",
    "having",
    "windows",
    "qualify",
}
PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Select: _SELECT | _MODIFIERS,
    exp.Union: _SET_OPERATION,
    exp.Intersect: _SET_OPERATION,
    exp.Except: _SET_OPERATION,
    exp.Subquery: {"this", "alias", *_MODIFIERS},
    exp.Table: {"this", "alias", "db", "joins", "laterals", "ordinality", "indexed"},
    exp.With: {"expressions", "recursive"},
    exp.CTE: {"this", "alias", "materialized"},
    exp.Join: {"this", "on", "side", "kind", "using", "method"},
    exp.Column: {"this", "table", "db"},
    exp.Star: set(),
    exp.Cast: {"this", "to", "safe"},
    exp.TryCast: {"this", "to", "safe"},
    exp.Lateral: {"this", "outer", "alias", "ordinality"},
    exp.Unnest: {"expressions", "alias", "offset"},
    exp.Values: {"expressions", "alias"},
    exp.Distinct: {"expressions", "on"},
    exp.Group: {"expressions", "rollup", "cube", "grouping_sets", "all"},
}
"""What a node may hold: INTO, FOR UPDATE, TABLESAMPLE, ONLY, SEARCH … are parts that are not here."""
