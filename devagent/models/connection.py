"""One HTTP/1.1 connection, and the exchange that is under way on it.

Everything that one read of the socket brings is parsed and handed on at once. The response's head is
bounded; a body that is not being read stops being received.
"""

import asyncio
from collections.abc import Callable
from ssl import SSLContext

import httptools

from devagent.models.failures import Failure, disconnected, protocol, stalled

HEAD_LIMIT = 64 * 1024
BODY_HIGH = 4 * 1024 * 1024


class Connection(asyncio.Protocol):
    """One connection, and the exchange that is under way on it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self.closed = False
        self.idle_since = 0.0
        self._begin()
        self.complete = True  # nothing is under way yet

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._buffered = 0
        self.received = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.head_done = False
        self.complete = False
        self.keep_alive = False
        self.failure: Failure | None = None
        self.on_complete: Callable[[Connection], None] | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        if self.closed:  # given up while it was still opening
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self.complete:  # bytes nobody asked for: this connection is out of step
            self.close()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(protocol("The model service switched to another protocol"))
        except httptools.HttpParserError:
            self._fail(protocol("The model service did not answer in HTTP/1.1"))
        if not self.head_done and self.received > HEAD_LIMIT:
            self._fail(protocol("The model service sent a response head without end"))
        if self._buffered > BODY_HIGH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.complete and self.failure is None:
            length_known = "content-length" in self.headers or "transfer-encoding" in self.headers
            if self.head_done and not length_known and exc is None:
                self.complete = True  # such a body ends with the connection
            else:
                why = "was reset" if isinstance(exc, ConnectionResetError) else "closed"
                self.failure = disconnected(f"The connection to the model service {why}")
        self._wake()

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self.headers.clear()  # 100 and 103 come before the real one
            return
        self.status = status
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        if not self.head_done:
            return
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()
        if self.on_complete is not None:
            self.on_complete(self)

    # What the exchange does.

    def send(self, data: bytes) -> None:
        """Begin an exchange."""
        self._begin()
        if self._transport is None or self.closed:
            self.closed = True
            self.failure = disconnected("The connection to the model service closed")
            return
        self._resume()
        self._transport.write(data)

    async def wait(self, stall_s: float) -> None:
        """Until something new is there: head, body, end or failure. Raises Failure after
        ``stall_s`` seconds without a byte in either direction."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        sending = self._unsent()

        def silent() -> None:
            nonlocal timer, sending
            left = self._unsent()
            if left < sending:  # a large prompt on a slow line is not silence
                sending, timer = left, loop.call_later(stall_s, silent)
            elif not waiter.done():
                waiter.set_exception(stalled(stall_s))

        timer = loop.call_later(stall_s, silent)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def head(self, stall_s: float) -> None:
        """Until status and headers are there."""
        while not self.head_done:
            if self.failure is not None:
                raise self.failure
            await self.wait(stall_s)

    async def read(self, stall_s: float) -> bytes:
        """Everything of the body that came since; empty at its end."""
        while not self._chunks:
            if self.failure is not None:
                raise self.failure
            if self.complete:
                return b""
            await self.wait(stall_s)
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        self._resume()
        return data

    async def secure(self, context: SSLContext, host: str) -> None:
        """Go on in TLS; an exchange with a proxy before it is over."""
        transport = self._transport
        if transport is None or self.closed:
            raise disconnected("The connection to the model service closed")
        self.complete = True
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(transport, self, context, server_hostname=host)
        if self._transport is None:
            raise disconnected("The connection to the model service closed during the handshake")

    def close(self) -> None:
        """At once: nothing that was received later counts."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _resume(self) -> None:
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._transport.resume_reading()

    def _unsent(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def _fail(self, failure: Failure) -> None:
        if self.failure is None and not self.complete:
            self.failure = failure
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
