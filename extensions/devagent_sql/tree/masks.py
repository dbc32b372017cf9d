"""What a masked column reads as, as an expression over the column inside its shield.

``null`` everywhere; ``hash`` and ``tokenise`` a keyed digest (the same value gives the same digest while
this process lives, so that joins and groups still work, and nobody outside can compute it); ``partial``
the first character; ``range`` a number's first digit or a time's year. What a type cannot do is null.
"""

import secrets
from functools import lru_cache

from sqlglot import exp

from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.relations import RelationColumn
from devagent_sql.tree.speakers import fragment

KEY = secrets.token_hex(32)
"""Of this process. It is given to the engine beside the statement, never in its text."""

_NOTHING = "CASE WHEN FALSE THEN c END"
_TEMPLATES: dict[tuple[str, str], str] = {
    ("postgres", "hash"): "substr(encode(sha256(convert_to($1 || c::text || $1, 'UTF8')), 'hex'), 1, 16)",
    ("postgres", "tokenise"): "'tok_' || substr(encode(sha256(convert_to('tok' || $1 || c::text || $1, 'UTF8')), 'hex'), 1, 16)",
    ("postgres", "partial"): "left(c::text, 1) || '***'",
    ("postgres", "range.number"): (
        "CASE WHEN c::numeric IN ('NaN'::numeric, 'Infinity'::numeric, '-Infinity'::numeric) THEN NULL WHEN c = 0 THEN 0::numeric "
        "ELSE trunc(c::numeric, -floor(log(abs(c::numeric)))::int) END"
    ),
    ("postgres", "range.time"): "date_trunc('year', c::timestamp)",
    ("duckdb", "hash"): "substr(sha256($1 || c::varchar || $1), 1, 16)",
    ("duckdb", "tokenise"): "'tok_' || substr(sha256('tok' || $1 || c::varchar || $1), 1, 16)",
    ("duckdb", "partial"): "left(c::varchar, 1) || '***'",
    ("duckdb", "range.number"): "CASE WHEN NOT isfinite(c::double) THEN NULL WHEN c = 0 THEN 0 ELSE trunc(c::double / pow(10, floor(log10(abs(c::double))))) * pow(10, floor(log10(abs(c::double)))) END",
    ("duckdb", "range.time"): "date_trunc('year', c::timestamp)",
    ("mysql", "hash"): "substr(sha2(concat(@devagent_key, convert(c using utf8mb4), @devagent_key), 256), 1, 16)",
    ("mysql", "hash.bytes"): "substr(sha2(concat(@devagent_key, hex(c), @devagent_key), 256), 1, 16)",
    ("mysql", "tokenise"): "concat('tok_', substr(sha2(concat('tok', @devagent_key, convert(c using utf8mb4), @devagent_key), 256), 1, 16))",
    ("mysql", "tokenise.bytes"): "concat('tok_', substr(sha2(concat('tok', @devagent_key, hex(c), @devagent_key), 256), 1, 16))",
    ("mysql", "partial"): "concat(left(convert(c using utf8mb4), 1), '***')",
    ("mysql", "partial.bytes"): _NOTHING,
    ("mysql", "range.number"): "CASE WHEN c = 0 THEN 0 ELSE truncate(c, -floor(log10(abs(c)))) END",
    ("mysql", "range.time"): "makedate(year(c), 1)",
    ("snowflake", "partial"): "concat(left(cast(c as varchar), 1), '***')",
    ("databricks", "partial"): "concat(left(cast(c as string), 1), '***')",
    ("bigquery", "partial"): "concat(left(cast(c as string), 1), '***')",
}  # fmt: skip
"""What a warehouse has no template for is null there: a key in the text would stay in its history."""


def is_keyed(kind: str) -> bool:
    return kind in ("hash", "tokenise")


@lru_cache(maxsize=64)
def _template(dialect: str, which: str) -> exp.Expr:
    text = _TEMPLATES.get((dialect, which), _NOTHING)
    return fragment(text, dialect)


def masked(kind: str, column: RelationColumn, dialect: Dialect) -> exp.Expr:
    """The expression that stands for the column; ``kind`` is one of policy's masks, else null."""
    which = f"{kind}.{column.kind}"
    if kind != "range" and (dialect.name, which) not in _TEMPLATES:
        which = kind
    found = _template(dialect.name, which).copy()
    name = exp.to_identifier(column.name, quoted=True)
    for node in list(found.find_all(exp.Column)):
        if node.name == "c":
            node.replace(exp.Column(this=name.copy()))
    return found
