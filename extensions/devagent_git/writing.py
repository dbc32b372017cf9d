"""The tools that write to this repository: add, commit, branch, switch."""

import os
from typing import Literal

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.facts import COMMIT_HOOKS
from devagent_git.hardening import hooks_in, own_filters
from devagent_git.kept import keep_object
from devagent_git.mentioning import mentioning, ticket_of
from devagent_git.names import bad, branch_name, path_in, shown_from
from devagent_git.plans import commit_changes, hooks_folder, to_stage, tracked_changes
from devagent_git.repository import Repository
from devagent_git.scanning import ALL, refuse, scan_staged
from devagent_git.states import in_progress
from devagent_git.text import file_name, fitted, one_line, shown


def add(here: Surroundings, *, paths: list[str]) -> Result:
    """Stage new, changed and deleted files. Paths are literal; a folder means what is in it.

    All or nothing: where one path is unknown, ignored or beyond a symlink, nothing is staged. A nested
    repository that is no submodule is left out, and the result says so.
    """
    repository = Repository(here, "write", work_tree=True)
    found = to_stage(repository, paths)
    for path in paths:
        _check_named(repository, path_in(repository.folder, repository.top, path), found)
    files = [path for path in found if not path.endswith(b"/")]
    stage(repository, files)
    lines = sorted(file_name(shown_from(repository.folder, repository.top, path)) for path in files)
    heading = f"staged {len(lines)} {'file' if len(lines) == 1 else 'files'}"
    text = (
        "\n".join([heading, *lines]) if lines else "nothing to stage: these paths have no changes"
    )
    nested = [file_name(path) for path in found if path.endswith(b"/")]
    if nested:
        text += f"\nnot staged, being repositories of their own: {', '.join(nested)}"
    return {
        "text": fitted(text, repository.text_bytes, f"{len(lines)} in all"),
        "rows": len(lines),
        "structured": {"staged": len(lines)},
    }


def stage(repository: Repository, files: list[bytes]) -> None:
    """Take exactly these files into the index, as they are, or as gone.

    Not by ``git add`` or ``git commit --all``: those run git inside submodules, and so the filters
    that the submodules' own configuration names.
    """
    there: list[bytes] = []
    gone: list[bytes] = []
    for path in files:
        (there if _is_entry(repository, path) else gone).append(path)
    # Taking in can fail, as a whole; removing cannot. So it comes second.
    for how, paths in (("--replace", there), ("--force-remove", gone)):
        if paths:
            repository.git(
                "update-index", "--add", how, "-z", "--stdin", stdin=b"\0".join(paths)
            )  # fmt: skip


def _is_entry(repository: Repository, path: bytes) -> bool:
    """Whether the work tree holds a file, symlink or submodule of this path."""
    place = os.path.join(os.fsencode(repository.top), path)
    if os.path.isdir(place) and not os.path.islink(place):
        return os.path.lexists(os.path.join(place, b".git"))
    return os.path.lexists(place)


def _check_named(repository: Repository, path: bytes, found: list[bytes]) -> None:
    """Tell why a named path has nothing to stage, where that is no matter of being unchanged."""
    inside = path + b"/"
    if not path or any(file == path or file.startswith(inside) for file in found):
        return
    name = file_name(shown_from(repository.folder, repository.top, path))
    if repository.git("ls-files", "-z", "--", path).out:
        return
    place = os.path.join(os.fsencode(repository.top), path)
    if not os.path.lexists(place):
        raise GitError(f"there is no {name}", error="no_such_path")
    if os.path.realpath(os.path.dirname(place)) != os.path.dirname(place):
        raise bad(f"{name} lies behind a symbolic link")
    ignored = ("--others", "--ignored", "--exclude-standard", "--directory")
    if repository.git("ls-files", "-z", *ignored, "--", path).out:
        raise GitError(f"{name} is ignored by .gitignore", error="ignored")


def _first_line(said: str) -> str:
    return said.strip().partition("\n")[0].removeprefix("fatal: ").removeprefix("error: ")


