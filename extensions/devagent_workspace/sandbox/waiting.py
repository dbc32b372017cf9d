"""Waiting for one of several sockets or descriptors."""

import select
import socket
from collections.abc import Sequence
from typing import TypeVar

End = TypeVar("End", int, socket.socket, int | socket.socket)


def readable(ends: Sequence[End], seconds: float | None) -> list[End]:
    """Those of which something can be read, or that have ended; none where that took longer."""
    poll = select.poll()
    by_number = {end if isinstance(end, int) else end.fileno(): end for end in ends}
    for number in by_number:
        poll.register(number, select.POLLIN)
    ready = poll.poll(None if seconds is None else seconds * 1000)
    return [by_number[number] for number, _ in ready]
