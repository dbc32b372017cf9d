"""Push, pull and fetch against real repositories on this machine."""

from pathlib import Path

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, script, with_origin


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return with_origin(tmp_path)


@pytest.fixture
def origin(work: Path) -> Path:
    return work.parent / "origin.git"


def here(folder: Path) -> Place:
    return Place(str(folder))


def heads(repository: Path) -> dict[str, str]:
    listed = git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ") for line in listed.splitlines())


def another(work: Path, message: str, files: dict[str, str]) -> str:
    """Someone else's commit, pushed to the same origin's main."""
    clone = work.parent / f"clone-{message}"
    git(work.parent, "clone", "--quiet", str(work.parent / "origin.git"), str(clone))
    oid = commit(clone, message, files, author="Eve Other")
    git(clone, "push", "--quiet", "origin", "main")
    return oid


def test_push_sends_the_current_branch_and_tracks_it(work: Path, origin: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "feature")
    oid = commit(work, "F", {"f": "f"})
    result = tools.push(here(work))
    assert heads(origin)["refs/heads/feature"] == oid
    assert "created origin/feature" in result["text"]
    assert "feature now tracks origin/feature" in result["text"]
    assert git(work, "rev-parse", "--abbrev-ref", "@{upstream}") == "origin/feature"
    assert "already there" in tools.push(here(work))["text"]


def test_push_writes_the_named_destination_and_nothing_else(work: Path, origin: Path) -> None:
    oid = commit(work, "T", {"t": "t"})
    before = heads(origin)
    tools.push(here(work), ref="main:release/1")
    assert heads(origin) == {**before, "refs/heads/release/1": oid}
    tools.push(here(work), ref="HEAD:heads/x")
    assert heads(origin)["refs/heads/x"] == oid
    tools.push(here(work), ref=f"{oid}:y")
    assert heads(origin)["refs/heads/y"] == oid


def test_configured_push_refspecs_and_mirror_do_not_move_a_push(work: Path, origin: Path) -> None:
    git(work, "config", "remote.origin.push", "refs/heads/*:refs/heads/other/*")
    git(work, "config", "remote.origin.mirror", "true")
    git(work, "config", "push.default", "matching")
    oid = commit(work, "T", {"t": "t"})
    before = heads(origin)
    tools.push(here(work))
    assert heads(origin) == {**before, "refs/heads/main": oid}


def test_a_branch_that_tracks_another_name_must_say_where_to_push(work: Path, origin: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "feature", "--track", "origin/main")
    commit(work, "F", {"f": "f"})
    before = heads(origin)
    with pytest.raises(GitError, match="which has another name"):
        tools.push(here(work))
    assert heads(origin) == before
    tools.push(here(work), ref="feature")
    assert set(heads(origin)) == {*before, "refs/heads/feature"}


def test_rewritten_history_needs_force(work: Path, origin: Path) -> None:
    oid = commit(work, "Old", {"x": "x"})
    tools.push(here(work))
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    new = commit(work, "New", {"y": "y"})
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert failed.value.error == "not_fast_forward"
    assert heads(origin)["refs/heads/main"] == oid
    assert "forced origin/main" in tools.push(here(work), force="with_lease")["text"]
    assert heads(origin)["refs/heads/main"] == new


def test_with_lease_spares_what_was_not_seen(work: Path, origin: Path) -> None:
    unseen = another(work, "Unseen", {"u": "u"})
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    mine = commit(work, "Mine", {"m": "m"})
    with pytest.raises(GitError) as failed:
        tools.push(here(work), force="with_lease")
    assert failed.value.error == "rejected"
    assert heads(origin)["refs/heads/main"] == unseen
    tools.push(here(work), force="force")
    assert heads(origin)["refs/heads/main"] == mine


def test_a_plus_or_an_empty_source_needs_its_typed_argument(work: Path, origin: Path) -> None:
    git(work, "push", "--quiet", "origin", "main:gone")
    before = heads(origin)
    for ref in ("+main:gone", "+HEAD~1:main", ":gone"):
        with pytest.raises(GitError) as failed:
            tools.push(here(work), ref=ref)
        assert failed.value.error == "bad_arguments"
    assert heads(origin) == before
    assert "deleted origin/gone" in tools.push(here(work), ref="gone", delete=True)["text"]
    assert "refs/heads/gone" not in heads(origin)


