"""Verifying a session offline, as the format's page says it, streaming both files side by side.

1. Every line parses, is canonical, has ``v`` 1, the session's ``sid``, the next ``seq`` and the leaf hash
   of the line before. A last line that is cut short is torn: reported, the rest stands.
2. Every open body matches its commitment; every commitment has a body, or an erasure its event names.
3. Every checkpoint is signed, no larger than the log, and its root is the root over that many lines.
4. The order rules hold (``order``).
5. The sessions of a device count on without a gap (``gaps``).

What a crash at any byte can leave holds: at most one torn line a file, and at most one body whose header
was not written. More bodies than that mean that headers are missing from the end.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import pairwise
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct, field

from devagent.audit.bodies import Bodies, Body
from devagent.audit.checkpoints import check, parse_notes, witnessed
from devagent.audit.layout import (
    BODIES,
    CHECKPOINTS,
    DEVICE_KEY,
    EVENTS,
    KEYS,
    TOMBSTONE,
    is_ulid,
)
from devagent.audit.lines import Damage, lines, open_to_read, size_of
from devagent.audit.merkle import Tree
from devagent.audit.opening import Opener
from devagent.audit.order import Order, Unfinished
from devagent.audit.record import AFTER_THE_END, NO_LEAF, VERSION, to_base64
from devagent.audit.sealing import digest_of
from devagent.audit.tombstone import read_tombstone
from devagent.core.codec import canonical

_HEX64 = re.compile(r"[0-9a-f]{64}")
_BY_DEVICE, _BY_WITNESS = "the device, or its next session, has", "the witness has"
_NOT_CANONICAL = "is not canonical JSON of integers, strings, booleans, lists and objects"


class Problem(Struct, frozen=True):
    """The first bad line: its file's name, its number (from 1; 0 for the file itself), and why."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Tail(Struct):
    """Where the whole lines end: what a writer needs to go on."""

    seq: int = 0
    prev: str = NO_LEAF
    events_size: int = 0
    bodies_size: int = 0
    checkpoints_size: int = 0
    signed: int = 0
    tree: Tree = field(default_factory=Tree)
    unfinished: Unfinished = field(default_factory=Unfinished)


class Verification(Struct):
    """What was found. ``torn`` is in bytes; ``closed`` is whether the last event ends the session.

    ``witnessed`` is how many lines the witness has cosigned, where one was named.
    ``removed`` says that only its tombstone is left. ``count`` is the device's counter and ``previous`` the last checkpoint of the session before, as
    ``<sid> <size> <root>`` (0 and "" where the session does not say); ``notes`` are sentences that do not
    make the log wrong but that a reader must know.
    """

    folder: str
    sid: str = ""
    problem: Problem | None = None
    events: int = 0
    bodies: int = 0
    sealed: int = 0
    erased: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    removed: bool = False
    torn: int = 0
    closed: bool = False
    count: int = 0
    previous: str = ""
    notes: list[str] = field(default_factory=list)
    tail: Tail = field(default_factory=Tail)

    @property
    def ok(self) -> bool:
        return self.problem is None

    @property
    def summary(self) -> str:
        """In a few words: ``verify: ok``, or ``verify: FAILED`` with the first bad line."""
        return f"verify: FAILED {self.problem}" if self.problem else "verify: ok"

    @property
    def headline(self) -> str:
        """The first line of output: the summary, and what it is of."""
        if self.problem:
            return f"{self.summary} (session {self.sid or 'unknown'})"
        if self.removed:
            return f"{self.summary} {self.sid} removed, as its tombstone says"
        torn = f", torn: {self.torn} bytes after the last whole line" if self.torn else ""
        return f"{self.summary} {self.sid} {self.events} events, {self.bodies} bodies{torn}"


