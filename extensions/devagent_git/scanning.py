"""Looking for secrets in what a commit or a push would carry away: added lines, by file and line.

What a secret looks like is told by ``devagent_secrets``, and the values of this process's environment that are
secrets by their name are looked for as they are. Attributes that call a file binary, and NUL characters, hide
nothing: every change is read as text. What was there before is not this change's matter: only added lines count, and of
a merge only those that none of its parents has.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from devagent_git.contract import GitError
from devagent_git.plans import commit_changes
from devagent_git.repository import Repository
from devagent_git.text import file_name, shown, unquoted
from devagent_secrets import prefilter
from devagent_secrets.finding import secrets
from devagent_secrets.known import Known, secrets_of

ALL = "*"
SCAN_BYTES = 64_000_000
"""Most that is read of one comparison, or of one group of commits."""
COMMITS = 5_000
"""Most commits that one push may carry and have scanned."""
_GROUP = 100
_SHOWN = 20
_PATCH = (
    "-p", "--unified=0", "--inter-hunk-context=0", "--text", "--no-ext-diff", "--no-textconv", "--no-color",
    "--no-renames", "--no-relative", "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_COMMIT = re.compile(rb"([0-9a-f]{40,64})(?: \(from [0-9a-f]{40,64}\))?")


class Found(NamedTuple):
    """A likely secret. ``path`` is empty for a commit's message, ``commit`` for what is not committed yet."""

    path: bytes
    line: int
    kind: str
    commit: str = ""

    @property
    def name(self) -> str:
        """``src/app.py:12``, ``src/app.py:12@3f2a91c0de``, ``message:1``: what ``allow_secrets`` takes."""
        place = file_name(self.path) if self.path else "message"
        return f"{place}:{self.line}" + (f"@{self.commit[:10]}" if self.commit else "")


def known_values() -> Known:
    """The secrets of this process's environment."""
    known = Known()
    for value, kind in secrets_of(os.environ):
        known.learn(value, kind)
    return known


def scan_staged(
    repository: Repository, *, amend: bool, message: str, work_tree: bool
) -> list[Found]:
    """What a commit of the index (or with ``work_tree`` of all tracked changes) would add."""
    known = known_values()
    found = [Found(b"", line, kind) for line, kind in _in_text(message, 1, known)]
    against = _parents(repository, amend)
    per_parent: list[list[Found]] = []
    for parent in against:
        how = () if work_tree else ("--cached",)
        per_parent.append(_of_patch(repository, ("diff", *_PATCH, *how, parent, "--"), None, known))
    return found + _in_all(per_parent)


def _parents(repository: Repository, amend: bool) -> list[str]:
    head = repository.ref_oid("HEAD")
    if head is None:
        return [
            repository.git("hash-object", "-t", "tree", "--stdin", stdin=b"").out.decode().strip()
        ]
    if amend:
        return [commit_changes(repository, head).sides[0]]
    merging = repository.ref_oid("MERGE_HEAD")
    return [head, merging] if merging else [head]


def scan_push(repository: Repository, remote: str, sources: Iterable[str]) -> list[Found]:
    """What the commits would carry that no branch of this remote is known to have.

    Raises GitError ``secret`` where there is too much to look at.
    """
    known = known_values()
    oids = [s for s in dict.fromkeys(sources) if s]
    if not oids:
        return []
    # The remote's name is no pattern (`names.remote_name`), and a source no option: a full reference or an object.
    most = f"--max-count={COMMITS + 1}"
    listed = repository.git("rev-list", most, *oids, "--not", f"--remotes={remote}", "--")
    commits = listed.out.split()
    if len(commits) > COMMITS:
        raise _too_much(f"more than {COMMITS} commits")
    found: list[Found] = []
    for at in range(0, len(commits), _GROUP):
        group = b"\n".join([*commits[at : at + _GROUP], b""])
        args = ("diff-tree", "--stdin", "-r", "-m", "--root", *_PATCH)
        by_commit: dict[str, list[list[Found]]] = {}
        for number, one in _numbered(repository, args, group, known):
            by_commit.setdefault(one.commit, [[] for _ in range(2)])
            lists = by_commit[one.commit]
            while len(lists) <= number:
                lists.append([])
            lists[number].append(one)
        parents = _parent_counts(repository, group)
        for commit, lists in by_commit.items():
            count = max(1, parents.get(commit, 1))
            found += _in_all((lists + [[] for _ in range(count)])[:count])
        found += _messages(repository, group, known)
    return found


def _parent_counts(repository: Repository, group: bytes) -> dict[str, int]:
    listed = repository.git("rev-list", "--no-walk", "--parents", "--stdin", stdin=group).out
    words = [line.decode().split() for line in listed.splitlines()]
    return {line[0]: len(line) - 1 for line in words if line}


