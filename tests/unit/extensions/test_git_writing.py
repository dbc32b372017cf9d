"""Add, commit, branch and switch: what they do, and what they refuse."""

from pathlib import Path

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, empty, git, person, script, small, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return small(tmp_path / "work")


def here(folder: Path, **obligations: int) -> Place:
    return Place(str(folder), obligations)


def test_add_stages_new_changed_and_deleted_files(work: Path) -> None:
    write(work, {"a.txt": "x\n", "new/n.txt": "n\n", "other.txt": "o\n"})
    (work / "src/b.py").unlink()
    result = tools.add(here(work), paths=["a.txt", "new", "src"])
    assert result["text"].splitlines() == ["staged 3 files", "a.txt", "new/n.txt", "src/b.py"]
    assert git(work, "diff", "--cached", "--name-status") == "M\ta.txt\nA\tnew/n.txt\nD\tsrc/b.py"
    assert tools.add(here(work), paths=["a.txt"])["text"].startswith("nothing to stage")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("nope", "no_such_path"),
        ("*.txt", "no_such_path"),
        (":/", "no_such_path"),
        ("--all", "no_such_path"),
        ("ignored.log", "ignored"),
        ("../x", "outside_repository"),
        ("/etc/passwd", "outside_repository"),
        (".git/config", "bad_arguments"),
        ("link/x", "bad_arguments"),
        ("", "bad_arguments"),
        ("a\0b", "bad_arguments"),
    ],
)
def test_add_takes_paths_by_their_letter(work: Path, path: str, error: str) -> None:
    write(work, {".gitignore": "*.log\n", "ignored.log": "x", "src/x": "x", "fresh.txt": "f"})
    (work / "link").symlink_to("src")
    with pytest.raises(GitError) as failed:
        tools.add(here(work), paths=[path])
    assert failed.value.error == error
    assert git(work, "diff", "--cached", "--name-only") == ""


def test_add_of_nothing_is_refused(work: Path) -> None:
    with pytest.raises(GitError) as failed:
        tools.add(here(work), paths=[])
    assert failed.value.error == "bad_arguments"


def test_commit_commits_what_is_staged_as_the_person(work: Path) -> None:
    write(work, {"a.txt": "x\n", "left.txt": "l"})
    git(work, "add", "a.txt")
    result = tools.commit(here(work), message="Fix: ümlaut\n\n# not a comment\nbody\n")
    oid = git(work, "rev-parse", "HEAD")
    assert result["text"].startswith(f"committed {oid[:10]} on main: Fix: ümlaut")
    assert git(work, "log", "-1", "--format=%an <%ae>|%B") == (
        "Ana Roe <ana@example.com>|Fix: ümlaut\n\n# not a comment\nbody"
    )
    assert git(work, "show", "--name-only", "--format=") == "a.txt"
    assert "not run" not in result["text"]


def test_the_first_commit_of_a_repository_works(tmp_path: Path) -> None:
    work = empty(tmp_path / "work")
    write(work, {"a": "1"})
    tools.add(here(work), paths=["."])
    assert "on main: One" in tools.commit(here(work), message="One")["text"]


def test_commit_all_takes_tracked_changes_and_amend_replaces(work: Path) -> None:
    write(work, {"a.txt": "x\n", "untracked": "u"})
    before = git(work, "rev-parse", "HEAD")
    tools.commit(here(work), message="All", all=True)
    assert git(work, "show", "--name-only", "--format=") == "a.txt"
    result = tools.commit(here(work), message="Better", amend=True)
    assert git(work, "rev-parse", "HEAD~1") == before
    assert git(work, "log", "-1", "--format=%s") == "Better"
    assert "the commit before was" in result["text"]
    tools.commit(here(work), message="", amend=True)
    assert git(work, "log", "-1", "--format=%s") == "Better"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("x", "nothing_to_commit"),
        (" \n", "bad_arguments"),
        ("a\0b", "bad_arguments"),
        ("\ud800", "bad_arguments"),
    ],
)
def test_an_empty_or_impossible_commit_is_refused(work: Path, message: str, error: str) -> None:
    before = git(work, "rev-parse", "HEAD")
    write(work, {"untracked": "u"})
    with pytest.raises(GitError) as failed:
        tools.commit(here(work), message=message)
    assert failed.value.error == error
    assert git(work, "rev-parse", "HEAD") == before


def test_amending_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GitError) as failed:
        tools.commit(here(empty(tmp_path / "work")), message="x", amend=True)
    assert failed.value.error == "no_commits"


def test_without_an_identity_the_error_says_how_to_set_one(work: Path, config: Path) -> None:
    config.unlink()
    write(work, {"a.txt": "x\n"})
    with pytest.raises(GitError) as failed:
        tools.commit(here(work), message="x", all=True)
    assert failed.value.error == "no_identity"
    assert "git config --global user.email" in str(failed.value)


