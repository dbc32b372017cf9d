"""``restore``: files as they are in the index or in a commit. What they were is kept first (``kept``)."""

import os
from typing import Literal, NamedTuple

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import keep_files, place_of, said_of
from devagent_git.names import bad, path_in, shown_from
from devagent_git.plans import beside_the_work_tree, paths_of
from devagent_git.repository import Repository
from devagent_git.text import file_name, fitted
from devagent_git.writing import refuse_own_filters

Side = Literal["none", "ours", "theirs"]
_QUIET = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "--no-renames")


class Restore(NamedTuple):
    """Which files would change: in the index (``staged``) or in the work tree, and to what commit (or the index)."""

    files: list[bytes]
    source: str | None
    staged: bool
    side: Side


def plan_restore(
    repository: Repository, paths: list[str], staged: bool, source: str, side: str
) -> Restore:
    """Raises GitError bad_arguments, no_such_ref, no_commits, too_many_paths."""
    if not paths:
        raise bad("paths is empty")
    if side not in ("none", "ours", "theirs"):
        raise bad("side must be none, ours or theirs")
    if side != "none" and (staged or source):
        raise bad("side goes with neither staged nor source")
    names = [path_in(repository.folder, repository.top, path) or b"." for path in paths]
    if side != "none":
        listed = repository.git("ls-files", "-z", "--unmerged", "--", *names).out.split(b"\0")
        files = paths_of(b"\0".join(entry.partition(b"\t")[2] for entry in listed))
        return Restore(files, None, False, "ours" if side == "ours" else "theirs")
    commit = repository.commit(source) if source else None
    if staged:
        against = commit or repository.commit("HEAD")
        listed = repository.git(
            "diff", "--cached", "--name-only", "-z", *_QUIET, against, "--", *names
        )
        return Restore(paths_of(listed.out), commit, True, "none")
    if commit is None:
        listed = repository.git("ls-files", "-z", "--modified", "--deleted", "--", *names)
        unmerged = repository.git("ls-files", "-z", "--unmerged", "--", *names).out.split(b"\0")
        skipped = {entry.partition(b"\t")[2] for entry in unmerged}
        return Restore([p for p in paths_of(listed.out) if p not in skipped], None, False, "none")
    return Restore(_against_commit(repository, commit, names), commit, False, "none")


def _against_commit(repository: Repository, commit: str, names: list[bytes]) -> list[bytes]:
    """Files of the work tree that differ from a commit's, untracked ones too that stand in the way of its own."""
    args: list[str | bytes] = ["diff", "--name-only", "-z", *_QUIET, commit, "--", *names]
    # A file that the index does not know counts as gone, whatever lies there: it would be written over, and is kept.
    return paths_of(beside_the_work_tree(repository, args).out)


def restore(
    here: Surroundings,
    *,
    paths: list[str],
    staged: bool = False,
    source: str = "",
    side: Side = "none",
) -> Result:
    """Bring files back from the index, or from ``source``; ``staged`` unstages them; ``side`` takes one side of a
    conflict. Edits that this throws away are kept first."""
    repository = Repository(here, "write", work_tree=True)
    plan = plan_restore(repository, paths, staged, source, side)
    if not plan.files:
        _check_known(repository, paths, plan)
        return {"text": "nothing to restore: these paths have no changes", "rows": 0}
    if not plan.staged:
        refuse_own_filters(repository)
    # What is gone already is no loss; what is there is stored as it lies there.
    there = [path for path in plan.files if os.path.lexists(place_of(repository, path))]
    kept = keep_files(
        repository, [] if plan.staged else there, "before git.restore", index=plan.staged
    )
    if plan.side != "none":
        args = ["checkout", "--quiet", "--no-recurse-submodules", f"--{plan.side}", "--pathspec-from-file=-", "--pathspec-file-nul"]  # fmt: skip
    else:
        args = ["restore", "--quiet", "--no-progress", "--no-recurse-submodules"]
        args += ["--staged" if plan.staged else "--worktree"]
        args += [f"--source={plan.source}"] if plan.source else []
        args += ["--pathspec-from-file=-", "--pathspec-file-nul"]
    repository.git(*args, stdin=b"\0".join([*plan.files, b""]))
    names = sorted(
        file_name(shown_from(repository.folder, repository.top, path)) for path in plan.files
    )
    what = "unstaged" if plan.staged else "restored"
    heading = f"{what} {len(names)} {'file' if len(names) == 1 else 'files'}"
    text = "\n".join([heading, *said_of(kept), *names])
    return {
        "text": fitted(text, repository.text_bytes, f"{len(names)} in all"),
        "rows": len(names),
        "structured": {"restored": len(names), "kept": kept or ""},
    }


def _check_known(repository: Repository, paths: list[str], plan: Restore) -> None:
    for path in paths:
        relative = path_in(repository.folder, repository.top, path)
        known = repository.git("ls-files", "-z", "--", relative or b".", limit=1).out
        if plan.source and not known:
            known = repository.git("ls-tree", "-z", plan.source, "--", relative or b".").out
        if not known:
            name = file_name(shown_from(repository.folder, repository.top, relative))
            raise GitError(f"git knows no file {name}", error="no_such_path")
