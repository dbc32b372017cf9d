"""One pass over a session's headers and their content, side by side: the chain, the commitments, the order.

What a crash at any byte can leave holds: at most one torn line a file, and at most one body whose header
was not written. More bodies than that mean that headers are missing from the end.
"""

import hashlib
import os
import re
from typing import Any, BinaryIO

import msgspec

from devagent.audit.bodies import Bodies, Body
from devagent.audit.layout import BODIES, EVENTS, KEYS
from devagent.audit.lines import Damage, lines
from devagent.audit.opening import Opener
from devagent.audit.order import Order
from devagent.audit.record import AFTER_THE_END, VERSION
from devagent.audit.sealing import digest_of
from devagent.audit.verification import Verification
from devagent.core.codec import canonical

_HEX64 = re.compile(r"[0-9a-f]{64}")
_NOT_CANONICAL = "is not canonical JSON of integers, strings, booleans, lists and objects"


class Walk:
    """Over one session's lines. ``settled`` is how much of the bodies was there before the headers were looked at."""

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
