"""The chat's commands: each is there, is described, and is named on the page about the terminal."""

import inspect
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from devagent.cli import cli
from devagent.cli.chat.saying import short_path
from devagent.cli.chat.slash import ALIASES, TABLE, command, named
from tests.support.command_line import environment

PAGE = Path(__file__).parents[3] / "docs/terminal.md"


@pytest.mark.parametrize("name", TABLE)
def test_a_command_of_the_table_is_there_and_on_the_page(name: str) -> None:
    assert inspect.iscoroutinefunction(command(name))
    assert TABLE[name].about
    assert f"/{name}" in PAGE.read_text(encoding="utf-8") or name == "help"


def test_another_name_leads_to_a_command() -> None:
    assert set(ALIASES.values()) <= set(TABLE)
    assert named("/exit") == ("quit", "")
    assert named("/BAD too long ") == ("bad", "too long")


def test_a_path_below_home_is_told_by_its_tilde(home: Path) -> None:
    assert short_path(str(home / "shop")) == "~/shop"
    assert short_path("/srv/shop") == "/srv/shop"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_DEVAGENT_COMPLETE={shell}_complete" in done.stdout


TRIED = {
    "bash": """
. "$1"
COMP_WORDS=(devagent session re) COMP_CWORD=2
_devagent_completion devagent re session
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "fish": 'source $argv[1]; complete -C "devagent session re"',
    "zsh": """
compdef() { }; _describe() { print -l ${(P)3} }; compadd() { print -l ${(P)5} }
. "$1"
words=(devagent session re) CURRENT=3
_devagent_completion
""",
}
"""Each shell is asked as its Tab would; zsh's own list, which only a terminal has, stands in as printing."""


@pytest.mark.parametrize("shell", TRIED)
def test_the_shell_itself_completes_by_its_script(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script, devagent, tried = tmp_path / "script", tmp_path / "devagent", tmp_path / "tried"
    script.write_text(CliRunner().invoke(cli, ["completion", shell]).stdout)
    devagent.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m devagent "$@"\n')
    devagent.chmod(0o755)
    tried.write_text(TRIED[shell])
    done = subprocess.run(
        [program, str(tried), str(script)],
        capture_output=True, text=True, timeout=60, check=False,
        env=environment(more={"PATH": f"{tmp_path}:{os.environ['PATH']}"}),
    )  # fmt: skip
    words = {row.split("\t")[0].split(":")[0] for row in done.stdout.split("\n")}
    assert {"resume", "rename", "replay", "report"} <= words, done.stderr
