"""The git extension keeps its word: manifest, recorded schemas, functions and MCP server agree."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import devagent_git
from devagent_git import tools
from devagent_git.names import GitError
from tests.support.repositories import Place, person, with_origin, write

PACKAGE = Path(devagent_git.__file__).parent
RECORDED: dict[str, dict[str, Any]] = json.loads((PACKAGE / "tools.json").read_text("utf-8"))
MANIFEST: dict[str, Any] = tomllib.loads((PACKAGE / "extension.toml").read_text("utf-8"))


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


def test_each_tool_has_its_class_and_needs_no_secret() -> None:
    assert (MANIFEST["secrets"], MANIFEST["needs"]) == ([], [])
    classes = {name: tool["class"] for name, tool in MANIFEST["tools"].items()}
    assert {name for name, kind in classes.items() if kind == "net"} == {"push", "pull", "fetch"}
    assert {name for name, kind in classes.items() if kind == "write"} == {
        "add", "commit", "branch", "switch", "restore", "stash", "integrate", "tag", "worktree", "remote",
    }  # fmt: skip


def test_every_tool_can_name_its_resources(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    needed = {
        "path": "a.txt",
        "paths": ["a.txt"],
        "message": "m",
        "name": "x",
        "branch": "main",
    }
    also = {
        "integrate": {"how": "merge", "ref": "HEAD~1"},
        "worktree": {"branch": "x", "path": "../tree"},
        "remote": {"action": "add", "url": "https://github.com/acme/shop"},
    }  # fmt: skip
    for name, tool in RECORDED.items():
        args: dict[str, Any] = also.get(name) or {
            key: needed[key] for key in tool["input_schema"].get("required", [])
        }
        args |= {"name": "x"} if name == "remote" else {}
        found = tools.resources(name, args, Place(str(work)))
        json.dumps(found)
        assert found[0]["id"] == "repo:."
        for resource in found:
            assert re.fullmatch("(repo|path|branch|remote|host):.+", resource["id"])
            assert resource["access"] in ("read", "write")


def test_a_declared_obligation_is_carried_out(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    write(work, {"a.txt": "long line\n" * 1000})
    for name in ("diff", "show", "status", "log", "list"):
        assert "limit_bytes" in MANIFEST["tools"][name]["obligations"]
        text = getattr(tools, name)(Place(str(work), {"limit_bytes": 60}))["text"]
        assert len(text.encode()) <= 60
    for name in MANIFEST["tools"]:
        assert "timeout_s" in MANIFEST["tools"][name]["obligations"]
    with pytest.raises(GitError) as failed:
        tools.log(Place(str(work), {"timeout_s": 0}))
    assert failed.value.error == "timeout"
    assert tools.log(Place(str(work), {"limit_rows": 1})).get("rows") == 1


async def test_the_server_lists_what_is_recorded_and_answers_calls(tmp_path: Path) -> None:
    from mcp import Client

    from devagent_git.server import make_server

    work = with_origin(tmp_path)
    async with Client(make_server(str(work))) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {
            name: {"description": tool.description, "input_schema": tool.input_schema}
            for name, tool in listed.items()
        } == RECORDED
        for name, tool in listed.items():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (MANIFEST["tools"][name]["class"] == "read")
        status = await client.call_tool("status", {})
        assert not status.is_error
        assert status.structured_content is not None
        assert status.structured_content["branch"] == "main"
        for name, arguments, error in (
            ("show", {"ref": "nope"}, "no_such_ref"),
            ("show", {"nope": 1}, "bad_arguments"),
            ("log", {"limit": 0}, "bad_arguments"),
            ("push", {"force": True}, "bad_arguments"),
            ("nope", {}, "unknown_tool"),
        ):
            failed = await client.call_tool(name, arguments)
            assert failed.is_error
            assert getattr(failed.content[0], "text", "").startswith(f"{error}: ")


async def test_the_installed_module_serves_over_standard_input_and_output(
    tmp_path: Path, home: Path
) -> None:
    from mcp import Client, StdioServerParameters

    work = with_origin(tmp_path)
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "devagent_git", "--folder", str(work)],
        env={"PYTHONPATH": str(PACKAGE.parent), "HOME": str(home)},
        cwd=str(tmp_path),
    )
    async with Client(server, read_timeout_seconds=60) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == (
            "git",
            devagent_git.__version__,
        )
        result = await client.call_tool("log", {"limit": 1})
        assert "Second" in getattr(result.content[0], "text", "")


def test_the_command_tells_its_version_and_refuses_a_missing_folder() -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "devagent_git", *args],
            cwd=PACKAGE.parent,
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert run("--version").stdout.strip() == f"devagent-git {devagent_git.__version__}"
    missing = run("--folder", "/nonexistent")
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr
