"""Serving many clients over streamable HTTP, at ``/mcp``: our front, and the SDK behind it for what is not plain."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import HTTPConnection

from devagent.gateway.callers import Callers
from devagent.gateway.entrance import Entrance
from devagent.gateway.exchange import Message
from devagent.gateway.front import Front
from devagent.gateway.names import Names, Prefixed
from devagent.gateway.quick import CALLING, CLIENT, Quick
from devagent.gateway.server import Context, make_server
from devagent.gateway.sessions import Sessions

if TYPE_CHECKING:
    from devagent.gateway.calling import Calling


async def serve_http(
    sessions: Sessions,
    listening: socket.socket,
    *,
    callers: Callers,
    hosts: Sequence[str],
    ready: Callable[[], None],
    names: Names | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and then raise CancelledError. See ``serve``."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    ready()
    await serve(sessions, listening, stopped, callers=callers, hosts=hosts, names=names)
    raise asyncio.CancelledError


async def serve(
    sessions: Sessions,
    listening: socket.socket,
    stopped: asyncio.Event,
    *,
    callers: Callers,
    hosts: Sequence[str] = (),
    names: Names | None = None,
) -> None:
    """Serve until ``stopped``. ``hosts``: what the Host header may name besides the loopback (a proxy's name)."""
    named = names or Prefixed()
    server = make_server(sessions, _client_of, named, _begun)
    # Sessions that nobody uses are ended by the entrance, which sees all of their requests.
    sdk = StreamableHTTPSessionManager(server, session_idle_timeout=None)
    entrance = Entrance(sdk.handle_request, callers, Quick(sessions, named), hosts)
    with listening:
        async with sdk.run():
            tidying = asyncio.get_running_loop().create_task(entrance.keep_tidy())
            try:
                front = Front(entrance.handle, entrance.turned_away)
                await front.serve(listening, stopped)
            finally:
                tidying.cancel()


def _client_of(context: Context) -> str:
    return str(_scope(context)[CLIENT])


def _begun(context: Context) -> "Calling | None":
    """The call that was begun for this request before it came here; once."""
    return _scope(context).pop(CALLING, None)


def _scope(context: Context) -> Message:
    request: object = context.request
    if isinstance(request, HTTPConnection):
        return request.scope
    raise RuntimeError("a request without its HTTP scope")
