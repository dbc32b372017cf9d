"""Which resources each call would touch: the table that policy stands on."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, empty, git, person, small, with_origin, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository for all tests that only look."""
    return furnished(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def furnished(folder: Path) -> Path:
    """On main, which tracks origin/main; ``feature`` without upstream; ``odd`` tracks origin/main.

    Remotes: origin on a host, ``here`` on this machine. Tags v1 and both (which is a branch too).
    """
    work = with_origin(folder)
    git(work, "remote", "add", "here", str(folder / "origin.git"))
    git(work, "remote", "set-url", "origin", "https://ana:hunter2@GitHub.com/acme/shop.git")
    for name in ("heads/feature", "heads/odd", "heads/both", "tags/v1", "tags/both"):
        git(work, "update-ref", f"refs/{name}", "HEAD")
    git(work, "branch", "--quiet", "--set-upstream-to", "origin/main", "odd")
    git(work, "branch", "old", "HEAD~1")
    write(work, {"a.txt": "changed\n", "new.txt": "n\n", "dir/deep.txt": "d\n"})
    (work / "link").symlink_to("src")
    (work / ".gitignore").write_text("*.log\n")
    (work / "x.log").write_text("ignored")
    return work


def touched(folder: Path, tool: str, args: Mapping[str, Any], tags: bool = False) -> list[str]:
    """The resources as words: ``!`` after what is written, tags in brackets when asked for."""
    found = tools.resources(tool, args, Place(str(folder)))
    assert found[0]["id"].startswith("repo:")
    return [
        resource["id"]
        + ("!" if resource["access"] == "write" else "")
        + (f"[{','.join(resource['tags'])}]" if tags and resource["tags"] else "")
        for resource in found
    ]


READS: list[tuple[str, dict[str, Any], str]] = [
    ("status", {}, ""),
    ("list", {"what": "remote_branches"}, ""),
    ("log", {}, ""),
    ("log", {"path": "a.txt"}, "path:a.txt"),
    ("log", {"path": "./src/../a.txt"}, "path:a.txt"),
    ("show", {}, "path:src/b.py"),
    ("show", {"ref": "HEAD~1"}, "path:a.txt"),
    ("show", {"stat": True}, ""),
    ("show", {"path": "a.txt"}, "path:a.txt"),
    ("show", {"path": "link/b.py"}, "path:link/b.py path:src/b.py"),
    ("show", {"path": '"caf\\351"'}, "path:caf\\xe9"),
    ("diff", {}, "path:a.txt"),
    ("diff", {"stat": True}, ""),
    ("diff", {"staged": True}, ""),
    ("diff", {"ref": "old"}, "path:a.txt path:src/b.py"),
    ("diff", {"ref": "old..main"}, "path:src/b.py"),
    ("diff", {"ref": "main...old"}, ""),
    ("diff", {"ref": "old", "path": "src"}, "path:src/b.py"),
    ("diff", {"path": "src"}, "path:src"),
    ("blame", {"path": "a.txt"}, "path:a.txt"),
    ("blame", {"path": "link/b.py", "ref": "HEAD"}, "path:link/b.py path:src/b.py"),
]

WRITES: list[tuple[str, dict[str, Any], str]] = [
    ("add", {"paths": ["a.txt"]}, "path:a.txt"),
    ("add", {"paths": ["dir"]}, "path:dir/deep.txt"),
    (
        "add",
        {"paths": ["."]},
        "path:.gitignore path:a.txt path:dir/deep.txt path:link path:new.txt",
    ),
    ("add", {"paths": ["x.log"]}, "path:x.log"),
    ("add", {"paths": ["*.txt"]}, "path:*.txt"),
    ("add", {"paths": ["link"]}, "path:link"),
    ("commit", {"message": "m"}, "branch:main!"),
    ("commit", {"message": "m", "all": True}, "branch:main! path:a.txt"),
    (
        "commit",
        {"message": "m", "amend": True},
        "branch:main![git.amend,git.rewrite,git.published]",
    ),
    ("branch", {"name": "x"}, "branch:x!"),
    ("branch", {"name": "refs/heads/x"}, "branch:x!"),
    ("branch", {"name": "x", "action": "delete"}, "branch:x![git.delete]"),
    ("branch", {"name": "x", "action": "delete", "force": True}, "branch:x![git.delete,git.force]"),
    ("branch", {"name": "x", "action": "rename", "new_name": "main"}, "branch:x! branch:main!"),
    ("switch", {"branch": "feature"}, "branch:feature"),
    ("switch", {"branch": "old"}, "branch:old path:src/b.py!"),
    ("switch", {"branch": "refs/heads/old"}, "branch:old path:src/b.py!"),
    ("switch", {"branch": "x", "create": True}, "branch:x!"),
    ("switch", {"branch": "x", "create": True, "start": "old"}, "branch:x! path:src/b.py!"),
]

TO_GITHUB = "remote:origin/github.com/acme/shop! host:github.com!"
PUSHES: list[tuple[dict[str, Any], str]] = [
    ({}, "branch:origin/main!"),
    ({"ref": "HEAD"}, "branch:origin/main!"),
    ({"ref": "@"}, "branch:origin/main!"),
    ({"ref": "main"}, "branch:origin/main!"),
    ({"ref": "heads/main"}, "branch:origin/main!"),
    ({"ref": "refs/heads/main"}, "branch:origin/main!"),
    ({"ref": "feature"}, "branch:origin/feature!"),
    ({"ref": "odd"}, "branch:origin/odd!"),
    ({"ref": "feature:main"}, "branch:origin/main!"),
    ({"ref": "feature:heads/main"}, "branch:origin/main!"),
    ({"ref": "feature:refs/heads/main"}, "branch:origin/main!"),
    ({"ref": "HEAD:main"}, "branch:origin/main!"),
    ({"ref": "HEAD~1:main"}, "branch:origin/main!"),
    ({"ref": "+feature:main"}, "branch:origin/main![git.force]"),
    ({"ref": "+main"}, "branch:origin/main![git.force]"),
    ({"ref": ":main"}, "branch:origin/main![git.delete]"),
    ({"ref": ":refs/heads/main"}, "branch:origin/main![git.delete]"),
    ({"ref": "+:main"}, "branch:origin/main![git.force,git.delete]"),
    ({"ref": "main", "delete": True}, "branch:origin/main![git.delete]"),
    ({"ref": "refs/heads/main", "delete": True}, "branch:origin/main![git.delete]"),
    ({"ref": "main", "force": "force"}, "branch:origin/main![git.force]"),
    ({"ref": "main", "force": "with_lease"}, "branch:origin/main![git.force]"),
    ({"remote": "origin", "ref": "feature:release/2.1"}, "branch:origin/release/2.1!"),
    ({"ref": "main:refs/for/main"}, "branch:origin/refs/for/main!"),
    ({"ref": "v1"}, "branch:origin/refs/tags/v1!"),
    ({"ref": "tags/v1"}, "branch:origin/refs/tags/v1!"),
    ({"ref": "v1:main"}, "branch:origin/refs/tags/main!"),
    ({"ref": "v1:refs/heads/main"}, "branch:origin/main!"),
    ({"ref": "heads/both"}, "branch:origin/both!"),
    (
        {"tags": True},
        "branch:origin/main! branch:origin/refs/tags/both! branch:origin/refs/tags/v1!",
    ),
]


@pytest.mark.parametrize(("tool", "args", "expected"), READS)
def test_reads_name_what_they_show(
    shared: Path, tool: str, args: dict[str, Any], expected: str
) -> None:
    assert touched(shared, tool, args) == ["repo:.", *expected.split()]


@pytest.mark.parametrize(("tool", "args", "expected"), WRITES)
def test_writes_name_what_they_would_change(
    shared: Path, tool: str, args: dict[str, Any], expected: str
) -> None:
    found = touched(shared, tool, args, tags=True)
    assert found[0] == "repo:.!"
    assert sorted(found[1:]) == sorted(expected.split())


@pytest.mark.parametrize(("args", "expected"), PUSHES)
def test_a_push_names_the_branch_that_would_truly_be_written(
    shared: Path, args: dict[str, Any], expected: str
) -> None:
    assert touched(shared, "push", args, tags=True) == [
        "repo:.!",
        *TO_GITHUB.split(),
        *expected.split(),
    ]


NETWORK: list[tuple[str, dict[str, Any], str]] = [
    ("fetch", {}, "remote:origin/github.com/acme/shop host:github.com"),
    (
        "pull",
        {},
        "remote:origin/github.com/acme/shop host:github.com branch:origin/main branch:main!",
    ),
    (
        "pull",
        {"branch": "feature"},
        "remote:origin/github.com/acme/shop host:github.com branch:origin/feature branch:main!",
    ),
]


@pytest.mark.parametrize(("tool", "args", "expected"), NETWORK)
def test_network_reads_name_remote_and_host(
    shared: Path, tool: str, args: dict[str, Any], expected: str
) -> None:
    assert touched(shared, tool, args) == ["repo:.!", *expected.split()]


def test_a_remote_on_this_machine_is_a_path(shared: Path) -> None:
    folder = shared.parent / "origin.git"
    assert touched(shared, "push", {"remote": "here", "ref": "main"}) == [
        "repo:.!",
        f"remote:here/localhost{str(folder).removesuffix('.git')}!",
        f"path:{folder}!",
        "branch:here/main!",
    ]
    assert f"path:{folder}" in touched(shared, "fetch", {"remote": "here"})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, "bad_arguments"),
    ("log", {"path": "../outside"}, "outside_repository"),
    ("log", {"path": 1}, "bad_arguments"),
    ("show", {"ref": "nope"}, "no_such_ref"),
    ("show", {"ref": "--all"}, "bad_arguments"),
    ("show", {"path": ".git/config"}, "bad_arguments"),
    ("diff", {"ref": "nope..main"}, "no_such_ref"),
    ("diff", {"ref": "a..b", "staged": "yes"}, "bad_arguments"),
    ("blame", {}, "bad_arguments"),
    ("add", {"paths": []}, "bad_arguments"),
    ("add", {"paths": "a.txt"}, "bad_arguments"),
    ("add", {"paths": ["../x"]}, "outside_repository"),
    ("branch", {"name": "-D"}, "bad_arguments"),
    ("switch", {"branch": "nope"}, "no_such_ref"),
    ("switch", {"branch": "--orphan"}, "bad_arguments"),
    ("push", {"ref": "both"}, "bad_arguments"),
    ("push", {"ref": "refs/heads/*"}, "bad_arguments"),
    ("push", {"ref": "main:HEAD"}, "bad_arguments"),
    ("push", {"ref": "HEAD~1"}, "bad_arguments"),
    ("push", {"ref": "nope:main"}, "no_such_ref"),
    ("push", {"remote": "https://evil.example/x", "ref": "main"}, "bad_arguments"),
    ("push", {"remote": "origin/github.com"}, "bad_arguments"),
    ("fetch", {"remote": "nope"}, "no_such_remote"),
    ("pull", {"branch": "-x"}, "bad_arguments"),
]


