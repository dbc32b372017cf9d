"""The dialects that statements are parsed and written in, each made when it is first spoken."""

from functools import lru_cache
from typing import Any, cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlglotDialect

from devagent_sql.tree.faithful import faithful

_UNITS = frozenset(
    [
        "MICROSECOND",
        "SECOND",
        "MINUTE",
        "HOUR",
        "DAY",
        "WEEK",
        "MONTH",
        "QUARTER",
        "YEAR",
        "FRAC_SECOND",
        "SQL_TSI_SECOND",
        "SQL_TSI_MINUTE",
        "SQL_TSI_HOUR",
        "SQL_TSI_DAY",
        "SQL_TSI_WEEK",
        "SQL_TSI_MONTH",
        "SQL_TSI_QUARTER",
        "SQL_TSI_YEAR",
    ]
)


def _unit_first(name: str) -> Any:
    """``TIMESTAMPDIFF(DAY, …)``: the first argument is a word of the syntax, no column."""

    def parse(parser: Any) -> exp.Expr:
        arguments: list[exp.Expr] = parser._parse_csv(parser._parse_assignment)
        first = arguments[0] if arguments else None
        word = first.name.upper() if isinstance(first, exp.Column) and not first.table else ""
        if word in _UNITS:
            arguments[0] = exp.Var(this=word)
        return exp.Anonymous(this=name, expressions=arguments)

    return parse


def _regexp(generator: Any, node: Any) -> str:
    return generator.binary(node, "REGEXP")


def _within_group(generator: Any, node: Any) -> str:
    order = generator.sql(node, "expression").lstrip()
    return f"{generator.sql(node, 'this')} WITHIN GROUP ({order})"


def _made(dialect: str) -> type[SqlglotDialect]:
    base = SqlglotDialect.get_or_raise(dialect).__class__
    match dialect:
        case "sqlite":
            # A type's name is its affinity, so it stays; the parser takes BLOB for VARBINARY.
            return faithful(base, types={exp.DType.VARBINARY: "BLOB"})
        case "duckdb":
            return faithful(base, transforms={exp.WithinGroup: _within_group})
        case "mysql":
            return faithful(
                base,
                *("GROUP_CONCAT", "CHAR", "VALUES"),
                parsers={name: _unit_first(name) for name in ("TIMESTAMPDIFF", "TIMESTAMPADD")},
                transforms={exp.RegexpLike: _regexp},  # MariaDB has no REGEXP_LIKE
            )
        case _:
            return faithful(base)


@lru_cache(maxsize=8)
def speaker(dialect: str) -> SqlglotDialect:
    """The dialect of that name (a warehouse's too), its parser and generator in one."""
    return _made(dialect)()


def fragment(text: str, dialect: str) -> exp.Expr:
    """An expression of our own making as a tree."""
    select = cast("exp.Select", speaker(dialect).parse(f"SELECT {text}")[0])
    return select.expressions[0]
