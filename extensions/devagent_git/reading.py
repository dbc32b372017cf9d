"""The tools that read: status, log, show, diff, blame."""

import os
import re
from typing import Any, NamedTuple

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.history import plan_log, records
from devagent_git.names import bad, path_in, shown_from
from devagent_git.plans import Comparison, commit_changes, compare
from devagent_git.repository import Repository
from devagent_git.states import in_progress
from devagent_git.text import file_name, fitted, one_line, page, shown

TAINT = "git"
"""Label of a result that holds text which other people committed or a remote sent."""


def _name(repository: Repository, path: bytes) -> str:
    return file_name(shown_from(repository.folder, repository.top, path))


def status(here: Surroundings) -> Result:
    """Branch, upstream, operation in progress, and changed files as ``XY path`` (as git's short form)."""
    repository = Repository(here, "read", work_tree=True)
    listed = repository.git(
        "status", "--porcelain=v2", "--branch", "--show-stash", "-z", "--untracked-files=normal",
        "--ignore-submodules=dirty",
    )  # fmt: skip
    head: dict[str, str] = {}
    files: list[str] = []
    counts = {"staged": 0, "unstaged": 0, "untracked": 0, "conflicts": 0}
    entries = iter(listed.out.split(b"\0"))
    for entry in entries:
        kind, _, rest = entry.partition(b" ")
        if kind == b"#":
            key, _, value = rest.partition(b" ")
            head[key.decode()] = shown(value)
        elif kind == b"?":
            counts["untracked"] += 1
            files.append(f"?? {_name(repository, rest)}")
        elif kind in (b"1", b"2", b"u"):
            fields = rest.split(b" ", {b"1": 7, b"2": 8, b"u": 9}[kind])
            code = fields[0].decode()
            renamed = f"{_name(repository, next(entries))} -> " if kind == b"2" else ""
            files.append(f"{code.replace('.', ' ')} {renamed}{_name(repository, fields[-1])}")
            counts["conflicts"] += kind == b"u"
            counts["staged"] += kind != b"u" and code[0] != "."
            counts["unstaged"] += kind != b"u" and code[1] != "."
    lines, structured = _heading(repository, head)
    if listed.cut:
        lines.append("git listed too much and was stopped: counts are at least these")
    lines.append(", ".join(f"{count} {what}" for what, count in counts.items() if count) or "clean")
    text = fitted("\n".join(lines + files), repository.text_bytes, f"{len(files)} entries in all")
    return {"text": text, "rows": len(files), "structured": structured | counts}


