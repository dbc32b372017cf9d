"""Text to one checked tree: exactly one statement, known roots and nodes anywhere, known functions.

What is not on a list here is refused, whatever it does. Length, depth and the number of tokens are
bounded before the parser sees the text.
"""

import logging
import re
from itertools import pairwise

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from devagent_sql.errors import SqlError
from devagent_sql.tree.allowed import BEFORE_PARENTHESES, NODES, PARTS, TYPES
from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.speakers import speaker

LONGEST = 20_000
"""Characters of a statement."""
MOST_TOKENS = 5_000
DEEPEST = 40
"""Nested parentheses."""
MOST_REPEATED = 10_000
"""What ``repeat``, ``lpad`` and ``rpad`` may make: a value that one step builds, no clock interrupts."""

_ROOTS = {TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.L_PAREN, TokenType.FROM}
_WRITING = {"insert", "update", "delete", "merge", "replace"}

# On a statement that it cannot parse the parser writes a warning with the statement's text.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def statement(sql: str, dialect: Dialect) -> exp.Query:
    """The tree of one reading statement. Raises SqlError.

    Classes: ``syntax``, ``many_statements``, ``not_a_query``, ``forbidden_statement``,
    ``forbidden_function``, ``unsupported_syntax``, ``too_large``, ``bad_text``.
    """
    tokens = tokenised(sql, dialect)
    first = tokens[0]
    if first.token_type not in _ROOTS and first.text.lower() != "table":
        if first.text.lower() in _WRITING:
            raise SqlError("not_a_query", "Only statements that read are run here.")
        raise _not_reading()
    tree = one_tree(tokens, sql, dialect)
    if isinstance(tree, exp.Values) and not tree.args.get("alias"):
        tree.set("alias", exp.TableAlias(this=exp.to_identifier("rows", quoted=True)))
        tree = exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree))
    if not isinstance(tree, exp.Query):
        raise _not_reading()
    if dialect.name == "mysql":
        _drop_dual(tree)
    check_nodes(tree, dialect)
    return tree


def _drop_dual(tree: exp.Query) -> None:
    """``FROM DUAL`` is no table."""
    for select in tree.find_all(exp.Select):
        clause = select.args.get("from_")
        table = clause.this if clause is not None else None
        if isinstance(table, exp.Table) and table.name.lower() == "dual":
            plain = isinstance(table.this, exp.Identifier) and not table.this.args.get("quoted")
            if plain and not any(v for name, v in table.args.items() if name != "this") and not select.args.get("joins"):  # fmt: skip
                select.set("from_", None)


def tokenised(sql: str, dialect: Dialect) -> list[Token]:
    """The tokens within bounds. Raises SqlError ``syntax``, ``many_statements`` or ``too_large``."""
    if len(sql) > LONGEST:
        raise SqlError("too_large", f"A statement has at most {LONGEST:,} characters.")
    if "\0" in sql:
        raise SqlError("syntax", f"The statement is not valid {dialect.title}.")
    try:
        sql.encode()
        tokens = speaker(dialect.name).tokenize(sql)
    except UnicodeError:
        raise SqlError("bad_text", "The statement is not valid Unicode text.") from None
    except (SqlglotError, RecursionError, ValueError):
        raise SqlError("syntax", f"The statement is not valid {dialect.title}.") from None
    if tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise SqlError("many_statements", "One statement at a time.")
    if not tokens:
        raise SqlError("syntax", "There is no statement.")
    if dialect.name == "mysql" and any(_is_code(one) for token in tokens for one in token.comments):
        raise SqlError(
            "unsupported_syntax", "A comment that the server would run (/*! …) is not taken."
        )
    if len(tokens) > MOST_TOKENS or _depth(tokens) > DEEPEST:
        raise SqlError("too_large", "The statement has too many parts or is nested too deeply.")
    return tokens


def _is_code(comment: str) -> bool:
    """``/*! … */`` and MariaDB's ``/*M! … */`` are comments to the parser and code to the server."""
    return comment.startswith(("!", "M!"))


def _depth(tokens: list[Token]) -> int:
    depth = deepest = 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE):
            depth += 1
            deepest = max(deepest, depth)
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END):
            depth -= 1
    return deepest


def one_tree(tokens: list[Token], sql: str, dialect: Dialect) -> exp.Expr:
    """The parser's single tree. Raises SqlError ``syntax`` or ``many_statements``."""
    try:
        trees = speaker(dialect.name).parser().parse(tokens, sql)
    except (SqlglotError, RecursionError, ValueError, AttributeError, TypeError, LookupError):
        raise SqlError("syntax", f"The statement is not understood as {dialect.title}.") from None
    tree = trees[0] if len(trees) == 1 else None
    if tree is None:
        raise SqlError("many_statements", "One statement at a time.")
    return tree