def test_hooks_do_not_run_and_the_commit_says_so(work: Path, tmp_path: Path, config: Path) -> None:
    script(work / ".git/hooks/pre-commit", tmp_path / "canary")
    script(work / ".git/hooks/commit-msg", tmp_path / "canary")
    (work / ".git/hooks/post-commit").write_text("not executable")
    write(work, {"a.txt": "x\n"})
    result = tools.commit(here(work), message="x", all=True)
    assert "not run, because hooks are off here: pre-commit, commit-msg" in result["text"]
    (tmp_path / "hooks").mkdir()
    script(tmp_path / "hooks/post-commit", tmp_path / "canary")
    with config.open("a") as file:
        file.write(f"[core]\n\thooksPath = {tmp_path}/hooks\n")
    write(work, {"a.txt": "y\n"})
    assert "off here: post-commit" in tools.commit(here(work), message="y", all=True)["text"]
    assert not (tmp_path / "canary").exists()


def test_unresolved_conflicts_are_not_committed(work: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "side", "HEAD~1")
    commit(work, "Side", {"src/b.py": "print('side')\n"})
    git(work, "merge", "main", check=False)
    with pytest.raises(GitError) as failed:
        tools.commit(here(work), message="x")
    assert failed.value.error == "conflict"
    write(work, {"src/b.py": "print('both')\n"})
    tools.add(here(work), paths=["src/b.py"])
    tools.commit(here(work), message="Merged")
    assert len(git(work, "log", "-1", "--format=%P").split()) == 2


def test_branches_are_created_renamed_and_deleted(work: Path) -> None:
    first = git(work, "rev-parse", "HEAD~1")
    assert "created side at" in tools.branch(here(work), name="side", start="HEAD~1")["text"]
    assert git(work, "rev-parse", "refs/heads/side") == first
    tools.branch(here(work), name="refs/heads/side", action="rename", new_name="feature/x")
    assert git(work, "rev-parse", "refs/heads/feature/x") == first
    deleted = tools.branch(here(work), name="feature/x", action="delete")
    assert f"which was at {first[:10]}" in deleted["text"]
    assert git(work, "branch", "--format=%(refname:short)") == "main"


def test_an_unmerged_branch_is_deleted_only_by_force(work: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "side")
    commit(work, "Side", {"s": "s"})
    git(work, "checkout", "--quiet", "main")
    with pytest.raises(GitError) as failed:
        tools.branch(here(work), name="side", action="delete")
    assert failed.value.error == "not_merged"
    tools.branch(here(work), name="side", action="delete", force=True)
    assert git(work, "branch", "--format=%(refname:short)") == "main"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": "main"}, "exists"),
        ({"name": "-D"}, "bad_arguments"),
        ({"name": "x", "start": "nope"}, "no_such_ref"),
        ({"name": "x", "start": "--force"}, "bad_arguments"),
        ({"name": "nope", "action": "delete"}, "no_such_ref"),
        ({"name": "main", "action": "delete"}, "bad_arguments"),
        ({"name": "main", "action": "rename", "new_name": "-f"}, "bad_arguments"),
        ({"name": "main", "action": "rename", "new_name": ""}, "bad_arguments"),
        ({"name": "main", "action": "rename", "new_name": "other"}, "exists"),
        ({"name": "x", "force": True}, "bad_arguments"),
    ],
)
def test_what_branch_cannot_do_changes_nothing(
    work: Path, arguments: dict[str, str], error: str
) -> None:
    git(work, "branch", "other")
    before = git(work, "for-each-ref")
    with pytest.raises(GitError) as failed:
        tools.branch(here(work), **arguments)  # pyright: ignore[reportArgumentType] - a table of wrong uses
    assert failed.value.error == error
    assert git(work, "for-each-ref") == before


def test_switch_moves_and_creates(work: Path) -> None:
    tools.switch(here(work), branch="side", create=True, start="HEAD~1")
    assert git(work, "symbolic-ref", "HEAD") == "refs/heads/side"
    assert not (work / "src/b.py").exists()
    assert "switched to main" in tools.switch(here(work), branch="main")["text"]
    assert (work / "src/b.py").exists()


def test_switch_creates_in_a_repository_without_commits(tmp_path: Path) -> None:
    work = empty(tmp_path / "work")
    tools.switch(here(work), branch="trunk", create=True)
    assert git(work, "symbolic-ref", "HEAD") == "refs/heads/trunk"


