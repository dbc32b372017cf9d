"""The protocol's own inspector, on its command line, drives the gateway: over HTTP with a token, and over standard input and output.

``DEVAGENT_TEST_INSPECTOR`` is the folder that ``tests/conformance.py fetch --cache FOLDER`` has filled (``.ci/run`` does it in the
background: while ``….installing`` lies beside it, it is waited for).
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import inspector, node
from tests.support.command_line import LIMIT_S, ROOT
from tests.support.gateways import serving

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
INSTALLED_WITHIN_S = 300.0


@pytest.fixture(scope="module")
def program() -> list[str]:
    folder = os.environ.get("DEVAGENT_TEST_INSPECTOR")
    if not folder:
        pytest.skip("the inspector is not installed (DEVAGENT_TEST_INSPECTOR)")
    until = time.monotonic() + INSTALLED_WITHIN_S
    while Path(f"{folder}.installing").exists() and time.monotonic() < until:
        time.sleep(0.2)
    return [node(Path(folder)), inspector(Path(folder))]


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    del home
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    return folder


async def inspected(program: list[str], home: Path, *arguments: str) -> Any:
    """What the inspector prints."""
    process = await asyncio.create_subprocess_exec(
        *program, "--cli", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(home)}, cwd=home,
    )  # fmt: skip
    said, wrong = await asyncio.wait_for(process.communicate(), 3 * LIMIT_S)
    assert process.returncode == 0, (said, wrong)
    return json.loads(said)


async def test_the_inspector_calls_over_http(program: list[str], work: Path, home: Path) -> None:
    async with serving(work) as server:
        named = ("--transport", "http", "--header", "Authorization: Bearer token-a")
        asked = ("--method", "tools/call", "--tool-name", "workspace__read")
        read = await inspected(
            program, home, server.url, *named, *asked, "--tool-arg", "path=a.txt"
        )
    assert read["isError"] is False
    assert read["content"][0]["text"] == "1\tone"


async def test_the_inspector_lists_over_standard_input_and_output(
    program: list[str], work: Path, home: Path
) -> None:
    path = os.pathsep.join(str(ROOT / part) for part in ("", "extensions", "policies"))
    given = ("-e", f"PYTHONPATH={path}", "-e", f"DEVAGENT_HOME={os.environ['DEVAGENT_HOME']}")
    serve = ("-m", "devagent", "mcp", "serve", "-C", str(work), "--extension", "workspace")
    listed = await inspected(
        program, home, *given, "--method", "tools/list", "--", sys.executable, *serve
    )
    assert "workspace__read" in {tool["name"] for tool in listed["tools"]}
