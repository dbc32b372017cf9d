"""The gateway over HTTP within this process, on a port of its own."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from devagent.gateway.callers import Callers
from devagent.gateway.calling import ByTheClient
from devagent.gateway.front import listen
from devagent.gateway.http import serve
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, open_served
from tests.support.command_line import LIMIT_S

TOKENS = {"token-a": "a", "token-b": "b"}
META: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


class Serving(NamedTuple):
    url: str
    port: int
    sessions: Sessions


@asynccontextmanager
async def serving(
    work: Path,
    callers: Callers | None = None,
    *,
    listening: tuple[socket.socket, str] | None = None,
    **given: Any,
) -> AsyncGenerator[Serving]:
    """Serve this folder to the callers (those of ``TOKENS``) until the block is left."""
    known = callers or Callers(TOKENS.get)
    client_side = ByTheClient()

    async def open_for(client: str) -> Served:
        who = known.principal(client)
        options = Options(
            folder=str(work),
            mode="gateway",
            agent=who.agent if who else f"mcp-{client}",
            principal=who,
            approver=client_side,
            elicitor=client_side,
            sampler=client_side,
            **given,
        )
        return await open_served(options)

    sessions = Sessions(open_for)
    sock, url = listening or listen("127.0.0.1", 0)
    stopped = asyncio.Event()
    running = asyncio.create_task(serve(sessions, sock, stopped, callers=known))
    try:
        yield Serving(url, int(url.rpartition(":")[2].partition("/")[0]), sessions)
    finally:
        stopped.set()
        await asyncio.wait_for(running, LIMIT_S)
        await sessions.close("done", 0)


def call(tool: str, args: dict[str, Any], number: int | str = 1) -> dict[str, Any]:
    """A call as a request of 2026-07-28."""
    params = {"name": tool, "arguments": args, "_meta": META}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def stateless(tool: str) -> dict[str, str]:
    """The headers of that request."""
    wire = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
    return {**ACCEPT, **wire}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def web(token: str = "token-a") -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=LIMIT_S, headers=bearer(token)) as client:
        yield client


async def hello(client: httpx2.AsyncClient, url: str, **headers: str) -> dict[str, str]:
    """Open a session of the handshake era; the headers of its requests."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}  # fmt: skip
    opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    answer = await client.post(url, json=opening, headers={**ACCEPT, **headers})
    assert answer.status_code == 200, answer.text
    within = {
        **ACCEPT,
        **headers,
        "Mcp-Session-Id": answer.headers["mcp-session-id"],
        "MCP-Protocol-Version": "2025-11-25",
    }
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await client.post(url, json=ready, headers=within)).status_code == 202
    return within
