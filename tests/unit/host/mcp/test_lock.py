"""``tools.lock``: what makes a server the same one, and a file that loses nothing."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.core.errors import ConfigError, DevagentError
from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.lock import PinnedServer, identity, program
from tests.support.mcp_servers import lock_in


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    file = tmp_path / "bin/server"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def settings(command: str, **more: Any) -> ServerSettings:
    return ServerSettings(name="odd", command=command, **more)


def pinned(settings: ServerSettings) -> PinnedServer:
    found = program(settings)
    assert found is not None
    return PinnedServer(identity=identity(settings, found), command=(found.path,), program=found)


def test_any_part_of_its_identity_makes_another_server(tool: Path) -> None:
    first = settings(str(tool), args=("a",), env={"A": "1"}, pass_env=("B",), cwd="/srv")
    known = program(first)
    same = replace(first, env={"A": "2"}, call_s=3.0, classes={"x": "read"})
    assert identity(same, program(same)) == identity(first, known)
    others = [
        replace(first, args=("a", "b")),
        replace(first, env={}),
        replace(first, pass_env=()),
        replace(first, cwd="/"),
    ]
    assert len({identity(one, known) for one in [first, *others]}) == 5
    tool.write_text("#!/bin/sh\n# other\n")
    assert identity(first, program(first, known)) != identity(first, known)


def read_again(*arguments: object) -> None:
    pytest.fail(f"it was read again: {arguments}")


def test_a_program_is_read_again_only_where_it_was_touched(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = program(settings(str(tool)))
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", read_again)
        assert program(settings(str(tool)), known) is known
    before = tool.stat()
    time.sleep(0.01)
    tool.write_text("#!/bin/ss\n")  # the same size
    os.utime(tool, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = program(settings(str(tool)), known)
    assert now is not None
    assert known is not None
    assert now.sha256 != known.sha256


def test_a_command_is_looked_for_on_path_but_not_in_its_relative_folders(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tool.parent)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}/nowhere")
    with pytest.raises(ConfigError, match="'server' is not there"):
        program(settings("server"))
    monkeypatch.setenv("PATH", str(tool.parent))
    found = program(settings("server"))
    assert found is not None
    assert found.path == str(tool)


def test_a_lock_is_read_as_it_was_written(tool: Path, tmp_path: Path) -> None:
    lock = lock_in(tmp_path / "data")
    assert lock.servers() == {}
    one = pinned(settings(str(tool)))
    lock.put("odd", one)
    lock.put("even", one)
    assert lock_in(tmp_path / "data").servers() == {"odd": one, "even": one}
    assert Path(lock.path).stat().st_mode & 0o777 == 0o600
    lock.mark("odd", one.identity, {"gone": None}, legacy=True, capabilities=())
    lock.mark("even", "another server's", {"gone": None}, legacy=True, capabilities=())
    assert lock.servers()["odd"] == replace(
        one, pending={"gone": None}, legacy=True, capabilities=()
    )
    assert lock.servers()["even"] == one
    assert lock.remove("odd")
    assert not lock.remove("odd")
    assert sorted(os.listdir(tmp_path / "data")) == ["tools.lock", "tools.lock.lock"]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"version":1}', b'{"version":2,"servers":{}}']
)
def test_a_damaged_lock_is_an_error_and_never_an_empty_one(damage: bytes, tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    Path(lock.path).write_bytes(damage)
    Path(lock.path).chmod(0o600)
    with pytest.raises(ConfigError, match=r"tools\.lock"):
        lock.servers()
    with pytest.raises(ConfigError):
        lock.remove("odd")
    assert Path(lock.path).read_bytes() == damage


def test_a_lock_that_others_can_write_is_refused(tool: Path, tmp_path: Path) -> None:
    lock = lock_in(tmp_path / "data")
    lock.put("odd", pinned(settings(str(tool))))
    Path(lock.path).chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        lock.servers()


def test_a_lock_that_cannot_be_written_is_told(tool: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DevagentError, match="cannot be written"):
        lock_in(tmp_path / "data").put("odd", pinned(settings(str(tool))))
