"""One HTTP request of the gateway's, and the answer to it: whole, as a stream, or an ASGI application's."""

import asyncio
import http
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

_REASONS = {one.value: one.phrase for one in http.HTTPStatus}

Headers = list[tuple[bytes, bytes]]
Refused = tuple[int, Headers, bytes]
"""Status, headers and body of an answer that nothing was carried out for."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Wire(Protocol):
    """The connection that a request came over."""

    def write(self, data: bytes) -> None: ...

    async def drained(self) -> None:
        """Wait until the client has read most of what was written."""
        ...


class Exchange:
    """One request, and the way to answer it."""

    def __init__(self, wire: Wire, peer: tuple[str, int]) -> None:
        self.method = ""
        self.target = b""
        self.headers: Headers = []
        self._named: dict[bytes, bytes | None] | None = None
        self.body = b""
        self.peer = peer
        self.keep_alive = True
        self.answered = False
        """Whether the answer has begun."""
        self.gone = asyncio.Event()
        """Set when the client has closed the connection."""
        self.is_cut_when_gone = False
        """Whether what answers it is cancelled then."""
        self.is_known = False
        """Whether it was looked at who sends a body as long as this."""
        self.parts: list[bytes] = []
        self.size = 0
        self._wire = wire
        self._chunked = False
        self._over = False

    def header(self, name: bytes) -> bytes | None:
        """Its value; None where there is none, or more than one. To be asked when all are there."""
        if self._named is None:
            self._named = {}
            for one, value in self.headers:
                self._named[one] = None if one in self._named else value
        return self._named.get(name)

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """The whole answer."""
        if self.answered:
            return
        self.answered = self._over = True
        head = [*headers, (b"content-length", b"%d" % len(body))]
        self._wire.write(self._head(status, head) + body)

    async def stream(self, status: int, headers: Headers) -> None:
        """Begin an answer whose length is not known."""
        self.answered = self._chunked = True
        self._wire.write(self._head(status, [*headers, (b"transfer-encoding", b"chunked")]))

    async def send(self, data: bytes, *, more: bool) -> None:
        """A piece of it; waits while the client does not read."""
        if self._over:
            return
        piece = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        if not more:
            self._over = True
            piece += b"0\r\n\r\n"
        self._wire.write(piece)
        await self._wire.drained()

    @property
    def is_whole(self) -> bool:
        """Whether the answer was given to its end."""
        return self._over

    def _head(self, status: int, headers: Headers) -> bytes:
        lines = [b"HTTP/1.1 %d %b" % (status, _REASONS.get(status, "").encode())]
        lines += [b"%b: %b" % one for one in headers]
        if not self.keep_alive:
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    async def by(self, app: App, path: str, given: Message) -> None:
        """Let an ASGI application answer; ``given`` goes into its scope."""
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": self.target.partition(b"?")[2],
            "root_path": "",
            "headers": self.headers,
            "client": self.peer,
            "server": None,
            **given,
        }
        asked = False
        start: Message | None = None

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": self.body, "more_body": False}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is None:
                raise RuntimeError("a body before its head")
            body, more = message.get("body", b""), message.get("more_body", False)
            if not self.answered:
                headers = _without_framing(start.get("headers", ()))
                if not more:
                    self.answer(start["status"], headers, body)
                    return
                await self.stream(start["status"], headers)
            await self.send(body, more=more)

        await app(scope, receive, send)


def _without_framing(headers: Any) -> Headers:
    framing = (b"content-length", b"transfer-encoding", b"connection")
    return [(bytes(name), bytes(value)) for name, value in headers if name.lower() not in framing]
