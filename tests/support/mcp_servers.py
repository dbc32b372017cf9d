"""Third parties' servers in tests: the hostile one, configured, and the extension that a session makes of it."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from devagent.core.errors import ConfigError
from devagent.host.mcp.config import parse_server
from devagent.host.mcp.extension import McpExtension
from devagent.host.mcp.lock import ToolsLock
from devagent.settings.trusted_file import read_trusted
from tests.support.command_line import ROOT

HOSTILE = str(ROOT / "tests/support/hostile_mcp.py")
NAME = "odd"


def fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    """Where the config's reader would name the line: the path of the entry."""
    return ConfigError(f"{'.'.join(map(str, path))}: {what}", hint=hint)


def hostile(mode: str, state: Path | None = None, **more: Any) -> dict[str, Any]:
    """The config's table for it."""
    args = ["-S", HOSTILE, mode, *([str(state)] if state else [])]
    return {"type": "stdio", "command": sys.executable, "args": args, **more}


def lock_in(folder: Path) -> ToolsLock:
    return ToolsLock(str(folder), partial(read_trusted, error=ConfigError))


@asynccontextmanager
async def server(
    folder: Path, table: dict[str, Any], *, governed: bool = False
) -> AsyncGenerator[McpExtension, None]:
    """The extension over a lock in ``folder``; closed at the end."""
    folder.mkdir(exist_ok=True)
    settings = parse_server(NAME, table, fault)
    extension = McpExtension(
        settings, lock_in(folder / "data"), folder=os.path.realpath(folder), governed=governed
    )
    try:
        yield extension
    finally:
        await extension.aclose()


@asynccontextmanager
async def pinned(folder: Path, mode: str, **more: Any) -> AsyncGenerator[McpExtension, None]:
    """A hostile server, let in as it is; ``state`` in ``more`` is its state file."""
    async with server(folder, hostile(mode, more.pop("state", None), **more)) as extension:
        extension.pin(await extension.look(), how="first use", on="2026-11-20")
        yield extension


def running_in_group(group: int) -> list[int]:
    """The processes of a process group that have not ended."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        try:
            stat = (folder / "stat").read_text() if folder.name.isdigit() else ""
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = stat.rpartition(")")[2].split()
        if fields and int(fields[2]) == group and fields[0] != "Z":
            found.append(int(folder.name))
    return found
