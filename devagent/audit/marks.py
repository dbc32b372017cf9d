"""Reviewing sessions: the queue of those that are flagged, and reviewers' marks on them.

A mark is an event of a log of the reviewer's own, in the same format among the same sessions: chained, signed,
counted by the device, verified by ``session verify`` like any other. Nothing is written into the log that is
reviewed. A mark names how much of it was looked at and its tree head, so that it vouches for that and no more.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import groupby

from msgspec import Struct

from devagent.audit.device import Device
from devagent.audit.encoding import Redact, unredacted
from devagent.audit.flags import Fact, Flag, FlagRules, Spotted, facts, flags_of, joined
from devagent.audit.index import Index, Marked
from devagent.audit.layout import EVENTS, REVIEW
from devagent.audit.lines import lines, open_to_read, size_of
from devagent.audit.merkle import Tree
from devagent.audit.reader import read
from devagent.audit.record import leaf_hash, to_base64
from devagent.audit.sealing import Sealing
from devagent.audit.search import with_index
from devagent.audit.writer import SessionLog
from devagent.core.events.people import ReviewMarked
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.principal import Principal


class Queued(Struct, frozen=True):
    """A flagged session, and its marks, the oldest first."""

    sid: str
    folder: str
    flags: dict[Flag, Spotted]
    marks: tuple[Marked, ...] = ()

    @property
    def state(self) -> str:
        """``new``, ``again`` (flagged after what was marked), or the last mark."""
        if not self.marks:
            return "new"
        last = self.marks[-1]
        grown = any(spotted.last >= last.size for spotted in self.flags.values())
        return "again" if grown else last.mark

    @property
    def waits(self) -> bool:
        return self.state in ("new", "again")


class Queue(Struct, frozen=True):
    """All flagged sessions, newest first; ``notes`` are sentences about the index."""

    sessions: list[Queued]
    notes: list[str]


def queue(sessions: str, rules: FlagRules) -> Queue:
    """The sessions that the rules flag. Raises LogError where they cannot be listed."""
    found, notes = with_index(sessions, lambda index: list(_flagged(index, sessions, rules)))
    return Queue(found or [], notes)


def _flagged(index: Index, sessions: str, rules: FlagRules) -> Iterator[Queued]:
    marks: dict[str, list[Marked]] = {}
    for one in sorted(index.marks(), key=lambda one: one.at):
        marks.setdefault(one.reviewed, []).append(one)
    for place, rows in groupby(index.noted(), key=lambda row: row[0]):
        known: dict[Fact, Spotted] = {fact: spotted for _, fact, spotted in rows}
        if flags := flags_of(known, rules):
            sid = os.path.basename(place)
            folder = os.path.join(sessions, place)
            yield Queued(sid, folder, flags, tuple(marks.get(sid, ())))


def facts_of(folder: str) -> dict[Fact, Spotted]:
    """The facts of one session, wherever it lies. Raises LogError."""
    known: dict[Fact, Spotted] = {}
    with closing(read(folder)) as records:
        for record in records:
            for fact in facts(record.event):
                known[fact] = joined(known.get(fact), Spotted(1, record.seq, record.seq))
    return known


class Given(Struct, frozen=True):
    """A mark as it is on record. ``by`` is who gave it; ``log`` the folder of the log it stands in."""

    log: str
    seq: int
    at: int
    by: str
    marked: ReviewMarked


def given(sessions: str) -> tuple[list[Given], list[str]]:
    """All marks, the oldest first, read from the logs that they stand in, and sentences about the index."""
    found, notes = with_index(sessions, lambda index: [one.place for one in index.marks()])
    places = dict.fromkeys(found or [])
    marks = [one for place in places for one in _given(os.path.join(sessions, place))]
    return sorted(marks, key=lambda one: one.at), notes


def _given(folder: str) -> Generator[Given]:
    by = ""
    with closing(read(folder)) as records:
        for record in records:
            if isinstance(record.event, SessionStarted):
                by = str(record.event.principal)
            elif isinstance(record.event, ReviewMarked):
                yield Given(folder, record.seq, record.ts, by, record.event)


def still_stands(marked: ReviewMarked, folder: str) -> bool:
    """Whether the session in that folder begins with exactly what was marked. Raises LogError."""
    tree = Tree()
    path = os.path.join(folder, EVENTS)
    file = open_to_read(path)
    if file is None:
        return False
    with file:
        every = lines(file, path, size_of(file))
        while tree.size < marked.size:
            line = next(every, None)
            if line is None or not line.whole:
                return False
            tree.push(bytes.fromhex(leaf_hash(line.data)))
    return to_base64(tree.root()) == marked.root


class Reviewer(Struct, frozen=True):
    """Who reviews, where their logs lie, and with what they are written."""

    sessions: str
    who: Principal
    versions: dict[str, str]
    device: Device
    policy: str = ""
    redact: Redact = unredacted
    sealing: Sealing | None = None


class Marking:
    """The marks of one sitting. The log is made with the first of them; ``close`` ends it."""

    def __init__(self, reviewer: Reviewer) -> None:
        self._reviewer = reviewer
        self._log: SessionLog | None = None

    def mark(self, marked: ReviewMarked) -> str:
        """Put a mark on record; the id of the log that it stands in. On return it is on disk. Raises LogError."""
        if self._log is None:
            self._log = self._begin()
        self._log.write(marked)
        self._log.sync()
        return self._log.sid

    def _begin(self) -> SessionLog:
        one = self._reviewer
        log = SessionLog.create(
            one.sessions, redact=one.redact, device=one.device, sealing=one.sealing
        )
        count, previous = one.device.begin(one.sessions, log.sid)
        log.write(
            SessionStarted(
                principal=one.who,
                agent=one.who.agent,
                mode=REVIEW,
                model="",
                versions=one.versions,
                policy=one.policy,
                count=count,
                previous=previous,
            )
        )
        return log

    def close(self) -> None:
        """End the log, where there is one. Raises LogError."""
        if self._log is None:
            return
        try:
            self._log.write(SessionEnded(stop="done", exit_code=0))
        finally:
            self._log.close()
            self._log = None

    def __enter__(self) -> "Marking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
