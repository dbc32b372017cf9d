"""docs/admin-guide.md: every command as it is written, in order, and every file that it shows."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devagent.cli.entry import run_command_line
from tests.support.org_machine import org_folders

GUIDE = Path(__file__).parents[3] / "docs/admin-guide.md"
_BLOCK = re.compile(r"(?:^`(?P<file>[\w./-]+)`:\n\n)?^```(?P<kind>sh|toml)\n(?P<text>.*?)^```$", re.M | re.S)  # fmt: skip


def blocks() -> Iterator[tuple[str, str, str]]:
    for found in _BLOCK.finditer(GUIDE.read_text(encoding="utf-8")):
        yield found["kind"], found["file"] or "", found["text"]


def words(line: str) -> list[str]:
    """The words that a shell makes of a line."""
    done = subprocess.run(
        ["bash", "-ec", f'w() {{ printf "%s\\0" "$@"; }}; w {line}'],
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode().split("\0")[:-1]


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if line.startswith("cd "):
        monkeypatch.chdir(line.removeprefix("cd "))
    elif line.startswith("export "):
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    elif found := re.match(r"(?:(\w+)=(\S+) )?devagent (.*)", line):
        with monkeypatch.context() as patched:
            if found[1]:
                patched.setenv(found[1], found[2])
            assert run_command_line(words(found[3])) == 0, line
    else:
        assert subprocess.run(["bash", "-ec", line], check=False).returncode == 0, line


def test_every_command_of_the_guide_works_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    org_folders(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path(os.environ["DEVAGENT_HOME"], "sessions").mkdir(parents=True)
    ran = 0
    for kind, file, text in blocks():
        if kind == "toml":
            assert file, text
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
            continue
        for line in text.splitlines():
            run(line, monkeypatch)
            ran += 1
    assert ran > 50
    out = capsys.readouterr().out
    assert "acme 3, the content of 1 again: prod, ring everyone, fresh" in out
    assert "1 machine; the newest revision is 3" in out
