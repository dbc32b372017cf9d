"""The tools that look at more than one commit or file: list, conflicts, summary."""

import os
from collections.abc import Callable
from typing import Literal

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import KEPT
from devagent_git.mentioning import ticket_of
from devagent_git.names import bad, path_in, place_name, shown_from
from devagent_git.plans import remote_of, remotes_of
from devagent_git.reading import others
from devagent_git.repository import Repository
from devagent_git.states import in_progress
from devagent_git.text import file_name, fitted, one_line, page, shown
from devagent_git.worktrees import trees_of

What = Literal["branches", "remote_branches", "tags", "remotes", "stashes", "worktrees", "kept"]
_QUIET = ("--no-ext-diff", "--no-textconv", "--no-color")


PAGE = 100
"""Lines of one page."""


def list_all(here: Surroundings, *, what: What = "branches", skip: int = 0) -> Result:
    """One line each: branches with upstream and distance, tags, remotes, stashes, work trees, or what was kept."""
    repository = Repository(here, "read")
    if skip < 0:
        raise bad("skip must be at least 0")
    if what not in _LISTED:
        raise bad(f"what must be one of {', '.join(_LISTED)}")
    lines, emails = _LISTED[what](repository)
    part = lines[skip : skip + PAGE]
    text = "\n".join([*_heading(repository, what), *part]) or f"no {what.replace('_', ' ')}"
    if len(lines) > skip + PAGE:
        text += f"\n[{len(lines)} in all: go on with skip={skip + PAGE}]"
    text = fitted(text, repository.text_bytes, f"{len(lines)} {what.replace('_', ' ')} in all")
    taint = others(repository, emails[skip : skip + PAGE])
    return {"text": text, "rows": len(part), "taint": taint}


Listed = tuple[list[str], list[str]]
"""Lines, and the authors' emails."""


def _heading(repository: Repository, what: str) -> list[str]:
    if what not in ("branches", "remote_branches"):
        return []
    current = repository.head_branch()
    if current is None:
        return [f"HEAD detached at {(repository.ref_oid('HEAD') or '')[:10]}"]
    return [f"* {shown(current)} (no commits yet)"] if repository.ref_oid("HEAD") is None else []


def _branches(repository: Repository) -> Listed:
    return _branches_in(repository, "refs/heads/")


def _remote_branches(repository: Repository) -> Listed:
    return _branches_in(repository, "refs/heads/", "refs/remotes/")


def _branches_in(repository: Repository, *places: str) -> Listed:
    fields = "%(refname)%00%(objectname)%00%(committerdate:short)%00%(upstream:short)%00%(upstream:track)%00%(HEAD)%00%(symref)%00%(authoremail:trim)%00%(contents:subject)"  # fmt: skip
    listed = repository.git(
        "for-each-ref", "--sort=-committerdate", f"--format={fields}", "--", *places
    )
    lines: list[str] = []
    emails: list[str] = []
    for record in listed.out.split(b"\n")[:-1]:
        full, oid, date, upstream, track, head, symref, email, subject = record.split(b"\0", 8)
        if symref:
            continue
        name = shown(full).removeprefix("refs/heads/").removeprefix("refs/")
        tracks = f" -> {shown(upstream)}{' ' + shown(track) if track else ''}" if upstream else ""
        sign = "*" if head == b"*" else " "
        lines.append(
            f"{sign} {name} {oid[:10].decode()} {date.decode()}{tracks}: {one_line(subject)}"
        )
        emails.append(shown(email))
    return lines, emails


def _tags(repository: Repository) -> Listed:
    fields = "%(refname:lstrip=2)%00%(objectname)%00%(*objectname)%00%(creatordate:short)%00%(*authoremail:trim)%(authoremail:trim)%00%(contents:subject)"  # fmt: skip
    listed = repository.git(
        "for-each-ref", "--sort=-creatordate", f"--format={fields}", "--", "refs/tags/"
    )
    lines: list[str] = []
    emails: list[str] = []
    for record in listed.out.split(b"\n")[:-1]:
        name, oid, target, date, email, subject = record.split(b"\0", 5)
        kind = " (annotated)" if target else ""
        lines.append(
            f"{shown(name)} {(target or oid)[:10].decode()} {date.decode()}{kind}: {one_line(subject)}"
        )
        emails.append(shown(email))
    return lines, emails


def _remotes(repository: Repository) -> Listed:
    lines: list[str] = []
    for name in remotes_of(repository.settings):
        for push in (False, True):
            way = "push" if push else "fetch"
            try:
                found = remote_of(repository, name, push=push).addresses
            except GitError as error:
                lines.append(f"{shown(name)} {way}: not usable ({error.error})")
                continue
            lines += [f"{one.id(shown(name)).removeprefix('remote:')} ({way})" for one in found]
    return lines, []


