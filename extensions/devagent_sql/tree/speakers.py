"""sqlglot's dialects, made faithful: a call stays the call it was.

sqlglot normalises functions so that it can translate between engines (``date_part`` becomes
``EXTRACT``, which has another type). Here the same engine reads what was written for it, so a
function is a name with arguments, save for the few that have a syntax of their own.
"""

from functools import lru_cache
from typing import Any, cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite

from devagent_sql.tree.faithful import NAMED_ARGUMENTS, own_syntax


class FaithfulPostgres(Postgres):
    class Parser(Postgres.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012 — as sqlglot declares it
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(Postgres)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulSQLite(SQLite):
    class Generator(SQLite.Generator):
        # A type's name is its affinity, so it stays; the parser takes BLOB for VARBINARY.
        TYPE_MAPPING: dict[Any, Any] = {exp.DType.VARBINARY: "BLOB"}  # noqa: RUF012

    class Parser(SQLite.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(SQLite)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulDuckDB(DuckDB):
    class Parser(DuckDB.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS = own_syntax(DuckDB)

    def to_json_path(self, path: Any) -> Any:
        return path


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


class FaithfulMySQL(MySQL):
    class Generator(MySQL.Generator):
        TRANSFORMS: dict[Any, Any] = {  # noqa: RUF012
            **MySQL.Generator.TRANSFORMS,
            # MariaDB has no REGEXP_LIKE.
            exp.RegexpLike: _regexp,
        }

    class Parser(MySQL.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = NAMED_ARGUMENTS
        FUNCTION_PARSERS: dict[str, Any] = {  # noqa: RUF012
            **own_syntax(MySQL, "GROUP_CONCAT", "CHAR", "VALUES"),
            "TIMESTAMPDIFF": _unit_first("TIMESTAMPDIFF"),
            "TIMESTAMPADD": _unit_first("TIMESTAMPADD"),
        }

    def to_json_path(self, path: Any) -> Any:
        return path


_SPEAKERS: dict[str, type[SqlglotDialect]] = {
    "postgres": FaithfulPostgres,
    "sqlite": FaithfulSQLite,
    "duckdb": FaithfulDuckDB,
    "mysql": FaithfulMySQL,
}


@lru_cache(maxsize=8)
def speaker(dialect: str) -> SqlglotDialect:
    """The dialect of that name, its parser and generator in one."""
    if dialect in _SPEAKERS:
        return _SPEAKERS[dialect]()
    from devagent_sql.tree.warehouse_speakers import SPEAKERS  # noqa: PLC0415 — three more dialects to load

    return SPEAKERS[dialect]()


def fragment(text: str, dialect: str) -> exp.Expr:
    """An expression of our own making as a tree."""
    select = cast("exp.Select", speaker(dialect).parse(f"SELECT {text}")[0])
    return select.expressions[0]
