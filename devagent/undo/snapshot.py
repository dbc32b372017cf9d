"""Taking a snapshot: what is there, byte for byte, without a copy of what did not change.

Files that git would see (tracked or not) are in it, with their executable bit and links as links. Not in it, and named:
files that are too large or cannot be read. Not in it either: what is ignored (but for files that a call named as written),
empty folders, and ``.git`` itself but for what ``state`` takes. Repositories within are snapshots of their own.
"""

import os
import stat
import time
from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from devagent.undo.errors import SnapshotError
from devagent.undo.names import packed, told, unpacked
from devagent.undo.places import Root, repository_at
from devagent.undo.state import State, outline, state_of, tips
from devagent.undo.store import Entry, Store

MOST_FILE_BYTES = 64 * 1024 * 1024
MOST_NEW_BYTES = 1024 * 1024 * 1024
MOST_FILES = 200_000
MOST_NESTED = 20
MOST_TIPS = 1000
MANY_FILES = 100
"""From so many new files on, a snapshot is worth having git look at them anew once."""
KEPT = 200
"""So many snapshots of a root are kept; older ones go."""
MOST_MODES = 5_000
"""Modes that one snapshot keeps."""
_KEEPING = "refs/devagent/kept"


class Meta(Struct, frozen=True, omit_defaults=True):
    """What a snapshot says of itself beside its files. ``at``: nanoseconds since 1970, so that no two are
    the same. ``nested``: repositories within, by path, and their snapshots. ``modes``: of files that others may not
    read, as they were when their content was last taken."""

    at: int = 0
    state: State = field(default_factory=State)
    tips: tuple[str, ...] = ()
    nested: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)


class _Seen(Struct, frozen=True):
    """What was found last, so that it need not be read again: the newest snapshot's id, its meta, the state
    since, and our index as it was when it said what that snapshot holds. ``settled``: so many of its files are not as
    new as itself."""

    id: str
    meta: Meta
    state: State
    index: tuple[int, ...] = ()
    settled: bool = False


class Snapshot(Struct, frozen=True):
    """A snapshot as it was taken. ``new``: nothing on record was the same."""

    entry: Entry
    meta: Meta
    new: bool


def take(
    data: str,
    root: Root,
    *,
    session: str = "",
    call: str = "",
    tool: str = "",
    undo: bool = False,
    written: Sequence[str] = (),
) -> Snapshot:
    """Take one, or find that the last one is still true. ``written``: files that are about to be written, by their real
    paths; ignored ones among them are in it, and in every later one. Raises SnapshotError."""
    store = Store(data, root)
    with store.locked():
        return take_locked(store, session=session, call=call, tool=tool, undo=undo, written=written)


def take_locked(
    store: Store,
    *,
    session: str = "",
    call: str = "",
    tool: str = "",
    undo: bool = False,
    depth: int = 0,
    keeping: str = "",
    written: Sequence[str] = (),
) -> Snapshot:
    """As ``take``, on a store that is locked already. ``keeping``: an old one that does not go now."""
    last = store.last()
    seen = _seen(store, last)
    before = seen.meta
    settled = _settled(store, seen, last)
    changed, gone, nested, left_out, private = _changed(store, _ignored_among(store, written))
    state = state_of(store, seen.state)
    inner: dict[str, str] = {}
    for path in nested if depth < 3 else ():
        root = repository_at(os.path.join(store.root.folder, path))
        if root is None:
            left_out.append(path)
            continue
        data = os.path.dirname(os.path.dirname(store.folder))
        within = Store(data, root)
        with within.locked():
            inner[path] = take_locked(
                within, session=session, call=call, tool=tool, undo=undo, depth=depth + 1
            ).entry.id
    if gone:
        store.git("update-index", "--force-remove", "-z", "--stdin", stdin=_lines(gone))
    if changed:
        store.git("update-index", "--add", "--remove", "-z", "--stdin", stdin=_lines(changed))
    if last is not None and not changed and not gone and seen.index == _index(store):
        work = last.work
    else:
        work = store.git("write-tree", "--missing-ok").decode().strip()
    if (
        last is not None
        and work == last.work
        and outline(state) == outline(before.state)
        and inner == before.nested
    ):
        _remember(store, _Seen(last.id, before, state, _index(store), settled), seen)
        if call:
            # The list names the last call before which it was so: the one that changed something.
            last = replace(last, time=int(time.time()), session=session, call=call, tool=tool)
            store.add(last)
        return Snapshot(last, before, new=False)
    kept = tips(store, state)
    if len(kept) > MOST_TIPS:
        left_out.append(f"{len(kept) - MOST_TIPS} of {len(kept)} branches and tags")
    anew = frozenset((*changed, *gone))
    modes = {path: mode for path, mode in before.modes.items() if path not in anew} | private
    if len(modes) > MOST_MODES:
        modes = dict(list(modes.items())[:MOST_MODES])
    meta = Meta(time.time_ns(), state, tuple(kept[:MOST_TIPS]), inner, modes)
    _keep(store, meta.tips, before.tips)
    tree = _tree(store, work, meta)
    entry = Entry(
        id=tree[:12], tree=tree, time=int(time.time()), work=work, state=_digest(state), files=len(changed) + len(gone),
        session=session, call=call, tool=tool, undo=undo, left_out=tuple(map(told, left_out[:50])),
    )  # fmt: skip
    store.git("update-ref", f"refs/undo/{entry.id}", tree)
    store.add(entry)
    _remember(store, _Seen(entry.id, meta, state, _index(store)), None)
    _prune(store, keeping)
    return Snapshot(entry, meta, new=True)


