"""Restore, stash, tags, work trees: what throws something away keeps it, also when it is killed in the middle."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, small, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return small(tmp_path / "work")


def here(folder: Path) -> Place:
    return Place(str(folder))


def kept(work: Path) -> list[str]:
    return git(work, "for-each-ref", "--format=%(objectname)", "refs/devagent/kept/").split()


def content(work: Path, name: str) -> bytes:
    return subprocess.run(
        ["git", "cat-file", "blob", name], cwd=work, capture_output=True, check=True, timeout=10
    ).stdout


def test_restore_brings_files_back_and_keeps_what_they_were_byte_for_byte(work: Path) -> None:
    odd = b"\xff\r\nbinary\0\r\n no newline"
    write(work, {"a.txt": odd, "src/b.py": "print(2)\n", "untracked": "u"})
    (work / ".gitattributes").write_text("* text=auto eol=lf\n")
    result = tools.restore(here(work), paths=["."])
    assert result["text"].startswith("restored 2 files")
    assert (work / "a.txt").read_text() == "one\ntwo\n"
    assert (work / "untracked").read_text() == "u"
    (oid,) = kept(work)
    assert content(work, f"{oid}:a.txt") == odd
    tools.restore(here(work), paths=["a.txt"], source=oid)
    assert (work / "a.txt").read_bytes() == odd


def test_restore_of_deleted_linked_and_executable_files(work: Path) -> None:
    (work / "link").symlink_to("a.txt")
    write(work, {"run": "#!/bin/sh\n", "odd\nname": "o\n"})
    (work / "run").chmod(0o755)
    commit(work, "More", {})
    (work / "link").unlink()
    (work / "link").symlink_to("elsewhere")
    write(work, {"run": "changed\n", "odd\nname": "changed\n"})
    (work / "a.txt").unlink()
    tools.restore(here(work), paths=["."])
    assert os.readlink(work / "link") == "a.txt"
    assert (work / "a.txt").read_text() == "one\ntwo\n"
    (oid,) = kept(work)
    listed = git(work, "ls-tree", "-z", oid, "link", "run").split("\0")
    assert [line[:6] for line in listed if line] == ["120000", "100755"]
    assert content(work, f"{oid}:link") == b"elsewhere"
    assert content(work, f"{oid}:odd\nname") == b"changed\n"


def test_an_untracked_file_that_a_source_writes_over_is_kept(work: Path) -> None:
    git(work, "rm", "--quiet", "--cached", "src/b.py")
    git(work, "commit", "--quiet", "-m", "Gone")
    write(work, {"src/b.py": "only here\n"})
    tools.restore(here(work), paths=["src"], source="HEAD~1")
    assert (work / "src/b.py").read_text() == "print(1)\n"
    assert content(work, f"{kept(work)[0]}:src/b.py") == b"only here\n"


def test_unstaging_keeps_the_index_and_leaves_the_files(work: Path) -> None:
    write(work, {"a.txt": "staged\n"})
    git(work, "add", "a.txt")
    write(work, {"a.txt": "later\n"})
    result = tools.restore(here(work), paths=["a.txt"], staged=True)
    assert result["text"].startswith("unstaged 1 file")
    assert (work / "a.txt").read_text() == "later\n"
    assert git(work, "diff", "--cached", "--name-only") == ""
    assert content(work, f"{kept(work)[0]}^2:a.txt") == b"staged\n"


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"paths": []}, "bad_arguments"),
        ({"paths": ["nope"]}, "no_such_path"),
        ({"paths": ["*"]}, "no_such_path"),
        ({"paths": ["../x"]}, "outside_repository"),
        ({"paths": [".git/config"]}, "bad_arguments"),
        ({"paths": ["a.txt"], "source": "nope"}, "no_such_ref"),
        ({"paths": ["a.txt"], "source": "HEAD", "side": "ours"}, "bad_arguments"),
    ],
)
def test_what_cannot_be_restored_is_refused(
    work: Path, args: dict[str, list[str]], error: str
) -> None:
    write(work, {"a.txt": "mine\n"})
    with pytest.raises(GitError) as failed:
        tools.restore(here(work), **args)  # pyright: ignore[reportArgumentType]
    assert failed.value.error == error
    assert (work / "a.txt").read_text() == "mine\n"


def test_changes_are_put_aside_and_come_back(work: Path) -> None:
    write(work, {"a.txt": "mine\n", "new": "n", "odd \"name'": "o"})
    result = tools.stash(here(work), message="half done", untracked=True)
    assert result["text"].startswith("put aside 3 files as stash@{0}")
    assert not (work / "new").exists()
    assert "half done" in tools.list(here(work), what="stashes")["text"]
    assert "half done" in tools.show(here(work), ref="stash@{0}")["text"]
    tools.stash(here(work), action="pop")
    assert (work / "a.txt").read_text() == "mine\n"
    assert (work / "new").read_text() == "n"
    assert tools.list(here(work), what="stashes")["text"] == "no stashes"


def test_only_named_paths_are_put_aside(work: Path) -> None:
    write(work, {"a.txt": "mine\n", "src/b.py": "print(2)\n"})
    tools.stash(here(work), paths=["src"])
    assert (work / "a.txt").read_text() == "mine\n"
    assert (work / "src/b.py").read_text() == "print(1)\n"


def test_a_dropped_stash_is_kept(work: Path) -> None:
    write(work, {"a.txt": "mine\n"})
    tools.stash(here(work))
    found = tools.resources("stash", {"action": "drop"}, here(work))
    assert found[1] == {"id": "branch:refs/stash", "access": "write", "tags": ["git.delete", "git.discard"]}  # fmt: skip
    tools.stash(here(work), action="drop")
    assert content(work, f"{kept(work)[0]}:a.txt") == b"mine\n"
    assert "before" not in tools.list(here(work), what="stashes")["text"]
    with pytest.raises(GitError) as failed:
        tools.stash(here(work), action="drop")
    assert failed.value.error == "no_such_ref"


def test_a_stash_that_conflicts_stays_on_the_list(work: Path) -> None:
    write(work, {"a.txt": "mine\n"})
    tools.stash(here(work))
    commit(work, "Other", {"a.txt": "other\n"})
    with pytest.raises(GitError) as failed:
        tools.stash(here(work), action="pop")
    assert failed.value.error == "conflict"
    assert git(work, "stash", "list")
    write(work, {"a.txt": "in the way\n"})


def test_a_stash_does_not_write_over_changes(work: Path) -> None:
    write(work, {"a.txt": "mine\n"})
    tools.stash(here(work))
    write(work, {"a.txt": "other\n"})
    with pytest.raises(GitError) as failed:
        tools.stash(here(work), action="pop")
    assert failed.value.error == "would_overwrite"
    assert (work / "a.txt").read_text() == "other\n"
    assert git(work, "stash", "list")


def test_tags_are_made_never_moved_and_kept_when_deleted(work: Path) -> None:
    tools.tag(here(work), name="v1")
    tools.tag(here(work), name="v2", ref="HEAD~1", message="Two\n\nmore")
    assert git(work, "for-each-ref", "--format=%(refname:short) %(objecttype)", "refs/tags") == (
        "v1 commit\nv2 tag"
    )
    assert "v2" in tools.list(here(work), what="tags")["text"]
    with pytest.raises(GitError) as failed:
        tools.tag(here(work), name="v1", ref="HEAD~1")
    assert failed.value.error == "exists"
    tag = git(work, "rev-parse", "v2")
    tools.tag(here(work), name="v2", action="delete")
    assert kept(work) == [tag]
    for name in ("-d", "a..b", "x.lock", "", "a b"):
        with pytest.raises(GitError) as failed:
            tools.tag(here(work), name=name)
        assert failed.value.error == "bad_arguments"


def test_a_branch_deleted_by_force_is_kept(work: Path) -> None:
    git(work, "switch", "--quiet", "-c", "side")
    oid = commit(work, "Only here", {"o": "o"})
    git(work, "switch", "--quiet", "main")
    text = tools.branch(here(work), name="side", action="delete", force=True)["text"]
    assert f"kept: git.branch with start={oid[:10]}" in text
    assert kept(work) == [oid]


def test_work_trees_are_added_listed_and_removed(work: Path, tmp_path: Path) -> None:
    text = tools.worktree(here(work), path="../tree", branch="w")["text"]
    assert text == f"added a work tree at {tmp_path}/tree on w"
    tree = tmp_path / "tree"
    listed = tools.list(here(work), what="worktrees")["text"].splitlines()
    assert [line.split()[-1] for line in listed] == ["main", "w"]
    assert tools.status(here(tree))["text"].startswith("on w")
    for path in ("../tree", "a.txt", "../missing/x/.git/y"):
        with pytest.raises(GitError):
            tools.worktree(here(work), path=path, branch="v")
    write(tree, {"a.txt": "changed\n", "new": "n\n"})
    with pytest.raises(GitError) as failed:
        tools.worktree(here(work), path="../tree", action="remove")
    assert failed.value.error == "would_overwrite"
    tools.worktree(here(work), path="../tree", action="remove", force=True)
    assert not tree.exists()
    (oid,) = kept(work)
    assert content(work, f"{oid}:new") == b"n\n"
    with pytest.raises(GitError):
        tools.worktree(here(work), path=".", action="remove")
    assert (work / "a.txt").exists()


def test_a_repository_within_a_work_tree_is_not_removed_with_it(work: Path, tmp_path: Path) -> None:
    tools.worktree(here(work), path="../tree", branch="w")
    small(tmp_path / "tree/inner")
    with pytest.raises(GitError) as failed:
        tools.worktree(here(work), path="../tree", action="remove", force=True)
    assert failed.value.error == "would_overwrite"
    assert (tmp_path / "tree/inner/a.txt").exists()


# Killed in the middle. A stand-in for git counts the processes of a call and kills its caller, with the whole
# group, at the n-th of them: before it, or after it.

CALL = """
import sys
sys.path[:0] = {paths!r}
from devagent_git import hardening, tools
from tests.support.repositories import Place
hardening.ADDED["GIT_CONFIG_NOSYSTEM"] = "1"
hardening.PASSED_ON |= {{"COUNTER", "KILL_AT"}}
tools.{call}
"""

COUNTING = """#!/bin/sh
n=$(($(cat "$COUNTER") + 1))
echo $n > "$COUNTER"
[ "$n" = "$KILL_AT" ] && kill -9 "$PPID" && exit 1
exec {git} "$@"
"""

KILLED: list[tuple[str, str]] = [
    ("restore", "restore(Place({work!r}), paths=['.'])"),
    ("unstage", "restore(Place({work!r}), paths=['.'], staged=True)"),
    ("stash", "stash(Place({work!r}), untracked=True)"),
    ("commit", "commit(Place({work!r}), message='x', all=True)"),
]


def everywhere(work: Path) -> set[bytes]:
    """All content that can still be found: files, and every object that anything refers to."""
    found = {
        path.read_bytes() for path in work.rglob("*") if path.is_file() and ".git" not in path.parts
    }
    index = [line.split()[1] for line in git(work, "ls-files", "--stage").splitlines()]
    listed = git(work, "rev-list", "--objects", "--all", "--reflog")
    oids = {*index, *(line.split()[0] for line in listed.splitlines())}
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    answer = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=work,
        input=asked,
        capture_output=True,
        check=True,
        timeout=10,
    ).stdout
    while answer:
        head, _, rest = answer.partition(b"\n")
        _, kind, size = head.split()
        if kind == b"blob":
            found.add(rest[: int(size)])
        answer = rest[int(size) + 1 :]
    return found


FIRST = 5
"""The processes before it find the repository and list its settings."""


def killings(
    work: Path, tmp_path: Path, call: str, wanted: frozenset[bytes] | None = None
) -> Iterator[int]:
    """Make the call again and again on copies, killed at its first, second, … process, until it comes through."""
    real = shutil.which("git")
    assert real is not None
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").write_text(COUNTING.format(git=real))
    (programs / "git").chmod(0o755)
    paths = [p for p in sys.path if p]
    for number in range(FIRST, 60):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(work, copy, symlinks=True)
        git(copy, "update-index", "-q", "--refresh", check=False)  # a copy has other inodes
        (tmp_path / "counter").write_text("0")
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "COUNTER": str(tmp_path / "counter"),
            "KILL_AT": str(number),
            "TMPDIR": str(tmp_path),  # what a killed process leaves there goes with the test
        }
        code = CALL.format(paths=paths, call=call.format(work=str(copy)))
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], env=environment, capture_output=True, timeout=60
        )
        assert everywhere(copy) >= (wanted or CONTENT), f"lost when killed at process {number}"
        for lock in copy.rglob("*.lock"):
            lock.unlink()
        git(copy, "fsck", "--no-dangling")
        shutil.rmtree(copy)
        if done.returncode == 0:
            yield number
            return
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()


CONTENT = frozenset([b"staged\n", b"later\n", b"edited\n", b"untracked\n"])


@pytest.mark.parametrize(("name", "call"), KILLED, ids=lambda value: value[:22])
def test_a_call_killed_between_any_two_of_its_steps_loses_nothing(
    work: Path, tmp_path: Path, name: str, call: str
) -> None:
    write(work, {"a.txt": "staged\n"})
    git(work, "add", "a.txt")
    write(work, {"a.txt": "later\n", "src/b.py": "edited\n", "new": "untracked\n"})
    if name == "commit":
        git(
            work, "stash", "--quiet"
        )  # these take in, and replace what was staged: it is kept by nobody
        git(work, "stash", "apply", "--quiet", "--index")
    (through,) = killings(work, tmp_path, call)
    assert through >= FIRST


OTHERS = {
    "merge": "integrate(Place({work!r}), how='merge', ref='side')",
    "rebase": "integrate(Place({work!r}), how='rebase', ref='side')",
    "cherry-pick": "integrate(Place({work!r}), how='cherry_pick', ref='side')",
    "revert": "integrate(Place({work!r}), how='revert', ref='HEAD')",
    "switch": "switch(Place({work!r}), branch='side')",
    "delete branch": "branch(Place({work!r}), name='side', action='delete', force=True)",
    "delete tag": "tag(Place({work!r}), name='v1', action='delete')",
    "drop": "stash(Place({work!r}), action='drop')",
    "pop": "stash(Place({work!r}), action='pop')",
    "amend": "commit(Place({work!r}), message='x', amend=True)",
    "side of a conflict": "restore(Place({work!r}), paths=['a.txt'], side='theirs')",
    "abort": "integrate(Place({work!r}), how='abort')",
}
ALL = os.environ.get("DEVAGENT_TEST_KILLED") == "all"


@pytest.mark.parametrize("name", OTHERS if ALL else ["drop"])
def test_no_other_verb_killed_between_its_steps_loses_anything_either(
    work: Path, tmp_path: Path, name: str
) -> None:
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Side", {"s.txt": "staged\n"})
    if name in ("side of a conflict", "abort"):
        commit(work, "Clash", {"a.txt": "later\n"})
    git(work, "switch", "--quiet", "main")
    commit(
        work,
        "Main",
        {"a.txt": "later\n" if name not in ("side of a conflict", "abort") else "main\n"},
    )
    commit(work, "Last", {"src/b.py": "edited\n"})
    git(work, "tag", "-a", "v1", "-m", "v1")
    if name in ("drop", "pop"):
        write(work, {"a.txt": "put aside\n"})
        git(work, "stash", "--quiet")
    if name in ("side of a conflict", "abort"):
        git(work, "merge", "side", check=False)
    write(work, {"new": "untracked\n"})
    wanted = CONTENT | ({b"put aside\n"} if name in ("drop", "pop") else frozenset[bytes]())
    assert everywhere(work) >= wanted
    (through,) = killings(work, tmp_path, OTHERS[name], wanted)
    assert through > FIRST


def test_git_itself_killed_in_the_middle_of_writing_files_loses_nothing(
    work: Path, tmp_path: Path, config: Path
) -> None:
    """A filter of the person's own kills git at its second file, when half of the work tree is written."""
    commit(work, "Many", {f"f{number}.txt": f"{number}\n" for number in range(8)})
    counter = tmp_path / "count"
    killer = tmp_path / "killer"
    killer.write_text(
        f"#!/bin/sh\necho x >> {counter}\n[ $(wc -l < {counter}) -ge 3 ] && kill -9 $PPID\ncat\n"
    )
    killer.chmod(0o755)
    mine = {f"f{number}.txt": f"mine {number}\n" for number in range(8)}
    run: dict[str, Callable[[Path], object]] = {
        "restore": lambda copy: tools.restore(here(copy), paths=["."]),
        "stash": lambda copy: tools.stash(here(copy)),
        "pop": lambda copy: tools.stash(here(copy), action="pop"),
        "switch": lambda copy: tools.switch(here(copy), branch="main"),
    }
    for call, make in run.items():
        copy = tmp_path / call
        shutil.copytree(work, copy, symlinks=True)
        git(copy, "update-index", "--refresh")
        if call == "switch":
            git(copy, "switch", "--quiet", "-c", "back", "HEAD~1")
            write(copy, {"a.txt": "mine\n"})
        else:
            write(copy, mine)
        if call == "pop":
            git(copy, "stash", "--quiet")
        write(copy, {".git/info/attributes": "f*.txt filter=killer\n"})
        with config.open("a") as file:
            file.write(f'[filter "killer"]\n\tsmudge = {killer}\n')
        counter.unlink(missing_ok=True)
        with contextlib.suppress(GitError):  # git was killed; what counts is what is left
            make(copy)
        assert len(counter.read_text().splitlines()) >= 3, call
        config.write_text("[user]\n\tname = Ana\n\temail = ana@example.com\n")
        wanted = {b"mine\n"} if call == "switch" else {text.encode() for text in mine.values()}
        assert everywhere(copy) >= wanted, call


def test_an_editor_that_saves_during_the_call_is_not_written_over_unkept(work: Path) -> None:
    write(work, {"a.txt": "first\n"})
    plan = tools.resources("restore", {"paths": ["a.txt"]}, here(work))
    write(work, {"a.txt": "second\n"})
    assert plan[1]["tags"] == ["git.discard"]
    tools.restore(here(work), paths=["a.txt"])
    assert content(work, f"{kept(work)[0]}:a.txt") == b"second\n"
