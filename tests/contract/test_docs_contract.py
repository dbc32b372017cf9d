"""What the documentation extension declares, what its functions take, and what its server lists are one."""

import json
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import devagent_docs
from devagent_docs.__main__ import main
from devagent_docs.server import make_server
from devagent_serving import Standalone
from tests.support.documentation import index_all, make_place

EXTENSIONS = str(Path(devagent_docs.__file__).parent.parent)


def recorded() -> dict[str, dict[str, Any]]:
    return json.loads(files("devagent_docs").joinpath("tools.json").read_text("utf-8"))


def test_every_tool_reads_and_needs_collections() -> None:
    declared = tomllib.loads(files("devagent_docs").joinpath("extension.toml").read_text("utf-8"))
    assert {tool["class"] for tool in declared["tools"].values()} == {"read"}
    assert declared["needs"] == ["collections"]


async def test_the_server_lists_the_recorded_schemas_and_answers(tmp_path: Path) -> None:
    here = make_place(tmp_path)
    index_all(here)
    async with Client(make_server(Standalone(here.folder, here.settings))) as client:
        listed = (await client.list_tools()).tools
        assert {
            tool.name: {"description": tool.description, "input_schema": tool.input_schema}
            for tool in listed
        } == recorded()
        answer = await client.call_tool("search", {"query": "queue.max_depth", "limit": 1})
        assert not answer.is_error
        assert answer.structured_content is not None
        (hit,) = answer.structured_content["hits"]
        section = await client.call_tool("read", {"hit": hit["citation"]})
        assert "How many jobs may wait" in str(section.content)
        wrong: list[tuple[str, dict[str, Any], str]] = [
            ("search", {}, "bad_arguments"), ("search", {"query": "x", "limit": 0}, "bad_arguments"),
            ("search", {"query": "x", "collection": "none"}, "no_such_collection"),
            ("read", {"hit": "site:none.html"}, "no_such_section"), ("drop", {}, "unknown_tool"),
        ]  # fmt: skip
        for name, arguments, error in wrong:
            refused = await client.call_tool(name, arguments)
            assert refused.is_error, arguments
            assert (refused.meta or {})["error"] == error


async def test_the_program_indexes_and_serves_over_standard_input_and_output(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.md").write_text("# Parking\n\nBehind the house.\n")
    arguments = [
        "-m",
        "devagent_docs",
        "--collection",
        "notes=notes",
        "--index",
        str(tmp_path / "i"),
    ]
    environment = {"PYTHONPATH": EXTENSIONS}
    indexed = subprocess.run(
        [sys.executable, *arguments, "index"],
        capture_output=True, text=True, timeout=30, check=False, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert indexed.returncode == 0, indexed.stderr
    assert indexed.stdout.endswith("1 documents, 1 chunks\n")
    command = StdioServerParameters(
        command=sys.executable, args=arguments, cwd=str(tmp_path), env=environment
    )
    async with Client(stdio_client(command), read_timeout_seconds=20) as client:
        assert client.server_info is not None
        assert client.server_info.name == "devagent-docs"
        answer = await client.call_tool("search", {"query": "parking"})
        assert answer.structured_content is not None
        assert answer.structured_content["hits"][0]["citation"].endswith(":a.md#parking")


@pytest.mark.parametrize("module", ["devagent_docs.tools", "devagent_docs.__main__"])
def test_neither_the_library_nor_the_server_is_loaded_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}\nprint({{'tantivy', 'mcp', 'pydantic', 'yaml', 'pypdf'}} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=20, check=True, env={"PYTHONPATH": EXTENSIONS},
    )  # fmt: skip
    assert ran.stdout.strip() == "set()"


def test_without_the_library_the_message_names_the_extra(tmp_path: Path) -> None:
    here = make_place(tmp_path)
    code = (
        "import sys; sys.modules['tantivy'] = None\n"
        "from types import SimpleNamespace\nfrom devagent_docs import commands\n"
        f"here = SimpleNamespace(folder={here.folder!r}, settings={dict(here.settings)!r}, obligations={{}})\n"
        "try: commands.index(here, commands.chosen(here, ['site'])[0])\nexcept Exception as e: print(e.error, e)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=20, check=True, env={"PYTHONPATH": EXTENSIONS},
    )  # fmt: skip
    assert ran.stdout.startswith("no_tantivy ")
    assert "devagent[docs]" in ran.stdout


@pytest.mark.parametrize(
    "text", ["nonsense", "other = 1\n", "[collections.a]\n", "collections = 1\n"]
)
def test_a_config_that_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "docs.toml").write_text(text)
    assert main(["--config", str(tmp_path / "docs.toml")]) == 78
    assert capsys.readouterr().err.startswith("devagent-docs: ")


@pytest.mark.parametrize("arguments", [[], ["--collection", "x"], ["--nonsense"]])
def test_wrong_usage_ends_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: devagent-docs" in capsys.readouterr().err
