"""The recorded sessions that a policy command looks at: which are meant, and their calls one by one."""

import os
from collections.abc import Iterator

from devagent.audit.layout import EVENTS, find_session
from devagent.audit.requests import recorded, session_folders
from devagent.core.errors import LogError, UsageError
from devagent.policy.changes import Recorded, Results
from devagent.settings.places import places

ALL = "all"
METAVAR = "SESSIONS"
HELP = "a session's folder or id, `last`, a folder of sessions, or `all` of yours"


class RecordedSessions:
    """The calls of the sessions named, and the ``results`` that are asked for, anew with each iteration.

    ``count`` and ``unreadable`` are of the last iteration: a session that cannot be read (to its end) does
    not keep the others from being looked at, but it is told.
    """

    def __init__(self, name: str, results: Results = "none") -> None:
        self.name = name
        self._results: Results = results
        self.count = 0
        self.unreadable: list[str] = []
        self._root = _root(name)

    def __iter__(self) -> Iterator[Recorded]:
        self.count = 0
        self.unreadable = []
        for folder in session_folders(self._root):
            self.count += 1
            try:
                yield from recorded(folder, self._results)
            except LogError as error:
                self.unreadable.append(error.what)


def _root(name: str) -> str:
    """The folder at or below which the sessions lie. Raises UsageError where there are none."""
    if name == ALL:
        return places().sessions
    if os.path.isdir(name):
        if os.path.exists(os.path.join(name, EVENTS)) or any(session_folders(name)):
            return name
        raise UsageError(f"There is no session in {name}.", hint=f"Name {HELP.replace('`', '')}.")
    if os.sep in name:
        raise UsageError(f"There is no folder {name}.", hint=f"Name {HELP.replace('`', '')}.")
    return find_session(places().sessions, name)