def _messages(repository: Repository, group: bytes, known: Known) -> Iterator[Found]:
    listed = repository.git(
        "log", "--no-walk", "--stdin", "--no-show-signature", "--format=tformat:%H%x00%B%x00",
        stdin=group, limit=SCAN_BYTES,
    )  # fmt: skip
    words = listed.out.split(b"\0")
    for oid, message in zip(words[::2], words[1::2], strict=False):
        for line, kind in _in_text(message.decode("utf-8", "replace"), 1, known):
            yield Found(b"", line, kind, oid.strip().decode())


def _in_all(per_parent: Sequence[list[Found]]) -> list[Found]:
    """What every comparison found: what none of a merge's parents has."""
    first, *others = per_parent
    for other in others:
        places = {(one.path, one.line) for one in other}
        first = [one for one in first if (one.path, one.line) in places]
    return first


def _of_patch(
    repository: Repository, args: Sequence[str], stdin: bytes | None, known: Known
) -> list[Found]:
    return [found for _, found in _numbered(repository, args, stdin, known)]


def _numbered(
    repository: Repository, args: Sequence[str], stdin: bytes | None, known: Known
) -> Iterator[tuple[int, Found]]:
    """What a patch adds that looks like a secret, with the number of the parent it was compared with."""
    output = repository.git(*args, stdin=stdin, limit=SCAN_BYTES)
    if output.cut:
        raise _too_much(f"more than {SCAN_BYTES // 1_000_000} MB of changes")
    plain = output.out.replace(b"\0", b"")
    if not (prefilter.may_hold_secrets(plain) or known.may_stand_in(plain)):
        return
    for path, first, text, commit, number in _added(output.out):
        for line, kind in _in_text(text, first, known):
            yield number, Found(path, line, kind, commit)


def _in_text(text: str, first: int, known: Known) -> Iterator[tuple[int, str]]:
    """Line and kind of each likely secret, one a line."""
    kinds: dict[int, str] = {}
    for span in secrets(text, known):
        if not text[span.start : span.end].endswith("EXAMPLE"):  # as in Amazon's documentation
            kinds.setdefault(first + text.count("\n", 0, span.start), span.kind)
    yield from sorted(kinds.items())


def _added(patch: bytes) -> Iterator[tuple[bytes, int, str, str, int]]:
    """(path, number of its first line, text, commit, number of the parent) of each run of added lines.

    Lines are counted off as each hunk's head says, so that no content can pass for a head.
    """
    lines = patch.split(b"\n")
    at, path, commit, number = 0, b"", "", 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if hunk := _HUNK.match(line):
            gone, first, come = hunk.groups()
            at = _skipped(lines, at, b"-", 1 if gone is None else int(gone))
            end = _skipped(lines, at, b"+", 1 if come is None else int(come))
            added = [one[1:].replace(b"\0", b"") for one in lines[at:end] if one[:1] == b"+"]
            at = end
            if added:
                yield path, int(first), b"\n".join(added).decode("utf-8", "replace"), commit, number
        elif line.startswith(b"+++ "):
            path = _path(line[4:])
        elif head := _COMMIT.fullmatch(line):
            oid = head[1].decode()
            commit, number = oid, number + 1 if oid == commit else 0


def _skipped(lines: Sequence[bytes], at: int, sign: bytes, count: int) -> int:
    """Where a hunk goes on after so many lines with this sign, and git's note on a missing line end."""
    while count and at < len(lines) and lines[at][:1] == sign:
        at, count = at + 1, count - 1
    while at < len(lines) and lines[at][:1] == b"\\":
        at += 1
    return at


def _path(name: bytes) -> bytes:
    name = name.removesuffix(b"\t")
    plain = unquoted(os.fsdecode(name))
    return (name if plain is None else plain).removeprefix(b"b/")


def _too_much(what: str) -> GitError:
    return GitError(
        f"{what} cannot be looked through for secrets; allow_secrets=['*'] goes on all the same, where "
        "policy permits it",
        error="secret",
    )


def refuse(found: Sequence[Found], allowed: Sequence[str], what: str) -> None:
    """Raise GitError ``secret`` with file and line of what is not allowed by name; the values are never shown."""
    left = [one for one in found if one.name not in allowed]
    if not left or ALL in allowed:
        return
    lines = [f"{one.name} ({shown(one.kind)})" for one in left[:_SHOWN]]
    more = len(left) - len(lines)
    names = ", ".join(f'"{one.name}"' for one in left[:3])
    raise GitError(
        "\n".join(
            [
                f"{what} was refused: this looks like secrets:",
                *lines,
                *([f"and {more} more"] if more else []),
                "Take them out and keep them in a keyring. Where they are none, "
                f"allow_secrets=[{names}{', …' if len(left) > 3 else ''}] lets just these pass, if policy permits it.",
            ]
        ),
        error="secret",
    )
