"""Which commits a ``log`` names: worked out once, for the call and for its resources."""

from collections.abc import Iterator
from typing import NamedTuple

from devagent_git.contract import GitError
from devagent_git.names import bad, path_in
from devagent_git.repository import Repository, check_text

_FIELDS = 7


class Log(NamedTuple):
    """A ``git log``. ``names_files``: whether each commit comes with the files that it was found by."""

    chosen: tuple[str, ...]
    revisions: tuple[str, ...]
    path: bytes | None
    names_files: bool

    def args(self, fields: str, limit: int, skip: int) -> list[str | bytes]:
        """The arguments that print these fields; file names follow them, each ended by NUL, as git does with ``-z``."""
        args: list[str | bytes] = ["log", "-z", f"--format=tformat:{fields}", *_FIXED, *self.chosen]
        args += [f"--max-count={limit}", f"--skip={skip}", *self.revisions, "--"]
        if self.path is not None:
            args.append(self.path or b".")
        return args


_FIXED = (
    "--date=format:%Y-%m-%d %H:%M", "--no-show-signature", "--no-color", "--decorate=short",
    "--no-ext-diff", "--no-textconv", "--ignore-submodules=all",
)  # fmt: skip


def plan_log(
    repository: Repository,
    ref: str,
    path: str,
    author: str,
    since: str,
    grep: str,
    search: str,
    regex: bool,
    follow: bool,
) -> Log:
    """Raises GitError bad_arguments, no_such_ref, outside_repository."""
    relative = path_in(repository.folder, repository.top, path) if path else None
    chosen: list[str] = []
    if author or grep:
        chosen += ["--fixed-strings", "--regexp-ignore-case"]
    for name, value in (("author", author), ("since", since), ("grep", grep)):
        if value:
            check_text(f"={value}", name)
            chosen.append(f"--{name}={value}")
    if regex and not search:
        raise bad("regex goes with search")
    if search:
        check_text(f"={search}", "search")
        # Without a merge's own changes: what it brings in is found in the commits that it brings.
        chosen += [f"-G{search}" if regex else f"-S{search}", "--name-only", "--no-renames"]
        if author or grep:
            chosen.remove("--regexp-ignore-case")
    if follow:
        if not relative:
            raise bad("follow needs the path of one file")
        chosen += ["--follow", "--name-only"]
        if search:
            raise bad("follow does not go with search")
    names_files = bool(search or follow)
    return Log(tuple(chosen), tuple(revisions(repository, ref)), relative, names_files)


def revisions(repository: Repository, ref: str) -> list[str]:
    """A revision or a range ``a..b`` / ``a...b`` as object ids."""
    check_text(ref, "ref")
    dots = "..." if "..." in ref else ".." if ".." in ref else ""
    if not dots:
        return [repository.commit(ref)]
    left, _, right = ref.partition(dots)
    return [f"{repository.commit(left or 'HEAD')}{dots}{repository.commit(right or 'HEAD')}"]


Record = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, list[bytes]]


def records(data: bytes) -> Iterator[Record]:
    """What ``git log -z`` printed with fields that NUL goes before and after, and the files that follow each commit.

    Fields may be empty, so they are counted off; after them, and before the next commit, stands an empty word.
    """
    words = data.split(b"\0")
    at = 0
    while at + _FIELDS + 1 < len(words):
        oid, parents, name, email, date, subject, names = words[at + 1 : at + 1 + _FIELDS]
        if words[at] or words[at + 1 + _FIELDS]:
            raise GitError("git's log could not be read", error="failed")
        at += _FIELDS + 2
        first = at
        while at < len(words) and words[at]:
            at += 1
        files = words[first:at]
        yield (
            oid,
            parents,
            name,
            email,
            date,
            subject,
            names,
            [file.removeprefix(b"\n") if n == 0 else file for n, file in enumerate(files)],
        )


def found_files(repository: Repository, log: Log, limit: int, skip: int) -> list[bytes]:
    """The files that the commits of one page were found by."""
    if not log.names_files:
        return []
    plain = "%x00" * (_FIELDS + 1)
    output = repository.git(*log.args(plain, limit + 1, skip))
    return list(dict.fromkeys(path for *_, files in records(output.out) for path in files))
