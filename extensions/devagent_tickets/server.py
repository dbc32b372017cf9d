"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

from collections.abc import Callable
from typing import Any

from mcp.server.lowlevel import Server
from mcp.types import ToolAnnotations

from devagent_serving import Standalone, server
from devagent_tickets import __version__, tools
from devagent_tickets.changes import WRITES
from devagent_tickets.contract import Result, TicketsError


def make_server(here: Standalone) -> Server[dict[str, Any]]:
    """A server over the trackers of these settings."""

    def run(name: str, arguments: dict[str, Any]) -> Result:
        called: Callable[..., Result] = getattr(tools, name)
        try:
            return called(here, **arguments)
        except TicketsError as error:
            raise server.Failure(str(error), error.error) from error

    return server.make_server(
        "devagent-tickets", __version__, server.listed("devagent_tickets", _hints), run
    )


def _hints(name: str, _class: str) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=name not in WRITES,
        destructive_hint=name in ("update", "transition", "assign"),
        idempotent_hint=True,
        open_world_hint=True,
    )
