"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

import os
from collections.abc import Callable
from typing import Any

from mcp.server.lowlevel import Server
from mcp.types import ToolAnnotations

from devagent_git import __version__, tools
from devagent_git.contract import GitError, Result
from devagent_serving import Standalone, server

TIME_LIMIT_S = 120.0


def make_server(folder: str) -> Server[dict[str, Any]]:
    """A server whose tools work on the repository that ``folder`` lies in."""
    here = Standalone(os.path.realpath(folder), time_limit_s=TIME_LIMIT_S)

    def run(name: str, arguments: dict[str, Any]) -> Result:
        called: Callable[..., Result] = getattr(tools, name)
        try:
            return called(here, **arguments)
        except GitError as error:
            raise server.Failure(str(error), error.error) from error

    return server.make_server("git", __version__, server.listed("devagent_git", _hints), run)


def _hints(_name: str, tool_class: str) -> ToolAnnotations:
    return ToolAnnotations(read_only_hint=tool_class == "read", open_world_hint=tool_class == "net")
