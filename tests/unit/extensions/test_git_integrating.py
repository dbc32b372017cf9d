"""Merge, rebase, cherry-pick and revert: what they do, where they stop, and how they go on."""

from pathlib import Path

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, small, with_origin, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """On main; ``side`` began at its first commit and changed ``a.txt``, as main did after it."""
    work = small(tmp_path / "work")
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Side", {"a.txt": "one\nside\n", "s.txt": "s\n"})
    git(work, "switch", "--quiet", "main")
    return work


def here(folder: Path) -> Place:
    return Place(str(folder))


def refused(folder: Path, **args: str) -> GitError:
    with pytest.raises(GitError) as failed:
        tools.integrate(here(folder), **args)  # pyright: ignore[reportArgumentType] - str only
    return failed.value


def clashing(work: Path) -> None:
    commit(work, "Main", {"a.txt": "one\nmain\n"})


def touched(work: Path, **args: str) -> list[str]:
    found = tools.resources("integrate", args, here(work))
    return [f"{r['id']}{'!' if r['access'] == 'write' else ''}{r['tags'] or ''}" for r in found[1:]]


def test_a_merge_brings_the_other_side_in_and_names_what_it_writes(work: Path) -> None:
    assert touched(work, how="merge", ref="side") == [
        "branch:main!", "branch:side", "path:a.txt!", "path:s.txt!",
    ]  # fmt: skip
    result = tools.integrate(here(work), how="merge", ref="side", message="Bring side in")
    assert result["text"].startswith("merged side; main is at ")
    assert git(work, "log", "-1", "--format=%s %P").count(" ") == 4
    assert (work / "a.txt").read_text() == "one\nside\n"
    assert "nothing changed" in tools.integrate(here(work), how="merge", ref="side")["text"]


def test_a_merge_that_needs_no_commit_moves_the_branch(work: Path) -> None:
    git(work, "switch", "--quiet", "-c", "behind", "HEAD~1")
    tools.integrate(here(work), how="merge", ref="main")
    assert git(work, "rev-parse", "behind") == git(work, "rev-parse", "main")
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    tools.integrate(here(work), how="merge", ref="main", ff=False)
    assert git(work, "rev-list", "--merges", "--count", "HEAD") == "1"


def test_conflicts_stop_it_are_shown_and_resolved(work: Path) -> None:
    clashing(work)
    error = refused(work, how="merge", ref="side")
    assert (error.error, "a.txt" in str(error)) == ("conflict", True)
    listed = tools.conflicts(here(work))
    assert listed["text"].splitlines() == [
        "in progress: merge", "a.txt: both changed it, marks at lines 2",
    ]  # fmt: skip
    shown = tools.conflicts(here(work), path="a.txt")["text"]
    assert "# what ours changed" in shown
    assert "+main" in shown
    assert "# what theirs changed" in shown
    assert "+side" in shown
    assert refused(work, how="continue").error == "conflict"
    assert refused(work, how="rebase", ref="side").error == "in_progress"
    write(work, {"a.txt": "one\nboth\n"})
    tools.add(here(work), paths=["a.txt"])
    assert touched(work, how="continue") == ["branch:main!", "path:a.txt!", "path:s.txt!"]
    assert "still in progress" not in tools.integrate(here(work), how="continue")["text"]
    assert git(work, "log", "-1", "--format=%s") == "Merge side"
    assert git(work, "show", "HEAD:a.txt") == "one\nboth"


def test_one_side_of_a_conflict_can_be_taken(work: Path) -> None:
    clashing(work)
    refused(work, how="merge", ref="side")
    write(work, {"a.txt": "half resolved\n"})
    restored = tools.restore(here(work), paths=["a.txt"], side="theirs")
    kept = restored.get("structured", {})["kept"]
    assert (work / "a.txt").read_text() == "one\nside\n"
    assert git(work, "show", f"{kept}:a.txt") == "half resolved"


def test_aborting_keeps_what_was_resolved_so_far(work: Path) -> None:
    clashing(work)
    before = git(work, "rev-parse", "HEAD")
    refused(work, how="merge", ref="side")
    write(work, {"a.txt": "long work\n"})
    assert touched(work, how="abort")[0] == "branch:main!['git.discard']"
    text = tools.integrate(here(work), how="abort")["text"]
    assert git(work, "rev-parse", "HEAD") == before
    assert (work / "a.txt").read_text() == "one\nmain\n"
    kept = text.partition("is kept as ")[2].partition(":")[0]
    assert git(work, "show", f"{kept}:a.txt") == "long work"


def test_a_rebase_moves_the_commits_and_says_where_they_were(work: Path) -> None:
    git(work, "switch", "--quiet", "side")
    before = git(work, "rev-parse", "HEAD")
    assert touched(work, how="rebase", ref="main") == [
        "branch:side!['git.rewrite']", "branch:main", "path:src/b.py!", "path:a.txt!", "path:s.txt!",
    ]  # fmt: skip
    text = tools.integrate(here(work), how="rebase", ref="main")["text"]
    assert f"it was at {before[:10]} before" in text
    assert git(work, "rev-parse", "HEAD~1") == git(work, "rev-parse", "main")


