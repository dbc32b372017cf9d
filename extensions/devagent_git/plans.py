"""What a call would do, worked out beforehand: resources are computed from the very plan that is run."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from devagent_git.contract import GitError
from devagent_git.hardening import Setting, rerouting, value_of, values_of
from devagent_git.names import (
    Address,
    address,
    bad,
    branch_name,
    full_ref,
    path_in,
    remote_name,
    sides,
)
from devagent_git.process import Output
from devagent_git.repository import Repository, check_text
from devagent_git.text import shown

PATHS = 5_000
"""Most files that one call may touch: each of them is judged by policy."""
TAGS = 1_000


def paths_of(data: bytes) -> list[bytes]:
    """The NUL-separated paths that git listed. Raises GitError too_many_paths beyond ``PATHS``."""
    paths = list(dict.fromkeys(path for path in data.split(b"\0") if path))
    if len(paths) > PATHS:
        raise GitError(
            f"this touches {len(paths)} files, more than {PATHS} that can be judged one by one; "
            "name a narrower path, or ask for stat",
            error="too_many_paths",
        )
    return paths


class Comparison(NamedTuple):
    """A ``git diff``: its sides (object ids, ``--cached``, or none for the work tree) and its paths."""

    sides: tuple[str, ...]
    paths: tuple[bytes, ...]

    def run(self, repository: Repository, *how: str) -> Output:
        """Run ``git diff``, printing as ``how`` says."""
        fixed = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")
        args = ["diff", *fixed, *how, *self.sides, "--", *self.paths]
        if "--cached" in self.sides or len(self.sides) == 2:
            return repository.git(*args)
        return beside_the_work_tree(repository, args)

    def names(self, repository: Repository) -> list[bytes]:
        """Files whose content the comparison shows, renames counted on both sides."""
        return paths_of(self.run(repository, "--name-only", "-z", "--no-renames").out)


def beside_the_work_tree(repository: Repository, args: Sequence[str | bytes]) -> Output:
    """Run a ``git diff`` that looks at the work tree.

    Git then refreshes the index file, lock and all, even where optional locks are off; it is given a copy, so that
    reading stays reading. The copy is as old as the index: by that git knows which files it must read, because they
    may have been written in the second in which the index was.
    """
    index = os.path.join(repository.git_dir, "index")
    if not os.path.isfile(index):
        return repository.git(*args)
    with tempfile.TemporaryDirectory(prefix="devagent-git-") as folder:
        copy = os.path.join(folder, "index")
        with open(index, "rb") as file, open(copy, "wb") as copied:
            shutil.copyfileobj(file, copied)
            times = os.fstat(
                file.fileno()
            )  # of what was read, also where another index has taken its place
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        return repository.git(*args, index=copy)


def compare(repository: Repository, ref: str, staged: bool, path: str) -> Comparison:
    """``ref``: nothing, ``a``, ``a..b`` or ``a...b`` (from their merge base)."""
    paths = (path_in(repository.folder, repository.top, path) or b".",) if path else ()
    if not ref:
        if repository.bare:
            raise GitError("this repository is bare: give ref, such as a..b", error="bare")
        return Comparison(("--cached",) if staged else (), paths)
    check_text(ref, "ref")
    dots = "..." if "..." in ref else ".."
    first, found, second = ref.partition(dots)
    if not found:
        if repository.bare:
            raise GitError("this repository is bare: give ref as a..b", error="bare")
        one = repository.commit(ref)
        return Comparison(("--cached", one) if staged else (one,), paths)
    if staged:
        raise bad("staged compares with one commit, not with a range")
    left, right = repository.commit(first or "HEAD"), repository.commit(second or "HEAD")
    if dots == "...":
        base = repository.line("merge-base", left, right, codes=(0, 1))
        if not base:
            raise GitError("the two sides have no common ancestor", error="no_such_ref")
        left = base
    return Comparison((left, right), paths)


def commit_changes(repository: Repository, oid: str, path: bytes | None = None) -> Comparison:
    """What a commit changed against its first parent, or against nothing for a root commit."""
    parents = repository.line("rev-list", "--parents", "-n", "1", oid).split()[1:]
    before = (
        parents[0]
        if parents
        else repository.git("hash-object", "-t", "tree", "--stdin", stdin=b"").out
    )
    left = before if isinstance(before, str) else before.decode().strip()
    return Comparison((left, oid), () if path is None else (path or b".",))


class Upstream(NamedTuple):
    """The configured remote of a branch and the full name of its counterpart there."""

    remote: str
    ref: str


def upstream_of(settings: list[Setting], branch: str) -> Upstream | None:
    """What ``branch.<name>.remote`` and ``.merge`` say; None without both, or when it is a local one."""
    remote = value_of(settings, f"branch.{branch}.remote")
    merge = value_of(settings, f"branch.{branch}.merge")
    return Upstream(remote, merge) if remote and merge and remote != "." else None


def remotes_of(settings: list[Setting]) -> list[str]:
    """Names of the remotes that have a URL in the configuration."""
    found = (
        s.parts[1] for s in settings if s.parts[0] == "remote" and s.parts[2] in ("url", "pushurl")
    )
    return list(dict.fromkeys(name for name in found if name))


class Remote(NamedTuple):
    """A configured remote and where it truly leads (``insteadOf`` applied); push may have several."""

    name: str
    addresses: tuple[Address, ...]


def remote_of(repository: Repository, name: str, *, push: bool) -> Remote:
    """Raises GitError no_such_remote, transport, bad_arguments, unsafe_config."""
    remote_name(name)
    known = remotes_of(repository.settings)
    if name not in known:
        there = ", ".join(map(shown, known)) or "none"
        raise GitError(
            f"no remote is called {shown(name)!r} (configured: {there})", error="no_such_remote"
        )
    rerouted = rerouting(repository.possible)
    if rerouted:
        raise GitError(
            f"the repository's own config sets {', '.join(map(shown, rerouted))}, which could send the "
            "connection elsewhere; such settings count only in the person's own git config",
            error="unsafe_config",
        )
    options = ("--push", "--all") if push else ("--all",)
    urls = repository.git("remote", "get-url", *options, "--", name).out.decode(
        "utf-8", "surrogateescape"
    )
    return Remote(name, tuple(address(url, repository.top) for url in urls.split("\n")[:-1]))


def default_remote(repository: Repository, branch: str | None, *, push: bool) -> str:
    """The remote git itself would take: the branch's, the default for pushes, the only one, origin."""
    settings = repository.settings
    asked: list[str | None] = []
    if push and branch:
        asked.append(value_of(settings, f"branch.{branch}.pushremote"))
    if push:
        asked.append(value_of(settings, "remote.pushdefault"))
    if branch:
        asked.append(value_of(settings, f"branch.{branch}.remote"))
    chosen = next((name for name in asked if name and name != "."), None)
    known = remotes_of(settings)
    if chosen is None:
        if not known:
            raise GitError("the repository has no remote", error="no_such_remote")
        if len(known) > 1 and "origin" not in known:
            raise bad(f"say which remote: {', '.join(map(shown, known))}")
        chosen = known[0] if len(known) == 1 else "origin"
    return chosen


