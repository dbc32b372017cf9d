"""What a statement is but for its values: two that differ in their constants alone have one fingerprint."""

import hashlib

from sqlglot.tokenizer_core import Token, TokenType

from devagent_sql.names import fold
from devagent_sql.tree.dialects import Dialect
from devagent_sql.tree.parse import tokenised

_VALUES = frozenset(
    one
    for one in TokenType
    if one.name in ("STRING", "NUMBER") or one.name.endswith("_STRING")
)  # fmt: skip


def normalised(sql: str, dialect: Dialect) -> str:
    """Its words in lower case, constants as ``?``, a list of them as one; without comments.

    Raises SqlError as ``tokenised`` does."""
    found: list[str] = []
    for token in tokenised(sql, dialect):
        word = _word(token)
        if word == "?" and found[-2:] == ["?", ","]:
            found.pop()
            continue
        found.append(word)
    return " ".join(found)


def fingerprint(sql: str, dialect: Dialect) -> str:
    """16 hexadecimal digits of the normalised text's SHA-256."""
    return hashlib.sha256(normalised(sql, dialect).encode()).hexdigest()[:16]


def _word(token: Token) -> str:
    if token.token_type in _VALUES:
        return "?"
    if token.token_type == TokenType.IDENTIFIER:
        return '"' + token.text.replace('"', '""') + '"'
    return fold(token.text)
