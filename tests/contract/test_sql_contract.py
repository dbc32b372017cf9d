"""What the SQL extension declares, what its functions take, and what its server lists are one."""

import os
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import devagent_sql
from devagent_serving import Standalone
from devagent_serving.server import recorded
from devagent_sql import tools
from devagent_sql.__main__ import main
from devagent_sql.server import make_server, surroundings
from tests.support.shop import MASK_PRIVATE, SETTINGS, build_shop


def manifest() -> dict[str, Any]:
    return tomllib.loads(files("devagent_sql").joinpath("extension.toml").read_text("utf-8"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    build_shop(str(tmp_path / "shop.db"))
    return tmp_path


def test_two_tools_write_and_the_others_read() -> None:
    declared = manifest()
    classes = {name: tool["class"] for name, tool in declared["tools"].items()}
    assert classes == dict.fromkeys(classes, "read") | {"write": "write", "export": "write"}


async def test_the_server_lists_the_recorded_schemas_and_answers(shop: Path) -> None:
    here = Standalone(str(shop), SETTINGS, MASK_PRIVATE)
    async with Client(make_server(here)) as client:
        listed = (await client.list_tools()).tools
        assert {
            tool.name: {"description": tool.description, "input_schema": tool.input_schema}
            for tool in listed
        } == {
            name: entry
            for name, entry in recorded("devagent_sql").items()
            if name not in ("write", "export")
        }
        arguments: dict[str, Any] = {
            "source": "shop",
            "sql": "SELECT name, email FROM customers",
            "limit": 1,
        }
        answer = await client.call_tool("query", arguments)
        assert not answer.is_error
        assert answer.structured_content is not None
        assert answer.structured_content["rows"] == [["Ana", None]]
        for name, wrong, error in (
            ("query", {"source": "shop", "sql": "DELETE FROM staff"}, "not_a_query"),
            ("query", {"source": "shop"}, "bad_arguments"),
            ("query", {"source": "shop", "sql": "SELECT 1", "limit": 0}, "bad_arguments"),
            ("query", {"source": "shop", "sql": "SELECT 1", "limit": True}, "bad_arguments"),
            ("query", {"source": "shop", "sql": "SELECT 1", "here": 1}, "bad_arguments"),
            ("describe", {"source": "none"}, "unknown_source"),
            ("drop", {}, "unknown_tool"),
            ("write", {"source": "shop", "sql": "DELETE FROM staff"}, "unknown_tool"),
        ):
            refused = await client.call_tool(name, wrong)
            assert refused.is_error, wrong
            assert (refused.meta or {})["error"] == error


async def test_the_server_starts_over_standard_input_and_output(shop: Path) -> None:
    extensions = str(Path(devagent_sql.__file__).parent.parent)
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "devagent_sql", "--source", f"shop={shop / 'shop.db'}"],
        cwd=str(shop),
        env={"PYTHONPATH": extensions},
    )
    async with Client(stdio_client(command), read_timeout_seconds=20) as client:
        assert client.server_info is not None
        assert client.server_info.name == "devagent-sql"
        answer = await client.call_tool("describe", {"source": "shop", "table": "staff"})
        assert answer.structured_content is not None
        assert answer.structured_content["rows"][0] == ["id", "INTEGER", "key 1", ""]


def test_the_version_is_told_without_loading_the_server() -> None:
    code = "import sys, devagent_sql.__main__ as m\ntry: m.main(['--version'])\nfinally: print('mcp' in sys.modules)"
    extensions = str(Path(devagent_sql.__file__).parent.parent)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=20, check=False, env={"PYTHONPATH": extensions},
    )  # fmt: skip
    assert ran.stdout.split() == ["devagent-sql", devagent_sql.__version__, "False"]


def test_tools_load_no_driver_and_no_server_until_called() -> None:
    code = (
        "import sys, devagent_sql.tools\nprint({'sqlite3', 'mcp', 'pydantic'} & set(sys.modules))"
    )
    extensions = str(Path(devagent_sql.__file__).parent.parent)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=20, check=True, env={"PYTHONPATH": extensions},
    )  # fmt: skip
    assert ran.stdout.strip() == "set()"


def test_a_config_file_brings_sources_and_obligations(shop: Path) -> None:
    config = shop / "sql.toml"
    config.write_text(
        '[sources.shop]\npath = "shop.db"\n[sources.shop.tags]\n"column:**.email" = ["pii.email"]\n'
        '[obligations]\nlimit_rows = 1\nmask = { "tag:pii.*" = "null" }\n'
    )
    here = surroundings({"again": "shop.db"}, str(config), str(shop))
    assert tools.sources(here._replace(obligations={})).get("rows") == 2
    found = tools.query(here, source="shop", sql="SELECT name, email FROM customers")
    assert found.get("structured", {})["rows"] == [["Ana", None]]


@pytest.mark.parametrize(
    "text", ["nonsense", "[other]\na = 1\n", "[sources.a]\n", "[obligations]\nx = 1\n"]
)
def test_a_config_that_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "sql.toml").write_text(text)
    assert main(["--config", str(tmp_path / "sql.toml")]) == 78
    assert capsys.readouterr().err.startswith("devagent-sql: ")


@pytest.mark.parametrize(
    "arguments", [[], ["--source", "shop"], ["--source", "=x"], ["--nonsense"]]
)
def test_wrong_usage_ends_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: devagent-sql" in capsys.readouterr().err


def test_listing_and_describing_a_file_load_no_parser(shop: Path) -> None:
    look = (
        "import sys\n"
        "from devagent_sql import tools\n"
        "from devagent_sql.server import surroundings\n"
        "here = surroundings({'shop': 'shop.db'}, None, sys.argv[1])\n"
        "assert tools.sources(here)['text']\n"
        "for table in ('', 'orders'):\n"
        "    args = {'source': 'shop', 'table': table}\n"
        "    assert tools.resources('describe', args, here)\n"
        "    assert 'orders' in tools.describe(here, **args)['text']\n"
        "print('sqlglot' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, str(shop)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "False\n"
