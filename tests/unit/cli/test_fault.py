"""A fault of devagent's own ends in one line, its frames and a closed record, never in an open traceback."""

import json
from pathlib import Path

import pytest

from devagent.cli import entry
from devagent.cli.entry import run_command_line
from devagent.host.inprocess import InProcess

SECRET = "sk-ant-never-shown"


def broken(*_: object, **__: object) -> None:
    raise LookupError(SECRET)


def test_an_unforeseen_exception_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry.cli, "invoke", broken)
    assert run_command_line(["config", "path"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("devagent: a fault of devagent's own: LookupError in broken (")
    assert "Please report it" in told.err
    assert SECRET not in told.err


def test_a_module_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half_installed(*_: object) -> None:
        raise ModuleNotFoundError(SECRET, name="devagent.missing")

    monkeypatch.setattr(entry.cli, "invoke", half_installed)
    assert run_command_line(["config", "path"]) == 1
    told = capsys.readouterr().err
    assert "ModuleNotFoundError of devagent.missing in half_installed (" in told
    assert SECRET not in told


def test_a_run_still_ends_with_its_one_result_and_a_closed_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    script = tmp_path / "r.toml"
    script.write_text('name = "r"\n[[reply]]\n[[reply.call]]\ntool = "git.status"\n')
    monkeypatch.setattr(InProcess, "resources", broken)
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "go", "--output-format", "json", "--model", f"rehearsal:{script}"]
    assert run_command_line(arguments) == 1
    told = capfdbinary.readouterr()
    result = json.loads(told.out)
    assert (result["stop"], result["exit_code"]) == ("failed", 1)
    assert "LookupError" in result["reason"]
    assert result["log"] == "verify: ok"
    assert SECRET.encode() not in told.out + told.err
