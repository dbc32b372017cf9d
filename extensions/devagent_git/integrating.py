"""``integrate``: merge, rebase, cherry-pick or revert; go on with one that stopped, skip a commit, or abort it."""

import os
import re
from typing import Literal, NamedTuple, NoReturn

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import keep_files, said_of
from devagent_git.names import bad
from devagent_git.plans import PATHS, commit_changes, paths_of
from devagent_git.process import Output
from devagent_git.repository import Repository, check_text
from devagent_git.scanning import refuse, scan_staged
from devagent_git.states import State, check_harmless, in_progress, state_of
from devagent_git.text import file_name, fitted, one_line, shown
from devagent_git.writing import refuse_own_filters

How = Literal["merge", "rebase", "cherry_pick", "revert", "continue", "skip", "abort"]
STARTS = ("merge", "rebase", "cherry_pick", "revert")
COMMITS = 200
"""Most commits that one call picks or reverts."""
_QUIET = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all", "--no-renames")


class Start(NamedTuple):
    """One operation to begin. ``commits`` in the order in which they are taken; ``base``: where a merge's or a rebase's
    two sides parted."""

    how: str
    head: str
    commits: list[str]
    base: str
    name: str


def plan_start(repository: Repository, how: str, ref: str) -> Start:
    """Raises GitError bad_arguments, no_such_ref, no_commits, unrelated, in_progress."""
    check_text(ref, "ref")
    begun = [name for name in in_progress(repository) if name != "bisect"]
    if begun:
        raise GitError(
            f"a {begun[0]} is in progress: end it with how=continue or how=abort first",
            error="in_progress",
        )
    head = repository.commit("HEAD")
    if how in ("cherry_pick", "revert"):
        return Start(how, head, _picked(repository, how, ref), "", ref)
    other = repository.commit(ref)
    base = repository.line("merge-base", head, other, codes=(0, 1))
    if not base:
        cut = (
            "; this clone is shallow, and its history may end too early"
            if repository.is_shallow
            else ""
        )
        raise GitError(f"{shown(ref)} and HEAD have no common ancestor{cut}", error="unrelated")
    return Start(how, head, [other], base, ref)


def _picked(repository: Repository, how: str, ref: str) -> list[str]:
    """One commit, or a range ``a..b``: oldest first to pick, newest first to revert."""
    if "..." in ref:
        raise bad("a range is written a..b")
    first, dots, second = ref.partition("..")
    if not dots:
        return [repository.commit(ref)]
    left, right = repository.commit(first or "HEAD"), repository.commit(second or "HEAD")
    order = ("--reverse",) if how == "cherry_pick" else ()
    listed = repository.git("rev-list", *order, f"--max-count={COMMITS + 1}", right, f"^{left}")
    commits = listed.out.decode().split()
    if not commits:
        raise bad(f"{shown(ref)} names no commits")
    if len(commits) > COMMITS:
        raise bad(f"{shown(ref)} names more than {COMMITS} commits")
    return commits


def files_of_start(repository: Repository, plan: Start) -> list[bytes]:
    """Files of the work tree that may be written."""
    if plan.how in ("cherry_pick", "revert"):
        found = [
            name
            for oid in plan.commits
            for name in commit_changes(repository, oid).names(repository)
        ]
    else:
        found = _changed(repository, plan.base, plan.commits[0])
        if plan.how == "rebase":
            found += _changed(repository, plan.base, plan.head)
    return _few(found)


def files_of_rest(repository: Repository, state: State, how: str) -> list[bytes]:
    """Files that going on with (or giving up) what is in progress may write, in the work tree or in a commit."""
    head = repository.commit("HEAD")
    found = paths_of(
        repository.git("diff", "--name-only", "-z", *_QUIET, "--cached", head, "--").out
    )
    found += paths_of(repository.git("ls-files", "-z", "--modified", "--deleted").out)
    if state.before:
        found += _changed(repository, head, state.before)
    if state.put_aside:
        found += commit_changes(repository, state.put_aside).names(repository)
    for oid in _remaining(repository):
        found += commit_changes(repository, oid).names(repository)
    return _few(found)