@pytest.mark.parametrize(("tool", "args", "error"), REFUSED)
def test_what_cannot_be_resolved_is_refused(
    shared: Path, tool: str, args: dict[str, Any], error: str
) -> None:
    with pytest.raises(GitError) as refused:
        touched(shared, tool, args)
    assert refused.value.error == error


def test_the_configured_remote_and_every_rewriting_count(work: Path) -> None:
    git(work, "config", "branch.main.pushRemote", "here")
    assert touched(work, "push", {})[-1] == "branch:here/main!"
    git(work, "config", "--unset", "branch.main.pushRemote")
    git(work, "config", "url.ssh://git@evil.example/.insteadOf", "https://ana:hunter2@GitHub.com/")
    assert touched(work, "push", {})[1:3] == [
        "remote:origin/evil.example/acme/shop!",
        "host:evil.example!",
    ]
    git(work, "config", "url.git@push.example:.pushInsteadOf", "https://ana:hunter2@GitHub.com/")
    assert touched(work, "push", {})[2] == "host:push.example!"
    assert touched(work, "fetch", {})[2] == "host:evil.example"
    git(work, "config", "--add", "remote.origin.pushurl", "https://one.example/x")
    git(work, "config", "--add", "remote.origin.pushurl", "https://two.example/y")
    hosts = [name for name in touched(work, "push", {}) if name.startswith("host:")]
    assert hosts == ["host:one.example!", "host:two.example!"]


