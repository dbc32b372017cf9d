"""Retention: content is erased and sessions are removed as old as policy says, and each leaves its trace.

How old a session is says its last event of its own. What is held, runs, does not verify or was signed by
another device stays and is told. Nothing here happens by itself: only ``session prune`` calls it.
"""

import os
import time
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from devagent.audit.claims import claim
from devagent.audit.device import Device, own_key
from devagent.audit.encoding import Redact, unredacted
from devagent.audit.erasure import erase, has_content, refuse_held
from devagent.audit.files import Files
from devagent.audit.holds import held
from devagent.audit.layout import (
    CHECKPOINTS,
    DEVICE_KEY,
    EVENTS,
    HOLD,
    LOCK,
    TOMBSTONE,
    newest_first,
    started_at,
)
from devagent.audit.reader import last_activity
from devagent.audit.tombstone import new_tombstone
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.core.errors import LogError
from devagent.core.keeping import Keeping
from devagent.core.principal import Principal

_DAY_US = 86_400_000_000
_LAST = frozenset({TOMBSTONE, CHECKPOINTS, DEVICE_KEY, HOLD})
"""What stays of a session that was removed."""

Action = Literal["erase", "remove"]


class Due(Struct, frozen=True):
    """What is to be done with a session, or, with ``why_not``, what is left undone."""

    folder: str
    action: Action
    days: int
    why_not: str = ""

    @property
    def sid(self) -> str:
        return os.path.basename(self.folder)


def due(sessions: str, keeping: Keeping, *, now: int | None = None) -> Iterator[Due]:
    """The sessions whose time is over, the oldest first; ``now`` in microseconds since 1970, UTC.

    Raises LogError where they cannot be listed.
    """
    now = time.time_ns() // 1000 if now is None else now
    for folder in sorted(newest_first(sessions), key=os.path.basename):
        begun = os.path.exists(os.path.join(folder, TOMBSTONE))
        if begun and not os.path.exists(os.path.join(folder, EVENTS)):
            continue
        try:
            last = last_activity(folder) or started_at(os.path.basename(folder)) * 1000
        except LogError:
            last = started_at(os.path.basename(folder)) * 1000
        days = (now - last) // _DAY_US
        if begun or (keeping.keep_days is not None and days >= keeping.keep_days):
            action: Action = "remove"
        elif keeping.keep_content_days is not None and days >= keeping.keep_content_days:
            if not has_content(folder):
                continue
            action = "erase"
        else:
            continue
        why_not = f"{keeping.hold} holds everything" if keeping.hold else ""
        if not why_not and (hold := held(folder)):
            why_not = f"held by {hold.by or 'somebody'}: {hold.reason}"
        yield Due(folder, action, days, why_not)


def carry_out(
    one: Due,
    keeping: Keeping,
    sessions: str,
    *,
    who: Principal,
    device: Device,
    redact: Redact = unredacted,
) -> None:
    """Erase or remove. Raises LogError where the session is held, runs, or does not verify."""
    if one.action == "erase":
        reason = f"kept for {keeping.keep_content_days} days"
        erase(
            one.folder, who=who, reason=reason, policy=keeping.policy, device=device, redact=redact
        )
    else:
        _remove(one.folder, keeping, sessions, who, device)


def _remove(folder: str, keeping: Keeping, sessions: str, who: Principal, device: Device) -> None:
    refuse_held(folder)
    files = Files.open(folder)
    try:
        if not files.has(TOMBSTONE):
            found = _verified(folder, sessions, device)
            files.replace(
                TOMBSTONE,
                new_tombstone(
                    device,
                    found.sid,
                    found.tail.tree.size,
                    found.tail.tree.root(),
                    removed=time.time_ns() // 1000,
                    count=found.count,
                    previous=found.previous,
                    by=str(who),
                    policy=keeping.policy,
                    reason=f"kept for {keeping.keep_days} days",
                ),
            )
            files.replace(DEVICE_KEY, device.vkey.encode() + b"\n")
        # Content first; the headers last, for without them it counts as removed.
        names = [name for name in files.names() if name not in _LAST and name not in (EVENTS, LOCK)]
        for name in [*names, EVENTS, LOCK]:
            files.remove(name)
    except OSError as e:
        raise LogError(
            f"The session {folder} cannot be removed: {os.strerror(e.errno or 0)}."
        ) from e
    finally:
        files.close()


def _verified(folder: str, sessions: str, device: Device) -> Verification:
    """What a tombstone may be put on. Raises LogError for a log that does not verify: it is evidence."""
    own = own_key(folder, device.folder)
    if not own and os.path.exists(os.path.join(folder, DEVICE_KEY)):
        raise LogError(f"The session {folder} was signed by another device, so it stays.")
    found = verify_session(folder, key=own, claimed=claim(folder, sessions, device.folder))
    if not found.ok:
        raise LogError(f"The session {folder} does not verify, so it stays: {found.problem}.")
    return found
