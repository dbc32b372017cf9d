"""What a request must pass before anything of it is carried out, and the short way of the most frequent one.

1. The path is ``/mcp`` (or the resource's metadata); the Host header names this machine or a name that was given, and so
   does Origin, where there is one: a page of a stranger's cannot be made to speak to this server (DNS rebinding).
2. The caller is known by a token (``callers``).
3. A session of the handshake era is its caller's: for another it does not exist. There are at most ``SESSIONS``, and one that
   is not used for ``IDLE_S`` ends; where there is no room for one more, that of the caller who has most of them that was idle for longest.

Then ``tools/call`` in its plain form is carried out here (``quick``), and all else by the SDK. Of the two the SDK knows the whole
protocol; what is not plain is left to it, and so are the questions of a call that turns out to have some.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from devagent.core.codec import canonical
from devagent.core.errors import DevagentError
from devagent.gateway.callers import PATH, Callers
from devagent.gateway.calling import Calling
from devagent.gateway.exchange import (
    App,
    Exchange,
    Headers,
    Message,
    Receive,
    Refused,
    Send,
)
from devagent.gateway.quick import CALLING, CLIENT, Quick

SESSIONS = 1_000
IDLE_S = 30 * 60.0
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_JSON: Headers = [(b"content-type", b"application/json")]
_SESSION = b"mcp-session-id"
_MODERN = b"2026-07-28"


class _Open(Struct):
    """A session of the handshake era."""

    caller: str
    used: float
    requests: int = 0
    ready: bool = False
    """Whether the client has said that it is initialized."""
    calls: dict[int | str, Calling] = {}


class _Said(Struct):
    """As much of a message as is looked at here."""

    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _Cancelled(Struct, rename="camel"):
    request_id: int | str | None = None


class Entrance:
    """Handles the exchanges of a ``Front``. ``app`` is the SDK's; ``hosts`` are names besides the loopback's."""

    def __init__(self, app: App, callers: Callers, quick: Quick, hosts: Sequence[str]) -> None:
        self._app = app
        self._callers = callers
        self._quick = quick
        self._hosts = frozenset(hosts)
        self._open: dict[str, _Open] = {}

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        caller = self._caller(exchange)
        if not isinstance(caller, str):
            exchange.answer(*caller)
            return
        try:
            await self._admitted(exchange, caller)
        except DevagentError as error:
            _answer_error(exchange, 500, None, -32603, error.what)

    def turned_away(self, exchange: Exchange) -> Refused | None:
        """The answer to a request that nothing will be carried out for, whatever its body says."""
        caller = self._caller(exchange)
        return None if isinstance(caller, str) else caller

    def _caller(self, exchange: Exchange) -> str | Refused:
        """Who calls; or the answer, where there is nothing to carry out."""
        path = exchange.target.partition(b"?")[0]
        if not self._is_for_this(exchange):
            return _refused(403, "this Host or Origin is not allowed")
        if exchange.method == "GET" and path.decode("latin-1") in self._callers.metadata_paths:
            return self._metadata()
        if path != PATH.encode():
            return _refused(404, "there is nothing here; the server is at /mcp")
        caller = self._callers.of(exchange.header(b"authorization"))
        if isinstance(caller, str):
            return caller
        told = (b"www-authenticate", caller.challenge.encode("latin-1", "replace"))
        return _refused(caller.status, caller.why, [told])

    async def _admitted(self, exchange: Exchange, caller: str) -> None:
        version = exchange.header(b"mcp-protocol-version")
        if version == _MODERN:
            calling = await self._quick.stateless(exchange, caller)
            if not exchange.answered:
                await self._by_the_sdk(exchange, caller, calling)
            return
        number = exchange.header(_SESSION)
        if number is None:
            await self._opening(exchange, caller)
            return
        session = self._open.get(number.decode("latin-1"))
        if session is None or session.caller != caller:
            _answer_error(exchange, 404, None, -32600, "Session not found")
            return
        session.requests += 1
        try:
            await self._within(exchange, session, version, number.decode("latin-1"))
        finally:
            session.requests -= 1
            session.used = time.monotonic()

    async def _within(
        self, exchange: Exchange, session: _Open, version: bytes | None, number: str
    ) -> None:
        calling: Calling | None = None
        if exchange.method == "POST":
            if session.ready:
                calling = await self._quick.within(exchange, session.caller, version, session.calls)
            if exchange.answered or self._cancels(exchange, session):
                return
        await self._by_the_sdk(exchange, session.caller, calling)
        if exchange.method == "DELETE":
            self._open.pop(number, None)
        elif not session.ready and _said(exchange.body).method == "notifications/initialized":
            session.ready = True

    def _cancels(self, exchange: Exchange, session: _Open) -> bool:
        """Whether this message cancels a call that is carried out here."""
        if not session.calls or b"notifications/cancelled" not in exchange.body:
            return False
        said = _said(exchange.body)
        if said.method != "notifications/cancelled":
            return False
        try:
            which = msgspec.json.decode(said.params, type=_Cancelled).request_id
        except msgspec.MsgspecError:
            return False
        calling = session.calls.get(which) if which is not None else None
        if calling is None:
            return False
        calling.cancel()
        exchange.answer(202, [])
        return True

    async def _opening(self, exchange: Exchange, caller: str) -> None:
        """A request without a session: it may open one."""
        opens = exchange.method == "POST" and _said(exchange.body).method == "initialize"
        if opens and len(self._open) >= SESSIONS and not await self._make_room(caller):
            _answer_error(exchange, 503, None, -32603, "Too many open sessions")
            return

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            async def watched(message: Message) -> None:
                # Before the client hears of it: its next request may come at once.
                if message["type"] == "http.response.start" and message["status"] < 400:
                    for name, value in message["headers"]:
                        if name.lower() == _SESSION:
                            opened = _Open(caller, time.monotonic())
                            self._open[value.decode("latin-1")] = opened
                await send(message)

            await self._app(scope, receive, watched)

        await exchange.by(app, PATH, {CLIENT: caller})

    async def _make_room(self, caller: str) -> bool:
        """Whether there is room for one more, after a session of the caller who has most of them has ended: the one that was
        idle for longest, or where another has taken all the room, the one that was used first."""
        counts = Counter(session.caller for session in self._open.values())
        ((most, _),) = counts.most_common(1)
        of_these = [
            (bool(session.requests), session.used, number)
            for number, session in self._open.items()
            if session.caller == most
        ]
        busy, _, number = min(of_these)
        if busy and most == caller:
            return False
        del self._open[number]
        await self.end(number)
        return len(self._open) < SESSIONS

    async def _by_the_sdk(self, exchange: Exchange, caller: str, calling: Calling | None) -> None:
        try:
            await exchange.by(self._app, PATH, {CLIENT: caller, CALLING: calling})
        finally:
            if calling is not None and not calling.taken:
                await calling.cut()

    def _is_for_this(self, exchange: Exchange) -> bool:
        host = exchange.header(b"host")
        if host is None or not self._is_known(host.decode("latin-1")):
            return False
        origins = [value for name, value in exchange.headers if name == b"origin"]
        if not origins:
            return True
        scheme, _, place = origins[0].decode("latin-1").partition("://")
        if len(origins) > 1 or scheme not in ("http", "https"):
            return False
        return self._is_known(place)

    def _is_known(self, place: str) -> bool:
        if place in self._hosts:
            return True
        host, colon, port = place.rpartition(":")
        return colon == ":" and host in _LOCAL and port.isdecimal()

    def _metadata(self) -> Refused:
        found = self._callers.metadata()
        if found is None:
            return _refused(404, "no issuer of access tokens is set")
        return 200, [*_JSON, (b"cache-control", b"max-age=3600")], found

    async def keep_tidy(self) -> None:
        """End sessions that nobody uses; for ever."""
        while True:
            await asyncio.sleep(IDLE_S / 30)
            until = time.monotonic() - IDLE_S
            for number, session in tuple(self._open.items()):
                if not session.requests and session.used < until:
                    del self._open[number]
                    await self.end(number)

    async def end(self, number: str) -> None:
        """Let the SDK forget a session."""

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            del message

        headers = [(_SESSION, number.encode("latin-1"))]
        scope = {
            "type": "http",
            "method": "DELETE",
            "path": PATH,
            "headers": headers,
            "query_string": b"",
        }
        await self._app(scope, receive, send)


def _said(body: bytes) -> _Said:
    try:
        return msgspec.json.decode(body, type=_Said)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _Said()


def _refused(status: int, why: str, headers: Headers = []) -> Refused:  # noqa: B006  (never changed)
    return status, [*_JSON, *headers], canonical({"error": why})


def _answer_error(
    exchange: Exchange, status: int, number: int | str | None, code: int, message: str
) -> None:
    error = {"code": code, "message": message}
    exchange.answer(status, _JSON, canonical({"jsonrpc": "2.0", "id": number, "error": error}))