def test_tags_are_pushed_by_name_or_all(work: Path, origin: Path) -> None:
    git(work, "tag", "v1")
    git(work, "tag", "-a", "-m", "two", "v2")
    tools.push(here(work), ref="v2")
    assert "refs/tags/v2" in heads(origin)
    assert "refs/tags/v1" not in heads(origin)
    assert heads(origin)["refs/tags/v2"] == git(work, "rev-parse", "refs/tags/v2")
    tools.push(here(work), tags=True)
    assert "refs/tags/v1" in heads(origin)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"ref": "nope"}, "no_such_ref"),
        ({"ref": "refs/heads/*:refs/heads/*"}, "bad_arguments"),
        ({"ref": ":"}, "bad_arguments"),
        ({"ref": "main:"}, "bad_arguments"),
        ({"ref": "--all"}, "bad_arguments"),
        ({"ref": "main:--x"}, "bad_arguments"),
        ({"ref": "main:HEAD"}, "bad_arguments"),
        ({"ref": "main:refs/x"}, "bad_arguments"),
        ({"remote": "--exec=evil"}, "bad_arguments"),
        ({"remote": "https://u:secret@evil.example/x"}, "bad_arguments"),
        ({"remote": "../origin.git"}, "bad_arguments"),
        ({"remote": "nope"}, "no_such_remote"),
        ({"delete": True}, "bad_arguments"),
        ({"ref": "a:b", "delete": True}, "bad_arguments"),
        ({"force": "yes"}, "bad_arguments"),
    ],
)
def test_what_push_cannot_mean_reaches_no_remote(
    work: Path, origin: Path, arguments: dict[str, str], error: str
) -> None:
    before = heads(origin)
    with pytest.raises(GitError) as failed:
        tools.push(here(work), **arguments)  # pyright: ignore[reportArgumentType] - a table of wrong uses
    assert failed.value.error == error
    assert "secret" not in str(failed.value)
    assert heads(origin) == before


def test_push_from_a_detached_head_needs_a_destination(work: Path, origin: Path) -> None:
    git(work, "checkout", "--quiet", "--detach")
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert failed.value.error == "detached"
    oid = git(work, "rev-parse", "HEAD")
    tools.push(here(work), ref=f"{oid}:from-detached")
    assert heads(origin)["refs/heads/from-detached"] == oid


def test_a_receiving_repository_with_hooks_is_left_to_the_person(
    work: Path, origin: Path, tmp_path: Path
) -> None:
    script(origin / "hooks/post-receive", tmp_path / "canary")
    commit(work, "T", {"t": "t"})
    before = heads(origin)
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert failed.value.error == "hooks"
    (origin / "hooks/post-receive").unlink()
    (tmp_path / "hooks").mkdir()
    script(tmp_path / "hooks/update", tmp_path / "canary")
    git(origin, "config", "core.hooksPath", str(tmp_path / "hooks"))
    with pytest.raises(GitError):
        tools.push(here(work))
    assert heads(origin) == before
    assert not (tmp_path / "canary").exists()


def test_a_checked_out_branch_elsewhere_is_not_updated(work: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "origin.git"), str(clone))
    git(clone, "config", "receive.denyCurrentBranch", "updateInstead")
    git(work, "remote", "add", "clone", str(clone))
    commit(work, "T", {"t": "t"})
    with pytest.raises(GitError) as failed:
        tools.push(here(work), remote="clone", ref="main")
    assert failed.value.error == "rejected"
    assert not (clone / "t").exists()


def test_fetch_updates_tracking_branches_only(work: Path) -> None:
    oid = another(work, "Theirs", {"t": "t"})
    git(work, "config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*")
    before = git(work, "rev-parse", "main")
    result = tools.fetch(here(work))
    assert result.get("taint") == ["git"]
    assert "origin/main" in result["text"]
    assert git(work, "rev-parse", "refs/remotes/origin/main") == oid
    assert git(work, "rev-parse", "main") == before
    assert tools.fetch(here(work))["text"] == "origin: nothing new"


