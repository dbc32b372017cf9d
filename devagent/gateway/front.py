"""HTTP/1.1 for the gateway: requests whole and within limits, answers at once or as a stream.

A request is handed on when all of it is there, so a client that dribbles holds a connection for a while, and nothing else:

- head: ``HEAD_BYTES`` and ``HEADERS`` lines, else 431; body: ``BODY_BYTES``, else 413; all of it within ``REQUEST_S``, else 408;
- of all connections together ``HELD_BYTES`` of bodies, else 503;
- who may not come in is told so before more than ``UNKNOWN_BYTES`` of a body are read;
- a connection without a request is closed after ``IDLE_S``, and one that reads nothing of its answer for as long;
- of too many connections the one goes that has been without an answer under way for longest; where each has one, the new is answered 503;
- what does not parse is answered 400. After each of these the connection is closed.

The parser is ``httptools`` (llhttp, strict), as uvicorn's; what uvicorn costs on top of it was most of a call.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import httptools

from devagent.gateway.exchange import Exchange, Refused

HEAD_BYTES = 32 * 1024
HEADERS = 100
BODY_BYTES = 4 * 1024 * 1024
UNKNOWN_BYTES = 32 * 1024
HELD_BYTES = 64 * 1024 * 1024
REQUEST_S = 30.0
IDLE_S = 75.0
CONNECTIONS = 1_024
_WAITING = 16
"""Requests that a connection may send before its first is answered."""
_LOOK_S = 1.0

Handle = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered in their order."""

    def __init__(self, front: "Front") -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Exchange] = deque()
        self._coming: Exchange | None = None
        self._head = 0
        self._answering: asyncio.Task[None] | None = None
        self._current: Exchange | None = None
        self._full: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._refused = False
        self._held = 0
        self._unread = 0
        self._unread_since = 0.0
        self.since = time.monotonic()
        """When the state began that it is in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream is needed")
        self._transport = transport
        peer: Any = transport.get_extra_info("peername")
        self._peer: tuple[str, int] = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        if not self._front.admit(self):
            self._refuse((503, [], b""))

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.connections.discard(self)
        self._let_go(self._held)
        for exchange in (self._current, self._coming, *self._waiting):
            if exchange is not None:
                exchange.gone.set()
        if self._current is not None and self._current.is_cut_when_gone and self._answering:
            self._answering.cancel()
        self._waiting.clear()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._coming is None or not self._coming.method:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse((400, [], b""))
        except httptools.HttpParserError:
            if not self._refused:
                self._refuse((400, [], b""))
        self._limit(self._head <= HEAD_BYTES, 431)

    # -- what the parser calls

    def on_message_begin(self) -> None:
        self._coming = Exchange(self, self._peer)
        if self._answering is None:
            self.since = time.monotonic()

    def on_url(self, url: bytes) -> None:
        if self._coming is not None:
            self._coming.target += url
            self._limit(len(self._coming.target) <= HEAD_BYTES, 431)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._coming is not None and self._coming.method:
            # After a body in pieces: none of these is a header of the request, whatever it is called.
            self._coming.size += len(name) + len(value)
            self._limit(self._coming.size <= BODY_BYTES, 431)
        elif self._coming is not None:
            self._coming.headers.append((name.lower(), value))
            self._coming.size += len(name) + len(value)
            fits = self._coming.size <= HEAD_BYTES and len(self._coming.headers) <= HEADERS
            self._limit(fits, 431)

    def on_headers_complete(self) -> None:
        coming = self._coming
        if coming is None:
            return
        coming.method = self._parser.get_method().decode("latin-1")
        coming.keep_alive = self._parser.should_keep_alive()
        coming.size = self._head = 0
        self._limit(not self._parser.should_upgrade(), 400)
        length = coming.header(b"content-length") or b"0"
        self._limit(not length.isdigit() or int(length) <= BODY_BYTES, 413)
        if (coming.header(b"expect") or b"").lower() == b"100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if self._coming is not None:
            self._coming.parts.append(body)
            self._coming.size += len(body)
            self._held += len(body)
            self._front.held += len(body)
            self._limit(self._coming.size <= BODY_BYTES, 413)
            self._limit(self._front.held <= HELD_BYTES, 503)
            if self._coming.size > UNKNOWN_BYTES and not self._coming.is_known:
                self._coming.is_known = True
                if not self._refused and (turned := self._front.turned_away(self._coming)):
                    self._refuse(turned)

    def on_message_complete(self) -> None:
        coming, self._coming = self._coming, None
        if coming is None or self._refused:
            return
        self._head = 0
        coming.body = b"".join(coming.parts)
        coming.parts = []
        self._waiting.append(coming)
        self._limit(len(self._waiting) <= _WAITING, 503)
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer())

    # -- answering

    async def _answer(self) -> None:
        try:
            while self._waiting and not self._refused:
                exchange = self._current = self._waiting.popleft()
                await self._front.answer(exchange)
                await self.drained()
                self._let_go(len(exchange.body))
                if not exchange.is_whole or not exchange.keep_alive:
                    self.close()
                    return
        finally:
            self._answering = self._current = None
            self.since = time.monotonic()

    def _let_go(self, size: int) -> None:
        """So many bytes of bodies are held no longer."""
        size = min(size, self._held)
        self._held -= size
        self._front.held -= size

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        if self._full is not None:
            await asyncio.shield(self._full)

    def pause_writing(self) -> None:
        if self._full is None:
            self._full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._full is not None and not self._full.done():
            self._full.set_result(None)
        self._full = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def look(self, now: float) -> None:
        """End it where its time is over."""
        unread = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if not unread or unread < self._unread or not self._unread:
            self._unread_since = now
        self._unread = unread
        if now - self._unread_since > IDLE_S and self._transport is not None:
            self._transport.abort()
        if self._answering is not None:
            return
        if self._coming is not None or self._head:
            if now - self.since > REQUEST_S:
                self._refuse((408, [], b""))
        elif now - self.since > IDLE_S:
            self.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is being answered."""
        return self._answering is None

    def drop(self) -> None:
        """End it at once; what it has not read is lost."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> asyncio.Task[None] | None:
        """The server stops: cut what is being answered; that, where there is something."""
        answering = self._answering
        if answering is not None:
            answering.cancel()
        self.close()
        return answering

    def _limit(self, holds: bool, status: int) -> None:
        if not holds:
            self._refuse((status, [], b""))

    def _refuse(self, refused: Refused) -> None:
        if self._refused:
            return
        self._refused = True
        if self._answering is None:
            refusal = Exchange(self, ("", 0))
            refusal.keep_alive = False
            refusal.answer(*refused)
        self.close()


class Front:
    """The connections of one server. ``handle`` answers a request; what it raises is answered 500. ``turned_away`` says of one
    whose body is still coming why it will not be taken."""

    def __init__(
        self, handle: Handle, turned_away: Callable[[Exchange], Refused | None] = lambda _: None
    ) -> None:
        self.connections: set[Connection] = set()
        self.held = 0
        """Bytes of bodies that came and are not yet answered."""
        self.turned_away = turned_away
        self._handle = handle

    def admit(self, connection: Connection) -> bool:
        if len(self.connections) >= CONNECTIONS:
            idle = [one for one in self.connections if one.is_idle]
            if not idle:
                return False
            oldest = min(idle, key=lambda one: one.since)
            self.connections.discard(oldest)
            oldest.drop()
        self.connections.add(connection)
        return True

    async def answer(self, exchange: Exchange) -> None:
        try:
            await self._handle(exchange)
        except Exception as e:
            # The outermost place: one request that fails is no reason for the others to.
            about = {"message": "A request to the gateway failed", "exception": e}
            asyncio.get_running_loop().call_exception_handler(about)
        finally:
            exchange.answer(500, [])

    async def serve(self, listening: socket.socket, stopped: asyncio.Event) -> None:
        """Serve until ``stopped``; then cut what is under way."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self), sock=listening, backlog=CONNECTIONS
        )
        try:
            while not stopped.is_set():
                for connection in tuple(self.connections):
                    connection.look(time.monotonic())
                try:
                    await asyncio.wait_for(stopped.wait(), _LOOK_S)
                except TimeoutError:
                    continue
        finally:
            server.close()
            ending = [connection.end() for connection in tuple(self.connections)]
            await asyncio.gather(*(task for task in ending if task), return_exceptions=True)
            await server.wait_closed()


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """A socket that listens there, and the URL that it is. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    name = f"[{host}]" if ":" in host else host
    return listening, f"http://{name}:{listening.getsockname()[1]}/mcp"
