"""What is on record of a session outside its own folder, by the device that began it and by the session after it; and
which sessions that shows to be missing.

Each session names the last checkpoint of the one that the device began before it. Sessions run side by side and
clocks go back, so whoever names one may lie anywhere among the others, not only next to it.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise

from devagent.audit.device import Device
from devagent.audit.layout import EVENTS, TOMBSTONE, folder_of, is_ulid, newest_first
from devagent.audit.lines import Damage, open_to_read
from devagent.audit.tombstone import read_tombstone
from devagent.audit.verification import Verification
from devagent.core.codec import parse
from devagent.core.errors import LogError

_LONGEST_LINE = 1 << 20


def newest(folder: str) -> tuple[int, str]:
    """What the device whose files lie in ``folder`` knows of its newest session: its number, and its last
    checkpoint as ``<sid> <size> <root>``; (0, "") where it had none. Raises LogError."""
    state = Device(folder).state()
    return state.count, f"{state.sid} {state.size} {state.root}".rstrip() if state.sid else ""


class Claims:
    """What the ``sessions`` and the device whose files lie in ``folder`` say of each other's last checkpoints. All of
    it is read once, when first asked for."""

    def __init__(self, sessions: str, folder: str) -> None:
        self._sessions, self._folder = sessions, folder

    def of(self, session: str) -> str:
        """What is said of that session, as ``<sid> <size> <root>``; "" where nobody says anything, or it does not lie
        among the sessions. Where several do, whoever has seen most of it counts. Raises LogError."""
        sid = _among(session, self._sessions)
        return self._said.get(sid, "") if sid else ""

    @cached_property
    def _said(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for said in (newest(self._folder)[1], *map(named_by, newest_first(self._sessions))):
            sid = said.partition(" ")[0]
            if sid and _size(said) > _size(found.get(sid, "")):
                found[sid] = said
        return found


def claim(session: str, sessions: str, folder: str) -> str:
    """``Claims.of`` for one session alone: those nearest to it in time are asked first, and the first answer counts.
    Raises LogError."""
    sid = _among(session, sessions)
    own = newest(folder)[1]
    if not sid or own.startswith(f"{sid} "):
        return own if sid else ""
    every = list(newest_first(sessions))
    later = [one for one in every if os.path.basename(one) > sid]
    earlier = [one for one in every if os.path.basename(one) < sid]
    for one in (*reversed(later), *earlier):
        said = named_by(one)
        if said.startswith(f"{sid} "):
            return said
    return ""


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


def named_by(session: str) -> str:
    """What a session says of the one before, as its log's first lines or its tombstone have it; "" where that cannot
    be read."""
    for header in _first_lines(session):
        match header:
            case {"type": "session.started", "previous": str(previous)}:
                return previous
            case {"type": "session.forked"}:
                pass  # of a fork it is the second line
            case _:
                return ""
    try:
        file = open_to_read(os.path.join(session, TOMBSTONE))
        if file is None:
            return ""
        with file:
            grave = read_tombstone(file)
    except (LogError, Damage):
        return ""
    return grave.previous if grave else ""


def _among(session: str, sessions: str) -> str:
    """The session's id, where it lies among the sessions."""
    sid = os.path.basename(os.path.abspath(session))
    lies_here = is_ulid(sid) and os.path.realpath(session) == os.path.realpath(
        folder_of(sessions, sid)
    )
    return sid if lies_here else ""


def _first_lines(session: str) -> Iterator[object]:
    try:
        with open(os.path.join(session, EVENTS), "rb") as file:
            for _ in range(2):
                yield parse(file.readline(_LONGEST_LINE))
    except (OSError, ValueError):
        return


def _size(said: str) -> int:
    match said.split(" "):
        case [_, size, *_] if size.isascii() and size.isdecimal() and len(size) < 19:
            return int(size)
        case _:
            return -1
