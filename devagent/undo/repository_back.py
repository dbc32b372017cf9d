"""The repository on the way back: branches, tags and stashes by git, files of git's own by its locks."""

import contextlib
import os
from collections.abc import Iterator

from devagent.undo.errors import SnapshotError
from devagent.undo.state import State, outline, path_of
from devagent.undo.store import Store


def named(now: State, then: State) -> Iterator[str]:
    """What of the repository differs, for people."""
    one, other = outline(now), outline(then)
    for name in sorted(now.refs.keys() | then.refs.keys()):
        if now.refs.get(name) != then.refs.get(name):
            short = (
                name.removeprefix("refs/")
                .replace("heads/", "branch ", 1)
                .replace("tags/", "tag ", 1)
            )
            yield f"{short} → {then.refs.get(name, 'gone')[:10]}"
    if one["staged"] != other["staged"]:
        yield "what is staged"
    blobs = [{name: one.blob for name, one in state.files.items()} for state in (now, then)]
    for name in sorted(blobs[0].keys() | blobs[1].keys()):
        if name != "git/index" and blobs[0].get(name) != blobs[1].get(name):
            yield name.partition("/")[2]


def differing(now: State, then: State) -> list[str]:
    """The repository's own files that differ, the index only where it says something else."""
    return [
        name
        for name in sorted(now.files.keys() | then.files.keys())
        if (one := now.files.get(name)) is None
        or (other := then.files.get(name)) is None
        or one.blob != other.blob
        if name != "git/index" or now.staged != then.staged
    ]


def set_back(store: Store, now: State, then: State, files: list[str], left: list[str]) -> None:
    """Set refs and ``files`` back to how they were; what could not be goes to ``left``."""
    gone = [name for name in now.refs if name not in then.refs]
    lines = "".join(f"delete {name} {now.refs[name]}\n" for name in gone)
    moved = [name for name in then.refs if now.refs.get(name) != then.refs[name]]
    more = "".join(
        f"update {name} {then.refs[name]} {now.refs.get(name, '0' * len(then.refs[name]))}\n"
        for name in moved
    )
    for batch in (lines, more):
        # Twice, because a branch ``a`` must go before a branch ``a/b`` can come.
        if batch:
            try:
                store.repository(
                    "update-ref", "--create-reflog", "--stdin", stdin=os.fsencode(batch)
                )
            except SnapshotError as e:
                left.append(f"branches and tags: {e.what}")
    for name in files:
        wanted, path = then.files.get(name), path_of(store, name)
        try:
            if wanted is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                _replace(path, store.git("cat-file", "blob", wanted.blob), wanted.mode)
        except OSError as e:
            left.append(f".git/{name.partition('/')[2]}: {e.strerror}")


def _replace(path: str, data: bytes, mode: int) -> None:
    """A file of git's own, by git's own way: its lock, and a rename."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.lock", path)