def verify_session(
    folder: str,
    *,
    key: str = "",
    claimed: str = "",
    anchored: str = "",
    opened: bool = False,
    witness: str = "",
) -> Verification:
    """Check a session's folder. ``key`` is a verifier key for its checkpoints, else the folder's own.
    ``claimed`` is what the device or its next session says of this one's last checkpoint (``device.claim``).
    ``anchored`` is what a witness has on record of it, in the same form (``witness_listing``).
    ``witness`` is the verifier key of whoever cosigns checkpoints.
    No key is needed for sealed content; with one at hand it is looked into where that is asked for (``opened``).

    Raises LogError where a file cannot be read; what is wrong with the log is in the result.
    """
    name = os.path.basename(os.path.abspath(folder))
    found = Verification(folder, name if is_ulid(name) else "")
    with ExitStack() as stack:

        def file_of(name: str) -> BinaryIO | None:
            file = open_to_read(os.path.join(folder, name))
            return stack.enter_context(file) if file else None

        bodies = file_of(BODIES)
        # A body is written before its header: sizes taken in this order hold against a live writer.
        settled = size_of(bodies)
        events = file_of(EVENTS)
        try:
            grave = read_tombstone(file_of(TOMBSTONE))
            if events is None and grave:
                device = file_of(DEVICE_KEY)
                own = device.read(4096).decode(errors="replace") if device else ""
                found.removed, found.count, found.previous = True, grave.count, grave.previous
                found.sid = found.sid or grave.sid
                found.notes += grave.check(found.sid, claimed, anchored, given=key, own=own)
                return found
            if grave:
                found.notes.append(
                    "it has a tombstone: its removal was begun, and `devagent session prune` finishes it"
                )
            if events is None:
                raise Damage(EVENTS, 0, "is missing")
            recorded = size_of(events)
            signed = file_of(CHECKPOINTS)
            data = signed.read() if signed else b""
            notes, torn = parse_notes(data)
            found.tail.checkpoints_size = len(data) - torn
            found.tail.signed = notes[-1].size if notes else 0
            said = [(*_claim(claimed), _BY_DEVICE), (*_claim(anchored), _BY_WITNESS)]
            sizes = {note.size for note in notes} | {size for size, _, _ in said}
            opener = Opener(folder) if opened else None
            roots = _Walk(folder, found, bodies, settled, opener).run(events, recorded, sizes)
            for size, root, by in said:
                if size and to_base64(roots.get(size, b"")) != root:
                    what = f"its first {size} lines are not those that {by} on record"
                    raise Damage(EVENTS, 0, what)
            device = file_of(DEVICE_KEY)
            own = device.read(4096).decode(errors="replace") if device else ""
            found.notes += check(notes, roots, found.sid, found.events, given=key, own=own)
            found.checkpoints = len(notes)
            if witness:
                found.witnessed = witnessed(notes, witness)
                found.notes.append(_witnessed(found, witness))
            if torn:
                found.notes.append(
                    f"torn: the last {torn} bytes of {CHECKPOINTS} are no whole note"
                )
        except Damage as e:
            found.problem = Problem(e.file, e.line, e.what)
    return found


def gaps(sessions: Iterable[Verification], *, newest: tuple[int, str] = (0, "")) -> list[str]:
    """Point 5: sentences for each number that the device's counter skips or repeats, and each session
    that names another one before it than the one that is there.

    ``newest`` is the device's own word for its last session: count and id (0 and "" where it has none).
    A session that was numbered and killed before its first line is empty and leaves no gap.
    """
    sessions = list(sessions)
    blank = {one.sid for one in sessions if not one.events}
    counted = sorted((one.count, one.sid, one.previous) for one in sessions if one.count)
    found: list[str] = []
    if counted and counted[0][0] > 1 and (named := counted[0][2].partition(" ")[0]) not in blank:
        count, sid, _ = counted[0]
        if named:
            found.append(f"before {sid} (count {count}) session {named} is missing, which it names")
    for (before, before_sid, _), (count, sid, previous) in pairwise(counted):
        where = f"between {before_sid} (count {before}) and {sid} (count {count})"
        named = previous.partition(" ")[0]
        if count == before + 2 and named in blank and previous == f"{named} 0":
            continue
        if count > before + 1:
            found.append(f"{where} {count - before - 1} sessions are missing")
        elif count == before:
            found.append(f"{where} the count repeats")
        elif named and named != before_sid:
            found.append(f"{where} session {named} is missing: the later one names it")
    count, sid = newest
    if sid and sid not in {one.sid for one in sessions}:
        found.append(f"session {sid} (count {count}) is missing: this device numbered it last")
    return found