def test_a_branch_that_tracks_another_name_must_be_named(work: Path) -> None:
    git(work, "checkout", "--quiet", "odd")
    with pytest.raises(GitError, match="which has another name"):
        touched(work, "push", {})
    assert touched(work, "push", {"ref": "odd:main"})[-1] == "branch:origin/main!"


def test_a_repository_config_that_reroutes_connections_is_refused(work: Path) -> None:
    git(work, "config", "http.https://github.com/.proxy", "http://evil.example:1")
    with pytest.raises(GitError) as refused:
        touched(work, "push", {})
    assert refused.value.error == "unsafe_config"
    assert "hunter2" not in str(refused.value)


def test_a_detached_or_unborn_head_is_resolved_too(work: Path, tmp_path: Path) -> None:
    git(work, "checkout", "--quiet", "--detach")
    assert touched(work, "commit", {"message": "m"}) == ["repo:.!"]
    with pytest.raises(GitError) as refused:
        touched(work, "push", {})
    assert refused.value.error == "detached"
    unborn = empty(tmp_path / "unborn")
    assert touched(unborn, "commit", {"message": "m"}) == ["repo:.!", "branch:main!"]
    write(unborn, {"n": "n"})
    assert touched(unborn, "add", {"paths": ["."]}) == ["repo:.!", "path:n"]
    assert touched(unborn, "switch", {"branch": "x", "create": True}) == ["repo:.!", "branch:x!"]


