"""Globs over relative paths, as git and ripgrep read them: ``*``, ``**``, ``?``, ``[a-z]``, ``{a,b}``."""

import re
from functools import lru_cache

from devagent_workspace.contract import WorkspaceError


def path_glob(pattern: str) -> re.Pattern[str]:
    """The pattern of whole relative paths; one without ``/`` is about the last part, at any depth.

    Raises WorkspaceError bad_pattern.
    """
    pattern = pattern.removeprefix("./")
    if len(pattern) > 500 or not pattern:
        raise WorkspaceError("a glob has 1 to 500 characters", error="bad_pattern")
    anchored = "/" in pattern.rstrip("/")
    return _compiled(pattern.removeprefix("/") if anchored else f"**/{pattern}")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(translated(pattern) + r"\Z", re.DOTALL)
    except re.error as e:
        raise WorkspaceError(
            f"the glob {pattern!r} cannot be read: {e}", error="bad_pattern"
        ) from e


def translated(pattern: str, *, braces: bool = True) -> str:
    """A regular expression for the glob. ``*`` and ``?`` do not cross ``/``."""
    out, at, depth = list[str](), 0, 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*":
            stars = at
            while pattern.startswith("*", at):
                at += 1
            whole = at > stars and (stars == 1 or pattern[stars - 2] == "/")
            if whole and pattern.startswith("/", at):
                out.append("(?:[^/]+/)*+")
                at += 1
            elif whole and at == len(pattern):
                out.append(".*" if not out else ".+")
            else:
                out.append("[^/]*")
        elif sign == "?":
            out.append("[^/]")
        elif sign == "[":
            end = pattern.find("]", at + 1 + pattern.startswith(("!", "^"), at))
            if end < 0:
                out.append(r"\[")
                continue
            inner = pattern[at:end].replace("\\", "\\\\").replace("[", r"\[").replace("&&", r"&\&")
            negated = inner[:1] in ("!", "^")
            out.append(f"(?!/)[{'^' if negated else ''}{inner[negated:]}]")
            at = end + 1
        elif sign == "\\" and at < len(pattern):
            out.append(re.escape(pattern[at]))
            at += 1
        elif braces and sign == "{" and "}" in pattern[at:]:
            depth += 1
            out.append("(?:")
        elif braces and depth and sign in ",}":
            depth -= sign == "}"
            out.append("|" if sign == "," else ")")
        else:
            out.append(re.escape(sign))
    return "".join(out)
