"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

import os
from collections.abc import Callable
from typing import Any

from mcp.server.lowlevel import Server
from mcp.types import ToolAnnotations

from devagent_serving import Standalone, server
from devagent_workspace import __version__, tools
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.jobs import stop_all

TIME_LIMIT_S = 120.0


def make_server(folder: str) -> Server[dict[str, Any]]:
    """A server whose tools work in ``folder``."""
    here = Standalone(os.path.realpath(folder), time_limit_s=TIME_LIMIT_S)

    def run(name: str, arguments: dict[str, Any]) -> Result:
        called: Callable[..., Result] = getattr(tools, name)
        try:
            return called(here, **arguments)
        except WorkspaceError as error:
            raise server.Failure(str(error), error.error) from error

    return server.make_server(
        "workspace", __version__, server.listed("devagent_workspace", _hints), run
    )


def _hints(name: str, tool_class: str) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=tool_class == "read" and name != "job", open_world_hint=name == "shell"
    )


def serve(folder: str) -> None:
    """Serve over standard input and output until the input ends."""
    try:
        server.serve(make_server(folder))
    finally:
        stop_all(os.path.realpath(folder))
