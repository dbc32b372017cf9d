"""Canonical names: how tables and columns are spelled as resources, and how patterns match them.

A name is segments joined by ``.``: ``shop.main.orders.total``. In a segment every character that is
not a letter, a digit or one of ``_ - $`` is written as its UTF-8 bytes in percent form: the table
``a.b`` is ``a%2Eb`` and the table ``a%2Eb`` is ``a%252Eb``. Printable letters beyond ASCII stay as
they are. The spelling is reversible, so no name can pass for two others.

Letter case: SQL folds ASCII letters only, and so do ``fold`` and the patterns here. The Kelvin sign
is not a ``k``.
"""

import re
from functools import lru_cache
from urllib.parse import unquote

Name = tuple[str, str] | tuple[str, str, str]
"""(schema, table) or (schema, table, column), spelled as in the database's own schema."""

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLDED = str.maketrans(_UPPER, _UPPER.lower())
_PLAIN = re.compile(r"[A-Za-z0-9_$-]*")


def fold(name: str) -> str:
    """The name in lower case as SQL sees it: ASCII letters only."""
    return name.translate(_FOLDED)


def segment(name: str) -> str:
    """One part of a canonical name, escaped."""
    if _PLAIN.fullmatch(name):
        return name
    return "".join(
        c
        if _PLAIN.fullmatch(c) or (ord(c) > 127 and c.isalpha())
        else "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass"))
        for c in name
    )


def resource_id(kind: str, *parts: str) -> str:
    """``resource_id("table", "shop", "main", "a.b")`` is ``table:shop.main.a%2Eb``."""
    return f"{kind}:{'.'.join(map(segment, parts))}"


def parts_of(resource: str) -> tuple[str, tuple[str, ...]]:
    """The kind and the parts of a canonical name. Raises ValueError for what is spelled otherwise."""
    kind, _, spelled = resource.partition(":")
    parts = tuple(unquote(one, errors="surrogatepass") for one in spelled.split("."))
    if resource_id(kind, *parts) != resource:
        raise ValueError(resource)
    return kind, parts


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", fold(pattern))
    spelled = {"**": ".*", "*": r"[^.]*"}
    return re.compile("".join(spelled.get(part, re.escape(part)) for part in parts), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """``*`` is any run within a segment, ``**`` any run, the rest literal but for ASCII case."""
    return _compiled(pattern).fullmatch(fold(name)) is not None
