"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

import json
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import anyio
import jsonschema_rs
from anyio.to_thread import run_sync
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from devagent_tickets import __version__, tools
from devagent_tickets.changes import WRITES
from devagent_tickets.contract import Result, TicketsError

TIME_LIMIT_S = 60.0
_HERE = os.path.dirname(__file__)


class Standalone(NamedTuple):
    """The surroundings without a house: settings from the command line, secrets from the environment, no policy."""

    folder: str
    settings: Mapping[str, Any]
    time_limit_s: float = TIME_LIMIT_S
    obligations: Mapping[str, Any] = MappingProxyType({})

    def secret(self, name: str) -> str | None:
        """``DEVAGENT_SECRET_NAME`` in the environment: letters in capitals, the rest as ``_``."""
        variable = "".join(c.upper() if c.isascii() and c.isalnum() else "_" for c in name)
        return os.environ.get(f"DEVAGENT_SECRET_{variable}") or None


def listed_tools() -> list[Tool]:
    """The recorded tools, with what they do to a tracker."""
    with open(os.path.join(_HERE, "tools.json"), encoding="utf-8") as file:
        recorded: dict[str, dict[str, Any]] = json.load(file)
    return [
        Tool(
            name=name,
            description=tool["description"],
            input_schema=tool["input_schema"],
            annotations=ToolAnnotations(
                read_only_hint=name not in WRITES,
                destructive_hint=name in ("update", "transition", "assign"),
                idempotent_hint=True,
                open_world_hint=True,
            ),
        )
        for name, tool in recorded.items()
    ]


def make_server(here: Standalone) -> Server[dict[str, Any]]:
    """A server over the trackers of these settings."""
    listed = listed_tools()
    validators = {
        tool.name: jsonschema_rs.Draft202012Validator(tool.input_schema) for tool in listed
    }

    async def list_tools(
        _context: ServerRequestContext[dict[str, Any]], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(
        _context: ServerRequestContext[dict[str, Any]], params: CallToolRequestParams
    ) -> CallToolResult:
        arguments = params.arguments or {}
        if params.name not in validators:
            return _failed(f"there is no tool {params.name!r}", "unknown_tool")
        misfit = next(validators[params.name].iter_errors(arguments), None)
        if misfit is not None:
            place = "/".join(map(str, misfit.instance_path))
            text = f"{place}: {misfit.message}" if place else misfit.message
            return _failed(text, "bad_arguments")
        run: Callable[..., Result] = getattr(tools, params.name)
        try:
            result = await run_sync(lambda: run(here, **arguments))
        except TicketsError as error:
            return _failed(str(error), error.error)
        return CallToolResult(
            content=[TextContent(text=result["text"])],
            structured_content=result.get("structured"),
            is_error=result.get("failed", False),
        )

    return Server(
        "devagent-tickets", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _failed(text: str, error: str) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=f"{error}: {text}")], is_error=True, _meta={"error": error}
    )


def serve(here: Standalone) -> None:
    """Serve over standard input and output until the input ends."""

    async def run() -> None:
        server = make_server(here)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(run)