def test_a_rebase_of_what_a_remote_has_says_so(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    git(work, "branch", "other", "HEAD~1")
    git(work, "switch", "--quiet", "other")
    commit(work, "Other", {"o.txt": "o\n"})
    git(work, "switch", "--quiet", "main")
    assert touched(work, how="rebase", ref="other")[0] == (
        "branch:main!['git.rewrite', 'git.published']"
    )
    git(work, "switch", "--quiet", "other")
    assert touched(work, how="rebase", ref="main")[0] == "branch:other!['git.rewrite']"


def test_a_rebase_goes_on_skips_and_aborts(work: Path) -> None:
    clashing(work)
    git(work, "switch", "--quiet", "side")
    commit(work, "More", {"more.txt": "m\n"})
    before = git(work, "rev-parse", "HEAD")
    assert refused(work, how="rebase", ref="main").error == "conflict"
    assert "ours is what is rebased onto" in tools.conflicts(here(work))["text"]
    assert "in progress: rebase" in tools.status(here(work))["text"]
    assert touched(work, how="abort")[0] == "branch:side!['git.discard']"
    tools.integrate(here(work), how="abort")
    assert git(work, "rev-parse", "side") == before
    refused(work, how="rebase", ref="main")
    write(work, {"a.txt": "one\nboth\n"})
    tools.add(here(work), paths=["a.txt"])
    assert touched(work, how="continue")[0] == "branch:side!['git.rewrite']"
    tools.integrate(here(work), how="continue")
    assert git(work, "log", "--format=%s", "-2") == "More\nSide"
    git(work, "reset", "--quiet", "--hard", before)
    refused(work, how="rebase", ref="main")
    tools.integrate(here(work), how="skip")
    assert git(work, "log", "--format=%s", "-2") == "More\nMain"


def test_commits_are_picked_and_reverted_one_or_many(work: Path) -> None:
    git(work, "switch", "--quiet", "side")
    commit(work, "Two", {"two.txt": "2\n"})
    commit(work, "Three", {"three.txt": "3\n"})
    git(work, "switch", "--quiet", "main")
    assert touched(work, how="cherry_pick", ref="side~2..side") == [
        "branch:main!", "path:two.txt!", "path:three.txt!",
    ]  # fmt: skip
    tools.integrate(here(work), how="cherry_pick", ref="side~2..side")
    assert git(work, "log", "--format=%s", "-2") == "Three\nTwo"
    tools.integrate(here(work), how="revert", ref="HEAD~2..HEAD")
    assert not (work / "two.txt").exists()
    assert git(work, "log", "--format=%s", "-2").splitlines() == ['Revert "Two"', 'Revert "Three"']


def test_a_picked_commit_that_conflicts_goes_on_after_it_is_resolved(work: Path) -> None:
    clashing(work)
    commit(work, "Last", {"l.txt": "l\n"})
    git(work, "switch", "--quiet", "side")
    assert refused(work, how="cherry_pick", ref="main~2..main").error == "conflict"
    write(work, {"a.txt": "both\n"})
    tools.add(here(work), paths=["a.txt"])
    assert "path:l.txt!" in touched(work, how="continue")
    tools.integrate(here(work), how="continue")
    assert git(work, "log", "--format=%s", "-2") == "Last\nMain"


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"how": "merge"}, "bad_arguments"),
        ({"how": "merge", "ref": "nope"}, "no_such_ref"),
        ({"how": "merge", "ref": "--upload-pack=x"}, "bad_arguments"),
        ({"how": "rebase", "ref": "side", "message": "x"}, "bad_arguments"),
        ({"how": "cherry_pick", "ref": "side..main~1..x"}, "no_such_ref"),
        ({"how": "cherry_pick", "ref": "main..main"}, "bad_arguments"),
        ({"how": "continue"}, "no_state"),
        ({"how": "continue", "ref": "side"}, "bad_arguments"),
        ({"how": "merge", "ref": "alien"}, "unrelated"),
        ({"how": "squash", "ref": "side"}, "bad_arguments"),
    ],
)
def test_what_cannot_be_integrated_is_refused(work: Path, args: dict[str, str], error: str) -> None:
    git(work, "update-ref", "refs/heads/alien", git(work, "commit-tree", "-m", "x", "HEAD^{tree}"))
    before = git(work, "rev-parse", "HEAD")
    assert refused(work, **args).error == error
    assert git(work, "rev-parse", "HEAD") == before


def test_uncommitted_changes_are_not_merged_over(work: Path) -> None:
    write(work, {"a.txt": "mine\n"})
    for how in ("merge", "rebase", "cherry_pick"):
        assert refused(work, how=how, ref="side").error == "would_overwrite"
        assert (work / "a.txt").read_text() == "mine\n"
        assert "in progress" not in tools.status(here(work))["text"]


def test_other_branches_are_not_moved_along(work: Path) -> None:
    git(work, "config", "rebase.updateRefs", "true")
    git(work, "switch", "--quiet", "side")
    git(work, "branch", "stacked")
    stacked = git(work, "rev-parse", "stacked")
    commit(work, "More", {"more.txt": "m\n"})
    tools.integrate(here(work), how="rebase", ref="main")
    assert git(work, "rev-parse", "stacked") == stacked
