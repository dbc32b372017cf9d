"""What the tickets extension declares, what its functions take, and what its server lists are one."""

import json
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import devagent_tickets
from devagent_serving import Standalone
from devagent_tickets.__main__ import main
from devagent_tickets.changes import WRITES
from devagent_tickets.server import make_server
from tests.support.tickets import Place, fill, local_place

EXTENSIONS = str(Path(devagent_tickets.__file__).parent.parent)


def recorded() -> dict[str, dict[str, Any]]:
    return json.loads(files("devagent_tickets").joinpath("tools.json").read_text("utf-8"))


def test_what_changes_a_ticket_writes_and_trackers_are_needed() -> None:
    declared = tomllib.loads(
        files("devagent_tickets").joinpath("extension.toml").read_text("utf-8")
    )
    for name, tool in declared["tools"].items():
        assert tool["class"] == ("write" if name in WRITES else "read")
    assert declared["needs"] == ["trackers"]


@pytest.fixture
def here(tmp_path: Path) -> Place:
    place = local_place(tmp_path)
    fill(place)
    return place


async def test_the_server_lists_the_recorded_schemas_and_answers(here: Place) -> None:
    async with Client(make_server(Standalone(here.folder, here.settings))) as client:
        listed = (await client.list_tools()).tools
        assert {
            tool.name: {"description": tool.description, "input_schema": tool.input_schema}
            for tool in listed
        } == recorded()
        assert {
            t.name for t in listed if t.annotations and not t.annotations.read_only_hint
        } == set(WRITES)
        answer = await client.call_tool("search", {"query": "safari"})
        assert not answer.is_error
        assert answer.structured_content is not None
        assert [one["key"] for one in answer.structured_content["tickets"]] == ["WORK-1"]
        made = await client.call_tool("comment", {"key": "WORK-1", "body": "Over MCP."})
        assert "done" in str(made.content)
        wrong: list[tuple[str, dict[str, Any], str]] = [
            ("get", {}, "bad_arguments"), ("search", {"limit": 0}, "bad_arguments"),
            ("get", {"key": "WORK-99"}, "no_such_ticket"), ("drop", {}, "unknown_tool"),
            ("comment", {"key": "WORK-1", "body": "to ana@acme.example"}, "personal_data"),
        ]  # fmt: skip
        for name, arguments, error in wrong:
            refused = await client.call_tool(name, arguments)
            assert refused.is_error, arguments
            assert (refused.meta or {})["error"] == error


async def test_the_program_serves_local_tickets_over_standard_input_and_output(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.md").write_text("# Parking\n\nBehind the house.\n")
    arguments = ["-m", "devagent_tickets", "--local", "WORK", "--data", str(tmp_path / "data")]
    environment = {"PYTHONPATH": EXTENSIONS}
    taken = subprocess.run(
        [sys.executable, *arguments, "import", "WORK", "a.md"],
        capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert (taken.returncode, taken.stdout) == (0, "WORK: 1 new, 0 replaced\n"), taken.stderr
    command = StdioServerParameters(
        command=sys.executable, args=arguments, cwd=str(tmp_path), env=environment
    )
    async with Client(stdio_client(command), read_timeout_seconds=30) as client:
        assert client.server_info is not None
        assert client.server_info.name == "devagent-tickets"
        answer = await client.call_tool("get", {"key": "WORK-1"})
        assert "Behind the house." in str(answer.content)


@pytest.mark.parametrize("module", ["devagent_tickets.tools", "devagent_tickets.__main__"])
def test_neither_network_nor_database_nor_server_is_loaded_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}\nprint({{'httpx2', 'mcp', 'pydantic', 'jsonschema_rs'}} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": EXTENSIONS},
    )  # fmt: skip
    assert ran.stdout.strip() == "set()"


@pytest.mark.parametrize("text", ["nonsense", "other = 1\n", "[trackers.a]\n", "trackers = 1\n", 'personal_data = "x"\n[trackers.a]\nprojects = ["A"]\n'])  # fmt: skip
def test_a_config_that_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "tickets.toml").write_text(text)
    assert main(["--config", str(tmp_path / "tickets.toml")]) == 78
    assert capsys.readouterr().err.startswith("devagent-tickets: ")


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["--local", "A", "import"]])
def test_wrong_usage_ends_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: devagent-tickets" in capsys.readouterr().err
