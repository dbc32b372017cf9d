"""Reading a session back, one event at a time, for resuming and showing it. Proof is ``verify``'s matter."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any

from msgspec import Struct

from devagent.audit.bodies import Bodies
from devagent.audit.in_force import last_ticket
from devagent.audit.layout import BODIES, EVENTS, TOMBSTONE, newest_first, started_at
from devagent.audit.lines import Damage, lines, open_to_read, size_of
from devagent.audit.opening import Opener, content_of
from devagent.audit.record import AFTER_THE_END, Record, Unknown, join
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.session import SessionResumed, SessionStarted
from devagent.core.events.turns import Prompt

_NEAR_START = 20
_TAIL = 64 * 1024


def read(
    folder: str, *, content: bool = True, opened: bool = True
) -> Generator[Record, None, None]:
    """The session's records in order, up to a torn tail. Close the generator when leaving early.

    Unknown types, and events whose content is erased or sealed, come as ``Unknown`` with all their
    fields. Without ``content`` no content is read at all, and events that have some come as those whose content
    is missing; unless ``opened`` is asked for, what is sealed stays so whatever keys are at hand.
    Raises LogError where a line cannot be read at all.
    """
    with ExitStack() as stack:
        files = {name: open_to_read(os.path.join(folder, name)) for name in (EVENTS, BODIES)}
        for file in files.values():
            if file:
                stack.enter_context(file)
        events = files[EVENTS]
        if events is None:
            raise LogError(f"There is no session in {folder}: {EVENTS} is missing.")
        try:
            bodies = Bodies(files[BODIES] if content else None, BODIES)
            opener = Opener(folder) if opened else None
            every = lines(events, EVENTS, size_of(events))
            for line in every:
                try:
                    header = parse(line.data)
                except (ValueError, RecursionError) as e:
                    if line.whole and next(every, None) is not None:
                        raise Damage(EVENTS, line.number, "does not parse") from e
                    return
                if not line.whole:
                    return
                yield _record(header, bodies, opener, line.number)
        except Damage as e:
            raise LogError(
                f"The session log is damaged: {os.path.join(folder, e.file)}:{e.line}: {e.what}.",
                hint=f"`devagent session verify {folder}` says how far it stands.",
            ) from e


def read_events(folder: str) -> Generator[Event, None, None]:
    """The session's events, for a fold over them. Types of a later version are passed over.

    Raises LogError where the content of an event is gone, for then what was said cannot be gone on with.
    """
    records = read(folder)
    try:
        for record in records:
            if (event := known_event(record)) is not None:
                yield event
    finally:
        records.close()


def known_event(record: Record) -> Event | None:
    """The record's event; None where it is of a later version. Raises LogError where its content is gone."""
    if not isinstance(record.event, Unknown):
        return record.event
    if record.content in ("erased", "sealed", "missing"):
        raise LogError(
            f"The content of event {record.seq} is {record.content}: the session cannot go on.",
            hint="Start a new session; `devagent session show` reads what is left.",
        )
    return None


class Session(Struct, frozen=True):
    """A session at a glance, from both ends of its files.

    ``started`` is in milliseconds since 1970, UTC; ``state`` is ``ended`` (then ``stop`` says how),
    ``open`` (running, or killed), ``empty``, ``removed`` or ``unreadable``.
    """

    sid: str
    folder: str
    started: int
    state: str
    events: int = 0
    principal: str = ""
    mode: str = ""
    model: str = ""
    stop: str = ""
    prompt: str = ""
    ticket: str = ""


def sessions(folder: str) -> Iterator[Session]:
    """All sessions below a folder, newest first, each read at its two ends only."""
    return (glance(one) for one in newest_first(folder))


def glance(folder: str) -> Session:
    """One session at its two ends."""
    sid = os.path.basename(folder)
    found: dict[str, Any] = {}
    try:
        last = _last_headers(os.path.join(folder, EVENTS))
        found["ticket"] = last_ticket(folder)
        records = read(folder)
        try:
            for record, _ in zip(records, range(_NEAR_START), strict=False):
                match record.event:
                    case SessionStarted() | SessionResumed() as started:
                        found |= {
                            "principal": str(started.principal),
                            "mode": started.mode,
                            "model": started.model,
                        }
                    case Prompt(text=text):
                        found["prompt"] = text
                        break
                    case _:
                        pass
        finally:
            records.close()
    except LogError:
        removed = os.path.exists(os.path.join(folder, TOMBSTONE))
        state = "removed" if removed else "unreadable"
        return Session(sid, folder, started_at(sid), state)
    if not last:
        return Session(sid, folder, started_at(sid), "empty", **found)
    own = last[-1]
    stop = str(own.get("stop", "")) if own.get("type") == "session.ended" else ""
    seq = last[0].get("seq")
    return Session(
        sid,
        folder,
        started_at(sid),
        "ended" if stop else "open",
        events=seq + 1 if isinstance(seq, int) else 0,
        stop=stop,
        **found,
    )


def _last_headers(path: str) -> list[dict[str, Any]]:
    """The last whole lines that parse, the last first, up to the one that is of the session itself. Read from the
    file's end, as far back as that takes: a header that names thousands of resources is a long line."""
    file = open_to_read(path)
    if file is None:
        raise LogError(f"{path} is missing.")
    with file:
        size, length = size_of(file), _TAIL
        while True:
            file.seek(max(0, size - length))
            found = _own_last(file.read(length), from_start=length >= size)
            if length >= size or (found and not _is_afterwards(found[-1])):
                return found
            length *= 4


def _own_last(end: bytes, *, from_start: bool) -> list[dict[str, Any]]:
    """The headers in a file's end, whose first line is whole only where that is all of it."""
    whole = end.split(b"\n")[not from_start : -1]
    found: list[dict[str, Any]] = []
    for line in reversed(whole):
        try:
            header = parse(line)
        except ValueError:
            continue
        if isinstance(header, dict):
            found.append(header)  # pyright: ignore[reportUnknownArgumentType]
            if not _is_afterwards(found[-1]):
                break
    return found


def last_activity(folder: str) -> int:
    """When a session's last event of its own was (microseconds since 1970, UTC); 0 where that cannot be said.
    Raises LogError where its log is not there or cannot be read."""
    last = _last_headers(os.path.join(folder, EVENTS))
    at = last[-1].get("ts") if last else None
    return at if isinstance(at, int) else 0


def _is_afterwards(header: dict[str, Any]) -> bool:
    return str(header.get("type", "")).startswith(AFTER_THE_END)


def _record(header: Any, bodies: Bodies, opener: Opener | None, number: int) -> Record:
    match header:
        case {"seq": int(seq), "ts": int(ts), "mono": int(mono), "type": str()}:
            pass
        case _:
            raise Damage(EVENTS, number, "is no header")
    content, body = content_of(header, bodies, opener)
    return Record(seq, ts, mono, join(header, body, content), header, body, content)


__all__ = [
    "Record",
    "Session",
    "Unknown",
    "glance",
    "known_event",
    "read",
    "read_events",
    "sessions",
]
