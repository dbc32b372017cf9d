"""``worktree``: a second work tree of the repository, in a folder of its own; and its removal."""

import os
from typing import Literal, NamedTuple

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import keep_files, said_of
from devagent_git.names import bad, branch_name, encoded, place_name
from devagent_git.real_paths import real_path
from devagent_git.repository import Repository
from devagent_git.text import fitted, shown
from devagent_git.writing import refuse_own_filters, start_of


class Tree(NamedTuple):
    """One work tree as git lists it."""

    folder: str
    head: str
    branch: str
    notes: tuple[str, ...]


def trees_of(repository: Repository) -> list[Tree]:
    """All work trees of the repository, the main one first."""
    listed = repository.git("worktree", "list", "--porcelain", "-z").out
    found: list[Tree] = []
    for block in listed.split(b"\0\0"):
        facts: dict[str, str] = {}
        for line in block.split(b"\0"):
            key, _, value = line.partition(b" ")
            if key:
                facts[key.decode()] = os.fsdecode(value)
        if "worktree" in facts:
            notes = tuple(n for n in ("bare", "detached", "locked", "prunable") if n in facts)
            branch = facts.get("branch", "").removeprefix("refs/heads/")
            found.append(Tree(facts["worktree"], facts.get("HEAD", ""), branch, notes))
    return found


def target_of(repository: Repository, path: str) -> str:
    """The real path that is meant. Raises GitError bad_arguments."""
    given = os.fsdecode(encoded(path, "path"))
    lexical = os.path.normpath(os.path.join(repository.folder, given))
    real = os.path.join(real_path(os.path.dirname(lexical)), os.path.basename(lexical))
    inside = os.path.join(repository.common_dir, "")
    if (
        real == repository.common_dir
        or real.startswith(inside)
        or ".git" in real.lower().split(os.sep)
    ):
        raise bad("a work tree may not lie within .git")
    return real


def worktree(
    here: Surroundings,
    *,
    path: str,
    action: Literal["add", "remove"] = "add",
    branch: str = "",
    start: str = "",
    force: bool = False,
) -> Result:
    """Add a work tree at ``path`` on a branch (made at ``start`` where there is none), or remove one. ``force`` removes
    one that has changes (kept) or ignored files (not kept)."""
    repository = Repository(here, "write")
    target = target_of(repository, path)
    if action == "add":
        if force:
            raise bad("force goes with action=remove only")
        return _add(repository, target, branch, start)
    if action != "remove":
        raise bad("action must be add or remove")
    if branch or start:
        raise bad("branch and start go with action=add only")
    return _remove(repository, here, target, force)


def _add(repository: Repository, target: str, branch: str, start: str) -> Result:
    short = branch_name(branch)
    refuse_own_filters(repository)
    if os.path.lexists(target):
        raise GitError(f"{shown(target)} exists already", error="exists")
    exists = repository.ref_oid(f"refs/heads/{short}") is not None
    if exists and start:
        raise bad(f"a branch {shown(short)} exists already: start is for a new one")
    args = ["worktree", "add", "--quiet", "--no-guess-remote"]
    args += (
        ["--", target, short]
        if exists
        else ["-b", short, "--", target, start_of(repository, start)]
    )
    output = repository.git(*args, codes=(0, 128))
    if output.code:
        said = shown(output.err)
        if "already checked out" in said or "already used by worktree" in said:
            raise GitError(
                f"{shown(short)} is checked out in another work tree", error="bad_arguments"
            )
        repository.fail(output)
    text = f"added a work tree at {shown(place_name(repository.folder, target))} on {shown(short)}"
    return {"text": fitted(text, repository.text_bytes, "more")}


class _There(NamedTuple):
    """The surroundings of another work tree."""

    folder: str
    settings: dict[str, str]
    obligations: dict[str, str]
    time_limit_s: float

    def secret(self, name: str) -> str | None:
        return None


def _remove(repository: Repository, here: Surroundings, target: str, force: bool) -> Result:
    found = next((t for t in trees_of(repository)[1:] if real_path(t.folder) == target), None)
    if found is None:
        raise GitError("there is no linked work tree of this repository", error="no_such_path")
    if target == repository.top:
        raise bad("the work tree that this session works in cannot be removed")
    if "locked" in found.notes:
        raise GitError("that work tree is locked; the person can unlock it", error="locked")
    kept: str | None = None
    if os.path.isdir(target):
        # Its own settings count there: git looks at it as at any repository, never by `worktree remove` itself.
        there = Repository(_There(target, {}, {}, here.time_limit_s), "read", work_tree=True)
        if there.common_dir != repository.common_dir or there.top != target:
            raise GitError(
                "that folder is no work tree of this repository", error="outside_repository"
            )
        if any(
            line.startswith(b"160000 ")
            for line in there.git("ls-files", "-z", "--stage").out.split(b"\0")
        ):
            raise GitError(
                "that work tree holds submodules; the person can remove it", error="would_overwrite"
            )
        listed = ("ls-files", "-z", "--exclude-standard")
        changed = there.git(*listed, "--modified", "--deleted", "--others").out.split(b"\0")
        staged = there.git("diff", "--cached", "--quiet", "--no-ext-diff", "--ignore-submodules=all", "HEAD", "--", codes=(0, 1)).code  # fmt: skip
        ignored = there.git(*listed, "--others", "--ignored", "--directory").out.split(b"\0")
        left = [shown(path) for path in [*changed, *ignored] if path]
        if (left or staged) and not force:
            names = ", ".join(left[:10]) or "staged changes"
            raise GitError(
                f"that work tree has changes or ignored files ({names}); commit them, or force=true removes them",
                error="would_overwrite",
            )
        if any(path.endswith(b"/") for path in changed):
            raise GitError(
                "that work tree holds a repository of its own; the person can remove it",
                error="would_overwrite",
            )
        if force and (left or staged):
            kept = keep_files(
                there,
                [path for path in changed if path],
                "before a work tree was removed",
                index=True,
            )
        if not found.branch and there.ref_oid(
            "HEAD"
        ):  # commits of a detached head have no other name
            repository.git("update-ref", f"refs/devagent/kept/head-{found.head[:10]}", found.head)
    repository.git("worktree", "remove", "--force", "--", target)
    lines = [
        f"removed the work tree {shown(place_name(repository.folder, target))}",
        *said_of(kept),
    ]
    return {"text": fitted("\n".join(lines), repository.text_bytes, "more")}
