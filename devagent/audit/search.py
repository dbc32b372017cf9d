"""Looking through all sessions: the index's file, kept up to date, private, and made anew where it is bad.

``index.sqlite`` lies among the sessions and can be removed at any time. Whoever only looks holds its lock
together with others; whoever writes holds it alone, and others wait.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import TypeVar

from msgspec import Struct

from devagent.audit.index import VERSION, Index
from devagent.audit.opening import has_keys
from devagent.audit.query import Found, match_all
from devagent.core.errors import LogError

T = TypeVar("T")
INDEX, LOCK = "index.sqlite", "index.lock"
LOCK_WAIT_S = 120.0
"""How long one waits for another process, which may be making the whole index."""

_PRIVATE = 0o600
_SAFE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_WRITABLE = frozenset(
    {
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
    }
)
"""What says something of the disk, not of the index."""


class Answer(Struct, frozen=True):
    """What was found, and sentences about the index that the person should know."""

    found: list[Found]
    notes: list[str]


def search_sessions(
    sessions: str, words: Sequence[str], *, limit: int = 20, hits: int = 3, folder: str = ""
) -> Answer:
    """The newest sessions, or that one below them, with an event that has all the words (``match_all``).

    Raises UsageError for words that cannot be looked for, LogError where sessions cannot be listed or another
    process keeps the index too long.
    """
    query = match_all(words)
    place = os.path.relpath(folder, sessions) if folder else ""

    def look(index: Index) -> list[Found]:
        return index.search(query, limit=limit, hits=hits, place=place)

    found, notes = with_index(sessions, look)
    if found is None or not has_keys():
        return Answer(found or [], notes)
    # The index that is kept has nothing of what is sealed.
    inside, more = _in_memory(sessions, look, only_sealed=True)
    every = {one.sid: one for one in (*found, *inside)}
    newest = [every[sid] for sid in sorted(every, reverse=True)]
    return Answer(newest[:limit], [*notes, *more])


def forget_what_is_gone(sessions: str) -> None:
    """Bring the index, where there is one, up to the logs; where that cannot be done it is removed, for it may hold
    what is to be gone. Raises LogError where that fails too."""
    if not os.path.exists(os.path.join(sessions, INDEX)):
        return
    try:
        with _IndexFile(sessions) as file:
            try:
                file.current([]).close()
            except sqlite3.Error:
                file.remove()
    except OSError as e:
        raise LogError(
            f"The index of {sessions} cannot be brought up to date: {e}.",
            hint=f"It may still hold what was erased: remove {INDEX} by hand.",
        ) from e


def with_index(sessions: str, use: Callable[[Index], T]) -> tuple[T | None, list[str]]:
    """What ``use`` makes of the index, brought up to date, and sentences that the person should know; None where
    there are no sessions. It may be used twice, where the first time finds the index damaged.

    Raises LogError where sessions cannot be listed or another process keeps the index too long.
    """
    notes: list[str] = []
    if not os.path.isdir(sessions):
        return None, notes
    try:
        with _IndexFile(sessions) as file:
            for again in (False, True):
                try:
                    with closing(file.current(notes)) as database:
                        return use(Index(sessions, database)), notes
                except sqlite3.Error as e:
                    _raise_for(e, again)
                    file.remove()
                    notes.append("The index was unusable and was made anew.")
    except (OSError, _NotKept) as e:
        notes.append(f"The index cannot be kept ({e}), so everything was read anew.")
    made, more = _in_memory(sessions, use)
    return made, [*notes, *more]


def _in_memory(
    sessions: str, use: Callable[[Index], T], *, only_sealed: bool = False
) -> tuple[T, list[str]]:
    """The same of an index of the moment, of everything or of what is sealed."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        index = Index(sessions, database, only_sealed=only_sealed)
        index.make()
        index.update(index.changes())
        return use(index), index.notes


class _NotKept(Exception):
    """The disk does not take the index."""


def _raise_for(error: sqlite3.Error, again: bool) -> None:
    """Raise where making the index anew would not help."""
    if "no such module" in str(error):
        raise LogError(
            "Sessions cannot be searched: this Python's SQLite has no FTS5.",
            hint="Use a Python whose SQLite is complete.",
        ) from error
    if error.sqlite_errorcode & 0xFF in _NOT_WRITABLE:
        raise _NotKept(str(error)) from error
    if again:
        raise LogError(f"The index of the sessions cannot be used: {error}.") from error


class _IndexFile:
    """The lock and the path. Raises OSError where the lock cannot be made."""

    def __init__(self, sessions: str) -> None:
        self._sessions = sessions
        self._path = os.path.join(sessions, INDEX)
        self._lock = os.open(os.path.join(sessions, LOCK), _SAFE, _PRIVATE)

    def current(self, notes: list[str]) -> sqlite3.Connection:
        """The database, as up to date as the logs; the lock is held when it returns."""
        self._take(fcntl.LOCK_SH)
        if os.path.exists(self._path):
            database = self._connected()
            try:
                index = Index(self._sessions, database)
                if index.version == VERSION:
                    changes = index.changes()
                    if not changes.stale and not changes.gone:
                        return database
            except BaseException:
                database.close()
                raise
            database.close()
        self._take(fcntl.LOCK_EX)
        database = self._connected()
        try:
            index = Index(self._sessions, database)
            if index.version not in (0, VERSION):
                database.close()
                self.remove()
                database = self._connected()
                index = Index(self._sessions, database)
            if index.version == 0:
                index.make()
            index.update(index.changes())
            notes += index.notes
        except BaseException:
            database.close()
            raise
        return database

    def remove(self) -> None:
        """Remove the index, alone with it."""
        self._take(fcntl.LOCK_EX)
        for path in (self._path, f"{self._path}-journal"):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def __enter__(self) -> "_IndexFile":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def _connected(self) -> sqlite3.Connection:
        descriptor = os.open(self._path, _SAFE, _PRIVATE)
        try:
            os.fchmod(descriptor, _PRIVATE)
        finally:
            os.close(descriptor)
        return sqlite3.connect(self._path, isolation_level=None, timeout=LOCK_WAIT_S)

    def _take(self, how: int) -> None:
        until = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._lock, how | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise LogError(
                        "Another process has been making the index of the sessions for too long.",
                        hint=f"Try again; or remove {self._path} once no other devagent runs.",
                    ) from None
                time.sleep(0.02)
