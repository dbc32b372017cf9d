"""An export from beginning to end: every session's new events to one target, each exactly once.

Sessions are taken the oldest first and in batches, so that memory does not grow with them. A batch is written down
before it goes out (``progress``), and sent again as it was where a process before was killed in between. A session
that somebody writes to is exported as far as it is; what is under way follows when it is over. What nobody goes on
with is told as cut off, once.
"""

import fcntl
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from devagent.audit.encoding import Redact, unredacted
from devagent.audit.export.fold import Fold, Teams, is_new
from devagent.audit.export.items import AnyItem, Call, Happened, Reply, Standing, Turn, Verdict
from devagent.audit.export.progress import Part, Position, Progress
from devagent.audit.export.target import Batch, Target
from devagent.audit.layout import DEVICE_KEY, EVENTS, LOCK
from devagent.audit.reader import read
from devagent.audit.record import ENVELOPE, Record, join, to_base64
from devagent.audit.verification import Verification
from devagent.core.errors import LogError

Verify = Callable[[str], Verification]

MOST_CONTENT = 8_000_000
"""Characters of content in one batch."""


class Failure(Struct, frozen=True):
    """A session that was not exported as it should, and why."""

    sid: str
    why: str


class Tally(Struct):
    """What an export did. ``sessions`` went out as far as they are, with so many ``events``; ``unchanged`` had nothing new; ``open`` are still written to.
    ``unverified`` are exported, and do not verify; ``failed`` are not, or not to their end."""

    sessions: int = 0
    unchanged: int = 0
    open: int = 0
    events: int = 0
    batches: int = 0
    resent: int = 0
    unverified: list[Failure] = field(default_factory=list[Failure])
    failed: list[Failure] = field(default_factory=list[Failure])
    notes: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        return not (self.unverified or self.failed or self.notes)


class _Stopped(Exception):
    """A session that cannot be exported any further."""


