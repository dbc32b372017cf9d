"""Files on the way back: each put in place whole, and only where what is there is what was kept.

A file that somebody changed in between, or that stands where something is to go, is left alone and named.
"""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Mapping
from hashlib import new as new_hash
from typing import Literal

from msgspec import Struct

from devagent.undo.contents import Contents
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


def apply(
    store: Store,
    changes: tuple[Change, ...],
    then: Entry,
    modes: Mapping[str, int],
    left: list[str],
) -> None:
    """Carry the changes out; what was left alone, and why, goes to ``left``. ``modes``: of files that are put back,
    where they are not what a new file has."""
    top = os.open(store.root.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    hash_name = object_format(store.root)
    contents = Contents(store)
    try:
        # First the rules of what is ignored: what they name again was there before, unseen, and stays.
        come = [change for change in changes if change.what != "taken away"]
        come.sort(key=lambda one: os.path.basename(one.path) != ".gitignore")
        rules = [one for one in come if os.path.basename(one.path) == ".gitignore"]
        for change in rules:
            _guarded(
                change, left, lambda change=change: _put(top, change, contents, modes, hash_name)
            )
        gone = [change for change in changes if change.what == "taken away"]
        kept = _ignored(store, gone, then)
        # Then what goes makes room for what comes: a folder where a file was, a file where a folder was.
        for change in sorted(gone, key=lambda one: one.path, reverse=True):
            if change.path not in kept:
                _guarded(change, left, lambda change=change: _take_away(top, change, hash_name))
        for change in come[len(rules) :]:
            _guarded(
                change, left, lambda change=change: _put(top, change, contents, modes, hash_name)
            )
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


def _put(
    top: int, change: Change, contents: Contents, modes: Mapping[str, int], hash_name: str
) -> None:
    data = contents.of(change.new)
    folders = _open_folders(top, change.path, make=True)
    at, name = folders[-1], os.path.basename(change.path)
    beside = beside_of(name)
    try:
        mode = _check(at, name, change, hash_name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=at)
        if change.new_mode == "120000":
            os.symlink(os.fsdecode(data), beside, dir_fd=at)
        else:
            mode = modes.get(change.path) if mode is None else mode
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


def beside_of(name: str) -> str:
    """What a file is called until it is put in place."""
    return f".{name[:60]}.devagent-undo"


def _write(at: int, name: str, data: bytes, mode: int | None, *, executable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    made = 0o600 if mode is not None else 0o777 if executable else 0o666
    descriptor = os.open(name, flags, made, dir_fd=at)
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
        if stat.S_ISDIR(found.st_mode) and _cleared(at, name):
            return None
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


def _cleared(at: int, name: str) -> bool:
    """Take a folder away in which there are only folders: no snapshot holds such, and a killed undo leaves them."""
    try:
        if any(files for _, _, files, _ in os.fwalk(name, dir_fd=at)):
            return False
        for _, folders, _, descriptor in os.fwalk(name, topdown=False, dir_fd=at):
            for folder in folders:
                os.rmdir(folder, dir_fd=descriptor)
        os.rmdir(name, dir_fd=at)
    except OSError:
        return False
    return True


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