class Push(NamedTuple):
    """One push, with full names on both sides. ``refs``: (source object or empty, destination)."""

    remote: Remote
    refs: tuple[tuple[str, str], ...]
    forced: bool
    sets_upstream_of: str | None

    @property
    def deletes(self) -> list[str]:
        """Destinations that would be deleted."""
        return [target for source, target in self.refs if not source]


def plan_push(repository: Repository, remote: str, ref: str, tags: bool, delete: bool) -> Push:
    """The push that these arguments mean; ``forced`` tells a ``+``, which only ``push`` itself judges."""
    current = repository.head_branch()
    name = remote or default_remote(repository, current, push=True)
    place = remote_of(repository, name, push=True)
    forced, source, target = sides(ref) if ref else (False, "", None)
    if delete:
        if not ref:
            raise bad("delete needs ref: the remote branch to delete")
        if source and target is not None:
            raise bad("to delete, ref is one name")
        source, target = "", target if target is not None else source
    sets_upstream: str | None = None
    if ref and not source:
        if target is None:
            raise bad("ref names nothing to push")
        refs = [("", _destination(target, "refs/heads/"))]
    else:
        full = _source(repository, source or "HEAD", current)
        kind = "refs/tags/" if full.startswith("refs/tags/") else "refs/heads/"
        if target is not None:
            destination = _destination(target, kind)
        elif full.startswith("refs/"):
            destination = full_ref(full)
        else:
            raise bad("ref is a commit, not a branch: give its destination too, as commit:branch")
        if current is not None and full == f"refs/heads/{current}":
            up = upstream_of(repository.settings, current)
            if up is None and destination == full:
                sets_upstream = current
            if not ref and up is not None and up.remote == name and up.ref != full:
                other = shown(up.ref.removeprefix("refs/heads/"))
                raise bad(
                    f"the current branch {shown(current)} tracks {name}/{other}, which has another name: "
                    f"say which is meant, ref={shown(current)!r} or ref='{shown(current)}:{other}'"
                )
        refs = [(full, destination)]
    if tags:
        refs += [(tag, tag) for tag in _tags(repository) if (tag, tag) not in refs]
    return Push(place, tuple(refs), forced, sets_upstream)


