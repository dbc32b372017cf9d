"""Status, log, show, diff, blame and branches over real repositories of every shape."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, empty, git, person, small, with_origin, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return small(tmp_path / "work")


def here(folder: Path, **obligations: int) -> Place:
    return Place(str(folder), obligations)


def test_status_tells_branch_upstream_and_every_kind_of_change(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    commit(work, "Third", {"c.txt": "c\n"})
    write(work, {"a.txt": "changed\n", "new.txt": "n\n", "d.txt": "d\n"})
    git(work, "add", "d.txt")
    git(work, "mv", "c.txt", "e.txt")
    result = tools.status(here(work))
    assert result["text"].splitlines() == [
        "on main, tracks origin/main (ahead 1, behind 0)",
        "2 staged, 1 unstaged, 1 untracked",
        " M a.txt",
        "A  d.txt",
        "R  c.txt -> e.txt",
        "?? new.txt",
    ]
    assert result.get("structured", {})["ahead"] == 1


def test_a_change_in_the_second_of_the_last_look_is_seen_though_the_file_is_as_long_as_before(
    work: Path,
) -> None:
    # What a program does that writes, commits and writes again within a second; the times are set, not waited for.
    then, file, index = 1_700_000_000, work / "a.txt", work / ".git/index"
    git(work, "config", "core.trustctime", "false")  # the one time that cannot be set
    before = file.read_text()
    os.utime(file, (then, then))
    git(work, "update-index", "--refresh")
    os.utime(index, (then, then))
    file.write_text(before.swapcase())
    os.utime(file, (then, then))
    assert "+ONE\n+TWO" in tools.diff(here(work))["text"]
    touched = tools.resources("diff", {}, here(work))
    assert [one["id"] for one in touched] == ["repo:.", "path:a.txt"]
    assert index.stat().st_mtime == then  # reading stayed reading
    tools.restore(here(work), paths=["a.txt"], source="HEAD")
    assert file.read_text() == before


def test_a_repository_without_commits_is_read(tmp_path: Path) -> None:
    work = empty(tmp_path / "work")
    assert tools.status(here(work))["text"] == "on main (no commits yet)\nclean"
    assert tools.list(here(work))["text"] == "* main (no commits yet)"
    assert tools.diff(here(work))["text"] == "no differences"
    write(work, {"a": "1\n"})
    git(work, "add", "a")
    assert "+1" in tools.diff(here(work), staged=True)["text"]
    for call in (tools.log, tools.show):
        with pytest.raises(GitError) as failed:
            call(here(work))
        assert failed.value.error == "no_commits"
    with pytest.raises(GitError) as failed:
        tools.blame(here(work), path="a")
    assert failed.value.error == "no_commits"


def test_a_detached_head_is_named(work: Path) -> None:
    git(work, "checkout", "--quiet", "HEAD~1")
    oid = git(work, "rev-parse", "HEAD")
    assert tools.status(here(work))["text"].startswith(f"HEAD detached at {oid[:10]}")
    assert tools.list(here(work))["text"].startswith(f"HEAD detached at {oid[:10]}")


def test_a_folder_that_is_no_repository_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(GitError) as failed:
        tools.status(here(tmp_path))
    assert failed.value.error == "not_a_repository"
    with pytest.raises(GitError) as failed:
        tools.status(here(tmp_path / "missing"))
    assert failed.value.error == "not_a_repository"


def test_a_bare_repository_is_read_but_has_no_work_tree(tmp_path: Path) -> None:
    with_origin(tmp_path)
    bare = here(tmp_path / "origin.git")
    assert "Second" in tools.log(bare)["text"]
    assert tools.show(bare, path="a.txt")["text"] == "one\ntwo"
    assert "main" in tools.list(bare)["text"]
    assert "+print(1)" in tools.diff(bare, ref="HEAD~1..HEAD")["text"]
    assert "one" in tools.blame(bare, path="a.txt", ref="HEAD")["text"]
    for call in (
        lambda: tools.status(bare),
        lambda: tools.diff(bare),
        lambda: tools.add(bare, paths=["a"]),
        lambda: tools.commit(bare, message="x"),
        lambda: tools.switch(bare, branch="main"),
    ):
        with pytest.raises(GitError) as failed:
            call()
        assert failed.value.error == "bare"


def test_the_git_directory_itself_is_no_workspace(work: Path) -> None:
    with pytest.raises(GitError) as failed:
        tools.status(here(work / ".git"))
    assert failed.value.error == "bare"


def test_a_linked_work_tree_and_a_submodule_are_workspaces(tmp_path: Path, work: Path) -> None:
    git(work, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert tools.status(here(tmp_path / "side"))["text"].startswith("on side")
    inner = small(tmp_path / "inner")
    git(work, "submodule", "--quiet", "add", str(inner), "vendor")
    commit(work, "Vendor", {})
    assert tools.status(here(work))["text"].endswith("clean")
    assert tools.status(here(work / "vendor"))["text"].startswith("on main")
    assert "vendor (submodule)" in tools.show(here(work), path=".")["text"]
    write(work / "vendor", {"a.txt": "dirty\n"})
    assert tools.status(here(work))["text"].endswith("clean")
    commit(work / "vendor", "Inner", {"z": "z"})
    assert " M vendor" in tools.status(here(work))["text"]
    assert "Subproject commit" in tools.diff(here(work))["text"]


def test_a_subfolder_is_a_workspace_with_its_own_paths(work: Path) -> None:
    write(work, {"src/b.py": "print(2)\n", "a.txt": "x\n"})
    inside = here(work / "src")
    lines = tools.status(inside)["text"].splitlines()
    assert "the repository's root is .." in lines
    assert " M b.py" in lines
    assert " M ../a.txt" in lines
    assert tools.show(inside, path="b.py")["text"] == "print(1)"
    assert tools.show(inside, path="../a.txt")["text"] == "one\ntwo"
    assert "a.txt" not in tools.diff(inside, path=".")["text"]


def test_an_operation_in_progress_is_said(work: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "side", "HEAD~1")
    commit(work, "Side", {"src/b.py": "print('side')\n"})
    git(work, "merge", "main", check=False)
    result = tools.status(here(work))
    assert "in progress: merge" in result["text"]
    assert "1 conflicts" in result["text"]
    assert "AA src/b.py" in result["text"]
    git(work, "merge", "--abort")
    git(work, "rebase", "main", check=False)
    assert "in progress: rebase" in tools.status(here(work))["text"]


def test_odd_and_undecodable_names_are_escaped_and_can_be_used_again(work: Path) -> None:
    odd = [
        b"caf\xe9.txt",
        b"new\nline",
        b"esc\x1b[31m",
        b'quo"te',
        "näive.txt".encode(),
        b"-n",
        b":(top)x",
    ]
    for name in odd:
        Path(os.fsdecode(os.fsencode(work) + b"/" + name)).write_bytes(b"x\n")
    text = tools.status(here(work))["text"]
    json.dumps(text).encode()
    assert "\x1b" not in text
    names = [line[3:] for line in text.splitlines() if line.startswith("??")]
    assert len(names) == len(odd)
    assert '"caf\\351.txt"' in names
    tools.add(here(work), paths=names)
    tools.commit(here(work), message="odd")
    assert "?? " not in tools.status(here(work))["text"]
    for name in names:
        assert tools.show(here(work), path=name)["text"] == "x"
        assert "x" in tools.blame(here(work), path=name)["text"]
    assert "caf\\xe9.txt" in tools.show(here(work))["text"]


def test_content_that_is_not_utf8_or_not_text_is_shown_safely(work: Path) -> None:
    commit(
        work, "Bytes", {"latin": b"caf\xe9\x1b]0;x\x07\n", "bin": b"\0\1\2", "crlf": b"a\r\nb\r\n"}
    )
    assert tools.show(here(work), path="latin")["text"] == "caf\\xe9\\x1b]0;x\\x07"
    assert tools.show(here(work), path="bin")["text"] == "binary file of 3 bytes"
    assert tools.show(here(work), path="crlf")["text"] == "a\nb"
    assert "Binary files" in tools.show(here(work))["text"]


def test_log_narrows_and_pages(work: Path) -> None:
    for number in range(5):
        commit(work, f"Change {number}", {"n.txt": f"{number}\n"})
    page = tools.log(here(work), limit=3)
    assert page["text"].count("\n") == 3
    assert page["text"].endswith("[more: go on with skip=3]")
    assert "First" in tools.log(here(work), skip=3)["text"]
    assert tools.log(here(work), path="a.txt").get("rows") == 1
    assert tools.log(here(work), grep="CHANGE 3").get("rows") == 1
    assert tools.log(here(work), grep="Change.3")["text"] == "no commits match"
    assert tools.log(here(work), author="nobody")["text"] == "no commits match"
    assert tools.log(here(work), ref="HEAD~2..HEAD").get("rows") == 2
    assert tools.log(here(work), since="2026-06-01")["text"] == "no commits match"
    assert tools.log(here(work, limit_rows=2), limit=50).get("rows") == 2


def test_text_of_others_is_tainted_and_ones_own_is_not(work: Path) -> None:
    assert tools.log(here(work)).get("taint") == []
    assert tools.show(here(work)).get("taint") == []
    commit(work, "By another", {"o.txt": "o\n"}, author="Eve Other")
    assert tools.log(here(work)).get("taint") == ["git"]
    assert tools.show(here(work)).get("taint") == ["git"]
    assert tools.blame(here(work), path="o.txt").get("taint") == ["git"]
    assert tools.blame(here(work), path="a.txt").get("taint") == []
    assert tools.list(here(work)).get("taint") == ["git"]


def test_show_tells_message_and_changes_of_commits_roots_and_merges(work: Path) -> None:
    first = tools.show(here(work), ref="HEAD~1")["text"]
    assert "author Ana Roe <ana@example.com>" in first
    assert "+one" in first
    assert "a.txt | 2 ++" in tools.show(here(work), ref="HEAD~1", stat=True)["text"]
    git(work, "checkout", "--quiet", "-b", "side", "HEAD~1")
    commit(work, "Side", {"side.txt": "s\n"})
    git(work, "merge", "--quiet", "--no-edit", "main")
    merge = tools.show(here(work))["text"]
    assert "merge of" in merge
    assert "src/b.py" in merge
    assert "side.txt" not in merge


def test_show_reads_a_file_or_folder_as_of_a_commit(work: Path) -> None:
    write(work, {"a.txt": "later\n"})
    assert tools.show(here(work), path="a.txt")["text"] == "one\ntwo"
    assert tools.show(here(work), path="a.txt", offset=1)["text"] == "two"
    assert tools.show(here(work), path=".")["text"] == "a.txt\nsrc/"
    with pytest.raises(GitError) as failed:
        tools.show(here(work), ref="HEAD~1", path="src/b.py")
    assert failed.value.error == "no_such_path"


def test_diff_compares_work_tree_index_commits_and_branches(work: Path) -> None:
    git(work, "branch", "old", "HEAD~1")
    write(work, {"a.txt": "one\n2\n"})
    assert "+2" in tools.diff(here(work))["text"]
    assert tools.diff(here(work), staged=True)["text"] == "no differences"
    git(work, "add", "a.txt")
    assert "+2" in tools.diff(here(work), staged=True)["text"]
    assert "src/b.py" in tools.diff(here(work), ref="old")["text"]
    assert "+2" not in tools.diff(here(work), ref="old..HEAD")["text"]
    assert tools.diff(here(work), ref="main...old")["text"] == "no differences"
    assert "src/b.py" not in tools.diff(here(work), ref="old", path="a.txt")["text"]
    assert "1 file changed" in tools.diff(here(work), ref="old..main", stat=True)["text"]


def test_a_long_diff_is_paged_within_the_limit(work: Path) -> None:
    write(work, {"a.txt": "".join(f"line {number}\n" for number in range(20_000))})
    text = tools.diff(here(work))["text"]
    assert len(text.encode()) <= 30_000
    following = int(text.rpartition("offset=")[2].rstrip("]"))
    assert tools.diff(here(work), offset=following)["text"].startswith(f"+line {following - 7}")
    small = tools.diff(here(work, limit_bytes=500))["text"]
    assert len(small.encode()) <= 500
    assert "[cut:" in small


def test_a_flood_of_untracked_files_is_cut_and_counted(work: Path) -> None:
    for number in range(600):
        (work / f"file-with-a-long-name-{number:04}").touch()
    text = tools.status(here(work, limit_bytes=2000))["text"]
    assert len(text.encode()) <= 2000
    assert "600 untracked" in text
    assert "[cut: 600 entries in all]" in text


def test_blame_names_commit_and_author_of_lines(work: Path) -> None:
    commit(work, "By Eve", {"a.txt": "one\nTWO\n"}, author="Eve Other")
    write(work, {"a.txt": "one\nTWO\nthree\n"})
    lines = tools.blame(here(work), path="a.txt")["text"].splitlines()
    assert [line.split(") ")[1] for line in lines] == ["1 one", "2 TWO", "3 three"]
    assert "Ana Roe" in lines[0]
    assert "Eve Other" in lines[1]
    assert lines[2].startswith("0000000000")
    assert tools.blame(here(work), path="a.txt", lines="2-2").get("rows") == 1
    assert tools.blame(here(work), path="a.txt", ref="HEAD~1").get("rows") == 2
    for path, asked, error in (
        ("nope", "", "no_such_path"),
        ("a.txt", "90-95", "no_such_path"),
        ("a.txt", "x", "bad_arguments"),
        ("a.txt", "1,$(x)", "bad_arguments"),
    ):
        with pytest.raises(GitError) as failed:
            tools.blame(here(work), path=path, lines=asked)
        assert failed.value.error == error


def test_a_long_blame_says_which_lines_follow(work: Path) -> None:
    commit(work, "Long", {"l.txt": "".join(f"{number}\n" for number in range(400))})
    text = tools.blame(here(work, limit_bytes=2000), path="l.txt")["text"]
    assert len(text.encode()) <= 2000
    following = text.rpartition("lines=")[2].rstrip("]")
    first = int(following.split("-")[0])
    assert following.endswith("-400")
    rest = tools.blame(here(work, limit_bytes=2000), path="l.txt", lines=following)["text"]
    assert rest.startswith(text[:10])
    assert f") {first} {first - 1}\n" in rest


def test_branches_tell_upstream_and_distance(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    git(work, "branch", "side", "HEAD~1")
    commit(work, "Third", {"c": "c"})
    text = tools.list(here(work))["text"]
    assert "* main" in text
    assert "-> origin/main [ahead 1]: Third" in text
    assert "  side" in text
    assert "remotes/" not in text
    assert "remotes/origin/main" in tools.list(here(work), what="remote_branches")["text"]


def test_sha256_repositories_work(tmp_path: Path) -> None:
    work = empty(tmp_path / "work", "--object-format=sha256")
    write(work, {"a": "1\n"})
    tools.add(here(work), paths=["a"])
    made = tools.commit(here(work), message="One")
    assert len(made.get("structured", {})["commit"]) == 64
    assert "One" in tools.log(here(work))["text"]
    assert "+1" in tools.show(here(work))["text"]
    assert ") 1 1" in tools.blame(here(work), path="a")["text"]


@pytest.mark.parametrize(
    "ref", ["-p", "--output=x", "nope", "HEAD:a.txt", "a\0b", "", "\ud800", "HEAD..nope"]
)
def test_what_is_no_commit_is_refused(work: Path, ref: str) -> None:
    with pytest.raises(GitError) as failed:
        tools.log(here(work), ref=ref)
    assert failed.value.error in ("bad_arguments", "no_such_ref")
    assert not (work / "x").exists()


def test_option_like_text_stays_text(work: Path) -> None:
    assert (
        tools.log(here(work), grep="--all", author="-x", since="2020-01-01")["text"]
        == "no commits match"
    )
    with pytest.raises(GitError) as failed:
        tools.show(here(work), path="--textconv")
    assert failed.value.error == "no_such_path"


def test_the_environment_of_the_person_moves_nothing(
    tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = small(tmp_path / "other")
    commit(other, "Elsewhere", {"x": "x"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    assert "Elsewhere" not in tools.log(here(work))["text"]
    assert tools.status(here(work))["text"].endswith("clean")


def test_a_git_in_the_workspace_is_not_the_git_that_runs(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = work / "bin"
    fake.mkdir()
    (fake / "git").write_text(f"#!/bin/sh\ntouch '{work}/canary'\n")
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:.:{os.environ['PATH']}")
    monkeypatch.chdir(fake)
    tools.status(here(work))
    assert not (work / "canary").exists()
    monkeypatch.setenv("PATH", str(fake))
    with pytest.raises(GitError) as failed:
        tools.status(here(work))
    assert failed.value.error == "no_git"


def test_a_used_up_time_limit_is_said(work: Path) -> None:
    with pytest.raises(GitError) as failed:
        tools.status(here(work, timeout_s=0))
    assert failed.value.error == "timeout"


def test_reading_leaves_the_index_as_it_was(work: Path) -> None:
    os.utime(work / "a.txt", (1, 1))
    before = (work / ".git/index").read_bytes()
    tools.status(here(work))
    tools.diff(here(work))
    assert (work / ".git/index").read_bytes() == before


def test_another_users_repository_is_refused_unless_the_person_trusts_it(
    work: Path, config: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    subprocess.run(["chown", "-R", "12345", str(work)], check=True, timeout=10)
    with pytest.raises(GitError) as failed:
        tools.status(here(work))
    assert failed.value.error == "unsafe_owner"
    with config.open("a") as file:
        file.write(f"[safe]\n\tdirectory = {work}\n")
    assert tools.status(here(work))["text"].startswith("on main")


def test_a_work_tree_that_the_config_moves_is_not_followed(tmp_path: Path, work: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    git(work, "config", "core.worktree", str(tmp_path))
    with pytest.raises(GitError) as failed:
        tools.status(here(work))
    assert failed.value.error == "outside_repository"
    git(work, "config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(GitError):
        tools.status(here(work))
