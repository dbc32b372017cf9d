"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

import json
import os
import tomllib
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
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from devagent_workspace import __version__, tools
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.jobs import stop_all

TIME_LIMIT_S = 120.0
_HERE = os.path.dirname(__file__)


class Workspace(NamedTuple):
    """The surroundings that a server gives its tools: a folder, and no policy of its own."""

    folder: str
    time_limit_s: float = TIME_LIMIT_S
    settings: Mapping[str, Any] = MappingProxyType({})
    obligations: Mapping[str, Any] = MappingProxyType({})
    own: tuple[str, ...] = ()

    def secret(self, name: str) -> str | None:
        """No secret is known."""
        return None


def listed_tools() -> list[Tool]:
    """The recorded tools, with hints from the manifest's classes."""
    with open(os.path.join(_HERE, "tools.json"), encoding="utf-8") as file:
        recorded: dict[str, dict[str, Any]] = json.load(file)
    with open(os.path.join(_HERE, "extension.toml"), "rb") as file:
        classes = {name: tool["class"] for name, tool in tomllib.load(file)["tools"].items()}
    return [
        Tool(
            name=name,
            description=tool["description"],
            input_schema=tool["input_schema"],
            annotations=ToolAnnotations(
                read_only_hint=classes[name] == "read" and name != "job",
                open_world_hint=name == "shell",
            ),
        )
        for name, tool in recorded.items()
    ]


def make_server(folder: str) -> Server[dict[str, Any]]:
    """A server whose tools work in ``folder``."""
    here = Workspace(os.path.realpath(folder))
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
            return _failed(f"there is no tool {params.name!r}", "bad_arguments")
        misfit = next(validators[params.name].iter_errors(arguments), None)
        if misfit is not None:
            place = "/".join(map(str, misfit.instance_path))
            return _failed(
                f"{place}: {misfit.message}" if place else misfit.message, "bad_arguments"
            )
        run: Callable[..., Result] = getattr(tools, params.name)
        try:
            result = await run_sync(lambda: run(here, **arguments))
        except WorkspaceError as error:
            return _failed(str(error), error.error)
        return CallToolResult(
            content=[
                TextContent(text=result["text"]),
                *(
                    ImageContent(data=block["data"], mime_type=block["mimeType"])
                    for block in result.get("content", ())
                    if block["type"] == "image"
                ),
            ],
            structured_content=result.get("structured"),
            is_error=result.get("failed", False),
        )

    return Server(
        "workspace", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _failed(text: str, error: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=f"{error}: {text}")], is_error=True)


def serve(folder: str) -> None:
    """Serve over standard input and output until the input ends."""

    async def run() -> None:
        server = make_server(folder)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    try:
        anyio.run(run)
    finally:
        stop_all(os.path.realpath(folder))
