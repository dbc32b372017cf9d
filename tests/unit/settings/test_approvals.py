"""Approvals on file: kept whole, by their owner alone, and taken back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy.approvals import approvals
from devagent.core.approvals import StandingApproval
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.core.resources import Resource
from devagent.settings.approvals import ApprovalsOnFile
from devagent.settings.places import places

ROOT = Path(__file__).resolve().parents[3]


def approval(id: str = "a1", tool: str = "git.push") -> StandingApproval:
    return StandingApproval(
        id=id,
        user="ana",
        by="user:ana",
        tool=tool,
        definition="ab" * 32,
        scope="project",
        given="2026-11-20",
        expires="2026-12-20",
        rules=("local/mine#look",),
        resources=(Resource("branch:origin/x", "write", ("git.force",)),),
        folder="/code/shop",
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "data/approvals.json")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(approvals, list(arguments), catch_exceptions=False)


def test_what_is_kept_is_read_back_and_is_its_owners_alone(path: str) -> None:
    ApprovalsOnFile.load(path).keep(approval())
    assert ApprovalsOnFile.load(path).standing() == (approval(),)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(os.path.dirname(path))) == ["approvals.json", "approvals.json.lock"]


def test_two_sessions_lose_nothing_of_each_others(path: str) -> None:
    one, other = ApprovalsOnFile.load(path), ApprovalsOnFile.load(path)
    one.keep(approval("a1"))
    other.keep(approval("a2"))
    assert [a.id for a in ApprovalsOnFile.load(path).standing()] == ["a1", "a2"]


def test_what_is_taken_back_elsewhere_answers_no_more_and_what_is_added_answers_later(
    path: str,
) -> None:
    ApprovalsOnFile.load(path).keep(approval("a1"))
    session, other = ApprovalsOnFile.load(path), ApprovalsOnFile.load(path)
    session.keep(approval("a2"))
    other.keep(approval("a3"))
    assert [a.id for a in session.standing()] == ["a1", "a2"]
    assert ApprovalsOnFile.load(path).revoke("a1") == approval("a1")
    assert [a.id for a in session.standing()] == ["a2"]
    os.unlink(path)
    assert session.standing() == ()


def test_processes_at_once_lose_nothing(path: str) -> None:
    program = (
        "import sys\n"
        "from devagent.settings.approvals import ApprovalsOnFile\n"
        "from tests.unit.settings.test_approvals import approval\n"
        "ApprovalsOnFile.load(sys.argv[1]).keep(approval(sys.argv[2]))\n"
    )
    roots = os.pathsep.join(str(ROOT / part) for part in (".", "extensions", "policies"))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, path, f"a{n}"],
            env={**os.environ, "PYTHONPATH": roots},
        )
        for n in range(4)
    ]
    assert [one.wait(60) for one in running] == [0] * 4
    assert len(ApprovalsOnFile.load(path).standing()) == 4


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "approvals": []}', '{"version": 1}']
)
def test_a_file_that_is_none_is_an_error_that_names_it(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700)
    Path(path).write_text(text)
    os.chmod(path, 0o600)
    with pytest.raises(ConfigError, match=r"approvals\.json"):
        ApprovalsOnFile.load(path)


def test_a_file_that_others_can_write_answers_nothing(path: str) -> None:
    ApprovalsOnFile.load(path).keep(approval())
    os.chmod(path, 0o666)
    with pytest.raises(ConfigError, match="written by others"):
        ApprovalsOnFile.load(path)


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(DevagentError, match="cannot be kept"):
        ApprovalsOnFile(str(tmp_path / "data/approvals.json")).keep(approval())


def test_the_list_shows_what_how_far_until_when_and_how_often() -> None:
    assert run("list").output == "There are no approvals on file.\n"
    ApprovalsOnFile.load(places().approvals).keep(approval())
    log = Path(places().sessions, "2026-11-20", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    log.mkdir(parents=True)
    given = '{"approval":{"approval_id":"a1","method":"terminal"}}\n'
    used = '{"approval":{"approval_id":"a1","method":"file"}}\n'
    (log / "events.jsonl").write_text(given + used * 3)
    line = run("list").output
    assert line == (
        "a1  git.push  branch:origin/x\n"
        "              in /code/shop, until 2026-12-20, by user:ana, used 3 times\n"
    )
    assert json.loads(run("list", "--format", "json").output)[0]["uses"] == 3


def test_one_approval_is_shown_whole() -> None:
    ApprovalsOnFile.load(places().approvals).keep(approval())
    shown = run("show", "a1").output
    assert "  answers  local/mine#look" in shown
    assert "  write    branch:origin/x  git.force" in shown
    assert json.loads(run("show", "a1", "--format", "json").output)["tool"] == "git.push"


def test_a_revoked_approval_is_gone_and_an_unknown_one_is_wrong_usage() -> None:
    ApprovalsOnFile.load(places().approvals).keep(approval())
    assert run("revoke", "a1").output == "Revoked a1.\n"
    assert ApprovalsOnFile.load(places().approvals).standing() == ()
    for command in ("revoke", "show"):
        with pytest.raises(UsageError, match="no approval"):
            run(command, "a1")