def check_nodes(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuse every node, type and function that is not on a list."""
    for node in tree.walk():
        if isinstance(node, exp.Var | exp.Literal):
            _check_bare(node)
        if isinstance(node, exp.Introducer) and not _is_plain_introducer(node):
            raise _unsupported()
        if isinstance(node, exp.DataType):
            _check_type(node)
        elif isinstance(node, exp.Parameter | exp.Placeholder | exp.SessionParameter):
            raise SqlError("syntax", "Parameters are not supported: write the values.")
        elif type(node).__name__ in NODES:
            known = PARTS.get(type(node))
            if known is not None and any(v for name, v in node.args.items() if name not in known):
                raise _unsupported()
        elif isinstance(node, exp.Anonymous):
            in_from = isinstance(node.parent, exp.Table | exp.Lateral)
            known = dialect.in_from if in_from else dialect.functions
            if not isinstance(node.this, str) or node.this.lower() not in known:
                raise _forbidden_function()
        elif isinstance(
            node, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Into | exp.Lock
        ):
            raise SqlError("not_a_query", "Only statements that read are run here.")
        elif isinstance(node, exp.Func):
            raise _forbidden_function()
        else:
            raise _unsupported()


_CHARACTER_SETS = frozenset(["_utf8mb4", "_utf8mb3", "_utf8", "_latin1", "_ascii", "_binary"])


def _is_plain_introducer(node: exp.Introducer) -> bool:
    """``_utf8mb4'text'``: a character set in which no text can end where it does not in ours."""
    return node.name.lower() in _CHARACTER_SETS and isinstance(node.expression, exp.Literal)


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|CURRENT ROW|NO OTHERS", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?")


def _check_bare(node: exp.Expr) -> None:
    """What is written without quotes must be a word or a number: the parser takes ``"any text"`` for a unit."""
    form = _WORD if isinstance(node, exp.Var) else _NUMBER
    if not node.is_string and form.fullmatch(node.name) is None:
        raise _unsupported()


def _check_type(node: exp.DataType) -> None:
    kind = node.this
    if not isinstance(kind, exp.DType) or kind.value not in TYPES:
        raise SqlError("unsupported_syntax", "The statement names a type that is not allowed here.")


_NO_NAMES = {TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER}
"""A quoted identifier before a parenthesis is an alias with columns: calls are written without quotes."""


def check_written(text: str, dialect: Dialect, aliases: frozenset[str] = frozenset()) -> None:
    """Every name before a parenthesis in the text that is to run is a known function or syntax.

    The second look at functions: at what the engine will read, whatever node it came from.
    """
    tokens = speaker(dialect.name).tokenize(text)
    known = dialect.functions | BEFORE_PARENTHESES | aliases
    for token, after in pairwise(tokens):
        if after.token_type != TokenType.L_PAREN or token.token_type in _NO_NAMES:
            continue
        word = token.text.lower().rpartition(" ")[2]  # of ORDER BY, which is one token
        if word[:1].isalpha() and word not in known:
            raise _forbidden_function()


_MAKES_LONG_VALUES = {
    "repeat": 1,
    "lpad": 1,
    "rpad": 1,
    "space": 0,
    "zeroblob": 0,
    "randomblob": 0,
}
"""The place of the number that says how long."""


def check_sizes(tree: exp.Expr) -> None:
    """``repeat``, ``lpad`` and their like with a bounded number. Raises SqlError ``too_large``."""
    for node in tree.find_all(exp.Anonymous):
        place = _MAKES_LONG_VALUES.get(str(node.this).lower())
        if place is None:
            continue
        number = node.expressions[place] if len(node.expressions) > place else None
        whole = isinstance(number, exp.Literal) and not number.is_string and number.this.isdigit()
        if number is None or not whole or int(number.this) > MOST_REPEATED:
            raise SqlError(
                "too_large", f"repeat, lpad and rpad take a number to {MOST_REPEATED:,}."
            )


def spoken(tree: exp.Expr, dialect: Dialect) -> str:
    """The text of the tree, without comments. Raises SqlError ``unsupported_syntax``."""
    speaks = speaker(dialect.name)
    try:
        return tree.sql(speaks, identify=dialect.quotes_all, comments=False, copy=False)
    except (SqlglotError, RecursionError, ValueError, AttributeError, TypeError, LookupError):
        raise SqlError("unsupported_syntax", "The statement cannot be written anew.") from None


def written(tree: exp.Expr, dialect: Dialect) -> str:
    """The same, looked at once more: its functions, and what it reads."""
    text = spoken(tree, dialect)
    # Unquoted only where identifiers are left as they were written; as calls they were refused above.
    aliases = {one.name.lower() for one in tree.find_all(exp.TableAlias) if one.args.get("columns")}
    check_written(text, dialect, frozenset(aliases))
    _check_read_again(tree, text, dialect)
    return text


def _check_read_again(tree: exp.Expr, text: str, dialect: Dialect) -> None:
    """The text that is to run must read the same tables and columns as the tree that was checked:
    a part that was written wrongly could say something else."""
    again = one_tree(speaker(dialect.name).tokenize(text), text, dialect)
    if _reads(again) != _reads(tree):
        raise _unsupported()


def _reads(tree: exp.Expr) -> list[str]:
    """Every place of a tree that touches data, in no order. (Calls are on a list, whoever makes them.)"""
    found: list[str] = []
    for node in tree.walk():
        match node:
            case exp.Table() | exp.Column():
                found.append("\0".join((type(node).__name__, node.text("db"), node.text("table"), node.name)))  # fmt: skip
            case exp.Query() if not isinstance(node, exp.Subquery):
                found.append(type(node).__name__)
            case _:
                pass
    return sorted(found)


def _not_reading() -> SqlError:
    return SqlError("forbidden_statement", "Only SELECT, WITH, VALUES and TABLE are run here.")


def _unsupported() -> SqlError:
    return SqlError("unsupported_syntax", "The statement uses a construct not allowed here.")


def _forbidden_function() -> SqlError:
    return SqlError("forbidden_function", "The statement calls a function not allowed here.")
