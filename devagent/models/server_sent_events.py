"""Server-sent events off the wire. Tolerant of what the format allows: comments, line ends of every kind, chunk boundaries anywhere."""

from devagent.models.failures import protocol

EVENT_LIMIT = 32 * 1024 * 1024
"""Bytes of one event."""


class EventLines:
    """Bytes of ``text/event-stream`` → the data of each event (WHATWG HTML, 9.2.6)."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # pieces of the line that has not ended
        self._size = 0
        self._data: list[bytes] = []  # data lines of the event that has not ended
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ended in ``chunk``. Raises Failure for one beyond ``EVENT_LIMIT``."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:
            self._grow(len(chunk))
            self._rest.append(chunk)
            return []
        if self._rest:
            self._rest.append(chunk)
            chunk = b"".join(self._rest)
        lines = chunk.split(b"\n")
        last = lines.pop()
        self._rest = [last] if last else []
        if self._first:
            self._first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:])
            elif not line and data:
                events.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
        self._size = 0
        self._grow(len(last) + sum(map(len, data)))
        return events

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > EVENT_LIMIT:
            raise protocol("The model service sent an event without end")
