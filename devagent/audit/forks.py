"""Forks: a new session that goes on from another's conversation, which it names and does not copy.

A fork's log begins with ``session.forked``: the origin's id, the number of the last event that belongs to both,
and that line's leaf hash, which holds all lines before it. So the fork's record claims no call that did not run in
it, and what it goes on from cannot be changed behind it: the origin is verified whenever it is read (ADR 10).
"""

import os
from collections.abc import Generator
from contextlib import closing

from devagent.audit.device import Device
from devagent.audit.fold import told
from devagent.audit.layout import EVENTS, folder_of, is_ulid
from devagent.audit.lines import lines, open_to_read
from devagent.audit.order import Unfinished
from devagent.audit.record import leaf_hash
from devagent.audit.sealing import Sealing
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError, UsageError
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded, SessionForked, SessionResumed, SessionStarted
from devagent.core.principal import Principal

DEEPEST = 64
"""Forks of forks; more are no conversation but a forged log."""


def fork(
    sessions: str,
    origin: str,
    at: int | None,
    *,
    who: Principal,
    versions: dict[str, str],
    device: Device | None = None,
    sealing: Sealing | None = None,
) -> str:
    """Make a fork of the session in the folder ``origin``; its own folder. ``at`` is the last event that is
    taken over (None: all). It can then be resumed like any session, and begins in the origin's place.

    Raises UsageError where there is no such event; LogError where the origin cannot be gone on from.
    """
    found = verify_session(origin)
    if not found.ok:
        raise LogError(
            f"Session {found.sid} cannot be forked, its log does not verify: {found.problem}."
        )
    last = found.events - 1
    at = last if at is None else at
    if not 0 <= at <= last:
        raise UsageError(
            f"Session {found.sid} has no event {at}.",
            hint=f"Its events are 0 to {last}." if found.events else "Nothing was recorded in it.",
        )
    begun: SessionStarted | None = None
    model = policy = ""
    for _, event in conversation(sessions, origin, upto=at):
        if isinstance(event, SessionStarted):
            begun = event
        if isinstance(event, SessionStarted | SessionResumed):
            model, policy = event.model, event.policy
    if begun is None:
        raise UsageError(f"Session {found.sid} has not begun yet at event {at}.")
    with SessionLog.create(sessions, device=device, sealing=sealing) as log:
        log.write(SessionForked(origin=found.sid, at=at, leaf=_leaf(origin, at)))
        count, previous = device.begin(sessions, log.sid) if device else (0, "")
        log.write(
            SessionStarted(
                principal=who,
                agent=who.agent,
                mode="fork",
                model=model,
                versions=versions,
                policy=policy,
                folder=begun.folder,
                ticket=begun.ticket,
                count=count,
                previous=previous,
            )
        )
        log.write(SessionEnded(stop="done", exit_code=0, reason="Forked, to be resumed."))
    return log.folder


def conversation(
    sessions: str, folder: str, *, upto: int | None = None
) -> Generator[tuple[int, Event], None, None]:
    """A session's events with their times (microseconds since 1970, UTC), after those that it was forked from.

    Between the two, what was open at the fork is closed as cut, so that each call has its end. Types of a
    later version are passed over. Raises LogError where an event's content is gone, or where an origin is
    gone, was changed, or is not the one that was forked.
    """
    yield from _conversation(sessions, folder, upto, 0)


def _conversation(
    sessions: str, folder: str, upto: int | None, depth: int
) -> Generator[tuple[int, Event], None, None]:
    unfinished = Unfinished()
    at = 0
    with closing(told(folder)) as events:
        for seq, ts, event in events:
            if upto is not None and seq > upto:
                break
            if isinstance(event, SessionForked) and seq == 0:
                origin = _origin(sessions, event, depth)
                yield from _conversation(sessions, origin, event.at, depth + 1)
            yield ts, event
            unfinished.follow(event)
            at = ts
    if upto is not None:
        yield from ((at, event) for event in unfinished.closing("forked"))


def _origin(sessions: str, forked: SessionForked, depth: int) -> str:
    """The folder of the session that was forked. Raises LogError where it is not as it was."""

    def unusable(why: str) -> LogError:
        return LogError(
            f"The session goes on from {forked.origin}, event {forked.at}, but {why}.",
            hint="It can be read on its own, but not gone on with.",
        )

    folder = folder_of(sessions, forked.origin) if is_ulid(forked.origin) else ""
    if depth >= DEEPEST:
        raise unusable(f"that is the {DEEPEST}th fork of a fork")
    if not os.path.isdir(folder):
        raise unusable("that session is not there")
    found = verify_session(folder)
    if not found.ok:
        raise unusable(f"that does not verify: {found.problem}")
    if forked.at >= found.events or _leaf(folder, forked.at) != forked.leaf:
        raise unusable("that is another session than the one that was forked")
    return folder


def _leaf(folder: str, seq: int) -> str:
    """The leaf hash of an event's line."""
    path = os.path.join(folder, EVENTS)
    file = open_to_read(path)
    if file is None:
        raise LogError(f"{path} is missing.")
    with file:
        for line in lines(file, path):
            if line.number == seq + 1:
                return leaf_hash(line.data)
    raise LogError(f"{path} has no event {seq}.")
