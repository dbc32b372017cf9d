"""The tools as an MCP server: what it lists is ``tools.json``, what it runs is ``tools.py``."""

from collections.abc import Callable
from typing import Any

from mcp.server.lowlevel import Server
from mcp.types import ToolAnnotations

from devagent_docs import __version__, tools
from devagent_docs.contract import DocsError, Result
from devagent_serving import Standalone, server


def make_server(here: Standalone) -> Server[dict[str, Any]]:
    """A server over the collections of these settings."""

    def run(name: str, arguments: dict[str, Any]) -> Result:
        called: Callable[..., Result] = getattr(tools, name)
        try:
            return called(here, **arguments)
        except DocsError as error:
            raise server.Failure(str(error), error.error) from error

    return server.make_server(
        "devagent-docs", __version__, server.listed("devagent_docs", _hints), run
    )


def _hints(_name: str, tool_class: str) -> ToolAnnotations:
    return ToolAnnotations(read_only_hint=tool_class == "read", open_world_hint=False)
