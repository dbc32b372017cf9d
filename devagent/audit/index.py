"""The index of what was said and done in all sessions, for looking it up by its words.

It is derived from the logs and never evidence. It holds their text as they do, after redaction; content that is
sealed is not in it, and what a log loses (by erasure, or with its folder) it loses too, down to its free
pages. A log that only grew is read on from where it was left: its chain says whether it is the same.

A row's number is the session's place in time and the event's in the session, so that the newest come
first without sorting.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence

from msgspec import Struct

from devagent.audit.contentless import without_content
from devagent.audit.flags import Fact, Spotted, facts, joined
from devagent.audit.growth import Growth, NotTheSame, Position
from devagent.audit.layout import EVENTS, KEYS, days, is_ulid, started_at
from devagent.audit.query import CLOSE, OPEN, Found, Hit, marked_line, searchable
from devagent.audit.record import NO_LEAF, Unknown, split
from devagent.audit.spoken import spoken
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.people import Mark, ReviewMarked
from devagent.core.events.session import LogErased
from devagent.core.text import visible

Range = tuple[int, int]
"""The first and the last event."""

VERSION = 3
LONGEST_TEXT = 1_000_000
"""Characters of one event that can be found."""

_SEQ_BITS = 22
_MOST_EVENTS = 1 << _SEQ_BITS
_EPOCH_MS = 1_577_836_800_000
"""2020: 41 bits of milliseconds from there reach to 2089."""

_LAST_BASE = (1 << 41) - 1_000_000
_ROWS_A_COMMIT = 20_000

_SCHEMA = f"""
CREATE TABLE log (
    base INTEGER PRIMARY KEY, place TEXT UNIQUE NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    seq INTEGER NOT NULL, events INTEGER NOT NULL, bodies INTEGER NOT NULL, leaf TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE said USING fts5(
    text, what UNINDEXED, at UNINDEXED, columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
);
CREATE TABLE fact (
    base INTEGER NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
    count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (base, kind, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE mark (
    base INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    reviewed TEXT NOT NULL, size INTEGER NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (base, seq)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""


_ADD_FACT = """INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET count = count + excluded.count, last = excluded.last"""
_MOST_FACTS, _LONGEST_FACT = 2_000, 300
"""What is noted of one session; a log with more is forged."""


class Marked(Struct, frozen=True):
    """A reviewer's mark: where it is on record (its log's place and the event's number), when it was given
    (microseconds since 1970, UTC), on which session and how many of its events, and what it says."""

    place: str
    seq: int
    at: int
    reviewed: str
    size: int
    mark: Mark


class _Log(Struct):
    """What the index knows of a session: its rows' place, and the log as it was when last read."""

    base: int
    place: str
    size: int = -1
    mtime: int = -1
    seq: int = 0
    events: int = 0
    bodies: int = 0
    leaf: str = NO_LEAF


class Changes(Struct, frozen=True):
    """Logs that are not as they were when last read (the oldest first), and those that are there no more."""

    stale: list[_Log]
    gone: list[_Log]


class Index:
    """The index in an open database (in autocommit). All methods raise sqlite3.Error as it comes.

    ``notes`` are sentences for the person: which sessions could not be read.
    """

    def __init__(
        self, sessions: str, database: sqlite3.Connection, *, only_sealed: bool = False
    ) -> None:
        """``only_sealed``: of the sessions with sealed content alone, and with that opened: never in a file."""
        self._sessions = sessions
        self._only_sealed = only_sealed
        self._database = database
        self.notes: list[str] = []
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA secure_delete = ON")

    @property
    def version(self) -> int:
        """0 where the database is empty."""
        version: int = self._database.execute("PRAGMA user_version").fetchone()[0]
        return version

    def make(self) -> None:
        """The tables, in an empty database."""
        self._database.executescript(_SCHEMA)

    def changes(self) -> Changes:
        """What ``update`` has to do. Raises LogError where the sessions cannot be listed."""
        # The one loop that runs once for each session there is: all in it is kept cheap.
        rows = self._database.execute("SELECT place, size, mtime FROM log")
        known = {place: (size, mtime) for place, size, mtime in rows}
        stale: list[_Log] = []
        for day in reversed(days(self._sessions)):
            for sid, found in _logs_of(os.path.join(self._sessions, day)):
                place = f"{day}/{sid}"
                before = known.pop(place, None)
                if before is None:
                    if is_ulid(sid) and not (self._only_sealed and not self._is_sealed(place)):
                        stale.append(_Log(-1, place))
                elif before != found:
                    stale.append(self._log(place))
        return Changes(stale, [self._log(place) for place in known])

    def _is_sealed(self, place: str) -> bool:
        return os.path.exists(os.path.join(self._sessions, place, KEYS))

    def update(self, changes: Changes) -> None:
        """Take in what the logs have more, and let go of what they have no more."""
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        removed = bool(changes.gone)
        for log in changes.gone:
            self._forget(log)
        rows = self._database.total_changes
        for log in changes.stale:
            removed |= self._take_in(log)
            if self._database.total_changes - rows >= _ROWS_A_COMMIT:
                run("COMMIT")
                run("BEGIN IMMEDIATE")
                rows = self._database.total_changes
        if removed:  # what was forgotten must not stay readable in the file
            run("INSERT INTO said(said) VALUES ('optimize')")
        run("COMMIT")

    def search(self, query: str, *, limit: int = 20, hits: int = 3, place: str = "") -> list[Found]:
        """The newest sessions, or the one in that place below the sessions' folder, in which an event matches."""
        if place:
            row = self._database.execute(
                "SELECT base FROM log WHERE place = ?", (place,)
            ).fetchone()
            one = self._hits(row[0], place, query, hits) if row else None
            return [one] if one and one.hits else []
        found: list[Found] = []
        below = (1 << 63) - 1
        while len(found) < limit and (row := self._last(query, below)) >= 0:
            base = row >> _SEQ_BITS
            below = base << _SEQ_BITS
            place = self._database.execute(
                "SELECT place FROM log WHERE base = ?", (base,)
            ).fetchone()[0]
            found.append(self._hits(base, place, query, hits))
        return found

    def noted(self) -> Iterator[tuple[str, Fact, Spotted]]:
        """The facts of each session, by its place below the sessions' folder, newest session first."""
        rows = self._database.execute(
            "SELECT place, kind, value, count, first, last FROM fact JOIN log USING (base) "
            "ORDER BY base DESC, kind, value"
        )
        for place, kind, value, count, first, last in rows:
            yield place, (kind, value), Spotted(count, first, last)

    def marks(self) -> Iterator[Marked]:
        """All reviewers' marks, the oldest first."""
        rows = self._database.execute(
            "SELECT place, mark.seq, at, reviewed, mark.size, mark FROM mark JOIN log USING (base) "
            "ORDER BY base, mark.seq"
        )
        yield from (Marked(*row) for row in rows)

    def _last(self, query: str, below: int) -> int:
        row = self._database.execute(
            "SELECT rowid FROM said WHERE said MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT 1",
            (query, below),
        ).fetchone()
        return row[0] if row else -1

    def _hits(self, base: int, place: str, query: str, hits: int) -> Found:
        rows = self._database.execute(
            "SELECT rowid, at, what, highlight(said, 0, ?, ?) FROM said "
            "WHERE said MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid LIMIT ?",
            (OPEN, CLOSE, query, base << _SEQ_BITS, (base + 1) << _SEQ_BITS, hits + 1),
        ).fetchall()
        return Found(
            os.path.basename(place),
            os.path.join(self._sessions, place),
            tuple(
                Hit(row & (_MOST_EVENTS - 1), at, what, *marked_line(text))
                for row, at, what, text in rows[:hits]
            ),
            more=len(rows) > hits,
        )

    def _log(self, place: str) -> _Log:
        row = self._database.execute("SELECT * FROM log WHERE place = ?", (place,)).fetchone()
        return _Log(*row)

    def _take_in(self, log: _Log) -> bool:
        """Read on in a log; whether rows of it had to be removed."""
        if log.base < 0:
            log.base = self._free_base(started_at(os.path.basename(log.place)))
        removed = log.seq > 0
        try:
            try:
                erased = self._read_on(log)
                removed = bool(erased)
            except NotTheSame:
                self._forget(log)
                erased = self._read_on(_Log(log.base, log.place))
            if erased:
                # Also where the content is still there: whoever erases it is at it, or was killed.
                removed = True
                self._forget(log)
                self._read_on(_Log(log.base, log.place), erased)
        except (LogError, OSError, NotTheSame, OverflowError):  # the last: a forged number
            self._forget(log)
            self.notes.append(f"Session {log.place} cannot be read, and so not searched.")
        return removed

    def _read_on(self, log: _Log, erased: Sequence[Range] = ()) -> list[Range]:
        """Take in what the log has more, without the content of the events in ``erased``; what it says was erased."""
        folder = os.path.join(self._sessions, log.place)
        now = os.stat(os.path.join(folder, EVENTS))
        if log.size == now.st_size:
            raise NotTheSame  # rewritten, or touched: not appended to
        position = Position(log.seq, log.events, log.bodies, log.leaf)
        growth = Growth(folder, position, opened=self._only_sealed)
        noted = _Noted(log.base)
        self._database.executemany(
            "INSERT INTO said(rowid, text, what, at) VALUES (?, ?, ?, ?)",
            _rows(growth, log, noted, erased),
        )
        self._database.executemany(_ADD_FACT, noted.facts())
        self._database.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?)", noted.marks)
        end = growth.position
        if growth.damage:
            self.notes.append(f"Session {log.place} is damaged: searched up to event {end.seq}.")
        self._database.execute(
            "INSERT OR REPLACE INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(log.base, log.place, now.st_size, now.st_mtime_ns),
                *(end.seq, end.events, end.bodies, end.leaf),
            ),
        )
        return noted.erased

    def _forget(self, log: _Log) -> None:
        self._database.execute(
            "DELETE FROM said WHERE rowid >= ? AND rowid < ?",
            (log.base << _SEQ_BITS, (log.base + 1) << _SEQ_BITS),
        )
        for table in ("log", "fact", "mark"):
            self._database.execute(f"DELETE FROM {table} WHERE base = ?", (log.base,))  # noqa: S608

    def _free_base(self, milliseconds: int) -> int:
        """A number for a session, by its time: the first that is free from there."""
        base = max(0, min(milliseconds - _EPOCH_MS, _LAST_BASE))
        while self._database.execute("SELECT 1 FROM log WHERE base = ?", (base,)).fetchone():
            base += 1
        return base


def _logs_of(day: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """What lies in a day's folder and has a log, in the order of time; the log's size and change time (ns)."""
    try:
        folder = os.open(day, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        for name in sorted(os.listdir(folder)):
            try:
                log = os.stat(f"{name}/{EVENTS}", dir_fd=folder)
            except OSError:
                continue  # being made, or no session
            yield name, (log.st_size, log.st_mtime_ns)
    finally:
        os.close(folder)


class _Noted:
    """What is noted of a log's events beside their words: facts for reviewers, reviewers' marks, and what was erased."""

    def __init__(self, base: int) -> None:
        self.erased: list[Range] = []
        self.marks: list[tuple[int, int, int, str, int, str]] = []
        self._base = base
        self._facts: dict[Fact, Spotted] = {}

    def see(self, seq: int, at: int, event: Event | Unknown) -> None:
        for fact in facts(event):
            if fact in self._facts or len(self._facts) < _MOST_FACTS:
                self._facts[fact] = joined(self._facts.get(fact), Spotted(1, seq, seq))
        if isinstance(event, LogErased):
            self.erased.append(event.range)
        if isinstance(marked := without_content(event), ReviewMarked):
            reviewed, size = marked.reviewed, marked.size
            self.marks.append((self._base, seq, at, reviewed, size, marked.mark))

    def facts(self) -> Iterator[tuple[int, str, str, int, int, int]]:
        for (kind, value), spotted in self._facts.items():
            text = visible(value)[:_LONGEST_FACT]
            yield self._base, kind, text, spotted.count, spotted.first, spotted.last


def _rows(
    growth: Growth, log: _Log, noted: _Noted, erased: Sequence[Range]
) -> Iterator[tuple[int, str, str, int]]:
    for seq, at, event in growth:
        noted.see(seq, at, event)
        if any(first <= seq <= last for first, last in erased) and not isinstance(event, Unknown):
            header, _ = split(event)
            event = Unknown(header.pop("type"), "erased", header)
        what, text = spoken(event)
        if text and seq < _MOST_EVENTS:
            shown = searchable(text[:LONGEST_TEXT])
            yield (log.base << _SEQ_BITS) + seq, shown, what, at
