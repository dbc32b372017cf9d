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
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import TokenType

_OWN_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "CONVERT")


def _of(parser: type[Parser], table: str) -> dict[Any, Any]:
    """A table of a parser class: sqlglot leaves the types of these open."""
    return getattr(parser, table)


_LAMBDAS: dict[Any, Any] = {TokenType.FARROW: _of(Parser, "LAMBDAS")[TokenType.FARROW]}
"""Arguments by name. Without the other: ``f(j -> 'a')`` takes a field, it makes no function."""


def _own(dialect: type[SqlglotDialect], *more: str) -> dict[str, Any]:
    parsers = _of(dialect.parser_class, "FUNCTION_PARSERS")
    return {name: parser for name, parser in parsers.items() if name in (*_OWN_SYNTAX, *more)}


class FaithfulPostgres(Postgres):
    class Parser(Postgres.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012 — as sqlglot declares it
        LAMBDAS = _LAMBDAS
        FUNCTION_PARSERS = _own(Postgres)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulSQLite(SQLite):
    class Generator(SQLite.Generator):
        # A type's name is its affinity, so it stays; the parser takes BLOB for VARBINARY.
        TYPE_MAPPING: dict[Any, Any] = {exp.DType.VARBINARY: "BLOB"}  # noqa: RUF012

    class Parser(SQLite.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = _LAMBDAS
        FUNCTION_PARSERS = _own(SQLite)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulDuckDB(DuckDB):
    class Parser(DuckDB.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = _LAMBDAS
        FUNCTION_PARSERS = _own(DuckDB)

    def to_json_path(self, path: Any) -> Any:
        return path


class FaithfulMySQL(MySQL):
    class Parser(MySQL.Parser):
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        LAMBDAS = _LAMBDAS
        FUNCTION_PARSERS = _own(MySQL, "GROUP_CONCAT", "CHAR", "VALUES")

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
    return _SPEAKERS[dialect]()


def fragment(text: str, dialect: str) -> exp.Expr:
    """An expression of our own making as a tree."""
    select = cast("exp.Select", speaker(dialect).parse(f"SELECT {text}")[0])
    return select.expressions[0]