def test_a_workspace_inside_a_repository_names_what_is_outside_it(work: Path) -> None:
    inside = work / "src"
    assert touched(inside, "status", {}) == [f"repo:{work}"]
    assert touched(inside, "show", {"path": "b.py"})[1:] == ["path:b.py"]
    assert touched(inside, "show", {"path": "../a.txt"})[1:] == [f"path:{work}/a.txt"]
    assert touched(inside, "diff", {})[1:] == [f"path:{work}/a.txt"]


def test_a_git_file_that_points_at_a_strange_repository_names_that_too(
    work: Path, tmp_path: Path
) -> None:
    spoof = tmp_path / "spoof"
    spoof.mkdir()
    (spoof / ".git").write_text(f"gitdir: {work}/.git\n")
    assert touched(spoof, "status", {}) == ["repo:.", f"repo:{work}/.git"]
    git(work, "worktree", "add", "--quiet", str(tmp_path / "side"))
    assert touched(tmp_path / "side", "status", {}) == ["repo:."]
    fake = tmp_path / "fake"
    (fake / "gd").mkdir(parents=True)
    (fake / ".git").write_text("gitdir: gd\n")
    (fake / "gd/HEAD").write_text("ref: refs/heads/main\n")
    (fake / "gd/commondir").write_text(f"{work}/.git\n")
    (fake / "gd/gitdir").write_text(f"{fake}/.git\n")
    assert touched(fake, "status", {}) == ["repo:.", f"repo:{work}/.git"]


def test_a_submodule_is_its_own_repository(work: Path, tmp_path: Path) -> None:
    git(work, "submodule", "--quiet", "add", str(small(tmp_path / "inner")), "vendor")
    assert touched(work / "vendor", "status", {}) == ["repo:."]


