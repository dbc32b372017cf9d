"""The same tools as an MCP server over standard input and output.

The schemas listed are those of ``tools.json``. A failure the caller can act on is a result with
``isError``; its ``_meta`` key ``error`` carries the class.
"""

import functools
import json
import os
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

from devagent_sql import __version__, tools
from devagent_sql.errors import SqlError
from devagent_sql.types import Result

TIME_LIMIT_S = 30.0
CHANGING = ("write", "export")
"""Tools that are offered only where that was asked for."""


class Standalone(NamedTuple):
    """Surroundings without a house: settings and obligations come from a file, secrets from the environment."""

    folder: str
    settings: Mapping[str, Any]
    obligations: Mapping[str, Any]
    time_limit_s: float = TIME_LIMIT_S
    writing: bool = False
    """Whether ``write`` and ``export`` are offered."""

    def secret(self, name: str) -> str | None:
        """``DEVAGENT_SECRET_NAME`` of the environment, as devagent itself has it."""
        return os.environ.get(f"DEVAGENT_SECRET_{name.upper().replace('-', '_')}")


def surroundings(
    given: Mapping[str, str], config: str | None, folder: str, *, writing: bool = False
) -> Standalone:
    """From ``--source`` pairs and the TOML file's ``[sources.…]`` and ``[obligations]``.

    Raises SqlError ``bad_settings``, OSError for an unreadable file, tomllib.TOMLDecodeError.
    """
    settings: dict[str, Any] = {}
    if config is not None:
        with open(config, "rb") as file:
            settings = tomllib.load(file)
    obligations = settings.pop("obligations", {})
    unknown = sorted(set(settings) - {"sources"})
    if unknown or not isinstance(obligations, dict):
        raise SqlError("bad_settings", "The file holds [sources.NAME] and [obligations] only.")
    listed = dict(settings.get("sources", {}))
    listed |= {name: {"type": "sqlite", "path": path} for name, path in given.items()}
    here = Standalone(os.path.realpath(folder), {"sources": listed}, obligations, writing=writing)
    tools.sources(here)
    return here


def recorded() -> dict[str, dict[str, Any]]:
    """The content of ``tools.json``."""
    return json.loads(files("devagent_sql").joinpath("tools.json").read_text("utf-8"))


_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


def checked(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, judged by the part of JSON Schema that ``tools.json`` uses.

    Raises SqlError ``bad_arguments``.
    """
    properties: dict[str, dict[str, Any]] = schema["properties"]
    missing = [key for key in schema.get("required", []) if key not in arguments]
    if missing:
        raise SqlError("bad_arguments", f"{missing[0]} is missing.")
    for key, value in arguments.items():
        known = properties.get(key)
        if known is None:
            raise SqlError("bad_arguments", "An argument is not known to this tool.")
        if type(value) is not _TYPES[known["type"]]:
            raise SqlError("bad_arguments", f"{key} must be of type {known['type']}.")
        size = len(value) if isinstance(value, str) else value
        least, most = known.get("minimum", size), known.get("maximum", known.get("maxLength", size))
        if not least <= size <= most:
            raise SqlError("bad_arguments", f"{key} is too small, too large or too long.")
    return dict(arguments)


def _call(here: Standalone, name: str, arguments: Mapping[str, Any]) -> Result:
    try:
        entry = recorded().get(name)
        if entry is None or (name in CHANGING and not here.writing):
            raise SqlError("unknown_tool", "There is no tool of that name.")
        given = checked(arguments, entry["input_schema"])
        match name:
            case "sources":
                return tools.sources(here)
            case "describe":
                return tools.describe(here, **given)
            case "query":
                return tools.query(here, **given)
            case "explain":
                return tools.explain(here, **given)
            case "profile":
                return tools.profile(here, **given)
            case "sample":
                return tools.sample(here, **given)
            case "export":
                return tools.export(here, **given)
            case _:
                return tools.write(here, **given)
    except SqlError as error:
        return {"text": f"{error.error}: {error}", "failed": True, "error": error.error}


def server(here: Standalone) -> Server[dict[str, Any]]:
    """The MCP server over these surroundings, for any transport."""
    listed = [
        Tool(
            name=name,
            description=entry["description"],
            input_schema=entry["input_schema"],
            annotations=ToolAnnotations(read_only_hint=name not in CHANGING, open_world_hint=False),
        )
        for name, entry in recorded().items()
        if name not in CHANGING or here.writing
    ]

    async def list_tools(context: object, params: object) -> ListToolsResult:
        del context, params
        return ListToolsResult(tools=listed)

    async def call_tool(context: object, params: Any) -> CallToolResult:
        del context
        result = await anyio.to_thread.run_sync(
            functools.partial(_call, here, params.name, params.arguments or {})
        )
        error = result.get("error")
        return CallToolResult(
            content=[TextContent(type="text", text=result["text"])],
            structured_content=result.get("structured"),
            is_error=result.get("failed", False),
            _meta={"error": error} if error else None,
        )

    return Server(
        "devagent-sql", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _serve(here: Standalone) -> None:
    running = server(here)
    async with stdio_server() as (incoming, outgoing):
        await running.run(incoming, outgoing, running.create_initialization_options())


def serve(here: Standalone) -> None:
    """Serve until standard input ends."""
    try:
        anyio.run(_serve, here)
    finally:
        tools.close(here.folder)
