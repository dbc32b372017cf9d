"""The workspace extension keeps its word: manifest, recorded schemas, functions and MCP server agree."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import devagent_workspace
from devagent.host.inprocess import InProcess
from devagent.host.manifest import read_manifest
from devagent_workspace import tools
from devagent_workspace.contract import WorkspaceError
from tests.support.workspaces import Place

PACKAGE = Path(devagent_workspace.__file__).parent
RECORDED: dict[str, dict[str, Any]] = json.loads((PACKAGE / "tools.json").read_text("utf-8"))
MANIFEST: dict[str, Any] = tomllib.loads((PACKAGE / "extension.toml").read_text("utf-8"))


def test_each_tool_has_its_class_and_needs_no_secret() -> None:
    assert (MANIFEST["secrets"], MANIFEST["needs"]) == ([], [])
    classes = {name: tool["class"] for name, tool in MANIFEST["tools"].items()}
    assert {name for name, kind in classes.items() if kind == "write"} == {"write", "edit"}
    assert {name for name, kind in classes.items() if kind == "exec"} == {"shell"}


def test_every_tool_can_name_its_resources(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    needed = {
        "path": "a.txt", "content": "x", "pattern": "a", "command": "ls", "edits": [{"old": "a", "new": "b"}],
    }  # fmt: skip
    for name, tool in RECORDED.items():
        args = {key: needed[key] for key in tool["input_schema"].get("required", [])}
        found = tools.resources(name, args, Place(str(tmp_path)))
        json.dumps(found)
        assert found
        for resource in found:
            assert re.fullmatch("(path|command):.+", resource["id"])
            assert resource["access"] in ("read", "write")


def test_an_unknown_tool_and_a_wrong_argument_are_refused(tmp_path: Path) -> None:
    for tool, args in (("nope", {}), ("read", {"path": 1}), ("grep", {"patern": "x"}), ("read", {"path": "a\0b"})):  # fmt: skip
        with pytest.raises(WorkspaceError) as refused:
            tools.resources(tool, args, Place(str(tmp_path)))
        assert refused.value.error == "bad_arguments"


def test_a_declared_obligation_is_carried_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some line\n" * 1000)
    for number in range(50):
        (tmp_path / f"f{number}").write_text("")
    here = Place(str(tmp_path), {"limit_bytes": 100, "limit_rows": 3})
    calls = {
        "read": {"path": "a.txt"}, "list": {}, "tree": {}, "glob": {"pattern": "*"}, "grep": {"pattern": "some"},
        "shell": {"command": "cat a.txt"}, "job": {},
    }  # fmt: skip
    for name, args in calls.items():
        assert "limit_bytes" in MANIFEST["tools"][name]["obligations"]
        assert len(getattr(tools, name)(here, **args)["text"].encode()) <= 100
    assert tools.grep(Place(str(tmp_path), {"limit_rows": 3}), pattern="some").get("rows") == 3
    assert (
        tools.shell(Place(str(tmp_path), time_limit_s=0.2), command="sleep 9").get("error")
        == "timeout"
    )


def test_a_read_loads_nothing_of_the_shell_nor_what_only_other_tools_need(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    code = (
        "import sys; from devagent_workspace import tools; from types import SimpleNamespace as N; "
        f"here = N(folder={str(tmp_path.resolve())!r}, obligations={{}}); tools.resources('read', {{'path': 'a.txt'}}, here); "
        "tools.read(here, path='a.txt'); print([m for m in ('devagent_workspace.judging', 'devagent_workspace.sandbox', "
        "'devagent_workspace.pdf', 'shutil', 'subprocess', 'json', 'difflib', 'ctypes') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


async def test_the_host_runs_the_tools_in_process(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    extension = InProcess(
        read_manifest(str(PACKAGE)), folder=str(tmp_path), settings={}, secret=lambda _name: None
    )
    try:
        named = await extension.resources("edit", {"path": "a.txt", "edits": []})
        assert [(one.id, one.access) for one in named] == [("path:a.txt", "write")]
        assert (await extension.run("read", {"path": "a.txt"}, {})).text == "1\tone"
        edits = [{"old": "one", "new": "two"}]
        done = await extension.run("edit", {"path": "a.txt", "edits": edits}, {})
        assert not done.failed
        assert (tmp_path / "a.txt").read_text() == "two\n"
        lost = await extension.run("read", {"path": "b.txt"}, {})
        assert (lost.failed, lost.error) == (True, "not_found")
        ran = await extension.run("shell", {"command": "cat a.txt"}, {})
        assert ran.text == "two"
    finally:
        extension.close()


async def test_the_server_lists_what_is_recorded_and_answers_calls(tmp_path: Path) -> None:
    from mcp import Client

    from devagent_workspace.server import make_server

    (tmp_path / "a.txt").write_text("one\n")
    async with Client(make_server(str(tmp_path))) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {
            name: {"description": tool.description, "input_schema": tool.input_schema}
            for name, tool in listed.items()
        } == RECORDED
        read_only = {name for name, tool in listed.items() if tool.annotations and tool.annotations.read_only_hint}  # fmt: skip
        assert read_only == {"read", "list", "tree", "glob", "grep"}
        read = await client.call_tool("read", {"path": "a.txt"})
        assert getattr(read.content[0], "text", "") == "1\tone"
        refused: list[tuple[str, dict[str, Any], str]] = [
            ("read", {"path": "nope"}, "not_found"),
            ("read", {"nope": 1}, "bad_arguments"),
            ("grep", {"pattern": "("}, "bad_pattern"),
            ("edit", {"path": "a.txt", "edits": []}, "bad_arguments"),
            ("nope", {}, "unknown_tool"),
        ]
        for name, arguments, error in refused:
            failed = await client.call_tool(name, arguments)
            assert failed.is_error
            assert getattr(failed.content[0], "text", "").startswith(f"{error}: ")


async def test_the_installed_module_serves_over_standard_input_and_output(
    tmp_path: Path, home: Path
) -> None:
    from mcp import Client, StdioServerParameters

    (tmp_path / "a.txt").write_text("one\n")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "devagent_workspace", "--folder", str(tmp_path)],
        env={"PYTHONPATH": str(PACKAGE.parent), "HOME": str(home)},
        cwd=str(tmp_path),
    )
    async with Client(server, read_timeout_seconds=60) as client:
        assert client.server_info is not None
        assert client.server_info.name == "workspace"
        result = await client.call_tool("shell", {"command": "cat a.txt"})
        assert getattr(result.content[0], "text", "") == "one"


def test_the_command_tells_its_version_and_refuses_a_missing_folder() -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "devagent_workspace", *args], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    assert run("--version").stdout.strip() == f"devagent-workspace {devagent_workspace.__version__}"
    missing = run("--folder", "/nonexistent")
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr
