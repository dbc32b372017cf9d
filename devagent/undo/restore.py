"""Going back to a snapshot, so that nothing is lost on the way.

First what is there now becomes a snapshot itself, so an undo can be undone. Then only what differs is
changed, file by file: each is put in place whole, and only where what is there is what was just kept. A file that
somebody changed in between, or that stands where something is to go, is left alone and named.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from hashlib import new as new_hash
from typing import Literal

from msgspec import Struct

from devagent.core.events import UndoDone
from devagent.core.principal import Principal
from devagent.undo.contents import Contents
from devagent.undo.errors import SnapshotError
from devagent.undo.places import Root, repository_at
from devagent.undo.snapshot import Meta, Snapshot, read, take_locked
from devagent.undo.state import State, outline, path_of
from devagent.undo.store import Entry, Store, object_format

What = Literal["put back", "changed back", "taken away"]


class Change(Struct, frozen=True):
    """What going back does to one file."""

    path: str
    what: What
    old_mode: str
    new_mode: str
    old: str
    new: str


class Undone(Struct, frozen=True):
    """What an undo did. ``kept``: the snapshot of what was there before; ``left``: files left alone, and why;
    ``repository``: what of the repository was set back."""

    entry: Entry
    kept: str
    changes: tuple[Change, ...]
    repository: tuple[str, ...]
    left: tuple[str, ...]


def entries(data: str, root: Root) -> list[Entry]:
    """The snapshots of a root, newest first."""
    return list(reversed(Store(data, root).entries()))


def preview(data: str, root: Root, wanted: str = "") -> Undone:
    """What ``undo`` would do. Takes a snapshot to compare with, and changes nothing."""
    store = Store(data, root)
    with store.locked():
        now = take_locked(store, undo=True)
        entry = _chosen(store, now, wanted)
        meta = read(store, entry)
        repository = tuple(_named(now.meta.state, meta.state))
        return Undone(entry, now.entry.id, tuple(_changes(store, now.entry, entry)), repository, ())


def undo(data: str, root: Root, wanted: str = "", *, session: str = "") -> Undone:
    """Go back to a snapshot: the one named by (the beginning of) its id, else the newest that differs from
    what is there. Raises SnapshotError not_found and as ``take``."""
    store = Store(data, root)
    with store.locked():
        now = take_locked(store, session=session, undo=True)
        return _go_back(store, now, _chosen(store, now, wanted), session)


def event_of(done: Undone, who: Principal) -> UndoDone:
    """What an undo did, for the record."""
    return UndoDone(
        principal=who,
        agent=who.agent,
        snapshot=done.entry.id,
        kept=done.kept,
        files=len(done.changes),
        changed=tuple(one.path for one in done.changes),
        repository=done.repository,
        left=done.left,
    )


def _go_back(store: Store, now: Snapshot, entry: Entry, session: str) -> Undone:
    meta = read(store, entry)
    changes = tuple(_changes(store, now.entry, entry))
    left: list[str] = []
    repository = tuple(_named(now.meta.state, meta.state))
    files = _differing(now.meta.state, meta.state)
    locks = [f"{path_of(store, name)}.lock" for name in files]
    beside = [
        os.path.join(
            store.root.folder, os.path.dirname(one.path), _beside(os.path.basename(one.path))
        )
        for one in changes
    ]
    store.under_way([*beside, *(lock for lock in locks if not os.path.lexists(lock))])
    _apply(store, changes, entry, left)
    if repository:
        _set_back(store, now.meta.state, meta.state, files, left)
    store.under_way(())
    repository += tuple(_nested(store, now.meta, meta, session, left))
    return Undone(entry, now.entry.id, changes, repository, tuple(left))


def _chosen(store: Store, now: Snapshot, wanted: str) -> Entry:
    found = store.entries()
    if wanted:
        fits = {one.id: one for one in found if one.id.startswith(wanted)}
        if len(fits) != 1:
            what = "is not one of the snapshots" if not fits else "begins several snapshots' ids"
            raise SnapshotError(
                f"{wanted!r} {what} of {store.root.folder}",
                error="not_found",
                hint="See `devagent undo --list`.",
            )
        return next(iter(fits.values()))
    for one in reversed(found):
        if (one.work, one.state) != (now.entry.work, now.entry.state) or _differs(store, now, one):
            return one
    raise SnapshotError(
        f"there is nothing to undo in {store.root.folder}: no snapshot differs from what is there",
        error="not_found",
        hint="Snapshots are taken before each call that may change files: see `devagent undo --list`.",
    )


def _differs(store: Store, now: Snapshot, one: Entry) -> bool:
    return one.id != now.entry.id and read(store, one).nested != now.meta.nested


def _changes(store: Store, now: Entry, then: Entry) -> Iterator[Change]:
    listed = store.git(
        "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", now.work, then.work
    )
    parts = os.fsdecode(listed).split("\0")
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        old_mode, new_mode, old, new, status = head.removeprefix(":").split(" ")
        if "160000" in (old_mode, new_mode):
            continue  # a repository within: it has snapshots of its own
        what: What = (
            "put back" if status == "A" else "taken away" if status == "D" else "changed back"
        )
        yield Change(path, what, old_mode, new_mode, old, new)


def _apply(store: Store, changes: tuple[Change, ...], then: Entry, left: list[str]) -> None:
    top = os.open(store.root.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    hash_name = object_format(store.root)
    contents = Contents(store)
    try:
        # First the rules of what is ignored: what they name again was there before, unseen, and stays.
        come = [change for change in changes if change.what != "taken away"]
        come.sort(key=lambda one: os.path.basename(one.path) != ".gitignore")
        rules = [one for one in come if os.path.basename(one.path) == ".gitignore"]
        for change in rules:
            _guarded(change, left, lambda change=change: _put(top, change, contents, hash_name))
        gone = [change for change in changes if change.what == "taken away"]
        kept = _ignored(store, gone, then)
        # Then what goes makes room for what comes: a folder where a file was, a file where a folder was.
        for change in sorted(gone, key=lambda one: one.path, reverse=True):
            if change.path not in kept:
                _guarded(change, left, lambda change=change: _take_away(top, change, hash_name))
        for change in come[len(rules) :]:
            _guarded(change, left, lambda change=change: _put(top, change, contents, hash_name))
    finally:
        contents.close()
        os.close(top)


class _InTheWay(Exception):
    """What is there is not what was kept."""


def _guarded(change: Change, left: list[str], act: Callable[[], None]) -> None:
    try:
        act()
    except _InTheWay as e:
        left.append(f"{change.path}: {e}")
    except OSError as e:
        left.append(f"{change.path}: {e.strerror}")


def _take_away(top: int, change: Change, hash_name: str) -> None:
    folders = _open_folders(top, change.path, make=False)
    try:
        name = os.path.basename(change.path)
        _check(folders[-1], name, change, hash_name)
        os.unlink(name, dir_fd=folders[-1])
        parts = change.path.split("/")[:-1]
        with contextlib.suppress(OSError):  # a folder that holds something else stays
            for depth in range(len(parts) - 1, -1, -1):
                os.rmdir(parts[depth], dir_fd=folders[depth])
    finally:
        _close(folders, top)


def _ignored(store: Store, changes: list[Change], then: Entry) -> frozenset[str]:
    """Which of these files are ignored and may have been there unseen: what an earlier snapshot holds was seen
    from then on, so that it was truly gone."""
    if not changes:
        return frozenset()
    asked = b"".join(os.fsencode(one.path) + b"\0" for one in changes)
    told = store.git("check-ignore", "--no-index", "-z", "--stdin", stdin=asked, fails=False)
    found = set(os.fsdecode(told).split("\0")) - {""}
    if not found:
        return frozenset()
    earlier = dict.fromkeys(one.work for one in itertools.takewhile(lambda one: one.id != then.id, store.entries()))  # fmt: skip
    for work in earlier:
        names = store.git("ls-tree", "-r", "-z", "--name-only", work)
        found -= set(os.fsdecode(names).split("\0"))
    return frozenset(found)


def _put(top: int, change: Change, contents: Contents, hash_name: str) -> None:
    data = contents.of(change.new)
    folders = _open_folders(top, change.path, make=True)
    at, name = folders[-1], os.path.basename(change.path)
    beside = _beside(name)
    try:
        mode = _check(at, name, change, hash_name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=at)
        if change.new_mode == "120000":
            os.symlink(os.fsdecode(data), beside, dir_fd=at)
        else:
            _write(at, beside, data, mode, executable=change.new_mode == "100755")
        try:
            if change.what == "put back":
                # A link never replaces: what has come since stays.
                os.link(beside, name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
                os.unlink(beside, dir_fd=at)
            else:
                os.rename(beside, name, src_dir_fd=at, dst_dir_fd=at)
        except FileExistsError:
            os.unlink(beside, dir_fd=at)
            raise _InTheWay("something has come in its place") from None
    finally:
        _close(folders, top)


def _beside(name: str) -> str:
    return f".{name[:60]}.devagent-undo"


def _write(at: int, name: str, data: bytes, mode: int | None, *, executable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o777 if executable else 0o666, dir_fd=at)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if mode is not None:
            os.fchmod(file.fileno(), mode | 0o111 & (mode >> 2) if executable else mode & ~0o111)
        file.flush()
        os.fsync(file.fileno())


def _check(at: int, name: str, change: Change, hash_name: str) -> int | None:
    """What is there must be what was kept; its mode, None where nothing is to be there."""
    try:
        found = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        if change.what == "put back":
            return None
        raise _InTheWay("it has gone since") from None
    if change.what == "put back":
        raise _InTheWay("something ignored stands in its place")
    if stat.S_ISLNK(found.st_mode):
        data = os.fsencode(os.readlink(name, dir_fd=at))
    elif stat.S_ISREG(found.st_mode):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read()
    else:
        raise _InTheWay("something else stands in its place")
    is_link = change.old_mode == "120000"
    digest = new_hash(hash_name, b"blob %d\0" % len(data) + data, usedforsecurity=False)
    if is_link != stat.S_ISLNK(found.st_mode) or digest.hexdigest() != change.old:
        raise _InTheWay("it has changed since")
    return None if is_link else stat.S_IMODE(found.st_mode)


def _open_folders(top: int, path: str, *, make: bool) -> list[int]:
    """The folders on the way to a file, none of them through a link; the first one is ``top`` itself."""
    opened = [top]
    try:
        for part in path.split("/")[:-1]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=opened[-1])
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            opened.append(os.open(part, flags, dir_fd=opened[-1]))
    except OSError as e:
        _close(opened, top)
        raise _InTheWay(f"its folder cannot be entered ({e.strerror})") from e
    return opened


def _close(folders: list[int], top: int) -> None:
    for one in folders:
        if one != top:
            os.close(one)


# -- the repository


def _named(now: State, then: State) -> Iterator[str]:
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


def _differing(now: State, then: State) -> list[str]:
    """The repository's own files that differ, the index only where it says something else."""
    return [
        name
        for name in sorted(now.files.keys() | then.files.keys())
        if (one := now.files.get(name)) is None
        or (other := then.files.get(name)) is None
        or one.blob != other.blob
        if name != "git/index" or now.staged != then.staged
    ]


def _set_back(store: Store, now: State, then: State, files: list[str], left: list[str]) -> None:
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
                store.repository("update-ref", "--create-reflog", "--stdin", stdin=batch.encode())
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


def _nested(store: Store, now: Meta, then: Meta, session: str, left: list[str]) -> Iterator[str]:
    for path, wanted in then.nested.items():
        if now.nested.get(path) == wanted:
            continue
        root = repository_at(os.path.join(store.root.folder, path))
        if root is None:
            left.append(f"{path}: the repository within is gone, with its .git")
            continue
        within = Store(os.path.dirname(os.path.dirname(store.folder)), root)
        with within.locked():
            inner = take_locked(within, session=session, undo=True)
            entry = next((one for one in within.entries() if one.id == wanted), None)
            if entry is None:
                left.append(f"{path}: its snapshot {wanted} is no longer kept")
                continue
            done = _go_back(within, inner, entry, session)
        left += [f"{path}/{one}" for one in done.left]
        yield f"{path}: {len(done.changes)} files"
