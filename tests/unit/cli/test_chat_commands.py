"""The chat's commands: each is there, is described, and is named on the page about the terminal."""

import inspect
from pathlib import Path

import pytest
from click.testing import CliRunner

from devagent.cli import cli
from devagent.cli.chat.saying import short_path
from devagent.cli.chat.slash import ALIASES, TABLE, command, named

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
