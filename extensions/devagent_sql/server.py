"""The same tools as an MCP server over standard input and output."""

import os
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from mcp.server.lowlevel import Server
from mcp.types import ToolAnnotations

from devagent_serving import Standalone, server
from devagent_sql import __version__, tools
from devagent_sql.errors import SqlError
from devagent_sql.types import Result

TIME_LIMIT_S = 30.0
CHANGING = ("write", "export")
"""Tools that are offered only where that was asked for."""


def surroundings(given: Mapping[str, str], config: str | None, folder: str) -> Standalone:
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
    here = Standalone(os.path.realpath(folder), {"sources": listed}, obligations, TIME_LIMIT_S)
    tools.sources(here)
    return here


def make_server(here: Standalone, *, writing: bool = False) -> Server[dict[str, Any]]:
    """A server over these sources; ``writing``: whether ``write`` and ``export`` are offered."""

    def run(name: str, arguments: dict[str, Any]) -> Result:
        called: Callable[..., Result] = getattr(tools, name)
        try:
            return called(here, **arguments)
        except SqlError as error:
            raise server.Failure(str(error), error.error) from error

    listed = server.listed("devagent_sql", _hints)
    offered = [tool for tool in listed if writing or tool.name not in CHANGING]
    return server.make_server("devagent-sql", __version__, offered, run)


def _hints(name: str, _class: str) -> ToolAnnotations:
    return ToolAnnotations(read_only_hint=name not in CHANGING, open_world_hint=False)


def serve(here: Standalone, *, writing: bool) -> None:
    """Serve until standard input ends."""
    try:
        server.serve(make_server(here, writing=writing))
    finally:
        tools.close(here.folder)