def commit(
    here: Surroundings,
    *,
    message: str,
    all: bool = False,
    amend: bool = False,
    allow_secrets: list[str] = [],  # noqa: B006 - as the schema says; it is never changed
) -> Result:
    """Commit what is staged (with ``all`` every tracked change). ``amend`` replaces the last commit.

    A message that does not name the session's ticket is given a trailer that does.

    Hooks are not run, and the result says so where there are any. What looks like a secret stops it, by file and
    line; ``allow_secrets`` lets those lines pass that it names.
    """
    repository = Repository(here, "write", work_tree=True)
    if not message.strip() and not amend:
        raise bad("message is empty")
    if "\0" in message:
        raise bad("message may not hold NUL")
    message = mentioning(message, ticket_of(here))
    try:
        text = message.encode()
    except UnicodeEncodeError:
        raise bad("message is not valid Unicode text") from None
    before = repository.ref_oid("HEAD")
    if amend and before is None:
        raise GitError("there is no commit to amend", error="no_commits")
    if repository.git("ls-files", "-z", "--unmerged", limit=1).out:
        raise GitError(
            "there are unresolved conflicts: resolve and add them first", error="conflict"
        )
    repository.git(
        "var", "GIT_COMMITTER_IDENT"
    )  # before anything is staged: fails without identity
    if all:
        # Looked through before anything is staged: what was staged with care stays so where this is refused.
        _scan(repository, amend, message, allow_secrets, work_tree=True)
        stage(repository, tracked_changes(repository))
    _check_staged(repository, amend)
    _scan(repository, amend, message, allow_secrets, work_tree=False)
    args = ["commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--no-post-rewrite"]
    args += ["--file=-"] if message.strip() else ["--no-edit"]
    args += ["--amend"] if amend else []
    repository.git(*args, stdin=text)
    return _committed(repository, before, amend)


def _scan(
    repository: Repository, amend: bool, message: str, allowed: list[str], *, work_tree: bool
) -> None:
    if ALL not in allowed:
        found = scan_staged(repository, amend=amend, message=message, work_tree=work_tree)
        refuse(found, allowed, "the commit")


def _check_staged(repository: Repository, amend: bool) -> None:
    """Refuse an empty commit here: git itself would first list the work tree, submodules included."""
    if "merge" in in_progress(repository):
        return
    against = ()
    if amend:
        against = commit_changes(repository, repository.commit("HEAD")).sides[:1]
    quiet = ("--cached", "--quiet", "--no-ext-diff", "--ignore-submodules=dirty")
    if repository.git("diff", *quiet, *against, "--", codes=(0, 1)).code:
        return
    if amend:
        changed = commit_changes(repository, repository.commit("HEAD")).names(repository)
        if not changed:
            return
        raise GitError("amending would leave an empty commit", error="nothing_to_commit")
    raise GitError(
        "nothing is staged: add files first, or pass all=true for tracked changes",
        error="nothing_to_commit",
    )


def _committed(repository: Repository, before: str | None, amend: bool) -> Result:
    oid = repository.commit("HEAD")
    branch = repository.head_branch()
    subject = one_line(
        repository.git("log", "-1", "--no-show-signature", "--format=%s", oid, "--").out
    )
    where = "HEAD (detached)" if branch is None else shown(branch)
    changed = repository.git(
        "diff-tree", "--root", "--no-commit-id", "--shortstat", "-r", "-m", "--first-parent",
        "--no-ext-diff", "--no-textconv", oid,
    ).out  # fmt: skip
    lines = [f"{'amended' if amend else 'committed'} {oid[:10]} on {where}: {subject}"]
    if changed.strip():
        lines.append(one_line(changed))
    if amend and before:
        lines.append(f"the commit before was {before[:10]}")
    if begun := in_progress(repository):
        lines.append(f"still in progress: {', '.join(begun)}")
    if hooks := hooks_in(hooks_folder(repository), COMMIT_HOOKS):
        lines.append(f"not run, because hooks are off here: {', '.join(hooks)}")
    return {
        "text": fitted("\n".join(lines), repository.text_bytes, "more"),
        "structured": {"commit": oid, "branch": branch and shown(branch), "hooks_not_run": hooks},
    }


