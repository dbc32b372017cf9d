"""Going back to a snapshot, so that nothing is lost on the way.

First what is there now becomes a snapshot itself, so an undo can be undone. Then only what differs is
changed: files (``files_back``), then the repository (``repository_back``), then repositories within.
"""

import os
from collections.abc import Iterator

from msgspec import Struct

from devagent.core.events.people import UndoDone
from devagent.core.principal import Principal
from devagent.undo.errors import SnapshotError
from devagent.undo.files_back import Change, What, apply, beside_of
from devagent.undo.names import told
from devagent.undo.places import Root, repository_at
from devagent.undo.repository_back import differing, named, set_back
from devagent.undo.snapshot import Meta, Snapshot, read, take_locked
from devagent.undo.state import path_of
from devagent.undo.store import Entry, Store


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
        asked = _named_by(store, wanted)
        now = take_locked(store, undo=True, keeping=asked.id if asked else "")
        entry = asked or _newest_other(store, now)
        meta = read(store, entry)
        repository = tuple(named(now.meta.state, meta.state))
        return Undone(entry, now.entry.id, tuple(_changes(store, now.entry, entry)), repository, ())


def undo(data: str, root: Root, wanted: str = "", *, session: str = "") -> Undone:
    """Go back to a snapshot: the one named by (the beginning of) its id, else the newest that differs from
    what is there. Raises SnapshotError not_found and as ``take``."""
    store = Store(data, root)
    with store.locked():
        asked = _named_by(store, wanted)
        now = take_locked(store, session=session, undo=True, keeping=asked.id if asked else "")
        return _go_back(store, now, asked or _newest_other(store, now), session)


def event_of(done: Undone, who: Principal) -> UndoDone:
    """What an undo did, for the record."""
    return UndoDone(
        principal=who,
        agent=who.agent,
        snapshot=done.entry.id,
        kept=done.kept,
        files=len(done.changes),
        changed=tuple(told(one.path) for one in done.changes),
        repository=tuple(map(told, done.repository)),
        left=tuple(map(told, done.left)),
    )


def _go_back(store: Store, now: Snapshot, entry: Entry, session: str) -> Undone:
    meta = read(store, entry)
    changes = tuple(_changes(store, now.entry, entry))
    left: list[str] = []
    repository = tuple(named(now.meta.state, meta.state))
    files = differing(now.meta.state, meta.state)
    locks = [f"{path_of(store, name)}.lock" for name in files]
    beside = [
        os.path.join(
            store.root.folder, os.path.dirname(one.path), beside_of(os.path.basename(one.path))
        )
        for one in changes
    ]
    store.under_way([*beside, *(lock for lock in locks if not os.path.lexists(lock))])
    apply(store, changes, entry, meta.modes, left)
    if repository:
        set_back(store, now.meta.state, meta.state, files, left)
    store.under_way(())
    repository += tuple(_nested(store, now.meta, meta, session, left))
    return Undone(entry, now.entry.id, changes, repository, tuple(left))


def _named_by(store: Store, wanted: str) -> Entry | None:
    """The snapshot whose id begins so; None where none is asked for. Raises SnapshotError not_found."""
    if not wanted:
        return None
    fits = {one.id: one for one in store.entries() if one.id.startswith(wanted)}
    if len(fits) != 1:
        what = "is not one of the snapshots" if not fits else "begins several snapshots' ids"
        raise SnapshotError(
            f"{wanted!r} {what} of {store.root.folder}",
            error="not_found",
            hint="See `devagent undo --list`.",
        )
    return next(iter(fits.values()))


def _newest_other(store: Store, now: Snapshot) -> Entry:
    """The newest snapshot that differs from what is there. Raises SnapshotError not_found."""
    for one in reversed(store.entries()):
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
