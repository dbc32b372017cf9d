"""List, conflicts, summary, and searching history."""

import shutil
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


def test_history_is_searched_for_text_and_by_pattern(work: Path) -> None:
    commit(work, "Bring it", {"src/n.py": "def needle(): ...\n", "other": "o\n"})
    commit(work, "Move it", {"src/n.py": "def  needle(): ...\n"})
    commit(work, "Take it", {"src/n.py": "def thread(): ...\n", 'odd "name"': "needle\n"})
    found = tools.log(here(work), search="needle")["text"].splitlines()
    assert [line.rpartition(": ")[2].partition(" [")[0] for line in found] == [
        "Take it", '    "odd \\"name\\""', "    src/n.py", "Bring it", "    src/n.py",
    ]  # fmt: skip
    by_pattern = tools.log(here(work), search="^def +needle", regex=True, path="src")["text"]
    assert by_pattern.count("    src/n.py") == 3
    assert tools.log(here(work), search="^def", path="src")["text"] == "no commits match"
    named = tools.resources("log", {"search": "needle"}, here(work))
    assert [r["id"] for r in named] == ["repo:.", "path:.", 'path:odd "name"', "path:src/n.py"]
    page = tools.log(here(work), search="needle", limit=1)
    assert page["text"].endswith("[more: go on with skip=1]")
    both = tools.log(here(work), search="needle", author="Ana", grep="Take")["text"]
    assert "Take it" in both.splitlines()[0]


def test_the_history_of_a_file_is_followed_across_renames(work: Path) -> None:
    git(work, "mv", "a.txt", "z.txt")
    commit(work, "Rename", {})
    assert len(tools.log(here(work), path="z.txt")["text"].splitlines()) == 1
    found = tools.log(here(work), path="z.txt", follow=True)["text"]
    assert found.splitlines()[1::2] == ["    z.txt", "    a.txt"]
    named = tools.resources("log", {"path": "z.txt", "follow": True}, here(work))
    assert [r["id"] for r in named[1:]] == ["path:z.txt", "path:a.txt"]


@pytest.mark.parametrize(
    "args", [{"regex": True}, {"follow": True}, {"follow": True, "path": "a", "search": "x"}, {"search": "a\0"}]
)  # fmt: skip
def test_a_search_that_means_nothing_is_refused(work: Path, args: dict[str, str]) -> None:
    with pytest.raises(GitError) as failed:
        tools.log(here(work), **args)  # pyright: ignore[reportArgumentType]
    assert failed.value.error == "bad_arguments"


def test_lists_come_in_pages_and_say_how_to_go_on(work: Path) -> None:
    refs = "".join(f"create refs/tags/t{number:03} HEAD\n" for number in range(250))
    git(work, "update-ref", "--stdin", stdin=refs.encode())
    text = tools.list(here(work), what="tags")["text"]
    assert text.endswith("[250 in all: go on with skip=100]")
    assert len(tools.list(here(work), what="tags", skip=200)["text"].splitlines()) == 50
    assert len(tools.list(here(work, limit_bytes=200), what="tags")["text"].encode()) <= 200


def test_remotes_are_listed_without_credentials(work: Path) -> None:
    git(work, "remote", "add", "origin", "https://ana:hunter2@GitHub.com/acme/shop.git")
    git(work, "remote", "add", "bad", "ext::sh")
    text = tools.list(here(work), what="remotes")["text"]
    assert text.splitlines() == [
        "origin/github.com/acme/shop (fetch)", "origin/github.com/acme/shop (push)",
        "bad fetch: not usable (transport)", "bad push: not usable (transport)",
    ]  # fmt: skip
    named = tools.resources("list", {"what": "remotes"}, here(work))
    assert [r["id"] for r in named[1:]] == ["remote:origin/github.com/acme/shop"]


def test_remotes_are_added_redirected_and_removed(work: Path) -> None:
    tools.remote(here(work), name="origin", action="add", url="https://github.com/acme/shop.git")
    found = tools.resources(
        "remote", {"name": "origin", "action": "set_url", "url": "git@evil.example:x"}, here(work)
    )
    assert [(r["id"], r["tags"]) for r in found[1:]] == [
        ("remote:origin/github.com/acme/shop", ["git.config"]),
        ("host:github.com", []),
        ("remote:origin/evil.example/x", ["git.config"]),
        ("host:evil.example", []),
    ]
    tools.remote(here(work), name="origin", action="set_url", url="git@git.example:acme/shop")
    assert git(work, "remote", "get-url", "origin") == "git@git.example:acme/shop"
    for action, name, url, error in (
        ("add", "origin", "https://x.example/y", "exists"),
        ("set_url", "nope", "https://x.example/y", "no_such_remote"),
        ("add", "x", "https://u:p@x.example/y", "bad_arguments"),
        ("add", "x", "--mirror=push", "bad_arguments"),
        ("add", "x", "ext::sh", "transport"),
        ("add", "x", "", "bad_arguments"),
        ("remove", "origin", "https://x.example/y", "bad_arguments"),
    ):
        with pytest.raises(GitError) as failed:
            tools.remote(here(work), name=name, action=action, url=url)  # pyright: ignore[reportArgumentType]
        assert failed.value.error == error
    tools.remote(here(work), name="origin", action="remove")
    assert git(work, "remote") == ""


