"""SQLite's tokens, as far as the checks before preparing need them.

Nothing here decides what a statement reads: that is the engine's word. The tokens tell the first
word, a second statement, a recursion's bound and the columns that a stored expression names.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from devagent_sql.names import fold

_CLOSING = {"'": "'", '"': '"', "`": "`", "[": "]"}
_SPACE = " \t\n\f\r"


class Token(NamedTuple):
    """``word`` is bare and in lower case, ``name`` was quoted, ``text`` was in single quotes."""

    kind: Literal["word", "name", "text", "number", "sign"]
    text: str
    start: int


def _in_word(c: str) -> bool:
    return c in "_$" or c > "\x7f" or c.isalnum()


def _quoted(sql: str, start: int) -> tuple[str, int]:
    """The text inside the quotes that open at ``start``, and where it ends."""
    close = _CLOSING[sql[start]]
    parts: list[str] = []
    at = start + 1
    while True:
        end = sql.find(close, at)
        if end < 0:
            return "".join(parts) + sql[at:], len(sql)
        parts.append(sql[at:end])
        if close == "]" or sql[end + 1 : end + 2] != close:
            return "".join(parts), end + 1
        parts.append(close)
        at = end + 2


def tokens(sql: str) -> Iterator[Token]:
    """The tokens without white space and comments; an unclosed quote or comment runs to the end."""
    at = 0
    while at < len(sql):
        c, start = sql[at], at
        if c in _SPACE:
            at += 1
        elif sql.startswith("--", at):
            end = sql.find("\n", at)
            at = len(sql) if end < 0 else end + 1
        elif sql.startswith("/*", at):
            end = sql.find("*/", at + 2)
            at = len(sql) if end < 0 else end + 2
        elif c in _CLOSING:
            text, at = _quoted(sql, at)
            yield Token("text" if c == "'" else "name", text, start)
        elif _in_word(c):
            while at < len(sql) and _in_word(sql[at]):
                at += 1
            yield Token("number" if c.isdigit() else "word", fold(sql[start:at]), start)
        else:
            at += 1
            yield Token("sign", c, start)


def names_in(sql: str) -> set[str]:
    """Every token that could name something, folded. Single quotes may name things too in SQLite."""
    return {fold(token.text) for token in tokens(sql) if token.kind in ("word", "name", "text")}


def parts_of_table(sql: str) -> list[list[Token]]:
    """The comma parts between the outer parentheses of a ``CREATE TABLE``."""
    parts: list[list[Token]] = []
    depth = 0
    for token in tokens(sql):
        if token.kind == "sign" and token.text == "(":
            depth += 1
            if depth == 1:
                parts.append([])
                continue
        if token.kind == "sign" and token.text == ")":
            depth -= 1
            if depth == 0:
                break
        if depth == 1 and token.kind == "sign" and token.text == ",":
            parts.append([])
        elif depth:
            parts[-1].append(token)
    return parts


def body_of(cte: str, sql: str) -> list[Token]:
    """The tokens inside ``cte [(…)] AS [NOT] [MATERIALIZED] ( … )``; empty when it is not there."""
    found = list(tokens(sql))
    for place, token in enumerate(found):
        if token.kind not in ("word", "name", "text") or fold(token.text) != fold(cte):
            continue
        at = place + 1
        if at < len(found) and found[at].text == "(":
            at = _after_parenthesis(found, at)
        if at >= len(found) or found[at].text != "as":
            continue
        while at < len(found) and found[at].text in ("as", "not", "materialized"):
            at += 1
        if at < len(found) and found[at].text == "(":
            return found[at + 1 : _after_parenthesis(found, at) - 1]
    return []


def _after_parenthesis(found: list[Token], opening: int) -> int:
    depth = 0
    for at in range(opening, len(found)):
        if found[at].kind == "sign":
            depth += {"(": 1, ")": -1}.get(found[at].text, 0)
            if depth == 0:
                return at + 1
    return len(found)


def is_bounded(body: list[Token]) -> bool:
    """Whether the recursive part of a CTE has a condition, a join or a limit that can end it."""
    depth, union = 0, 0
    for at, token in enumerate(body):
        if token.kind == "sign":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        elif depth == 0 and token.kind == "word" and token.text == "union":
            union = at
    words = {token.text for token in body[union:] if token.kind == "word"}
    return bool(union and words & {"where", "limit", "join", "having"})


_AFTER_TABLE = frozenset(
    [
        "where",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "outer",
        "cross",
        "natural",
        "on",
        "using",
        "group",
        "order",
        "limit",
        "having",
        "union",
        "except",
        "intersect",
        "window",
    ]
)

WITHOUT_INDEX = "\tNOT INDEXED\t"
"""As inserted; a column named after its expression shows it and is given its name back."""


def without_indexes(sql: str, tables: set[str]) -> str:
    """The statement with NOT INDEXED after each of these tables (folded names) in a FROM clause.

    Where a name only looks like a table the result does not compile; it never means something else,
    because NOT INDEXED can follow nothing but a table.
    """
    found = list(tokens(sql))
    places: list[int] = []
    for at, token in enumerate(found):
        before = found[at - 1].text if at else ""
        if token.kind not in ("word", "name", "text") or fold(token.text) not in tables:
            continue
        if before not in ("from", "join", ",", "(", "."):
            continue
        end = at + 1
        if end < len(found) and found[end].text == "as":
            end += 2
        elif end < len(found) and found[end].kind in ("word", "name", "text"):
            end += found[end].text not in _AFTER_TABLE | {"not", "indexed"}
        after = found[end].text if end < len(found) else ""
        if after not in (".", "(", "not", "indexed"):
            places.append(found[end].start if end < len(found) else len(sql))
    for place in reversed(places):
        sql = sql[:place] + WITHOUT_INDEX + sql[place:]
    return sql
