"""How far the sessions are exported to one target: a small database beside the person's other data.

Before a batch goes out it is written down which events are in it; afterwards that it is out. A process that is
killed between the two finds the batch here and sends it again as it was, from the log, under the same number: a
target knows it by that.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from msgspec import Struct

from devagent.audit.export.target import ExportError
from devagent.core.codec import sha256

_VERSION = 1
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_SCHEMA = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists sessions (
    sid text primary key, next integer not null, flushed integer not null, size integer not null, leaf text not null);
create table if not exists pending (
    at integer primary key, sid text not null, folder text not null, start integer not null, stop integer not null,
    flushed integer not null, left_open integer not null, last integer not null, size integer not null,
    leaf text not null);
"""


class Position(Struct, frozen=True):
    """How far a session is exported: ``next`` is the first event that is not. ``flushed``: what was opened before
    that event is told, also what was open then. ``size`` is that of the log's file when all of it was exported
    (-1: it was not), ``leaf`` the hash of the last exported event then."""

    next: int = 0
    flushed: int = 0
    size: int = -1
    leaf: str = ""


class Part(Struct, frozen=True):
    """Events ``start`` to ``stop`` (not included) of a session, as they are in a batch. ``left_open``: what is open
    at the end is told too; ``last``: where the session stands is told after them."""

    sid: str
    folder: str
    start: int
    stop: int
    flushed: int
    left_open: bool = False
    last: bool = False
    size: int = -1
    leaf: str = ""

    @property
    def after(self) -> Position:
        flushed = self.stop if self.left_open else self.flushed
        return Position(self.stop, flushed, self.size, self.leaf)


class Progress:
    """The progress of exports to the target of that ``identity``, in ``folder``. One process at a time.

    Raises ExportError where another process exports there, or the file cannot be used.
    """

    def __init__(self, folder: str, identity: str) -> None:
        self.path = os.path.join(folder, f"{sha256(identity.encode())[:16]}.sqlite")
        self._lock = -1
        try:
            os.makedirs(folder, _PRIVATE_FOLDER, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(f"{self.path}.lock", flags, _PRIVATE_FILE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self.path, flags, _PRIVATE_FILE))
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("pragma synchronous = full")
            self._db.executescript(_SCHEMA)
            self._begin(identity)
        except BlockingIOError as e:
            self.close()
            raise ExportError(
                f"Another export to {identity} is running.",
                hint="Wait for it to end, then try again.",
            ) from e
        except (OSError, sqlite3.Error) as e:
            self.close()
            raise self._unusable(e) from e
        except BaseException:
            self.close()
            raise

    def _begin(self, identity: str) -> None:
        with self._transaction():
            for name, value in (
                ("version", str(_VERSION)),
                ("identity", identity),
                ("export", os.urandom(8).hex()),
                ("number", "0"),
            ):
                self._db.execute("insert or ignore into meta values (?, ?)", (name, value))
        if (version := self._meta("version")) != str(_VERSION):
            raise ExportError(
                f"{self.path} is of version {version}, this devagent knows {_VERSION}.",
                hint="Export with the devagent that made it, or anew with --again.",
            )

    @property
    def export(self) -> str:
        """The id of this export: part of the names of what it writes."""
        return self._meta("export")

    @property
    def number(self) -> int:
        """The number of the last batch that was begun; 0 where there was none."""
        return int(self._meta("number"))

    def position(self, sid: str) -> Position:
        """How far that session is exported. Raises ExportError."""
        try:
            found = self._db.execute(
                "select next, flushed, size, leaf from sessions where sid = ?", (sid,)
            ).fetchone()
        except sqlite3.Error as e:
            raise self._unusable(e) from e
        return Position(*found) if found else Position()

    def pending(self) -> list[Part]:
        """The batch that was begun and not said to be out; empty where there is none. Raises ExportError."""
        try:
            rows: Iterator[tuple[str, str, int, int, int, int, int, int, str]] = self._db.execute(
                "select sid, folder, start, stop, flushed, left_open, last, size, leaf from pending order by at"
            )
            return [
                Part(sid, folder, start, stop, flushed, bool(left), bool(last), size, leaf)
                for sid, folder, start, stop, flushed, left, last, size, leaf in rows
            ]
        except sqlite3.Error as e:
            raise self._unusable(e) from e

    def begin(self, parts: Sequence[Part]) -> int:
        """Write down that a batch of these parts goes out; its number. On return it is on the disk."""
        number = self.number + 1
        try:
            with self._transaction():
                self._db.execute("update meta set value = ? where name = 'number'", (str(number),))
                self._db.executemany(
                    "insert into pending (sid, folder, start, stop, flushed, left_open, last, size, leaf)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (one.sid, one.folder, one.start, one.stop, one.flushed, one.left_open,
                         one.last, one.size, one.leaf)
                        for one in parts
                    ],
                )  # fmt: skip
        except sqlite3.Error as e:
            raise self._unusable(e) from e
        return number

    def done(self, parts: Sequence[Part]) -> None:
        """Write down that the batch that was begun is out."""
        try:
            with self._transaction():
                self._db.executemany(
                    "insert or replace into sessions (sid, next, flushed, size, leaf) values (?, ?, ?, ?, ?)",
                    [
                        (one.sid, one.after.next, one.after.flushed, one.size, one.leaf)
                        for one in parts
                    ],
                )
                self._db.execute("delete from pending")
        except sqlite3.Error as e:
            raise self._unusable(e) from e

    def forget(self) -> None:
        """Begin anew, as a new export: nothing is known to be exported any more."""
        try:
            with self._transaction():
                self._db.execute("delete from pending")
                self._db.execute("delete from sessions")
                self._db.execute(
                    "update meta set value = ? where name = 'export'", (os.urandom(8).hex(),)
                )
                self._db.execute("update meta set value = '0' where name = 'number'")
        except sqlite3.Error as e:
            raise self._unusable(e) from e

    def _meta(self, name: str) -> str:
        try:
            return str(
                self._db.execute("select value from meta where name = ?", (name,)).fetchone()[0]
            )
        except (sqlite3.Error, TypeError) as e:
            raise self._unusable(e) from e

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)

    def _unusable(self, error: Exception) -> ExportError:
        return ExportError(
            f"How far the export is cannot be read or written: {self.path}: {error}.",
            hint="Mend the file. Without it everything would be exported once more.",
        )

    def close(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Transaction:
    """All of it or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._db.execute("commit")
        else:
            with suppress(sqlite3.Error):
                self._db.execute("rollback")
