"""An organisation without bundles: ``extensions.toml`` and ``tools.lock`` beside the policy in its folder on a machine."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from devagent.cli.entry import run_command_line
from devagent.core.errors import ConfigError
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.ground import ExtensionChanged
from tests.support.command_line import own_file
from tests.support.mcp_servers import HOSTILE
from tests.support.org_machine import opened, org_folders, played, script
from tests.support.owners import ME, owned_by

POLICY = """version = 1
name = "acme"
layer = "org"
default = "deny"
[[rule]]
id = "reads"
effect = "allow"
tools = ["odd.*"]
classes = ["read"]
"""
ECHO = ("odd.echo", {"text": "hello"})


def servers(*arguments: str) -> str:
    args = json.dumps(["-S", HOSTILE, *arguments])
    return f'[extensions.odd]\ntype = "stdio"\ncommand = {json.dumps(sys.executable)}\nargs = {args}\nclasses = {{ echo = "read" }}\n'


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The organisation's folder with a policy."""
    folder = org_folders(tmp_path, monkeypatch).parent
    folder.mkdir(mode=0o755)
    put(folder, "policy.toml", POLICY)
    return folder


def put(folder: Path, name: str, text: str, mode: int = 0o644) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


async def at_the_command_line(*arguments: str) -> int:
    """In a thread: a command has an event loop of its own."""
    return await asyncio.to_thread(run_command_line, list(arguments))


async def pinned(folder: Path) -> None:
    assert await at_the_command_line("bundle", "pin", "odd", "--content", str(folder), "--yes") == 0


async def test_classes_of_the_organisations_folder_hold_and_nobody_approves_its_servers(
    org: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(org, "extensions.toml", servers("ok"))
    await pinned(org)
    assert (org / "tools.lock").stat().st_mode & 0o777 == 0o644
    judged, record = await played(tmp_path, [ECHO], mode="run")
    assert [(one.decision.effect, one.tool_class) for one in judged] == [("allow", "read")]
    assert [one.err for one in record if isinstance(one, ToolFinished)] == [""]
    assert await at_the_command_line("ext", "list") == 0
    assert "pinned by your organisation" in capsys.readouterr().out
    assert await at_the_command_line("ext", "approve", "odd", "--yes") == 2


async def test_a_persons_own_classes_say_nothing_beside_it(org: Path, tmp_path: Path) -> None:
    own_file("config.toml", servers("ok"))
    assert await at_the_command_line("ext", "approve", "odd", "--yes") == 0
    session = await opened(tmp_path, script(tmp_path, []))
    await session.close("done", 0)
    assert not [tool for tool in session.offered if tool.extension == "odd"]
    # Nor may they be set for a server that the organisation brings.
    put(org, "extensions.toml", servers("ok"))
    await pinned(org)
    with pytest.raises(ConfigError, match="not yours to set"):
        await opened(tmp_path, script(tmp_path, []))


async def test_what_the_folder_does_not_pin_or_pins_otherwise_does_not_run(
    org: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    put(org, "extensions.toml", servers("changes", str(state)))
    with pytest.raises(ConfigError, match="does not pin its tools"):
        await opened(tmp_path, script(tmp_path, []), "run")
    await pinned(org)
    judged, record = await played(tmp_path, [ECHO], mode="run")
    assert [one.tool_class for one in judged if isinstance(one, ToolJudged)] == ["read"]
    assert [one.err for one in record if isinstance(one, ToolFinished)] == ["definition_changed"]
    assert [one.tools for one in record if isinstance(one, ExtensionChanged)] == [("echo",)]


@pytest.mark.parametrize("name", ["extensions.toml", "tools.lock"])
async def test_a_file_that_others_could_write_stops_the_session_and_is_named(
    org: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    put(org, "extensions.toml", servers("ok"))
    await pinned(org)
    (org / name).chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others") as raised:
        await opened(tmp_path, script(tmp_path, []))
    assert raised.value.file == str(org / name)
    (org / name).chmod(0o644)
    if ME == 0:
        owned_by(4711, monkeypatch, org / name)
        with pytest.raises(ConfigError, match="belongs to user id 4711"):
            await opened(tmp_path, script(tmp_path, []))
    shutil.move(org / name, tmp_path / name)
    (org / name).symlink_to(tmp_path / name)
    with pytest.raises(ConfigError, match="symbolic link"):
        await opened(tmp_path, script(tmp_path, []))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[extensions.odd", "extensions.toml"),
        ("[extension.odd]\n", "unknown field"),
        (servers("ok").replace(HOSTILE, "{bundle}/servers/odd.py"), "file of a bundle"),
    ],
)
async def test_what_cannot_be_used_is_an_error_and_never_left_out(
    org: Path, tmp_path: Path, text: str, why: str
) -> None:
    put(org, "extensions.toml", text)
    with pytest.raises(ConfigError, match=why):
        await opened(tmp_path, script(tmp_path, []))
    assert await at_the_command_line("ext", "list") == 78
