"""Erasing content: it is gone from the disk, the chain stays whole, and the record says who did it and why.

First ``log.erased`` is on the disk and signed, then the content file is replaced by one whose lines name that
event, then the index forgets. A crash between leaves an erasure that ``verify`` calls unfinished, and that the
next ``erase`` finishes. What a session that was erased in was copied to (reports, exports) is out of reach.
"""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from devagent.audit.device import Device
from devagent.audit.encoding import Redact, unredacted
from devagent.audit.files import Files
from devagent.audit.holds import held
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.lines import lines, open_to_read, size_of
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical, parse
from devagent.core.errors import LogError, UsageError
from devagent.core.events.session import LogErased
from devagent.core.principal import Principal

Range = tuple[int, int]
"""The first and the last event."""


class Erased(Struct, frozen=True):
    """``event`` is the number of the ``log.erased``; ``bodies`` so many contents are gone (0: nothing was left)."""

    event: int
    range: Range
    bodies: int


def erase(
    folder: str,
    events: Range | None = None,
    *,
    who: Principal,
    reason: str,
    policy: str = "",
    device: Device | None = None,
    redact: Redact = unredacted,
) -> Erased:
    """Erase the content of these events of a session, or of all. Needs no key to what is sealed.

    Raises UsageError for events that are not there; LogError where the session is held, runs, does not verify
    or cannot be written.
    """
    refuse_held(folder)
    with SessionLog.reopen(folder, device=device, redact=redact, with_content=False) as log:
        files = log.files
        _finish(files)
        first, last = events or (0, log.count - 1)
        if not 0 <= first <= last < log.count:
            raise UsageError(
                f"Session {log.sid} has no events {first} to {last}.",
                hint=f"Its events are 0 to {log.count - 1}.",
            )
        bodies = _count(files, (first, last))
        if not bodies:
            return Erased(-1, (first, last), 0)
        event = log.write(
            LogErased(range=(first, last), principal=who, reason=reason, policy=policy)
        )
        _drop(files, [(first, last, event)])
        return Erased(event, (first, last), bodies)


def has_content(folder: str) -> bool:
    """Whether any content is left in the session. Raises LogError where that cannot be read."""
    file = open_to_read(os.path.join(folder, BODIES))
    if file is None:
        return False
    with file:
        return any("erased" not in plain for plain in _plain(file))


def refuse_held(folder: str) -> None:
    """Raise LogError where the session is under legal hold."""
    if hold := held(folder):
        by = f" by {hold.by}" if hold.by else ""
        raise LogError(
            f"The session {folder} is held{by}: {hold.reason}.",
            hint="Nothing of it is erased or removed until `devagent session release` lifts that.",
        )


def _finish(files: Files) -> None:
    """Carry out erasures that are on record and whose content is still there, after a crash."""
    with files.read(EVENTS) as file:
        erasures = [
            (header["range"][0], header["range"][1], header["seq"])
            for line in lines(file, EVENTS, size_of(file))
            if b'"type":"log.erased"' in line.data
            and (header := parse(line.data))["type"] == "log.erased"
        ]
    if any(_count(files, (first, last)) for first, last, _ in erasures):
        _drop(files, erasures)


def _count(files: Files, events: Range) -> int:
    """How many contents of these events are there."""
    first, last = events
    with files.read(BODIES) as file:
        return sum(
            first <= plain["seq"] <= last and "erased" not in plain for plain in _plain(file)
        )


def _drop(files: Files, erasures: list[tuple[int, int, int]]) -> None:
    """Put in the place of each content that an erasure covers the line that names the erasure."""

    def rewritten(file: BinaryIO) -> Iterator[bytes]:
        for plain in _plain(file):
            seq: int = plain["seq"]
            by = next((event for first, last, event in erasures if first <= seq <= last), None)
            gone = by is not None and "erased" not in plain
            yield canonical({"seq": seq, "erased": True, "by": by} if gone else plain) + b"\n"

    with files.read(BODIES) as file:
        files.rewrite_bodies(rewritten(file))
    for name in files.names():
        # The torn end of a content that was begun: of the event that then said so, or the one before.
        kind, _, number = name.partition(".")[0].partition("-")
        if kind == "torn" and name.endswith(".bodies") and number.isdecimal():
            seq = int(number)
            if any(first <= seq <= last + 1 for first, last, _ in erasures):
                files.remove(name)


def _plain(file: BinaryIO) -> Iterator[dict[str, Any]]:
    return (parse(line.data) for line in lines(file, BODIES, size_of(file)) if line.whole)