def _witnessed(found: Verification, key: str) -> str:
    name = key.partition("+")[0]
    if not found.witnessed:
        return f"{name} has cosigned none of it"
    after = found.events - found.witnessed
    return f"{name} has cosigned the first {found.witnessed} lines" + (
        f", {after} come after them" if after else ""
    )


def _claim(text: str) -> tuple[int, str]:
    """Size and root of ``<sid> <size> <root>``; 0 where it says nothing that could be checked."""
    match text.split(" "):
        case [_, size, root] if size.isascii() and size.isdecimal():
            return int(size), root
        case _:
            return 0, ""


class _Walk:
    """One pass over headers and bodies."""

    def __init__(
        self,
        folder: str,
        found: Verification,
        bodies: BinaryIO | None,
        settled: int,
        opener: Opener | None,
    ) -> None:
        self._found = found
        self._opener = opener
        self._bodies = Bodies(bodies, BODIES)
        self._settled = settled
        self._order = Order()
        self._may_be_sealed = os.path.exists(os.path.join(folder, KEYS))
        self._erased: list[
            tuple[int, int, int]
        ] = []  # first seq, last seq, by: runs of the same event
        self._erasures: dict[int, Any] = {}
        self._floats: list[str] = []

    def run(self, events: BinaryIO, size: int, sizes: set[int]) -> dict[int, bytes]:
        """Walk all lines of the first ``size`` bytes; the tree's roots at those sizes."""
        found, tail, bodies = self._found, self._found.tail, self._bodies
        tree, roots, step = tail.tree, dict[int, bytes](), self._order.step
        decode = msgspec.json.Decoder(float_hook=self._saw_float).decode
        sha256, floats = hashlib.sha256, self._floats
        every = lines(events, EVENTS, size)
        for line in every:
            data = line.data
            try:
                header = decode(data)
            except (ValueError, RecursionError) as e:
                if line.whole and next(every, None) is not None:
                    raise Damage(EVENTS, line.number, f"does not parse: {e}") from e
                found.torn = len(data) + line.whole
                break
            if not line.whole:
                found.torn = len(data)
                break
            if floats or canonical(header) != data or (b"null" in data and _has_null(header)):
                raise Damage(EVENTS, line.number, _NOT_CANONICAL)
            self._header(line.number, header)
            self._content(line.number, header)
            if problem := step(header):
                raise Damage(EVENTS, line.number, problem)
            self._remember(header)
            leaf = sha256(b"\0" + data).digest()
            tail.seq, tail.prev, tail.events_size = line.number, leaf.hex(), line.end
            tail.bodies_size = bodies.end
            tree.push(leaf)
            if line.number in sizes:
                roots[line.number] = tree.root()
        found.events = tail.seq
        self._ends()
        return roots

    def _saw_float(self, text: str) -> str:
        self._floats.append(text)
        return text

    def _header(self, number: int, header: Any) -> None:
        tail = self._found.tail

        def bad(what: str) -> Damage:
            return Damage(EVENTS, number, what)

        try:
            v, seq, sid, kind, prev = (
                header["v"], header["seq"], header["sid"], header["type"], header["prev"]
            )  # fmt: skip
            whole = type(header["ts"]) is type(header["mono"]) is type(seq) is int
            if not (whole and type(kind) is type(sid) is type(prev) is str):
                raise TypeError
        except (KeyError, TypeError):
            raise bad("is no header: v, seq, sid, ts, mono, type, prev") from None
        if isinstance(v, bool) or v != VERSION:
            raise bad(f"has v {v}; this verifier knows {VERSION}")
        self._found.sid = self._found.sid or sid
        if sid != self._found.sid:
            raise bad(f"belongs to session {sid}, not {self._found.sid}")
        if seq != tail.seq:
            raise bad(f"has seq {seq} where {tail.seq} follows")
        if prev != tail.prev:
            raise bad("its prev is not the hash of the line before: one of the two was changed")
        if "body" in header and not (
            isinstance(header["body"], str) and _HEX64.fullmatch(header["body"])
        ):
            raise bad("its body is no commitment")

    def _content(self, number: int, header: dict[str, Any]) -> None:
        seq: int = header["seq"]
        body = self._bodies.take(seq)
        committed = header.get("body")
        if body is None:
            if committed is not None:
                raise Damage(EVENTS, number, f"commits to content that {BODIES} does not have")
            return
        if committed is None:
            raise Damage(BODIES, body.line.number, f"event {seq} has no content, but here is some")
        if body.content == "sealed":
            if not self._may_be_sealed:
                raise Damage(BODIES, body.line.number, f"is sealed, but there is no {KEYS}")
            if header.get("sealed") not in (None, digest_of(body.sealed)):
                raise Damage(BODIES, body.line.number, f"is sealed, but not as event {seq} says")
            if self._opener:
                body = self._opener.opened(body, header["sid"], committed)
        match body.content:
            case "sealed":
                self._found.sealed += 1
            case "erased":
                self._found.erased += 1
                self._erase(seq, body.by)
            case _:
                if not body.commits_to(committed):
                    raise Damage(BODIES, body.line.number, f"is not what event {seq} commits to")
                self._found.bodies += 1

    def _erase(self, seq: int, by: int) -> None:
        if self._erased and self._erased[-1][2] == by:
            self._erased[-1] = (self._erased[-1][0], seq, by)
        else:
            self._erased.append((seq, seq, by))

    def _remember(self, header: dict[str, Any]) -> None:
        kind: str = header["type"]
        if kind == "session.ended":
            self._found.closed = True
        elif self._found.closed:
            self._found.closed = kind.startswith(AFTER_THE_END)
        if kind == "log.erased":
            self._erasures[header["seq"]] = header.get("range")
        elif kind == "session.started" and isinstance(header.get("count"), int):
            self._found.count = header["count"]
            previous = header.get("previous", "")
            self._found.previous = previous if isinstance(previous, str) else ""

    def _ends(self) -> None:
        found, order = self._found, self._order
        found.tail.unfinished = order.unfinished()
        orphan = self._orphan()
        carried_out = {by for _, _, by in self._erased}
        for by in self._erasures:
            if by not in carried_out:
                found.notes.append(
                    f"event {by} says that content was erased, and it is still there: `devagent session erase` "
                    "finishes that"
                )
        for first, last, by in self._erased:
            match self._erasures.get(by):
                case [int(low), int(high)] if low <= first and last <= high:
                    pass
                case _:
                    raise Damage(
                        BODIES, 0, f"{first} to {last} are erased, but event {by} does not say so"
                    )
        if found.torn and found.closed:
            raise Damage(EVENTS, found.events + 1, "is cut short, after the session had ended")
        if found.torn:
            found.notes.append(
                f"torn: the last {found.torn} bytes of {EVENTS} are no whole line; all before them stands"
            )
        if self._bodies.torn:
            found.notes.append(
                f"torn: the last {self._bodies.torn} bytes of {BODIES} are no whole line"
            )
            found.torn += self._bodies.torn
        if orphan:
            found.notes.append(
                f"the content of event {orphan.seq} is there, its header is not: cut off between the two"
            )
        if not found.events:
            found.notes.append("nothing was recorded")
        elif order.turn is not None:
            found.notes.append(
                f"the session stops in turn {order.turn}: it is still running, or was killed"
            )
        elif not found.closed:
            found.notes.append("the session was not ended: it is still open, or was killed")
        if found.sealed:
            why = f": {self._opener.why}" if self._opener and self._opener.why else ""
            found.notes.append(f"{found.sealed} sealed bodies were not opened{why}")
        if found.erased:
            found.notes.append(f"the content of {found.erased} events was erased")

    def _orphan(self) -> Body | None:
        """The one body that a crash may leave without its header."""
        first, found = self._bodies.next, self._found
        if first is None or first.line.end > self._settled:
            return None
        if first.seq < found.tail.seq:
            raise Damage(
                BODIES, first.line.number, f"event {first.seq} has no content, but here is some"
            )
        self._bodies.skip()
        second = self._bodies.next
        more = second is not None and second.line.end <= self._settled
        if more or first.seq > found.tail.seq:
            raise Damage(
                EVENTS, found.events + 1, f"is missing: {BODIES} goes on with event {first.seq}"
            )
        return first


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_null(one) for one in value.values())  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return any(_has_null(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return value is None