def _destination(target: str, kind: str) -> str:
    if target in ("HEAD", "@"):
        raise bad("HEAD is no destination: name the branch")
    if target.startswith(("refs/", "heads/", "tags/", "remotes/")):
        return full_ref(target)
    return full_ref(kind + target)


def _source(repository: Repository, source: str, current: str | None) -> str:
    """Full reference name of a push's source, or the object id of a commit that is named otherwise."""
    check_text(source, "ref")
    if source in ("HEAD", "@"):
        if current is None:
            repository.commit("HEAD")
            raise GitError("HEAD is detached: name the branch to push", error="detached")
        source = f"refs/heads/{current}"
    elif source.startswith(("heads/", "tags/")):
        source = f"refs/{source}"
    if source.startswith("refs/"):
        if repository.ref_oid(source) is None:
            error = "no_commits" if repository.ref_oid("HEAD") is None else "no_such_ref"
            raise GitError(f"there is no {shown(source)} to push", error=error)
        return source
    found = [
        kind + source for kind in ("refs/heads/", "refs/tags/") if repository.ref_oid(kind + source)
    ]
    if len(found) > 1:
        raise bad(f"{shown(source)!r} is both a branch and a tag: write heads/… or tags/…")
    return found[0] if found else repository.commit(source)


def _tags(repository: Repository) -> list[str]:
    listed = repository.git("for-each-ref", "--format=%(refname)", "refs/tags/").out.decode(
        errors="replace"
    )
    names = listed.split("\n")[:-1]
    if len(names) > TAGS:
        raise GitError(f"more than {TAGS} tags: push them by name", error="too_many_paths")
    return names


class Fetch(NamedTuple):
    """One fetch: into remote-tracking branches only, whatever the configuration maps elsewhere."""

    remote: Remote
    refspecs: tuple[str, ...]


def plan_fetch(repository: Repository, remote: str) -> Fetch:
    """The configured mapping, as far as it writes below ``refs/remotes/<remote>/``; else the usual one."""
    name = remote or default_remote(repository, repository.head_branch(), push=False)
    place = remote_of(repository, name, push=False)
    tracking = f"refs/remotes/{name}/"
    configured = values_of(repository.settings, f"remote.{name}.fetch")
    kept = [spec for spec in configured if spec.partition(":")[2].startswith(tracking)]
    return Fetch(place, tuple(kept) or (f"+refs/heads/*:{tracking}*",))


class Pull(NamedTuple):
    """One pull: which remote branch into which current branch."""

    remote: Remote
    branch: str
    current: str

    @property
    def tracking(self) -> str:
        """Full name of the remote-tracking branch that the pull fetches into."""
        return f"refs/remotes/{self.remote.name}/{self.branch}"


def plan_pull(repository: Repository, remote: str, branch: str) -> Pull:
    """Raises GitError detached, no_upstream, and what ``remote_of`` raises."""
    current = repository.head_branch()
    if current is None:
        raise GitError("HEAD is detached: switch to a branch before pulling", error="detached")
    up = upstream_of(repository.settings, current)
    if not branch:
        if up is None or (remote and remote != up.remote):
            raise GitError(
                f"{shown(current)} tracks no branch there: say which branch to pull",
                error="no_upstream",
            )
        branch, remote = up.ref, up.remote
    name = remote or default_remote(repository, current, push=False)
    return Pull(remote_of(repository, name, push=False), branch_name(branch), current)


def to_stage(repository: Repository, paths: list[str]) -> list[bytes]:
    """Every file that ``add`` of these paths would take in: changed, new (not ignored) or deleted."""
    if not paths:
        raise bad("paths is empty")
    names = [path_in(repository.folder, repository.top, path) or b"." for path in paths]
    listed = repository.git(
        "ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard", "--", *names
    )
    return paths_of(listed.out)


def tracked_changes(repository: Repository) -> list[bytes]:
    """Files that ``commit`` with ``all`` would take in."""
    return paths_of(repository.git("ls-files", "-z", "--modified", "--deleted").out)


def hooks_folder(repository: Repository) -> str:
    """Where git would look for hooks if they were on."""
    configured = value_of(repository.settings, "core.hookspath")
    if configured:
        return os.path.join(repository.top, os.path.expanduser(configured))
    return os.path.join(repository.common_dir, "hooks")