def _heading(repository: Repository, head: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
    unborn = head.get("branch.oid") == "(initial)"
    detached = head.get("branch.head") == "(detached)"
    oid = "" if unborn else head.get("branch.oid", "")
    branch = "" if detached else head.get("branch.head", "")
    line = f"HEAD detached at {oid[:10]}" if detached else f"on {branch}"
    if unborn:
        line += " (no commits yet)"
    structured: dict[str, Any] = {"branch": branch, "head": oid}
    if upstream := head.get("branch.upstream"):
        ahead, _, behind = head.get("branch.ab", "").partition(" ")
        line += f", tracks {upstream}"
        line += f" (ahead {ahead[1:]}, behind {behind[1:]})" if ahead else " (gone)"
        structured |= {"upstream": upstream}
        if ahead:
            structured |= {"ahead": int(ahead[1:]), "behind": int(behind[1:])}
    lines = [line]
    if begun := in_progress(repository):
        lines.append(f"in progress: {', '.join(begun)}")
        structured["in_progress"] = begun
    if repository.folder != repository.top:
        lines.append(
            f"the repository's root is {os.path.relpath(repository.top, repository.folder)}"
        )
    if stashes := head.get("stash"):
        lines.append(f"stashes: {stashes}")
    return lines, structured


def others(repository: Repository, emails: list[str]) -> list[str]:
    """The taint of text by these authors: none where all of it is the person's own."""
    own = repository.line("config", "--get", "user.email", codes=(0, 1))
    return [TAINT] if any(email != shown(own) for email in emails) else []


def log(
    here: Surroundings,
    *,
    ref: str = "HEAD",
    path: str = "",
    author: str = "",
    since: str = "",
    grep: str = "",
    search: str = "",
    regex: bool = False,
    follow: bool = False,
    limit: int = 20,
    skip: int = 0,
) -> Result:
    """One line a commit, newest first. ``limit_rows`` of the policy bounds ``limit``.

    ``search``: commits that change how often a text occurs (git's ``-S``); with ``regex`` those that add or remove a
    line that matches (``-G``); the files are named. ``follow``: the history of one file across renames.
    """
    repository = Repository(here, "read")
    limit = min(limit, int(here.obligations.get("limit_rows", limit)))
    if limit < 1 or skip < 0:
        raise bad("limit must be at least 1 and skip at least 0")
    chosen = plan_log(repository, ref, path, author, since, grep, search, regex, follow)
    fields = "%H%x00%P%x00%an%x00%ae%x00%ad%x00%s%x00%D"
    args = chosen.args(f"%x00{fields}%x00", limit + 1, skip)
    commits = [_Logged(*record) for record in records(repository.git(*args).out)]
    lines: list[str] = []
    for one in commits[:limit]:
        merge = " (merge)" if b" " in one.parents else ""
        decoration = f" [{one_line(one.names)}]" if one.names else ""
        lines.append(
            f"{one.oid[:10].decode()} {one.date.decode()} {one_line(one.author)}: "
            f"{one_line(one.subject)}{merge}{decoration}"
        )
        lines += [f"    {_name(repository, path)}" for path in one.files]
    text = "\n".join(lines) or "no commits match"
    if len(commits) > limit:
        text += f"\n[more: go on with skip={skip + limit}]"
    elif repository.is_shallow:
        text += "\n[this clone is shallow: its history ends early]"
    text = fitted(text, repository.text_bytes, "ask for fewer commits")
    emails = [shown(one.email) for one in commits[:limit]]
    return {"text": text, "rows": min(len(commits), limit), "taint": others(repository, emails)}


class _Logged(NamedTuple):
    oid: bytes
    parents: bytes
    author: bytes
    email: bytes
    date: bytes
    subject: bytes
    names: bytes
    files: list[bytes]


def show(
    here: Surroundings, *, ref: str = "HEAD", path: str = "", stat: bool = False, offset: int = 0
) -> Result:
    """A commit with its changes (against the first parent), or one file or folder as of ``ref``."""
    repository = Repository(here, "read")
    _check_offset(offset)
    oid = repository.commit(ref)
    if path:
        return _file(repository, oid, path, offset)
    fields = "%an <%ae>%x00%ad%x00%cn <%ce>%x00%cd%x00%P%x00%D%x00%ae%x00%B"
    words = repository.git(
        "log", "-1", "--no-show-signature", "--no-color", "--decorate=short", "--date=iso-strict",
        f"--format=tformat:{fields}", oid, "--",
    ).out.split(b"\0", 7)  # fmt: skip
    author, date, committer, committed, parents, names, email, message = words
    head = [f"commit {oid}" + (f" [{one_line(names)}]" if names else "")]
    head.append(f"author {one_line(author)} {date.decode()}")
    if committer != author:
        head.append(f"committer {one_line(committer)} {committed.decode()}")
    if b" " in parents:
        head.append(f"merge of {parents.decode()}; shown against the first")
    head += ["", shown(message).strip(), ""]
    changes = commit_changes(repository, oid)
    before = "" if offset else "\n".join(head) + "\n"
    result = _difference(repository, changes, stat, offset, before)
    result["taint"] = others(repository, [shown(email)])
    return result


def _check_offset(offset: int) -> None:
    if offset < 0:
        raise bad("offset must be at least 0")


def _difference(
    repository: Repository, comparison: Comparison, stat: bool, offset: int, before: str = ""
) -> Result:
    how = ("--stat=120", "--summary", "--find-renames") if stat else ("--patch", "--find-renames")
    output = comparison.run(repository, *how)
    room = repository.text_bytes
    before = fitted(before, room // 2, "the message is longer") if before else ""
    text, rows = page(output.out, offset, room - len(before.encode()), complete=not output.cut)
    return {"text": before + (text or "no differences"), "rows": rows}


def _file(repository: Repository, oid: str, path: str, offset: int) -> Result:
    relative = path_in(repository.folder, repository.top, path)
    named = f"{oid}:".encode() + relative
    found = repository.git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", named, codes=(0, 1, 128)
    ).out.decode().strip()  # fmt: skip
    if not found:
        raise GitError(f"{_name(repository, relative)} is not in {oid[:10]}", error="no_such_path")
    kind = repository.git("cat-file", "-t", found, codes=(0, 128)).out.strip()
    if kind == b"tree":
        entries = repository.git("ls-tree", "-z", found).out.split(b"\0")[:-1]
        listing = b"\n".join(
            file_name(name).encode()
            + {b"tree": b"/", b"commit": b" (submodule)"}.get(meta.split()[1], b"")
            for meta, _, name in (entry.partition(b"\t") for entry in entries)
        )
        text, rows = page(listing, offset, repository.text_bytes, complete=True)
        return {"text": text, "rows": rows}
    if kind != b"blob":
        raise GitError(
            f"{_name(repository, relative)} is a submodule at {found[:10]}", error="no_such_path"
        )
    output = repository.git("cat-file", "blob", found)
    if b"\0" in output.out[:8000]:
        size = repository.line("cat-file", "-s", found)
        return {"text": f"binary file of {size} bytes", "rows": 0, "structured": {"binary": True}}
    text, rows = page(
        output.out, offset, repository.text_bytes, complete=not output.cut, lines_kept=True
    )
    return {"text": text or "empty file", "rows": rows}


def diff(
    here: Surroundings,
    *,
    ref: str = "",
    staged: bool = False,
    path: str = "",
    stat: bool = False,
    offset: int = 0,
) -> Result:
    """Changes of the work tree (or with ``staged`` of the index), against ``ref``, or between two."""
    repository = Repository(here, "read")
    _check_offset(offset)
    return _difference(repository, compare(repository, ref, staged, path), stat, offset)


def blame(here: Surroundings, *, path: str, lines: str = "", ref: str = "") -> Result:
    """Commit, date and author of each line; without ``ref``, of the work tree's version."""
    repository = Repository(here, "read", work_tree=not ref)
    relative = path_in(repository.folder, repository.top, path)
    args: list[str | bytes] = ["blame", "--porcelain", "--no-textconv"]
    first = 1
    if lines:
        asked = re.fullmatch(r"([1-9][0-9]{0,8})(?:[-,]([1-9][0-9]{0,8}))?", lines)
        if not asked:
            raise bad("lines must be like 10-40")
        first = int(asked[1])
        args.append(f"-L{first},{asked[2] or first}")
    if ref:
        args.append(repository.commit(ref))
    elif repository.ref_oid("HEAD") is None:
        raise GitError("the repository has no commits yet", error="no_commits")
    output = repository.git(*args, "--", relative or b".", codes=(0, 128))
    if output.code == 128 and not output.cut:
        said = shown(output.err)
        if "no such path" in said or "cannot stat" in said or "has only" in said:
            raise GitError(said.strip().removeprefix("fatal: "), error="no_such_path")
        repository.fail(output)
    annotated, emails = _annotated(output.out)
    text, rows = page(annotated, 0, repository.text_bytes - 60, complete=not output.cut)
    if rows < annotated.count(b"\n"):
        text = text.rpartition("\n[cut:")[0] + f"\n[cut: go on with lines={first + rows}-]"
        last = first + annotated.count(b"\n") - 1
        text = text.removesuffix("-]") + f"-{last}]"
    return {"text": text, "rows": rows, "taint": others(repository, emails)}


def _annotated(porcelain: bytes) -> tuple[bytes, list[str]]:
    """``hash date author) number code`` for each line of ``git blame --porcelain``, and the emails."""
    known: dict[bytes, dict[bytes, bytes]] = {}
    out: list[bytes] = []
    oid, number = b"", b""
    for line in porcelain.split(b"\n"):
        if line.startswith(b"\t"):
            facts = known[oid]
            seconds = int(facts.get(b"author-time", b"0"))
            author = one_line(facts.get(b"author", b"")).encode()
            out.append(b"%s %s %s) %s %s\n" % (oid[:10], _day(seconds), author, number, line[1:]))
        elif re.match(rb"[0-9a-f]{40,64} \d+ \d+", line):
            words = line.split(b" ")
            oid, number = words[0], words[2]
            known.setdefault(oid, {})
        elif line:
            name, _, value = line.partition(b" ")
            known[oid][name] = value
    return b"".join(out), [
        shown(facts.get(b"author-mail", b"<>")[1:-1]) for facts in known.values()
    ]


def _day(seconds: int) -> bytes:
    import datetime  # noqa: PLC0415 - only blame needs it

    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.date().isoformat().encode()
