"""A session's log read from where one stopped: what was appended since, and whether that is so at all."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from msgspec import Struct

from devagent.audit.bodies import Bodies
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.lines import Damage, lines, open_to_read, size_of
from devagent.audit.opening import Opener, content_of
from devagent.audit.record import NO_LEAF, Unknown, join, leaf_hash
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.core.events import Event


class Position(Struct):
    """How far one has read: the next event's number, where its lines begin, and the leaf hash before it."""

    seq: int = 0
    events: int = 0
    bodies: int = 0
    leaf: str = NO_LEAF


class NotTheSame(Exception):
    """What lies after the position does not follow from what was read before: the log was rewritten."""


class Growth:
    """The events after ``position``, which goes on with each. ``damage`` says where the log cannot be read.

    What is sealed stays so, unless it is to be ``opened``: for what is kept elsewhere it must not be.
    Only whole lines count: a line that is being written is for the next time. Iterating raises LogError
    where the files cannot be opened, and NotTheSame.
    """

    def __init__(self, folder: str, position: Position, *, opened: bool = False) -> None:
        self.position = position
        self.damage = ""
        self._folder = folder
        self._opener = Opener(folder) if opened else None

    def __iter__(self) -> Iterator[tuple[int, int, Event | Unknown]]:
        """Number, time (microseconds since 1970, UTC), event."""
        start = self.position
        with ExitStack() as stack:
            files = {
                name: open_to_read(os.path.join(self._folder, name)) for name in (EVENTS, BODIES)
            }
            for file in files.values():
                if file:
                    stack.enter_context(file)
            events, contents = files[EVENTS], files[BODIES]
            if events is None:
                raise LogError(f"There is no session in {self._folder}: {EVENTS} is missing.")
            if size_of(events) < start.events or size_of(contents) < start.bodies:
                raise NotTheSame
            events.seek(start.events)
            if contents:
                contents.seek(start.bodies)
            try:
                bodies = Bodies(contents, BODIES)
                for line in lines(events, EVENTS, size_of(events) - start.events):
                    if not line.whole:
                        return
                    header = _header(parse(line.data), self.position.seq)
                    if line.number == 1 and header["prev"] != start.leaf:
                        raise NotTheSame
                    content, body = content_of(header, bodies, self._opener)
                    event = join(header, body, content)
                    self.position = Position(
                        header["seq"] + 1,
                        start.events + line.end,
                        start.bodies + bodies.end,
                        leaf_hash(line.data),
                    )
                    yield header["seq"], header["ts"], event
            except Damage as e:
                self.damage = e.what
            except (ValueError, RecursionError) as e:
                self.damage = str(e)


def _header(header: Any, expected: int) -> dict[str, Any]:
    match header:
        case {"seq": int(seq), "ts": int(), "type": str(), "prev": str()} if seq == expected:
            return header
        case _:
            raise ValueError(f"is not the header of event {expected}")
