"""What every faithful dialect has in common: which functions keep a syntax of their own (see ``speakers``)."""

from typing import Any

from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import TokenType

_OWN_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "CONVERT")


def _of(parser: type[Parser], table: str) -> dict[Any, Any]:
    """A table of a parser class: sqlglot leaves the types of these open."""
    return getattr(parser, table)


NAMED_ARGUMENTS: dict[Any, Any] = {TokenType.FARROW: _of(Parser, "LAMBDAS")[TokenType.FARROW]}
"""Arguments by name. Without the other: ``f(j -> 'a')`` takes a field, it makes no function."""


def own_syntax(dialect: type[SqlglotDialect], *more: str) -> dict[str, Any]:
    parsers = _of(dialect.parser_class, "FUNCTION_PARSERS")
    return {name: parser for name, parser in parsers.items() if name in (*_OWN_SYNTAX, *more)}