def read(store: Store, entry: Entry) -> Meta:
    """What a snapshot says of itself. Raises SnapshotError unusable where it is damaged."""
    found = _readable(store, entry)
    if found is None:
        raise SnapshotError(f"the snapshot {entry.id} is damaged", error="unusable")
    return found[1]


def _readable(store: Store, entry: Entry) -> tuple[Entry, Meta] | None:
    try:
        return entry, unpacked(store.git("cat-file", "blob", f"{entry.tree}:meta"), Meta)
    except (SnapshotError, ValueError, TypeError):
        return None


def _ignored_among(store: Store, written: Sequence[str]) -> list[str]:
    """Which of these files are ignored and not seen yet, by their paths below the root."""
    top = store.root.folder
    inside = [os.path.relpath(one, top) for one in written if one.startswith(top + "/")]
    found = [
        one for one in inside if os.path.isfile(os.path.join(top, one)) and not _is_nested(top, one)
    ]
    if not found:
        return []
    words = (
        "--literal-pathspecs",
        "ls-files",
        "-z",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--",
    )
    return [
        one
        for one in os.fsdecode(store.git(*words, *found)).split("\0")
        if one and not one.endswith("/")
    ]


def _is_nested(top: str, path: str) -> bool:
    """Whether a path is git's own, or in a repository within."""
    parts = path.split("/")
    return ".git" in parts or any(
        os.path.lexists(os.path.join(top, *parts[:depth], ".git")) for depth in range(1, len(parts))
    )


def _changed(
    store: Store, also: list[str]
) -> tuple[list[str], list[str], list[str], list[str], dict[str, int]]:
    """Files that are not as our index has them, those that are gone, repositories within, what is left out, and the
    modes of those that others may not read."""
    listed = store.git("ls-files", "-z", "--others", "--modified", "--deleted", "--exclude-standard", "--deduplicate")  # fmt: skip
    changed: list[str] = []
    gone: list[str] = []
    nested: list[str] = []
    left_out: list[str] = []
    private: dict[str, int] = {}
    total = 0
    through: dict[str, bool] = {"": False}
    for path in (*os.fsdecode(listed).split("\0"), *also):
        if not path:
            continue
        if path.endswith("/"):
            nested.append(path.rstrip("/"))
            continue
        real = os.path.join(store.root.folder, path)
        if _behind_link(store.root.folder, os.path.dirname(path), through):
            gone.append(path)  # what a link shows of another place
            continue
        try:
            found = os.lstat(real)
        except OSError:
            gone.append(path)
            continue
        if stat.S_ISDIR(found.st_mode):
            gone.append(path)  # a folder where our index has a file
        elif found.st_size > MOST_FILE_BYTES or not (
            stat.S_ISLNK(found.st_mode) or os.access(real, os.R_OK)
        ):
            left_out.append(path)
        else:
            changed.append(path)
            total += found.st_size
            if stat.S_ISREG(found.st_mode) and not found.st_mode & 0o004:
                private[path] = found.st_mode & 0o777
    if len(changed) > MOST_FILES or total > MOST_NEW_BYTES:
        raise SnapshotError(
            f"{store.root.folder} has {len(changed):,} new or changed files with {total // 1_000_000:,} MB; a snapshot takes"
            f" {MOST_FILES:,} files and {MOST_NEW_BYTES // 1_000_000:,} MB",
            error="too_large",
            hint="Name what is no work of yours in .gitignore, or open devagent in a folder further down.",
        )
    if len(nested) > MOST_NESTED:
        left_out += nested[MOST_NESTED:]
    return changed, gone, nested[:MOST_NESTED], left_out, private