def test_fetch_prunes_when_asked(work: Path, origin: Path) -> None:
    git(work, "push", "--quiet", "origin", "main:gone")
    git(origin, "branch", "-D", "gone")
    tools.fetch(here(work))
    assert "refs/remotes/origin/gone" in heads(work)
    assert "origin/gone" in tools.fetch(here(work), prune=True)["text"]
    assert "refs/remotes/origin/gone" not in heads(work)
    assert "refs/heads/main" in heads(work)


def test_pull_fast_forwards(work: Path) -> None:
    oid = another(work, "Theirs", {"t": "t"})
    result = tools.pull(here(work))
    assert git(work, "rev-parse", "HEAD") == oid
    assert (work / "t").read_text() == "t"
    assert "1 commits from origin/main" in result["text"]
    assert result.get("taint") == ["git"]
    assert "up to date" in tools.pull(here(work))["text"]


def test_pull_of_diverged_branches_merges_only_when_asked(work: Path) -> None:
    theirs = another(work, "Theirs", {"t": "t"})
    mine = commit(work, "Mine", {"m": "m"})
    with pytest.raises(GitError) as failed:
        tools.pull(here(work))
    assert failed.value.error == "not_fast_forward"
    assert git(work, "rev-parse", "HEAD") == mine
    tools.pull(here(work), ff_only=False)
    assert git(work, "log", "-1", "--format=%P") == f"{mine} {theirs}"
    assert (
        git(work, "log", "-1", "--format=%s")
        == "Merge remote-tracking branch 'origin/main' into main"
    )


def test_a_conflicting_pull_is_undone(work: Path) -> None:
    another(work, "Theirs", {"a.txt": "theirs\n"})
    mine = commit(work, "Mine", {"a.txt": "mine\n"})
    with pytest.raises(GitError) as failed:
        tools.pull(here(work), ff_only=False)
    assert failed.value.error == "conflict"
    assert "a.txt" in str(failed.value)
    assert git(work, "rev-parse", "HEAD") == mine
    assert git(work, "status", "--porcelain") == ""


def test_pull_overwrites_no_work(work: Path) -> None:
    another(work, "Theirs", {"a.txt": "theirs\n"})
    (work / "a.txt").write_text("mine\n")
    with pytest.raises(GitError) as failed:
        tools.pull(here(work))
    assert failed.value.error == "would_overwrite"
    assert (work / "a.txt").read_text() == "mine\n"


def test_pull_needs_a_branch_and_something_to_pull_from(work: Path) -> None:
    git(work, "checkout", "--quiet", "-b", "feature")
    for arguments, error in (
        ({}, "no_upstream"),
        ({"branch": "nope"}, "no_such_ref"),
        ({"remote": "nope", "branch": "main"}, "no_such_remote"),
        ({"branch": "--upload-pack=x"}, "bad_arguments"),
    ):
        with pytest.raises(GitError) as failed:
            tools.pull(here(work), **arguments)  # pyright: ignore[reportArgumentType] - strings only
        assert failed.value.error == error
    git(work, "checkout", "--quiet", "--detach")
    with pytest.raises(GitError) as failed:
        tools.pull(here(work))
    assert failed.value.error == "detached"


def test_a_remote_that_is_gone_and_credentials_in_its_url_are_told_safely(work: Path) -> None:
    git(work, "remote", "set-url", "origin", str(work.parent / "missing.git"))
    for call in (tools.fetch, tools.push):
        with pytest.raises(GitError) as failed:
            call(here(work))
        assert failed.value.error == "unreachable"
    git(work, "remote", "set-url", "origin", "http://ana:hunter2@127.0.0.1:9/x.git")
    for call in (tools.fetch, tools.push):
        with pytest.raises(GitError) as failed:
            call(here(work))
        assert failed.value.error == "unreachable"
        assert "hunter2" not in str(failed.value)


def test_a_repository_without_a_remote_says_so(work: Path) -> None:
    git(work, "remote", "remove", "origin")
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert failed.value.error == "no_such_remote"
