"""An extension as an MCP server: what it lists is its ``tools.json``, what it runs are its functions.

A failure that the caller can act on is a result with ``isError``; its text begins with the failure's class, and its
``_meta`` key ``error`` holds it.
"""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

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

Hints = Callable[[str, str], ToolAnnotations]
"""A tool's name and its class in the manifest → what a client is told of its effects."""
Run = Callable[[str, dict[str, Any]], Mapping[str, Any]]
"""A tool's name and arguments that fit its schema → its result. It may raise ``Failure``."""


class Failure(Exception):
    """A failure that the caller should read: a safe text, and its class."""

    def __init__(self, text: str, error: str) -> None:
        super().__init__(text)
        self.error = error


def recorded(package: str) -> dict[str, dict[str, Any]]:
    """The content of an extension's ``tools.json``."""
    return json.loads(files(package).joinpath("tools.json").read_text("utf-8"))


def listed(package: str, hints: Hints) -> list[Tool]:
    """The recorded tools of an extension."""
    manifest = tomllib.loads(files(package).joinpath("extension.toml").read_text("utf-8"))
    return [
        Tool(
            name=name,
            description=tool["description"],
            input_schema=tool["input_schema"],
            annotations=hints(name, manifest["tools"][name]["class"]),
        )
        for name, tool in recorded(package).items()
    ]


def make_server(name: str, version: str, tools: Sequence[Tool], run: Run) -> Server[dict[str, Any]]:
    """A server of these tools, for any transport. ``run`` is called in a thread."""
    validators = {
        tool.name: jsonschema_rs.Draft202012Validator(tool.input_schema) for tool in tools
    }

    async def list_tools(
        _context: ServerRequestContext[dict[str, Any]], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=list(tools))

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
        try:
            result = await run_sync(run, params.name, arguments)
        except Failure as failure:
            return _failed(str(failure), failure.error)
        error = result.get("error")
        return CallToolResult(
            content=[TextContent(text=result["text"]), *_images(result)],
            structured_content=result.get("structured"),
            is_error=result.get("failed", False),
            _meta={"error": error} if error else None,
        )

    return Server(name, version=version, on_list_tools=list_tools, on_call_tool=call_tool)


def _images(result: Mapping[str, Any]) -> list[ImageContent]:
    return [
        ImageContent(data=block["data"], mime_type=block["mimeType"])
        for block in result.get("content", ())
        if block["type"] == "image"
    ]


def serve(server: Server[dict[str, Any]]) -> None:
    """Serve over standard input and output until the input ends."""

    async def run() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(run)


def _failed(text: str, error: str) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=f"{error}: {text}")], is_error=True, _meta={"error": error}
    )
