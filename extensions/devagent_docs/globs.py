"""Globs over a document's path: ``*`` and ``?`` within a segment, ``**`` across, all else literal.

A pattern without ``/`` is about the last part, at any depth; ``**/`` may be no folder at all.
"""

import re
from collections.abc import Callable
from functools import lru_cache


@lru_cache(maxsize=512)
def compile_glob(pattern: str) -> Callable[[str], bool]:
    """The matcher of one pattern."""
    anchored = "/" in pattern.rstrip("/")
    text = pattern.removeprefix("/") if anchored else f"**/{pattern}"
    if text.endswith("/"):
        text += "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    expression = re.compile("".join(_PARTS.get(part, re.escape(part)) for part in parts), re.DOTALL)

    def matches(path: str) -> bool:
        return expression.fullmatch(path) is not None

    return matches


_PARTS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