def _stashes(repository: Repository) -> Listed:
    args = (
        "reflog",
        "show",
        "--format=%H%x00%ad%x00%ae%x00%gs",
        "--date=format:%Y-%m-%d %H:%M",
        "refs/stash",
        "--",
    )
    listed = repository.git(*args, codes=(0, 128))
    lines: list[str] = []
    emails: list[str] = []
    for number, line in enumerate(listed.out.split(b"\n")[:-1] if listed.code == 0 else []):
        oid, date, email, subject = line.split(b"\0", 3)
        lines.append(f"{number}: {oid[:10].decode()} {date.decode()} {one_line(subject)}")
        emails.append(shown(email))
    return lines, emails


def _worktrees(repository: Repository) -> Listed:
    lines: list[str] = []
    for tree in trees_of(repository):
        place = shown(place_name(repository.folder, os.path.realpath(tree.folder)))
        notes = f" ({', '.join(tree.notes)})" if tree.notes else ""
        lines.append(f"{place} {tree.head[:10]} {shown(tree.branch)}".rstrip() + notes)
    return lines, []


def _kept(repository: Repository) -> Listed:
    fields = "%(objectname)%00%(refname:lstrip=3)%00%(contents:subject)"
    listed = repository.git("for-each-ref", "--sort=-refname", f"--format={fields}", "--", KEPT)
    records = [record.split(b"\0", 2) for record in listed.out.split(b"\n")[:-1]]
    return [
        f"{oid[:10].decode()} {shown(name)}: {one_line(subject)}" for oid, name, subject in records
    ], []


_LISTED: dict[str, Callable[[Repository], Listed]] = {
    "branches": _branches,
    "remote_branches": _remote_branches,
    "tags": _tags,
    "remotes": _remotes,
    "stashes": _stashes,
    "worktrees": _worktrees,
    "kept": _kept,
}

_KINDS: dict[tuple[int, ...], str] = {
    (1, 2, 3): "both changed it",
    (2, 3): "both added it",
    (1, 2): "deleted by theirs, changed by ours",
    (1, 3): "deleted by ours, changed by theirs",
    (1,): "both deleted it",
    (2,): "added by ours",
    (3,): "added by theirs",
}


def unmerged(repository: Repository, path: bytes | None) -> dict[bytes, dict[int, str]]:
    """Path → stage (1 base, 2 ours, 3 theirs) → object, of every file in conflict."""
    args: list[str | bytes] = ["ls-files", "-z", "--unmerged", "--"]
    listed = repository.git(*args, *([] if path is None else [path or b"."])).out
    found: dict[bytes, dict[int, str]] = {}
    for entry in listed.split(b"\0")[:-1]:
        facts, _, name = entry.partition(b"\t")
        _, oid, stage = facts.split()
        found.setdefault(name, {})[int(stage)] = oid.decode()
    return found


def conflicts(here: Surroundings, *, path: str = "", offset: int = 0) -> Result:
    """The files in conflict, and how; with ``path`` what each side changed in that file."""
    repository = Repository(here, "read", work_tree=True)
    relative = path_in(repository.folder, repository.top, path) if path else None
    found = unmerged(repository, relative)
    if relative is not None:
        if relative not in found:
            raise GitError(f"{file_name(relative)} is not in conflict", error="no_such_path")
        text, rows = page(
            _sides(repository, found[relative]), offset, repository.text_bytes, complete=True
        )
        return {"text": text, "rows": rows, "taint": ["git"]}
    begun = in_progress(repository)
    lines = [f"in progress: {', '.join(begun)}"] if begun else []
    if begun and begun[0] == "rebase":
        lines.append("ours is what is rebased onto, theirs the commit that is moved")
    for name, stages in sorted(found.items()):
        shown_name = file_name(shown_from(repository.folder, repository.top, name))
        lines.append(
            f"{shown_name}: {_KINDS.get(tuple(sorted(stages)), 'in conflict')}{_marks(repository, name)}"
        )
    if not found:
        lines.append("no conflicts")
    text = fitted("\n".join(lines), repository.text_bytes, f"{len(found)} files in conflict")
    return {
        "text": text,
        "rows": len(found),
        "structured": {"conflicts": len(found), "in_progress": begun},
    }


def _marks(repository: Repository, name: bytes) -> str:
    """At which lines of the work tree's file git's marks stand."""
    place = os.path.join(os.fsencode(repository.top), name)
    if os.path.islink(place) or not os.path.isfile(place):
        return ""
    with open(place, "rb") as file:
        lines = file.read(4_000_000).split(b"\n")
    at = [str(number) for number, line in enumerate(lines, 1) if line.startswith(b"<<<<<<< ")]
    return f", marks at lines {', '.join(at[:20])}" if at else ", no marks left in the file"


def _sides(repository: Repository, stages: dict[int, str]) -> bytes:
    parts: list[bytes] = []
    if 1 not in stages:
        pairs = [("ours against theirs", 2, 3)]
    else:
        pairs = [("what ours changed", 1, 2), ("what theirs changed", 1, 3)]
    for heading, left, right in pairs:
        if left in stages and right in stages:
            diff = repository.git("diff", *_QUIET, "--text", stages[left], stages[right], "--").out
            body = diff.partition(b"\n@@")
            parts += [f"# {heading}\n".encode(), b"@@" + body[2] if body[1] else b"nothing\n"]
        else:
            gone = {2: "ours", 3: "theirs"}.get(right if right not in stages else left, "one side")
            parts.append(f"# {heading}: {gone} deleted the file\n".encode())
    return b"".join(parts)