def test_a_summary_tells_base_commits_and_files(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    git(work, "switch", "--quiet", "-c", "topic")
    commit(work, "One\n\nWhy it is so.", {"a.txt": "one\nnew\n"})
    commit(work, "Two", {"n.txt": "n\n"}, author="Bo Li")
    write(work, {"left": "l"})
    result = tools.summary(here(work))
    lines = result["text"].splitlines()
    assert lines[0].startswith("topic -> origin/main: 2 commits ahead, 0 behind, base ")
    assert lines[1:3] == ["not in it: 1 uncommitted files", "not pushed yet"]
    assert lines[4].endswith(" One (Ana Roe)")
    assert lines[5] == "    Why it is so."
    assert lines[6].endswith(" Two (Bo Li)")
    assert lines[-1] == " 2 files changed, 2 insertions(+), 1 deletion(-)"
    assert result.get("taint") == ["git"]
    assert result.get("structured", {})["ahead"] == 2
    named = tools.resources("summary", {}, here(work))
    assert [r["id"] for r in named] == ["repo:.", "branch:origin/main"]


def test_a_summary_names_the_sessions_ticket(tmp_path: Path) -> None:
    work = small(tmp_path / "work")
    git(work, "branch", "base")
    commit(work, "More", {"more.txt": "x\n"})
    at = here(work)
    assert "ticket" not in tools.summary(at, base="base")["text"]
    assert "ticket: PAY-17;" in tools.summary(at._replace(ticket="PAY-17"), base="base")["text"]


def test_a_summary_counts_from_where_the_sides_parted(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    git(work, "switch", "--quiet", "-c", "topic", "HEAD~1")
    commit(work, "Mine", {"m": "m\n"})
    text = tools.summary(here(work), base="main")["text"]
    assert "1 commits ahead, 1 behind" in text
    assert "src/b.py" not in text


def test_a_summary_without_a_base_says_so(tmp_path: Path) -> None:
    work = empty(tmp_path / "work")
    git(work, "switch", "--quiet", "-c", "odd")
    commit(work, "One", {"a": "a"})
    with pytest.raises(GitError, match="say base"):
        tools.summary(here(work))


@pytest.mark.parametrize("kind", ["delete", "add", "binary", "link"])
def test_conflicts_of_every_kind_are_shown(work: Path, kind: str) -> None:
    git(work, "switch", "--quiet", "-c", "side")
    match kind:
        case "delete":
            git(work, "rm", "--quiet", "a.txt")
            commit(work, "Side", {})
        case "add" | "link":
            if kind == "link":
                (work / "new").symlink_to("a.txt")
            commit(work, "Side", {} if kind == "link" else {"new": "side\n"})
        case _:
            commit(work, "Side", {"a.txt": b"\0side"})
    git(work, "switch", "--quiet", "main")
    commit(work, "Main", {"new" if kind in ("add", "link") else "a.txt": "main\n"})
    with pytest.raises(GitError):
        tools.integrate(here(work), how="merge", ref="side")
    listed = tools.conflicts(here(work))
    assert listed.get("rows") == (2 if kind == "link" else 1)
    words = {"delete": "deleted by theirs", "binary": "both changed", "add": "both added"}
    assert words.get(kind, "added by") in listed["text"]
    path = listed["text"].splitlines()[1].partition(":")[0]
    assert tools.conflicts(here(work), path=path)["text"].startswith("# ")
    with pytest.raises(GitError):
        tools.conflicts(here(work), path="src/b.py")


# Places where git is not as usual.


def test_new_tools_work_in_linked_work_trees_and_with_a_detached_head(
    work: Path, tmp_path: Path
) -> None:
    git(work, "worktree", "add", "--quiet", "--detach", "../tree", "HEAD~1")
    tree = tmp_path / "tree"
    assert tools.list(here(tree))["text"].startswith("HEAD detached at ")
    assert "HEAD (detached)" in tools.integrate(here(tree), how="cherry_pick", ref="main")["text"]
    write(tree, {"a.txt": "mine\n"})
    tools.stash(here(tree))
    assert tools.list(here(work), what="stashes").get("rows") == 1
    tools.stash(here(tree), action="pop")
    tools.restore(here(tree), paths=["."])
    assert tools.list(here(work), what="kept").get("rows") == 1
    with pytest.raises(GitError) as failed:
        tools.integrate(here(tree), how="rebase", ref="main")
    assert failed.value.error == "detached"
    assert tools.summary(here(tree), base="main")["text"].startswith("HEAD (detached) -> main")


def test_new_tools_work_in_a_submodule(work: Path, tmp_path: Path) -> None:
    inner = small(tmp_path / "inner")
    git(work, "submodule", "--quiet", "add", str(inner), "vendor")
    commit(work, "Vendor", {})
    vendor = work / "vendor"
    write(vendor, {"a.txt": "mine\n"})
    tools.stash(here(vendor))
    tools.stash(here(vendor), action="pop")
    tools.tag(here(vendor), name="v1")
    tools.restore(here(vendor), paths=["."])
    # From above, the submodule is one entry, and what is in it is not touched.
    write(vendor, {"a.txt": "mine\n"})
    write(work, {"a.txt": "top\n"})
    tools.stash(here(work))
    tools.stash(here(work), action="pop")
    tools.restore(here(work), paths=["."])
    assert (vendor / "a.txt").read_text() == "mine\n"


def test_new_tools_work_on_bare_and_shallow_repositories(work: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(work), "bare")
    bare = tmp_path / "bare"
    tools.tag(here(bare), name="v1", message="x")
    assert "v1" in tools.list(here(bare), what="tags")["text"]
    assert tools.log(here(bare), search="two").get("rows") == 1
    assert "1 commits ahead" in tools.summary(here(bare), base="HEAD~1")["text"]
    for tool, args in (("restore", {"paths": ["."]}), ("stash", {}), ("conflicts", {})):
        with pytest.raises(GitError) as failed:
            getattr(tools, tool)(here(bare), **args)
        assert failed.value.error == "bare"
    commit(work, "Three", {"c": "c"})
    git(work, "branch", "alien", "HEAD~2")
    git(
        tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{work}", "shallow"
    )
    shallow = tmp_path / "shallow"
    assert tools.log(here(shallow))["text"].endswith(
        "[this clone is shallow: its history ends early]"
    )
    with pytest.raises(GitError, match="shallow"):
        tools.integrate(here(shallow), how="merge", ref="origin/alien")
    with pytest.raises(GitError, match="shallow"):
        tools.summary(here(shallow), base="origin/alien")


def test_new_tools_work_with_sha256_and_odd_names(tmp_path: Path) -> None:
    work = empty(tmp_path / "work", "--object-format=sha256")
    name = b'caf\xe9 "\n'.decode("utf-8", "surrogateescape")
    commit(work, "One", {"a": "1\n", name: "odd\n"})
    git(work, "branch", "side")
    commit(work, "Two", {"a": "2\n"})
    git(work, "switch", "--quiet", "side")
    commit(work, "Side", {name: "side\n"})
    tools.integrate(here(work), how="rebase", ref="main")
    write(work, {name: "mine\n"})
    tools.stash(here(work))
    tools.stash(here(work), action="pop")
    result = tools.restore(here(work), paths=['"caf\\351 \\"\\n"'])
    assert result.get("rows") == 1
    assert len(git(work, "for-each-ref", "--format=%(objectname)", "refs/devagent/kept/")) == 64
    assert tools.log(here(work), search="side")["text"].splitlines()[1] == '    "caf\\351 \\"\\n"'
    write(work, {"k": "ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8\n"})
    git(work, "add", "k")
    with pytest.raises(GitError, match="k:1 "):
        tools.commit(here(work), message="x")


def test_a_repository_without_commits_is_told_as_that(tmp_path: Path) -> None:
    work = empty(tmp_path / "work")
    write(work, {"a": "1"})
    assert tools.list(here(work))["text"].startswith("* main (no commits yet)")
    assert tools.list(here(work), what="stashes")["text"] == "no stashes"
    for tool, args in (
        ("stash", {}), ("tag", {"name": "v1"}), ("integrate", {"how": "merge", "ref": "HEAD"}),
        ("restore", {"paths": ["a"], "source": "HEAD"}), ("summary", {"base": "HEAD"}),
    ):  # fmt: skip
        with pytest.raises(GitError) as failed:
            getattr(tools, tool)(here(work), **args)
        assert failed.value.error == "no_commits"
    shutil.rmtree(work / ".git")