def test_a_branch_started_from_a_remote_one_tracks_it(tmp_path: Path, work: Path) -> None:
    git(work, "remote", "add", "origin", str(tmp_path / "o"))
    git(work, "update-ref", "refs/remotes/origin/feature", "HEAD~1")
    git(work, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    with pytest.raises(GitError, match="start=origin/feature"):
        tools.switch(here(work), branch="feature")
    tools.switch(here(work), branch="feature", create=True, start="origin/feature")
    assert git(work, "rev-parse", "--abbrev-ref", "feature@{upstream}") == "origin/feature"


def test_switch_overwrites_no_work(work: Path) -> None:
    git(work, "branch", "old", "HEAD~1")
    write(work, {"src/b.py": "mine\n"})
    with pytest.raises(GitError) as failed:
        tools.switch(here(work), branch="old")
    assert failed.value.error == "would_overwrite"
    assert "src/b.py" in str(failed.value)
    assert (work / "src/b.py").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"branch": "nope"}, "no_such_ref"),
        ({"branch": "-"}, "bad_arguments"),
        ({"branch": "--detach"}, "bad_arguments"),
        ({"branch": "HEAD"}, "bad_arguments"),
        ({"branch": "main", "create": True}, "exists"),
        ({"branch": "main", "start": "HEAD~1"}, "bad_arguments"),
        ({"branch": "a..b", "create": True}, "bad_arguments"),
    ],
)
def test_what_switch_cannot_do_moves_nothing(
    work: Path, arguments: dict[str, str], error: str
) -> None:
    with pytest.raises(GitError) as failed:
        tools.switch(here(work), **arguments)  # pyright: ignore[reportArgumentType] - a table of wrong uses
    assert failed.value.error == error
    assert git(work, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_lock_of_another_git_is_reported(work: Path) -> None:
    (work / ".git/index.lock").touch()
    write(work, {"a.txt": "x\n"})
    with pytest.raises(GitError) as failed:
        tools.add(here(work), paths=["a.txt"])
    assert failed.value.error == "locked"


def test_linked_work_trees_commit_to_their_own_branch(tmp_path: Path, work: Path) -> None:
    git(work, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    write(tmp_path / "side", {"s": "s"})
    tools.add(here(tmp_path / "side"), paths=["s"])
    assert "on side" in tools.commit(here(tmp_path / "side"), message="S")["text"]
    with pytest.raises(GitError):
        tools.switch(here(tmp_path / "side"), branch="main")


def test_a_nested_repository_is_not_taken_in(work: Path) -> None:
    small(work / "nested")
    write(work, {"fresh": "f"})
    text = tools.add(here(work), paths=["."])["text"]
    assert "not staged, being repositories of their own: nested/" in text
    assert git(work, "diff", "--cached", "--name-only") == "fresh"


def test_add_stages_a_file_that_became_a_folder_and_back(work: Path) -> None:
    (work / "a.txt").unlink()
    write(work, {"a.txt/inner": "i"})
    tools.add(here(work), paths=["a.txt"])
    assert git(work, "ls-files") == "a.txt/inner\nsrc/b.py"
    (work / "a.txt/inner").unlink()
    (work / "a.txt").rmdir()
    write(work, {"a.txt": "again\n"})
    tools.add(here(work), paths=["."])
    assert git(work, "ls-files") == "a.txt\nsrc/b.py"


def test_one_bad_path_stages_nothing(work: Path) -> None:
    write(work, {"a.txt": "x\n"})
    with pytest.raises(GitError):
        tools.add(here(work), paths=["a.txt", "nope"])
    assert git(work, "diff", "--cached", "--name-only") == ""


def test_amending_a_commit_away_is_refused(work: Path) -> None:
    git(work, "rm", "--quiet", "--cached", "src/b.py")
    before = git(work, "rev-parse", "HEAD")
    with pytest.raises(GitError) as failed:
        tools.commit(here(work), message="x", amend=True)
    assert failed.value.error == "nothing_to_commit"
    assert git(work, "rev-parse", "HEAD") == before


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("Sort the list", "Sort the list\n\nTicket: PAY-17"),
        ("Sort the list\n\nIt was not.", "Sort the list\n\nIt was not.\n\nTicket: PAY-17"),
        ("Sort\n\nSigned-off-by: Ana <a@b>", "Sort\n\nSigned-off-by: Ana <a@b>\nTicket: PAY-17"),
        ("PAY-17: sort the list", "PAY-17: sort the list"),
        ("Sort the list (pay-17)", "Sort the list (pay-17)"),
        ("Not PAY-177, nor XPAY-17", "Not PAY-177, nor XPAY-17\n\nTicket: PAY-17"),
    ],
)
def test_a_commit_mentions_the_sessions_ticket(work: Path, message: str, written: str) -> None:
    write(work, {"a.txt": "x\n"})
    tools.add(here(work), paths=["a.txt"])
    at = here(work)._replace(ticket="PAY-17")
    said = tools.preview("commit", {"message": message}, at)
    assert ("Ticket: PAY-17" in said) == (message != written)
    tools.commit(at, message=message)
    assert git(work, "log", "-1", "--format=%B") == written
    assert git(work, "log", "-1", "--format=%(trailers:key=Ticket,valueonly)") == (
        "PAY-17" if message != written else ""
    )
    # What amends without a message keeps the one that is there.
    write(work, {"a.txt": "y\n"})
    tools.commit(at, message="", all=True, amend=True)
    assert git(work, "log", "-1", "--format=%B") == written


def test_without_a_ticket_a_message_stays_as_it_is(work: Path) -> None:
    write(work, {"a.txt": "x\n"})
    tools.commit(here(work), message="Sort the list", all=True)
    assert git(work, "log", "-1", "--format=%B") == "Sort the list"
    assert tools.preview("commit", {"message": "Sort"}, here(work)) == ""
    assert tools.preview("push", {}, here(work)._replace(ticket="PAY-17")) == ""
