"""The end of a session's log, without reading what comes before: for a glance at how it was left."""

import os

from devagent.audit.growth import Growth, NotTheSame, Position
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.lines import open_to_read, size_of
from devagent.audit.record import Unknown
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.core.events import Event

_EVENTS_BYTES, _BODIES_BYTES = 48 * 1024, 512 * 1024


def last_events(folder: str) -> list[Event]:
    """The events that stand in the log's last bytes, in order; those whose content is not at hand are left out.

    Nothing is verified, and what cannot be read is no event: this is for showing, not for going on with.
    """
    try:
        start, first = _line_near_end(os.path.join(folder, EVENTS), _EVENTS_BYTES)
        seq, leaf = first.get("seq"), first.get("prev")
        if not isinstance(seq, int) or not isinstance(leaf, str):
            return []
        content, _ = _line_near_end(os.path.join(folder, BODIES), _BODIES_BYTES)
        growth = Growth(folder, Position(seq, start, content, leaf), opened=True)
        return [event for _, _, event in growth if not isinstance(event, Unknown)]
    except (LogError, NotTheSame, OSError):
        return []


def _line_near_end(path: str, most: int) -> tuple[int, dict[str, object]]:
    """Where the first whole line in the file's last ``most`` bytes begins, and what it holds."""
    file = open_to_read(path)
    if file is None:
        return 0, {}
    with file:
        size = size_of(file)
        start = max(0, size - most)
        file.seek(start)
        if start:
            start += len(file.readline(most))
        line = file.readline(most)
    try:
        header = parse(line)
    except (ValueError, RecursionError):
        return start, {}
    return start, header if isinstance(header, dict) else {}  # pyright: ignore[reportUnknownVariableType]
