"""Real servers of third parties, and the SDK's own, through the extension that a session makes of them."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.mcp_servers import server
from tests.support.repositories import git, small

SDK_SERVER = """
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
app = MCPServer("sdk", version="7.1")
@app.tool()
def add(a: int, b: int = 2) -> int:
    "Add two numbers."
    return a + b
@app.tool(structured_output=False)
def fail(why: str) -> str:
    raise ToolError(why)
app.run("stdio")
"""


def module(name: str, *args: str) -> dict[str, Any]:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return {"type": "stdio", "command": sys.executable, "args": ["-m", name, *args], "start_s": 120}


async def test_a_server_on_the_sdk_in_both_directions(tmp_path: Path) -> None:
    table = {"type": "stdio", "command": sys.executable, "args": ["-c", SDK_SERVER], "start_s": 120}
    async with server(tmp_path, table) as extension:
        seen = await extension.look()
        extension.pin(seen, how="approved", on="2026-11-20")
        assert (seen.calls_itself, seen.legacy, seen.left_out) == ("sdk 7.1", False, ())
        assert [tool.description for tool in extension.tools] == ["Add two numbers.", ""]
        result = await extension.run("add", {"a": 40, "b": 2}, {})
        assert (result.text, result.structured, result.failed) == ("42", {"result": 42}, False)
        result = await extension.run("fail", {"why": "because"}, {})
        assert (result.failed, result.error) == (True, "tool_error")
        assert "because" in result.text


async def test_mcp_server_time(tmp_path: Path) -> None:
    async with server(tmp_path, module("mcp_server_time", "--local-timezone", "UTC")) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")
        assert {tool.name for tool in extension.tools} >= {"get_current_time", "convert_time"}
        args = {"source_timezone": "Europe/Oslo", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        result = await extension.run("convert_time", args, {})
        assert not result.failed, result.text
        assert "Asia/Tokyo" in result.text
        assert (await extension.run("convert_time", {**args, "time": "noon"}, {})).failed


async def test_mcp_server_git(tmp_path: Path) -> None:
    repository = small(tmp_path / "shop")
    table = module("mcp_server_git", "--repository", str(repository))
    table["resources"] = {"git_status": ["path:{args.repo_path}"]}
    async with server(tmp_path, table) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")
        assert len(extension.tools) >= 10
        args = {"repo_path": str(repository)}
        assert [r.id for r in await extension.resources("git_status", args)] == ["path:shop"]
        result = await extension.run("git_log", args, {})
        assert not result.failed, result.text
        assert git(repository, "rev-parse", "HEAD").strip()[:7] in result.text