def test_too_many_files_to_judge_is_refused_not_shortened(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devagent_git.plans.PATHS", 2)
    with pytest.raises(GitError) as refused:
        touched(work, "add", {"paths": ["."]})
    assert refused.value.error == "too_many_paths"


def test_odd_names_stay_text(work: Path) -> None:
    oid = git(work, "rev-parse", "HEAD")
    git(work, "update-ref", b"refs/heads/caf\xe9", oid)
    git(work, "symbolic-ref", "HEAD", b"refs/heads/caf\xe9")
    assert touched(work, "commit", {"message": "m"}) == ["repo:.!", "branch:caf\\xe9!"]


def test_resources_change_nothing(work: Path) -> None:
    (work / "a.txt").touch()
    before = {
        path: path.read_bytes() for path in sorted((work / ".git").rglob("*")) if path.is_file()
    }
    for tool, args, _ in READS + WRITES + NETWORK:
        touched(work, tool, args)
    for args, _ in PUSHES:
        touched(work, "push", args)
    after = {
        path: path.read_bytes() for path in sorted((work / ".git").rglob("*")) if path.is_file()
    }
    assert after == before


def test_what_a_push_writes_is_what_was_named(work: Path) -> None:
    commit(work, "T", {"t": "t"})
    origin = work.parent / "origin.git"
    for args in (
        {"ref": "main"},
        {"ref": "HEAD:heads/one"},
        {"ref": "feature:two"},
        {"ref": "v1"},
        {"ref": "v1:three"},
        {"ref": "v1:refs/heads/four"},
        {"ref": "HEAD~1:five"},
        {"ref": "main:refs/for/main"},
        {"ref": "heads/both"},
    ):
        before = set(git(origin, "for-each-ref", "--format=%(refname) %(objectname)").splitlines())
        named = touched(work, "push", {"remote": "here", **args})[-1]
        tools.push(Place(str(work)), remote="here", **args)  # pyright: ignore[reportArgumentType] - str only
        after = set(git(origin, "for-each-ref", "--format=%(refname) %(objectname)").splitlines())
        written = {line.split()[0] for line in after - before}
        assert {f"branch:here/{name.removeprefix('refs/heads/')}!" for name in written} == {named}


def test_a_bundle_that_the_repository_config_names_is_not_fetched(work: Path) -> None:
    git(work, "config", "fetch.bundleURI", "https://elsewhere.example/all.bundle")
    for tool in ("fetch", "push"):
        with pytest.raises(GitError, match=r"fetch\.bundleuri") as refused:
            touched(work, tool, {})
        assert refused.value.error == "unsafe_config"


@pytest.mark.parametrize("how", ["alternates", "nested", "quoted", "objects", "pack"])
def test_a_repository_whose_objects_are_borrowed_is_read_too(
    work: Path, tmp_path: Path, how: str
) -> None:
    private = small(tmp_path / "private")
    theirs, objects = private / ".git/objects", work / ".git/objects"
    place = f"repo:{private}/.git"
    match how:
        case "alternates":
            (objects / "info/alternates").write_text(f"# shared\n{theirs}\n")
        case "nested":
            between = small(tmp_path / "between")
            (objects / "info/alternates").write_text("../../../between/.git/objects\n")
            (between / ".git/objects/info/alternates").write_text(f"{theirs}\n")
        case "quoted":
            (objects / "info/alternates").write_text(f'"{theirs}"\n')
        case "objects":
            objects.rename(work / "objects")
            shutil.copytree(work / "objects", theirs, dirs_exist_ok=True)
            objects.symlink_to(theirs)
        case _:
            shutil.rmtree(objects / "pack")
            (objects / "pack").symlink_to(theirs / "pack")
            place = f"repo:{theirs}/pack"
    for tool in ("show", "log", "status", "list"):
        assert place in touched(work, tool, {})


@pytest.mark.parametrize(
    "line", [None, '"/private/objects"x', '"/private/objects"x"', '"/\\q"', "a\0b"]
)
def test_a_list_of_borrowed_objects_that_cannot_be_read_refuses_the_call(
    work: Path, line: str | None
) -> None:
    listed = work / ".git/objects/info/alternates"
    if line is None:
        listed.mkdir(parents=True)
    else:
        listed.write_text(f"{line}\n")
    with pytest.raises(GitError, match="takes its objects from") as refused:
        touched(work, "status", {})
    assert refused.value.error == "unsafe_config"


def test_files_that_make_git_do_something_later_say_so(work: Path) -> None:
    git(work, "config", "core.hooksPath", "tools/hooks")
    git(work, "config", "include.path", "../tools/settings")
    files = {
        ".gitmodules": "git.submodules", "sub/.GitAttributes": "git.attributes", ".lfsconfig": "git.config",
        "tools/hooks/pre-commit": "git.hooks", "tools/settings": "git.config", ".husky/x": "git.hooks",
        "tools/other": "", "hooks/x": "",
    }  # fmt: skip
    write(work, dict.fromkeys(files, "x\n"))
    found = tools.resources("add", {"paths": list(files)}, Place(str(work)))
    assert {r["id"].removeprefix("path:"): "".join(r["tags"]) for r in found[1:]} == files
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "Files")
    git(work, "branch", "bare", "HEAD~1")
    found = tools.resources("switch", {"branch": "bare"}, Place(str(work)))
    written = {r["id"].removeprefix("path:"): "".join(r["tags"]) for r in found}
    assert written.items() >= files.items()
    shown = tools.resources("show", {}, Place(str(work)))
    assert not any(r["tags"] for r in shown)


def test_hooks_that_would_be_passed_over_are_a_fact(work: Path) -> None:
    for name in ("pre-commit", "pre-push"):
        hook = work / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\n")
        hook.chmod(0o755)
    assert touched(work, "commit", {"message": "x"}, tags=True)[1] == "branch:main![git.no-verify]"
    assert touched(work, "push", {}, tags=True)[-1] == "branch:origin/main![git.no-verify]"
    (work / ".git/hooks/pre-push").chmod(0o644)
    assert touched(work, "push", {}, tags=True)[-1] == "branch:origin/main!"
