"""The ticket that a session works on: the one that was named, that of the session that goes on, or the branch's.

The branch is read from the repository's own file, of which it is no more than a word that fits the config's pattern: nothing
of the repository runs, and no git.
"""

import os
import re

from devagent.core.errors import UsageError
from devagent.settings.config import Config

_KEY = re.compile(r"[\w][\w ./#-]{0,199}")
_HEAD = re.compile(r"ref: refs/heads/(.{1,255})\n?")
_GITDIR = re.compile(r"gitdir: (.{1,4096})\n?")
_MOST = 8192


def ticket_of(named: str, earlier: str, config: Config, folder: str) -> str:
    """The session's ticket, or "". ``earlier``: that of the session that goes on. Raises UsageError for a name that can be
    none."""
    if named:
        if not _KEY.fullmatch(named):
            raise UsageError(
                f"--ticket {named!r} is no ticket", hint="As PAY-123, or acme/shop#17."
            )
        return named
    return earlier or _of_branch(config, folder)


def _of_branch(config: Config, folder: str) -> str:
    branch = branch_of(folder) if config.ticket_pattern else ""
    found = re.search(config.ticket_pattern, branch) if branch else None
    if found is None:
        return ""
    key = config.ticket_form.replace("{}", found[1] if found.re.groups else found[0])
    return key if _KEY.fullmatch(key) else ""


def branch_of(folder: str) -> str:
    """The branch that is checked out in the repository around a folder; "" where there is none to see."""
    place = folder
    while not os.path.lexists(git := os.path.join(place, ".git")):
        above = os.path.dirname(place)
        if above == place:
            return ""
        place = above
    if os.path.isfile(git):  # a worktree's, which names where its own HEAD is
        found = _GITDIR.fullmatch(_read(git))
        git = os.path.join(place, found[1]) if found else git
    found = _HEAD.fullmatch(_read(os.path.join(git, "HEAD")))
    return found[1] if found else ""


def _read(path: str) -> str:
    try:
        # Not to hang where somebody has put a pipe there.
        with open(
            os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), encoding="utf-8"
        ) as file:
            return file.read(_MOST)
    except (OSError, UnicodeDecodeError):
        return ""
