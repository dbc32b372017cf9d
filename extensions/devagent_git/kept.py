"""What is thrown away is kept first: as a commit below ``refs/devagent/kept/``, byte for byte.

Made before the call throws anything away, so that a call that is killed in the middle has lost nothing. Content is
stored as it lies on the disk, through no filter. ``git.list what=kept`` shows them, ``git.restore`` with
``source`` brings files back; the person deletes them with ``git update-ref -d``. They are never pushed: a push
names its references one by one.
"""

import os
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence

from devagent_git.contract import GitError
from devagent_git.plans import PATHS
from devagent_git.repository import Repository

KEPT = "refs/devagent/kept/"


def keep_files(
    repository: Repository, files: Sequence[bytes], why: str, *, index: bool
) -> str | None:
    """Keep these files of the work tree, and with ``index`` the index, where they differ from HEAD; the commit, or None.

    The commit's tree is HEAD's with the files as they are now; its second parent, where there is one, holds
    the index.
    """
    head = repository.ref_oid("HEAD")
    parents = ["-p", head] if head else []
    staged = _staged(repository) if index else ""
    tree = _tree(repository, head, files)
    before = repository.line("rev-parse", f"{head}^{{tree}}") if head else ""
    if staged in (before, "") and tree == before:
        return None
    if staged and staged != before:
        parents += ["-p", _commit(repository, staged, parents, f"index: {why}")]
    return keep_object(repository, _commit(repository, tree, parents, why))


def keep_object(repository: Repository, oid: str) -> str:
    """Keep a commit or tag that loses its name."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    repository.git("update-ref", f"{KEPT}{moment}-{oid[:10]}", oid)
    return oid


def said_of(
    kept: str | None, how: str = "git.restore with source={} brings files back"
) -> list[str]:
    """What a result says of it: ``how`` to get it back."""
    if kept is None:
        return []
    return [f"what was thrown away is kept as {kept[:10]}: {how.format(kept[:10])}"]


def _staged(repository: Repository) -> str:
    """The index as a tree; empty where it has conflicts, which no tree can hold, or is not there."""
    index = os.path.join(repository.git_dir, "index")
    if not os.path.isfile(index) or repository.git("ls-files", "-z", "--unmerged", limit=1).out:
        return ""
    with tempfile.TemporaryDirectory(prefix="devagent-git-") as folder:
        copy = os.path.join(folder, "index")
        with open(index, "rb") as source, open(copy, "wb") as target:
            while data := source.read(1 << 20):
                target.write(data)
        return repository.git("write-tree", index=copy).out.decode().strip()


def _tree(repository: Repository, head: str | None, files: Sequence[bytes]) -> str:
    if len(files) > PATHS:
        raise GitError(f"this would throw away more than {PATHS} files", error="too_many_paths")
    stored = _stored_files(repository, files)
    lines = [line for path in files if (line := _entry(repository, path, stored)) is not None]
    with tempfile.TemporaryDirectory(prefix="devagent-git-") as folder:
        index = os.path.join(folder, "index")
        repository.git("read-tree", *([head] if head else ["--empty"]), index=index)
        if lines:
            repository.git(
                "update-index", "-z", "--replace", "--index-info", stdin=b"\0".join([*lines, b""]), index=index
            )  # fmt: skip
        return repository.git("write-tree", index=index).out.decode().strip()


def place_of(repository: Repository, path: bytes) -> bytes:
    """The absolute path of one below the repository's top."""
    return os.path.join(os.fsencode(repository.top), path)


def _stored_files(repository: Repository, files: Sequence[bytes]) -> dict[bytes, bytes]:
    """Path → object of every regular file among these, stored as it lies on the disk."""
    there = [path for path in files if _is_regular(place_of(repository, path))]
    plain = [path for path in there if b"\n" not in path]
    stored = dict.fromkeys(plain, b"")
    if plain:
        listed = repository.git(
            "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=b"\n".join([*plain, b""])
        )
        stored = dict(zip(plain, listed.out.split(), strict=True))
    for path in there:
        if path not in stored:  # --stdin-paths takes one path a line
            place = place_of(repository, path)
            stored[path] = repository.git(
                "hash-object", "-w", "--no-filters", "--", place
            ).out.strip()
    return stored


def _is_regular(place: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(place).st_mode)
    except OSError:
        return False


def _entry(repository: Repository, path: bytes, stored: Mapping[bytes, bytes]) -> bytes | None:
    """A line for ``update-index --index-info``: the file as it is, or as gone. None for what git keeps elsewhere."""
    place = place_of(repository, path)
    try:
        found = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        zeros = b"0" * (64 if repository.is_sha256 else 40)
        return b"0 " + zeros + b"\t" + path
    if stat.S_ISLNK(found.st_mode):
        target = repository.git(
            "hash-object", "-w", "--stdin", stdin=os.readlink(place)
        ).out.strip()
        return b"120000 " + target + b"\t" + path
    if path not in stored:
        return None
    mode = b"100755 " if found.st_mode & 0o111 else b"100644 "
    return mode + stored[path] + b"\t" + path


def _commit(repository: Repository, tree: str, parents: Sequence[str], why: str) -> str:
    who = ("-c", "user.name=devagent", "-c", "user.email=devagent@localhost")
    made = repository.git(*who, "commit-tree", tree, *parents, stdin=f"kept: {why}\n".encode())
    return made.out.decode().strip()
