"""Serving one client over standard input and output."""

from mcp.server.stdio import stdio_server

from devagent.gateway.server import make_server
from devagent.gateway.sessions import Sessions

CLIENT = "stdio"


async def serve_stdio(sessions: Sessions) -> None:
    """Serve until the input ends."""
    await sessions.of(CLIENT)  # before the first request: what is wrong is said at once
    server = make_server(sessions, lambda _context: CLIENT)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