class Export:
    """An export to one target. ``verify`` checks a session's folder; ``teams`` says who counts for whom; ``content``
    whether content goes along. All that leaves passes ``redact`` once more: the record was redacted by the rules of
    its day. What was done is in ``tally``, also after it failed."""

    def __init__(
        self,
        target: Target,
        progress: Progress,
        verify: Verify,
        teams: Teams,
        *,
        content: bool = False,
        redact: Redact = unredacted,
    ) -> None:
        self.tally = Tally()
        self._target = target
        self._progress = progress
        self._verify = verify
        self._teams = teams
        self._content = content
        self._redact = redact
        self._parts: list[Part] = []
        self._items: list[AnyItem] = []
        self._characters = 0

    def run(self, folders: Iterable[str]) -> None:
        """Export what is new in these sessions. Raises ExportError where the target takes no more, LogError where
        sessions cannot be listed; what is out by then is out."""
        self._finish_pending()
        for folder in folders:
            try:
                self._session(folder)
            except LogError as e:
                self._failed(folder, e.what)
            except _Stopped as e:
                self._failed(folder, str(e))
        self._send()

    def _finish_pending(self) -> None:
        """Send the batch again that was under way when a process before ended."""
        parts = self._progress.pending()
        if not parts:
            return
        batch = Batch(self._progress.export, self._progress.number)
        for part in parts:
            try:
                batch.items += self._items_of(part)
            except LogError as e:
                self._failed(part.folder, f"its events {part.start} to {part.stop - 1}: {e.what}")
        self.tally.notes += self._target.write(batch, again=True)
        self._done(parts)
        self.tally.resent += 1

    def _items_of(self, part: Part) -> Iterator[AnyItem]:
        found = self._verify(part.folder)
        fold = self._fold(part.sid, part.folder)
        for record in self._records(part.folder, part.stop):
            for one in fold.step(record):
                if is_new(one, part.start, part.flushed):
                    yield one
        yield from _last_words(fold, part, found)

    def _session(self, folder: str) -> None:
        sid = os.path.basename(os.path.abspath(folder))
        try:
            size = os.stat(os.path.join(folder, EVENTS)).st_size
        except FileNotFoundError:
            return  # being made, or removed: its tombstone is told by `session verify --all`
        before = self._progress.position(sid)
        if size == before.size and (before.flushed == before.next or _is_written(folder)):
            self.tally.unchanged += 1
            return
        found = self._verify(folder)
        # Asked afterwards: what somebody began meanwhile is not to be told as cut off.
        live = _is_written(folder)
        self.tally.unchanged += not self._events(folder, sid, before, found, live)
        self.tally.open += live
        if not found.ok:
            self.tally.unverified.append(Failure(sid, str(found.problem)))

    def _events(
        self, folder: str, sid: str, before: Position, found: Verification, live: bool
    ) -> bool:
        """Take what is new; whether anything was."""
        fold = self._fold(sid, folder)
        start, seen = before.next, 0
        unread: LogError | None = None
        records = self._records(folder, found.events if found.ok else None)
        with closing(records):
            while True:
                try:
                    record = next(records, None)
                except LogError as e:
                    # As far as it can be read: a log that is no good must be seen all the more.
                    unread, record = e, None
                if record is None:
                    break
                if record.seq == before.next and before.leaf not in ("", record.header.get("prev")):
                    raise _Stopped("what was exported of it is not what stands in it now")
                seen = record.seq + 1
                for one in fold.step(record):
                    if is_new(one, before.next, before.flushed):
                        self._take(one)
                if self._is_full() and record.seq >= before.next:
                    self._parts.append(Part(sid, folder, start, seen, before.flushed))
                    start = seen
                    self._send()
        if seen < before.next:
            raise _Stopped(
                f"it has {seen} events that can be read, and {before.next} were exported: it was cut back"
            )
        if seen == before.next and (live or before.flushed == before.next):
            return False
        whole = found.ok and unread is None
        part = Part(
            sid,
            folder,
            start,
            seen,
            before.flushed,
            left_open=not live,
            last=True,
            size=found.tail.events_size if whole and not found.torn else -1,
            leaf=found.tail.prev if whole else "",
        )
        for one in _last_words(fold, part, found):
            self._take(one)
        self._parts.append(part)
        if self._is_full():
            self._send()
        return True

    def _fold(self, sid: str, folder: str) -> Fold:
        return Fold(sid, self._teams, device=_device(folder), content=self._content)

    def _records(self, folder: str, most: int | None) -> Generator[Record]:
        # Whatever keys are at hand: what is sealed at rest does not leave open.
        records = read(folder, content=self._content, opened=False)
        try:
            for record in islice(records, most):
                yield self._redacted(record)
        finally:
            records.close()

    def _redacted(self, record: Record) -> Record:
        fields = {name: value for name, value in record.header.items() if name not in ENVELOPE}
        fields["type"] = record.header["type"]
        header, body, found = self._redact(fields, record.body)
        if not found:
            return record
        header = {**record.header, **header}
        return replace(record, event=join(header, body, record.content), header=header, body=body)

    def _take(self, item: AnyItem) -> None:
        self._items.append(item)
        if self._content:
            self._characters += _characters(item)

    def _is_full(self) -> bool:
        return len(self._items) >= self._target.most_items or self._characters >= MOST_CONTENT

    def _send(self) -> None:
        if not self._parts:
            return
        parts, items = self._parts, self._items
        self._parts, self._items, self._characters = [], [], 0
        number = self._progress.begin(parts)
        batch = Batch(self._progress.export, number, items)
        self.tally.notes += self._target.write(batch, again=False)
        self._done(parts)
        self.tally.batches += 1

    def _done(self, parts: Sequence[Part]) -> None:
        self._progress.done(parts)
        self.tally.events += sum(one.stop - one.start for one in parts)
        self.tally.sessions += sum(one.last for one in parts)

    def _failed(self, folder: str, why: str) -> None:
        self.tally.failed.append(Failure(os.path.basename(os.path.abspath(folder)), why))


def _last_words(fold: Fold, part: Part, found: Verification) -> Iterator[AnyItem]:
    """What is told at the end of a part: what is open, and where the session stands."""
    if part.left_open:
        yield from (one for one in fold.left_open() if one.opened >= part.flushed)
    if part.last:
        standing = fold.standing(part.start, verdict(found), "left" if part.left_open else "open")
        if part.stop > part.start or standing.state == "left":  # else it was told with that event
            yield standing


def verdict(found: Verification) -> Verdict:
    """What goes along of a verification."""
    return Verdict(
        ok=found.ok,
        problem=str(found.problem) if found.problem else "",
        events=found.tail.seq,
        signed=found.tail.signed,
        root=to_base64(found.tail.tree.root()),
        torn=found.torn,
        removed=found.removed,
    )


def _is_written(folder: str) -> bool:
    """Whether a process writes to the session now."""
    try:
        lock = os.open(os.path.join(folder, LOCK), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False  # nobody ever did, or it came from elsewhere
    try:
        # Shared, and let go at once: whoever opens the session in that moment is told that it is in use.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _device(folder: str) -> str:
    """The name of the key that the session says it was signed with."""
    try:
        with open(os.path.join(folder, DEVICE_KEY), encoding="utf-8") as file:
            return file.readline(4096).strip().partition("+")[0]
    except (OSError, UnicodeDecodeError):
        return ""


def _characters(item: AnyItem) -> int:
    match item:
        case Turn():
            return len(item.prompt or "") + len(item.answer or "")
        case Call():
            return len(item.result or "")
        case Reply():
            return sum(len(str(block)) for block in item.blocks)
        case Happened():
            return sum(len(str(one)) for one in item.body.values())
        case Standing():
            return 0
