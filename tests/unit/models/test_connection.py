"""One connection against a transport that the test plays: pressure, silence, and being given up."""

import asyncio

import pytest

from devagent.models import connection as connections
from devagent.models.connection import Connection
from devagent.models.failures import Failure

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n"


class PlayedTransport(asyncio.Transport):
    """Records what is done to it; ``unsent`` are the sizes of its buffer at each look."""

    def __init__(self, unsent: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.done: list[str] = []
        self.unsent = list(unsent)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(f"write {len(data)}")

    def get_write_buffer_size(self) -> int:
        return self.unsent.pop(0) if self.unsent else 0

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def abort(self) -> None:
        self.done.append("abort")

    def close(self) -> None:
        self.done.append("close")


def connected(transport: PlayedTransport) -> Connection:
    connection = Connection()
    connection.connection_made(transport)
    connection.send(b"request")
    return connection


async def test_a_body_that_is_not_read_stops_being_received(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "BODY_HIGH", 1000)
    transport = PlayedTransport()
    connection = connected(transport)
    connection.data_received(HEAD + b"a" * 900)
    assert transport.done == ["write 7"]
    connection.data_received(b"b" * 900)
    connection.data_received(b"c" * 200)
    assert transport.done == ["write 7", "pause"]
    assert await connection.read(1.0) == b"a" * 900 + b"b" * 900 + b"c" * 200
    assert transport.done == ["write 7", "pause", "resume"]


async def test_a_large_request_that_is_still_going_out_is_no_silence() -> None:
    transport = PlayedTransport(unsent=(900, 600, 300, 300))
    connection = connected(transport)
    with pytest.raises(Failure) as caught:
        await connection.head(0.01)
    assert caught.value.kind == "stalled"
    assert transport.unsent == []  # it was looked at after each period until nothing moved


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    transport = PlayedTransport()
    connection = connected(transport)
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert connection.complete
    connection.data_received(b"more")
    assert connection.closed
    assert transport.done[-1] == "abort"


async def test_a_reset_is_told_apart_from_an_end() -> None:
    for error, word in ((ConnectionResetError(), "reset"), (None, "closed")):
        connection = connected(PlayedTransport())
        connection.connection_lost(error)
        with pytest.raises(Failure, match=word):
            await connection.head(1.0)


async def test_what_came_before_a_break_is_still_read() -> None:
    connection = connected(PlayedTransport())
    connection.data_received(HEAD + b"a" * 10)
    connection.connection_lost(None)
    assert await connection.read(1.0) == b"a" * 10
    with pytest.raises(Failure) as caught:
        await connection.read(1.0)
    assert caught.value.kind == "connection"


async def test_a_connection_given_up_while_it_opened_is_closed_when_it_is_there() -> None:
    connection, transport = Connection(), PlayedTransport()
    connection.close()
    connection.connection_made(transport)
    assert transport.done == ["close"]
    connection.send(b"request")
    with pytest.raises(Failure, match="closed"):
        await connection.head(1.0)
