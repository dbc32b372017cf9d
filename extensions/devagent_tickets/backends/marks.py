"""The token within a text: a Markdown comment that nobody sees rendered, where the vendor has no better place for it."""

import re

_MARK = re.compile(r"\n*<!-- devagent:([A-Za-z0-9._-]{1,80}) -->\s*$")
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


def mark(token: str) -> str:
    """The token as it can stand in a comment."""
    return _SAFE.sub("-", token)[:80]


def marked(body: str, token: str) -> str:
    return f"{body}\n\n<!-- devagent:{mark(token)} -->"


def unmarked(body: str) -> tuple[str, str]:
    """The text without its token, and the token."""
    found = _MARK.search(body)
    return (body[: found.start()], found[1]) if found else (body, "")
