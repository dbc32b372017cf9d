"""Verifying a session offline, as the format's page says it, streaming both files side by side.

1. Every line parses, is canonical, has ``v`` 1, the session's ``sid``, the next ``seq`` and the leaf hash
   of the line before. A last line that is cut short is torn: reported, the rest stands.
2. Every open body matches its commitment; every commitment has a body, or an erasure its event names.
3. Every checkpoint is signed, no larger than the log, and its root is the root over that many lines.
4. The order rules hold (``order``).
5. The sessions of a device count on without a gap (``claims.gaps``).

1, 2 and 4 are ``walk``'s.
"""

import os
from contextlib import ExitStack
from typing import BinaryIO

from devagent.audit.checkpoints import check, parse_notes, witnessed
from devagent.audit.layout import (
    BODIES,
    CHECKPOINTS,
    DEVICE_KEY,
    EVENTS,
    TOMBSTONE,
    is_ulid,
)
from devagent.audit.lines import Damage, open_to_read, size_of
from devagent.audit.opening import Opener
from devagent.audit.record import to_base64
from devagent.audit.tombstone import read_tombstone
from devagent.audit.verification import Problem, Verification
from devagent.audit.walk import Walk

_BY_DEVICE, _BY_WITNESS = "the device, or its next session, has", "the witness has"


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
    ``claimed`` is what the device or its next session says of this one's last checkpoint (``claims``).
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
            roots = Walk(folder, found, bodies, settled, opener).run(events, recorded, sizes)
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