def branch(
    here: Surroundings,
    *,
    name: str,
    action: Literal["create", "delete", "rename"] = "create",
    start: str = "",
    new_name: str = "",
    force: bool = False,
) -> Result:
    """Create at ``start`` (default HEAD), delete, or rename. ``force`` deletes an unmerged one."""
    repository = Repository(here, "write")
    short = branch_name(name, "name")
    oid = repository.ref_oid(f"refs/heads/{short}")
    if force and action != "delete":
        raise bad("force is for delete only")
    if action == "create":
        if oid is not None:
            raise GitError(f"a branch {shown(short)} exists already", error="exists")
        base = start_of(repository, start)
        repository.git("branch", "--", short, base)
        made = repository.ref_oid(f"refs/heads/{short}") or ""
        return _said(repository, f"created {shown(short)} at {made[:10]}", made)
    if oid is None and not (action == "rename" and repository.head_branch() == short):
        raise GitError(f"there is no branch {shown(short)}", error="no_such_ref")
    if action == "rename":
        new = branch_name(new_name, "new_name")
        if repository.ref_oid(f"refs/heads/{new}") is not None:
            raise GitError(f"a branch {shown(new)} exists already", error="exists")
        repository.git("branch", "-m", "--", short, new)
        return _said(repository, f"renamed {shown(short)} to {shown(new)}", oid or "")
    if force and oid is not None:
        keep_object(repository, oid)
    output = repository.git("branch", "-D" if force else "-d", "--", short, codes=(0, 1))
    if output.code:
        said = shown(output.err)
        if "not fully merged" in said:
            raise GitError(
                f"{shown(short)} holds commits that are merged nowhere; force=true deletes it anyway",
                error="not_merged",
            )
        if "checked out at" in said or "used by worktree" in said:
            raise GitError(
                f"{shown(short)} is checked out: switch away first", error="bad_arguments"
            )
        repository.fail(output)
    kept = f"; its commits are kept: git.branch with start={(oid or '')[:10]}" if force else ""
    return _said(
        repository, f"deleted {shown(short)}, which was at {(oid or '')[:10]}{kept}", oid or ""
    )


def _said(repository: Repository, text: str, oid: str) -> Result:
    return {"text": fitted(text, repository.text_bytes, "more"), "structured": {"commit": oid}}


def start_of(repository: Repository, start: str) -> str:
    """A full reference name where ``start`` is a branch (so that tracking works), else a commit."""
    oid = repository.commit(start or "HEAD")
    for kind in ("refs/heads/", "refs/remotes/"):
        if start and repository.ref_oid(kind + start.removeprefix(kind)) == oid:
            return kind + start.removeprefix(kind)
    return oid


def switch(here: Surroundings, *, branch: str, create: bool = False, start: str = "") -> Result:
    """Switch the work tree to a branch; with ``create`` make it first, at ``start`` (default HEAD)."""
    repository = Repository(here, "write", work_tree=True)
    short = branch_name(branch)
    refuse_own_filters(repository)
    exists = repository.ref_oid(f"refs/heads/{short}") is not None
    args: list[str] = [
        "switch",
        "--no-guess",
        "--no-recurse-submodules",
        "--no-progress",
        "--quiet",
    ]
    if create:
        if exists:
            raise GitError(f"a branch {shown(short)} exists already", error="exists")
        unborn = not start and repository.ref_oid("HEAD") is None
        args += ["-c", short] + ([] if unborn else [start_of(repository, start)])
    else:
        if start:
            raise bad("start goes with create=true only")
        if not exists:
            raise GitError(_no_branch(repository, short), error="no_such_ref")
        args.append(short)
    output = repository.git(*args, codes=(0, 1, 128))
    if output.code:
        said = shown(output.err)
        if "would be overwritten" in said:
            raise GitError(
                fitted(_without_advice(said), 1500, "more files"), error="would_overwrite"
            )
        if "cannot switch branch while" in said or "resolve your current index" in said:
            raise GitError(_first_line(said), error="conflict")
        repository.fail(output)
    oid = repository.ref_oid("HEAD") or ""
    at = f" at {oid[:10]}" if oid else ""
    return _said(
        repository, f"{'created and ' if create else ''}switched to {shown(short)}{at}", oid
    )


def _no_branch(repository: Repository, short: str) -> str:
    pattern = f"refs/remotes/*/{short}"
    there = repository.git(
        "for-each-ref", "--format=%(refname:lstrip=2)", "--", pattern
    ).out.split()
    if not there:
        return f"there is no branch {shown(short)}; create=true makes it"
    found = ", ".join(map(shown, there))
    return (
        f"there is no local branch {shown(short)}; create=true with start={shown(there[0])} makes one "
        f"from the remote ({found})"
    )


def _without_advice(said: str) -> str:
    lines = [
        line for line in said.splitlines() if not line.startswith(("Please ", "Aborting", "hint:"))
    ]
    return "\n".join(lines).removeprefix("error: ")


def refuse_own_filters(repository: Repository) -> None:
    """Refuse to write work tree files that would need a filter of the repository's own config.

    Git would stop half-way at the first such file; this asks the attributes first, which runs nothing.
    """
    names = own_filters(repository.possible)
    if not names:
        return
    tracked = repository.git("ls-files", "-z").out
    checked = repository.git("check-attr", "-z", "--stdin", "filter", stdin=tracked).out.split(
        b"\0"
    )
    used = sorted({shown(value) for value in checked[2::3]} & set(names))
    if used:
        raise GitError(
            f"files here use the filter {', '.join(used)}, which the repository's own config defines; "
            "such programs are not run here. The person can run this git command in their terminal.",
            error="filter",
        )
