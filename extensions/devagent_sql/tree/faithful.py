"""sqlglot's dialects, made faithful: a call stays the call it was.

sqlglot normalises functions so that it can translate between engines (``date_part`` becomes
``EXTRACT``, which has another type). Here the same engine reads what was written for it, so a
function is a name with arguments, save for the few that have a syntax of their own.
"""

from collections.abc import Mapping
from typing import Any

from sqlglot.dialects.dialect import Dialect
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import TokenType

_OWN_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "CONVERT")
_NOTHING: Mapping[Any, Any] = {}


def _of(parser: type[Parser], table: str) -> dict[Any, Any]:
    """A table of a parser class: sqlglot leaves the types of these open."""
    return getattr(parser, table)


def _as_it_is(_dialect: Dialect, path: Any) -> Any:
    return path


def faithful(
    dialect: type[Dialect],
    *own_syntax: str,
    parsers: Mapping[str, Any] = _NOTHING,
    transforms: Mapping[Any, Any] = _NOTHING,
    types: Mapping[Any, Any] | None = None,
) -> type[Dialect]:
    """``own_syntax``: functions besides the usual that keep the dialect's own parser; ``parsers`` of ours for others.
    ``transforms`` write nodes otherwise than sqlglot would, ``types`` are all that are written by another name."""
    parser, generator = dialect.parser_class, dialect.generator_class
    known = _of(parser, "FUNCTION_PARSERS")
    reading: dict[str, Any] = {
        "FUNCTIONS": {},
        # Arguments by name. Without the other: ``f(j -> 'a')`` takes a field, it makes no function.
        "LAMBDAS": {TokenType.FARROW: _of(Parser, "LAMBDAS")[TokenType.FARROW]},
        "FUNCTION_PARSERS": {
            **{name: known[name] for name in (*_OWN_SYNTAX, *own_syntax) if name in known},
            **parsers,
        },
    }
    writing: dict[str, Any] = {"TRANSFORMS": {**generator.TRANSFORMS, **transforms}}
    if types is not None:
        writing["TYPE_MAPPING"] = dict(types)
    return type(
        f"Faithful{dialect.__name__}",
        (dialect,),
        {
            "Parser": type("Parser", (parser,), reading),
            "Generator": type("Generator", (generator,), writing),
            "to_json_path": _as_it_is,
        },
    )
