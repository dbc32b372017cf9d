"""``devagent tickets``: trackers, and tickets in and out of a local one."""

from pathlib import Path

from click.testing import CliRunner

from devagent.cli import cli
from tests.support.command_line import own_file

CONFIG = '[extensions.tickets.trackers.own]\nprojects = ["WORK"]\n[extensions.tickets.trackers.pay]\ntype = "linear"\nprojects = ["PAY"]\nsecret = "linear-key"\n'


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["tickets", *arguments], standalone_mode=False)
    if done.exception is not None:
        return int(getattr(done.exception, "exit_code", -1)), str(done.exception)
    return int(done.return_value or 0), done.output


def test_tickets_go_in_are_found_and_come_out(tmp_path: Path, home: Path) -> None:
    own_file("config.toml", CONFIG)
    (tmp_path / "a.md").write_text('---\nlabels: ["bug"]\n---\n# Parking\n\nBehind the house.\n')
    assert said("import", "WORK", str(tmp_path / "a.md")) == (0, "WORK: 1 new, 0 replaced\n")
    code, text = said("status")
    assert code == 0
    assert "own: local, on this computer: WORK; 1 kept here" in text
    assert "pay: linear, api.linear.app: PAY; 0 kept here" in text
    code, text = said("search", "parking", "--project", "WORK")
    assert (code, text.startswith("WORK-1 [open] Parking — nobody, bug")) == (0, True)
    assert said("search", "zorptastic", "--project", "WORK") == (1, "No ticket fits.\n")
    assert said("export", "WORK", str(tmp_path / "out.jsonl")) == (0, "1 tickets\n")
    assert '"title":"Parking"' in (tmp_path / "out.jsonl").read_text()
    assert said("export", "WORK", str(tmp_path / "out.jsonl"))[0] == 2  # nothing is overwritten


def test_what_cannot_be_done_ends_with_its_code(tmp_path: Path, home: Path) -> None:
    assert said("status")[0] == 78
    own_file("config.toml", CONFIG)
    assert said("search", "x", "--project", "NONE")[0] == 2
    assert said("search", "x", "--project", "PAY")[0] == 78  # no secret
    assert said("export", "PAY", str(tmp_path / "x"))[0] == 2
    (tmp_path / "bad.md").write_text("no title\n")
    assert said("import", "WORK", str(tmp_path / "bad.md"))[0] == 2