def base_of(repository: Repository, base: str) -> tuple[str, str]:
    """Name and object of what a branch is to be merged into: as given, or the remote's default branch."""
    if base:
        return base, repository.commit(base)
    remotes = remotes_of(repository.settings)
    first = [name for name in ("upstream", "origin") if name in remotes]
    for name in [*first, *(n for n in remotes if n not in first)]:
        target = repository.line(
            "symbolic-ref", "--quiet", f"refs/remotes/{name}/HEAD", codes=(0, 1, 128)
        )
        if target and repository.ref_oid(target):
            return target.removeprefix("refs/remotes/"), repository.commit(target)
    for name in ("origin/main", "origin/master", "main", "master", "trunk", "develop"):
        for kind in ("refs/remotes/", "refs/heads/"):
            if repository.ref_oid(kind + name):
                return name, repository.commit(kind + name)
    raise GitError(
        "which branch this is to be merged into cannot be told: say base", error="no_such_ref"
    )


SUMMARY_COMMITS = 50


def summary(here: Surroundings, *, base: str = "", ref: str = "HEAD") -> Result:
    """What a pull request of ``ref`` would hold: base, commits with their messages, files with their changes."""
    repository = Repository(here, "read")
    name, onto = base_of(repository, base)
    head = repository.commit(ref)
    fork = repository.line("merge-base", onto, head, codes=(0, 1))
    if not fork:
        cut = "; this clone is shallow" if repository.is_shallow else ""
        raise GitError(
            f"{shown(name)} and {shown(ref)} have no common ancestor{cut}", error="unrelated"
        )
    behind, ahead = repository.line(
        "rev-list", "--left-right", "--count", f"{onto}...{head}"
    ).split()
    branch = repository.head_branch() if ref in ("HEAD", "@") else ref
    lines = [
        f"{shown(branch or 'HEAD (detached)')} -> {shown(name)}: {ahead} commits ahead, {behind} behind, "
        f"base {fork[:10]}, head {head[:10]}"
    ]
    if ticket := ticket_of(here):
        lines.append(f"ticket: {shown(ticket)}; the description is to name it")
    lines += _not_in_it(repository, head) if ref in ("HEAD", "@") and not repository.bare else []
    logged = repository.git(
        "log", "-z", f"--max-count={SUMMARY_COMMITS + 1}", "--no-show-signature", "--no-color", "--reverse",
        "--format=tformat:%H%x00%an%x00%ae%x00%P%x00%B", head, f"^{onto}", "--",
    ).out.split(b"\0")  # fmt: skip
    commits = [logged[at : at + 5] for at in range(0, len(logged) - 4, 5)]
    lines.append("")
    for oid, author, _, parents, message in commits[:SUMMARY_COMMITS]:
        subject, _, body = shown(message).strip().partition("\n")
        merge = " (merge)" if b" " in parents else ""
        lines.append(f"* {oid[:10].decode()} {subject} ({one_line(author)}){merge}")
        lines += [f"    {line}" for line in body.strip().splitlines()[:20]]
    if len(commits) > SUMMARY_COMMITS:
        lines.append(
            f"* [and {int(ahead) - SUMMARY_COMMITS} more: git.log with ref={shown(name)}..{shown(ref)}]"
        )
    stat = repository.git(
        "diff",
        *_QUIET,
        "--stat=100",
        "--find-renames",
        "--ignore-submodules=dirty",
        fork,
        head,
        "--",
    )
    changed = shown(stat.out).rstrip("\n")
    room = max(
        repository.text_bytes - len("\n".join(lines).encode()) - 2, repository.text_bytes // 3
    )
    lines += [
        "",
        fitted(changed, room, "more files: git.diff with stat=true pages through them")
        or "no changes",
    ]
    text = fitted("\n".join(lines), repository.text_bytes, "ask for fewer commits")
    emails = [shown(commit[2]) for commit in commits[:SUMMARY_COMMITS]]
    structured = {
        "base": shown(name),
        "fork": fork,
        "head": head,
        "ahead": int(ahead),
        "behind": int(behind),
    }
    return {
        "text": text,
        "rows": len(commits[:SUMMARY_COMMITS]),
        "structured": structured,
        "taint": others(repository, emails),
    }


def _not_in_it(repository: Repository, head: str) -> list[str]:
    """What a reader of the summary should know is not there, or not there yet."""
    found: list[str] = []
    listed = repository.git(
        "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=dirty"
    ).out
    if dirty := len([entry for entry in listed.split(b"\0") if entry]):
        found.append(f"not in it: {dirty} uncommitted files")
    if begun := in_progress(repository):
        found.append(f"in progress: {', '.join(begun)}")
    there = repository.git(
        "for-each-ref", "--count=1", f"--contains={head}", "--format=x", "refs/remotes/"
    ).out
    if not there:
        found.append("not pushed yet")
    return found