def _remaining(repository: Repository) -> list[str]:
    """The commits that a cherry-pick or revert has still to take, and those it has taken (an abort undoes them)."""
    found: list[str] = []
    for name in ("sequencer/todo", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        try:
            with open(
                os.path.join(repository.git_dir, name), encoding="ascii", errors="replace"
            ) as file:
                words = [line.split() for line in file.read(1 << 20).splitlines()]
        except OSError:
            continue
        found += [
            part for line in words for part in line[:2] if re.fullmatch("[0-9a-f]{7,64}", part)
        ]
    head = os.path.join(repository.git_dir, "sequencer/head")
    try:
        with open(head, encoding="ascii", errors="replace") as file:
            before = file.read(100).strip()
    except OSError:
        before = ""
    oids = [repository.commit(one) for one in dict.fromkeys(found)]
    if re.fullmatch("[0-9a-f]{40,64}", before):
        listed = repository.git("rev-list", f"--max-count={COMMITS}", "HEAD", f"^{before}").out
        oids += listed.decode().split()
    return oids


def _changed(repository: Repository, left: str, right: str) -> list[bytes]:
    return paths_of(repository.git("diff", "--name-only", "-z", *_QUIET, left, right, "--").out)


def _few(paths: list[bytes]) -> list[bytes]:
    unique = list(dict.fromkeys(paths))
    if len(unique) > PATHS:
        raise GitError(
            f"this touches {len(unique)} files, more than {PATHS} that can be judged one by one",
            error="too_many_paths",
        )
    return unique


def integrate(
    here: Surroundings, *, how: How, ref: str = "", message: str = "", ff: bool = True
) -> Result:
    """Merge or rebase onto ``ref``, cherry-pick or revert it (a commit, or ``a..b``). Where it conflicts it stops, and
    ``how`` goes on: resolve and add the files, then continue; or skip, or abort."""
    repository = Repository(here, "write", work_tree=True)
    refuse_own_filters(repository)
    if how not in STARTS:
        if ref or message:
            raise bad(f"ref and message do not go with how={how}")
        return _go_on(repository, how)
    if message and how != "merge":
        raise bad("message goes with how=merge only")
    if "\0" in message:
        raise bad("message may not hold NUL")
    plan = plan_start(repository, how, ref)
    branch = repository.head_branch()
    if how == "rebase" and branch is None:
        raise GitError("HEAD is detached: switch to the branch to rebase", error="detached")
    if not (how == "merge" and ff and plan.base == plan.head):
        repository.git("var", "GIT_COMMITTER_IDENT")
    output = repository.git(*_command(plan, message, ff), codes=(0, 1, 2, 128))
    if output.code:
        _stopped(repository, output, how)
    return _done(repository, plan.head, f"{_WORDS[how]} {one_line(plan.name)}")


_WORDS = {
    "merge": "merged",
    "rebase": "rebased onto",
    "cherry_pick": "picked",
    "revert": "reverted",
    "continue": "went on and ended",
    "skip": "skipped a commit and ended",
}


def _command(plan: Start, message: str, ff: bool) -> list[str]:
    match plan.how:
        case "merge":
            args = [
                "merge",
                "--quiet",
                "--no-stat",
                "--no-autostash",
                "--no-edit",
                "--strategy=ort",
                "--no-verify",
            ]
            args += ["--ff"] if ff else ["--no-ff"]
            return [*args, "-m", message or f"Merge {one_line(plan.name)}", plan.commits[0]]
        case "rebase":
            args = [
                "rebase",
                "--quiet",
                "--merge",
                "--no-autostash",
                "--no-autosquash",
                "--no-fork-point",
                "--strategy=ort",
            ]
            return [
                *args,
                "--no-rebase-merges",
                "--no-stat",
                "--no-verify",
                "--empty=drop",
                plan.commits[0],
            ]
        case "revert":
            return ["revert", "--no-edit", "--strategy=ort", *plan.commits]
        case _:
            return ["cherry-pick", "--strategy=ort", "--allow-empty-message", *plan.commits]


def _go_on(repository: Repository, how: str) -> Result:
    state = state_of(repository)
    check_harmless(repository, state, how)
    before = repository.commit("HEAD")
    verb = "rebase" if state.kind == "rebase or am" else state.kind
    if how == "abort":
        files = paths_of(repository.git("ls-files", "-z", "--modified", "--deleted").out)
        unmerged = repository.git("ls-files", "-z", "--unmerged").out.split(b"\0")
        files += [entry.partition(b"\t")[2] for entry in unmerged if entry]
        kept = keep_files(
            repository, list(dict.fromkeys(files)), f"before the {verb} was aborted", index=True
        )
        repository.git(verb, "--abort")
        return _done(repository, "", f"aborted the {verb}", said_of(kept))
    if how not in ("continue", "skip"):
        raise bad("how must be merge, rebase, cherry_pick, revert, continue, skip or abort")
    if how == "skip":
        if verb == "merge":
            raise bad("a merge has no commits to skip: continue or abort it")
        files = paths_of(repository.git("ls-files", "-z", "--modified", "--deleted").out)
        kept = keep_files(
            repository, files, f"before a commit of the {verb} was skipped", index=True
        )
        output = repository.git(verb, "--skip", codes=(0, 1, 128))
        if output.code:
            _stopped(repository, output, verb)
        return _done(repository, before, _WORDS[how], said_of(kept))
    if repository.git("ls-files", "-z", "--unmerged", limit=1).out:
        raise GitError(
            "there are unresolved conflicts: resolve and add them first", error="conflict"
        )
    if verb == "merge":
        refuse(scan_staged(repository, amend=False, message="", work_tree=False), (), "ending the merge (git.commit takes allow_secrets)")  # fmt: skip
        repository.git("commit", "--quiet", "--no-verify", "--no-edit", "--cleanup=strip")
    else:
        output = repository.git(verb, "--continue", codes=(0, 1, 128))
        if output.code:
            _stopped(repository, output, verb)
    return _done(repository, before, f"{_WORDS[how]} the {verb}")


def _stopped(repository: Repository, output: Output, how: str) -> NoReturn:
    said = shown(output.out + output.err)
    unmerged = repository.git("ls-files", "-z", "--unmerged").out.split(b"\0")
    files = sorted({file_name(entry.partition(b"\t")[2]) for entry in unmerged if entry})
    if files:
        raise GitError(
            fitted(
                f"stopped at conflicts in {', '.join(files)}. git.conflicts shows them; resolve and add the files, "
                "then how=continue; how=abort undoes all of it",
                1500,
                "more files",
            ),
            error="conflict",
        )
    if "would be overwritten" in said:
        lines = [
            line
            for line in said.splitlines()
            if not re.match("Please|Aborting|hint:|Merge with", line)
        ]
        raise GitError(
            fitted("\n".join(lines).removeprefix("error: "), 1500, "more files"),
            error="would_overwrite",
        )
    if "unstaged changes" in said or "uncommitted changes" in said or "local changes" in said:
        raise GitError(
            "there are uncommitted changes: commit or stash them first", error="would_overwrite"
        )
    if "--allow-empty" in said or "nothing to commit" in said or "is now empty" in said:
        raise GitError(
            "nothing is left of this commit: how=skip passes over it", error="nothing_to_commit"
        )
    if "is a merge but no -m option" in said:
        raise GitError(
            "that is a merge; only plain commits can be taken here", error="bad_arguments"
        )
    if begun := in_progress(repository):
        raise GitError(
            fitted(f"stopped ({', '.join(begun)} in progress): {said.strip()}", 1500, "more"),
            error="conflict",
        )
    repository.fail(output)


def _done(
    repository: Repository, before: str, heading: str, more: list[str] | None = None
) -> Result:
    after = repository.commit("HEAD")
    branch = repository.head_branch()
    lines = [
        f"{heading}; {'HEAD (detached)' if branch is None else shown(branch)} is at {after[:10]}"
    ]
    if before == after:
        lines = [f"{heading}: nothing changed, {after[:10]} stays"]
    elif before:
        stat = repository.git("diff", "--shortstat", *_QUIET, before, after, "--").out
        lines += [one_line(stat)] if stat.strip() else []
        lines.append(f"it was at {before[:10]} before")
    lines += more or []
    if begun := in_progress(repository):
        lines.append(f"still in progress: {', '.join(begun)}")
    text = fitted("\n".join(lines), repository.text_bytes, "more")
    return {"text": text, "structured": {"before": before, "after": after}}
