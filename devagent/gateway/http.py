"""Serving many clients over streamable HTTP, at ``/mcp``: each says who it is with a bearer token."""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from devagent.gateway.names import Names
from devagent.gateway.server import Context, make_server
from devagent.gateway.sessions import Sessions

CLIENT = "devagent.client"
ANYBODY = "anybody"
_GRACE_S = 5
Named = Callable[[str], str | None]
"""A bearer token to its client's name, or None."""


async def serve_http(
    sessions: Sessions,
    host: str,
    port: int,
    *,
    named: Named | None,
    hosts: tuple[str, ...],
    ready: Callable[[str], None],
    names: Names | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Without ``named`` nobody is asked for a token; ``ready`` gets the URL.

    ``hosts``: what the Host header may name besides the loopback (a proxy's name). Raises OSError where the
    address cannot be had.
    """
    server = make_server(sessions, _client_of, names)
    local = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*local, *hosts],
        allowed_origins=[f"http://{name}" for name in local] + [f"https://{h}" for h in hosts],
    )
    app: ASGIApp = server.streamable_http_app(transport_security=security, host=host)
    config = uvicorn.Config(
        Authenticated(app, named),
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        http = _Server(config)
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{listening.getsockname()[1]}/mcp")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, http.stop)
        await http.serve(sockets=[listening])
        if http.stopped:
            raise asyncio.CancelledError


class _Server(uvicorn.Server):
    """It would end the process by the signal once more, before the record is closed."""

    stopped = False

    def stop(self) -> None:
        self.stopped = self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Authenticated:
    """Lets requests through whose bearer token is known, and names the client in their scope (RFC 6750)."""

    def __init__(self, app: ASGIApp, named: Named | None) -> None:
        self._app = app
        self._named = named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client = self._client(scope) if self._named else ANYBODY
            if client is None:
                await _unauthorized(send)
                return
            scope[CLIENT] = client
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = (
            given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
        )
        if self._named is None or scheme.lower() != "bearer":
            return None
        return self._named(token.strip())


async def _unauthorized(send: Send) -> None:
    body = json.dumps({"error": "a bearer token of `devagent mcp token add` is needed"}).encode()
    headers = [
        (b"www-authenticate", b'Bearer realm="devagent"'),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _client_of(context: Context) -> str:
    request: object = context.request
    if isinstance(request, Request):
        return str(request.scope[CLIENT])
    raise RuntimeError("a request without its HTTP scope")
