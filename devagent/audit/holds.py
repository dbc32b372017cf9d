"""Legal hold: a session that must not be erased or removed, by whom and why, until that is lifted.

``hold`` in the session's folder has a line of canonical JSON for each change, appended and never rewritten, so
that a session that is running can be held too, and the hold goes where the folder goes.
"""

import os
import time

from msgspec import Struct

from devagent.audit.layout import HOLD
from devagent.audit.lines import lines, open_to_read
from devagent.core.codec import canonical, from_plain, parse
from devagent.core.errors import LogError


class Hold(Struct, frozen=True):
    """``at`` in microseconds since 1970, UTC."""

    held: bool
    at: int
    by: str
    reason: str


def holds(folder: str) -> list[Hold]:
    """All that was ever said of it, the oldest first. A line that cannot be read is a hold: it may have been one.

    Raises LogError where the file cannot be read.
    """
    path = os.path.join(folder, HOLD)
    file = open_to_read(path)
    if file is None:
        return []
    found: list[Hold] = []
    with file:
        for line in lines(file, path):
            try:
                found.append(from_plain(parse(line.data), Hold))
            except ValueError:
                found.append(Hold(True, 0, "", f"line {line.number} of {path} cannot be read"))
    return found


def held(folder: str) -> Hold | None:
    """The hold that stands, or None."""
    every = holds(folder)
    return every[-1] if every and every[-1].held else None


def change_hold(folder: str, *, hold: bool, by: str, reason: str) -> Hold:
    """Put a hold on the session, or lift it. Raises LogError where that cannot be written down."""
    said = Hold(hold, time.time_ns() // 1000, by, reason)
    path = os.path.join(folder, HOLD)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = b"\n" * torn + canonical(said) + b"\n"
            if os.write(descriptor, data) != len(data):
                raise OSError("the disk took only a part")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as e:
        why = os.strerror(e.errno) if e.errno else str(e)
        raise LogError(f"The hold on {folder} cannot be written down: {why}.") from e
    return said