def _behind_link(top: str, folder: str, known: dict[str, bool]) -> bool:
    if folder not in known:
        known[folder] = _behind_link(top, os.path.dirname(folder), known) or os.path.islink(
            os.path.join(top, folder)
        )
    return known[folder]


def _lines(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _tree(store: Store, work: str, meta: Meta) -> str:
    path = store.path("meta")
    with open(path, "wb") as file:
        file.write(packed(meta))
    (blob,) = store.git("hash-object", "-w", "--no-filters", path).split()
    lines = [b"040000 tree %b\twork" % work.encode(), b"100644 blob %b\tmeta" % blob]
    blobs = sorted({one.blob for one in meta.state.files.values()})
    lines += [b"100644 blob %b\t%b" % (one.encode(), one.encode()) for one in blobs]
    return store.git("mktree", stdin=b"\n".join(lines) + b"\n").decode().strip()


def _keep(store: Store, wanted: tuple[str, ...], had: tuple[str, ...]) -> None:
    """Refs of ours in the repository, so that git does not prune what a snapshot will want back."""
    new = [one for one in wanted if one not in frozenset(had)]
    if not store.root.git or not new:
        return
    lines = "".join(f"update {_KEEPING}/{one} {one}\n" for one in new)
    store.repository("update-ref", "--stdin", stdin=lines.encode())


def _seen(store: Store, last: Entry | None) -> _Seen:
    if last is None:
        return _Seen("", Meta(), State())
    try:
        with open(store.path("seen"), "rb") as file:
            seen = unpacked(file.read(), _Seen)
    except (OSError, ValueError, TypeError):
        seen = None
    if seen is not None and seen.id == last.id:
        return seen
    found = _readable(store, last)
    meta = found[1] if found is not None else Meta()
    return _Seen(last.id, meta, meta.state)


def _index(store: Store) -> tuple[int, ...]:
    try:
        found = os.lstat(store.path("index"))
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _settled(store: Store, seen: _Seen, last: Entry | None) -> bool:
    """Have git look anew at files that were written in the second in which its index was, as after a fresh clone:
    it reads those again each time, because a change within that second would not show (git's "racy" entries)."""
    if seen.settled or last is None or last.files < MANY_FILES:
        return seen.settled
    index = _index(store)
    if not index or time.time() < index[2] // 1_000_000_000 + 1:
        return False
    store.git("update-index", "-q", "--refresh", fails=False)
    return True


def _remember(store: Store, seen: _Seen, before: _Seen | None) -> None:
    if seen != before:
        with open(store.path("seen.new"), "wb") as file:
            file.write(packed(seen))
        os.replace(store.path("seen.new"), store.path("seen"))


def _digest(state: State) -> str:
    from hashlib import sha256  # noqa: PLC0415

    return sha256(packed(outline(state))).hexdigest()


def _prune(store: Store, keeping: str) -> None:
    """Let the oldest go but for ``keeping``, and what was kept for them alone."""
    size = os.path.getsize(store.path("snapshots.jsonl"))
    if size < KEPT * 150:
        return
    entries = store.entries()
    if len(entries) < KEPT + KEPT // 4 and size < KEPT * 2000:
        return
    gone = [one for one in entries[:-KEPT] if one.id != keeping]
    stays = [*(one for one in entries[:-KEPT] if one.id == keeping), *entries[-KEPT:]]
    store.replace_list(stays)
    living = {one.id for one in stays}
    lines = "".join(f"delete refs/undo/{one}\n" for one in {e.id for e in gone} - living)
    store.git("update-ref", "--stdin", stdin=lines.encode())
    if not store.root.git:
        return
    wanted = {tip for one in stays if (found := _readable(store, one)) for tip in found[1].tips}
    listed = store.repository("for-each-ref", "--format=%(refname)", _KEEPING).decode().split()
    idle = [name for name in listed if name.rpartition("/")[2] not in wanted]
    lines = "".join(f"delete {name}\n" for name in idle)
    store.repository("update-ref", "--stdin", stdin=lines.encode())
