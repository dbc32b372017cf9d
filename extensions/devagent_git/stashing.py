"""``stash``: put uncommitted changes aside, bring them back, drop them."""

import re
from typing import Literal

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import keep_object, said_of
from devagent_git.names import bad, encoded, path_in, shown_from
from devagent_git.plans import commit_changes, paths_of
from devagent_git.repository import Repository
from devagent_git.text import file_name, fitted, shown
from devagent_git.writing import refuse_own_filters

Action = Literal["push", "apply", "pop", "drop"]
_QUIET = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "--no-renames")


def stash_at(repository: Repository, number: int) -> str:
    """The commit of the stash with this number. Raises GitError no_such_ref, bad_arguments."""
    if number < 0:
        raise bad("number must be at least 0")
    names = repository.git("reflog", "show", "--format=%H", "refs/stash", "--", codes=(0, 128))
    oids = names.out.decode("ascii", "replace").split() if names.code == 0 else []
    if number >= len(oids):
        raise GitError(
            f"there are {len(oids)} stashes, and no number {number}", error="no_such_ref"
        )
    return oids[number]


def put_aside(repository: Repository, untracked: bool, paths: list[str]) -> list[bytes]:
    """The files that a ``push`` would put aside."""
    names = [path_in(repository.folder, repository.top, path) or b"." for path in paths]
    head = repository.ref_oid("HEAD")
    if head is None:
        raise GitError(
            "the repository has no commits yet: there is nothing to stash onto", error="no_commits"
        )
    staged = repository.git(
        "diff", "--cached", "--name-only", "-z", *_QUIET, head, "--", *names
    ).out
    changed = repository.git("ls-files", "-z", "--modified", "--deleted", "--", *names).out
    new = b""
    if untracked:
        new = repository.git("ls-files", "-z", "--others", "--exclude-standard", "--", *names).out
    return paths_of(staged + changed + new)


def brought_back(repository: Repository, oid: str) -> list[bytes]:
    """The files that a stash holds, untracked ones too."""
    names = commit_changes(repository, oid).names(repository)
    parents = repository.line("rev-list", "--parents", "-n", "1", oid).split()[1:]
    if len(parents) > 2:
        names += paths_of(repository.git("ls-tree", "-r", "-z", "--name-only", parents[2]).out)
    return list(dict.fromkeys(names))


def stash(
    here: Surroundings,
    *,
    action: Action = "push",
    number: int = 0,
    message: str = "",
    untracked: bool = False,
    paths: list[str] = [],  # noqa: B006 - as the schema says; it is never changed
) -> Result:
    """Put changes aside (``push``), bring stash ``number`` back (``apply``, or ``pop`` which also drops it), or drop it."""
    repository = Repository(here, "write", work_tree=True)
    if action == "push":
        return _push(repository, message, untracked, paths)
    if message or untracked or paths:
        raise bad("message, untracked and paths go with action=push only")
    oid = stash_at(repository, number)
    name = f"stash@{{{number}}}"
    if action == "drop":
        keep_object(repository, oid)
        repository.git("stash", "drop", "--quiet", name)
        return _said(
            repository,
            f"dropped {name}",
            oid,
            said_of(oid, "git.restore with source={} brings files back"),
        )
    if action not in ("apply", "pop"):
        raise bad("action must be push, apply, pop or drop")
    refuse_own_filters(repository)
    output = repository.git("stash", action, "--quiet", name, codes=(0, 1))
    if output.code:
        _not_applied(repository, shown(output.out + output.err), name)
    files = brought_back(repository, oid)
    names = [file_name(shown_from(repository.folder, repository.top, path)) for path in files]
    left = "" if action == "apply" else "; it is no longer on the list"
    return _said(repository, f"brought back {name} ({len(names)} files){left}", oid, names)


def _push(repository: Repository, message: str, untracked: bool, paths: list[str]) -> Result:
    if message:
        encoded(message, "message")
    if "\n" in message:
        raise bad("message is one line")
    files = put_aside(repository, untracked, paths)
    if not files:
        return {"text": "nothing to put aside: there are no changes", "rows": 0}
    refuse_own_filters(repository)
    repository.git("var", "GIT_COMMITTER_IDENT")
    before = repository.ref_oid("refs/stash")
    args = ["stash", "push", "--quiet"]
    args += [f"--message={message}"] if message else []
    args += ["--include-untracked"] if untracked else []
    # Always by name: git then takes away just these files, not what an editor saves beside them in the meantime
    # (and its own call of `git clean :/` finds nothing where pathspecs are literal).
    args += ["--pathspec-from-file=-", "--pathspec-file-nul"]
    output = repository.git(*args, stdin=b"\0".join([*files, b""]), codes=(0, 1))
    oid = repository.ref_oid("refs/stash")
    if output.code or oid is None or oid == before:
        said = shown(output.out + output.err).strip()
        if "needs merge" in said or "conflict" in said:
            raise GitError("there are unresolved conflicts: end or abort first", error="conflict")
        repository.fail(output)
    names = [file_name(shown_from(repository.folder, repository.top, path)) for path in files]
    return _said(repository, f"put aside {len(names)} files as stash@{{0}}", oid, names)


def _not_applied(repository: Repository, said: str, name: str) -> None:
    unmerged = repository.git("ls-files", "-z", "--unmerged").out.split(b"\0")
    files = sorted({file_name(entry.partition(b"\t")[2]) for entry in unmerged if entry})
    if files and "would be overwritten" not in said:
        raise GitError(
            fitted(
                f"{name} was brought back with conflicts in {', '.join(files)}; it is still on the list. "
                "git.conflicts shows them",
                1500,
                "more files",
            ),
            error="conflict",
        )
    lines = [
        line for line in said.splitlines() if not re.match("Please|Aborting|hint:|On branch", line)
    ]
    raise GitError(
        fitted("\n".join(lines).removeprefix("error: ") or "not applied", 1500, "more files"),
        error="would_overwrite",
    )


def _said(repository: Repository, heading: str, oid: str, lines: list[str]) -> Result:
    text = fitted("\n".join([heading, *lines]), repository.text_bytes, f"{len(lines)} in all")
    return {"text": text, "rows": len(lines), "structured": {"stash": oid}}
