"""What a repository has beside its files, and how that is put back.

HEAD, branches, tags and stashes by name and object; the index, the settings, the hooks and what a merge, rebase or
cherry-pick under way has left, as files. Remote-tracking branches stay as they are: they say what is elsewhere.
"""

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256

from msgspec import Struct, field

from devagent.undo.store import Store, quoted

_OF_WORK_TREE = (
    "HEAD", "index", "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_AUTOSTASH", "SQUASH_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD",
    "REBASE_HEAD", "ORIG_HEAD", "AUTO_MERGE", "BISECT_LOG", "BISECT_START", "BISECT_NAMES", "BISECT_TERMS",
)  # fmt: skip
_FOLDERS_OF_WORK_TREE = ("rebase-merge", "rebase-apply", "sequencer")
_OF_ALL = ("config", "info/exclude", "info/attributes", "logs/refs/stash", "shallow")
_FOLDERS_OF_ALL = ("hooks",)
_INDEX = "git/index"
_MOST_FILES = 2000
_NAMES = ("refs/heads", "refs/tags", "refs/stash")


class StateFile(Struct, frozen=True):
    """A file of the repository's own. ``signature``: inode, size and times, to know it again unread."""

    blob: str
    mode: int
    signature: tuple[int, ...]


class State(Struct, frozen=True):
    """A repository at a moment. ``files`` by ``git/…`` (this work tree's) and ``common/…``; ``refs`` by name;
    ``staged``: a digest of what the index says, whatever else it keeps."""

    refs: dict[str, str] = field(default_factory=dict)
    files: dict[str, StateFile] = field(default_factory=dict)
    staged: str = ""


def state_of(store: Store, before: State) -> State:
    """The state now; what is as it was ``before`` is not read again."""
    if not store.root.git:
        return State()
    listed = store.repository("for-each-ref", "--format=%(refname) %(objectname)", *_NAMES)
    lines = os.fsdecode(listed).split("\n")  # names may hold what str.splitlines takes for an end
    refs = dict(line.rsplit(" ", 1) for line in lines if line)
    signatures = dict(_signatures(store))
    files = {
        name: known
        for name, (mode, signature) in signatures.items()
        if (known := before.files.get(name)) is not None
        and (known.mode, known.signature) == (mode, signature)
    }
    new = [name for name in signatures if name not in files]
    if new:
        paths = [path_of(store, name) for name in new]
        blobs = store.git(
            "hash-object", "-w", "--no-filters", "--stdin-paths",
            stdin=os.fsencode("".join(f"{quoted(path)}\n" for path in paths)),
        ).split()  # fmt: skip
        for name, blob in zip(new, blobs, strict=True):
            mode, signature = signatures[name]
            files[name] = StateFile(blob.decode(), mode, signature)
    staged = before.staged
    if _INDEX in new or _INDEX not in files:
        staged = sha256(store.repository("ls-files", "--stage", "-z")).hexdigest()
    return State(refs, dict(sorted(files.items())), staged)


def tips(store: Store, state: State) -> list[str]:
    """The commits and tags that must not be pruned while the snapshot lives: refs, HEAD, stashes."""
    found = dict.fromkeys(state.refs.values())
    head = _first(os.path.join(store.root.git, "HEAD")) if store.root.git else ""
    if head and not head.startswith("ref:"):
        found[head] = None
    try:
        with open(os.path.join(store.root.common, "logs/refs/stash"), "rb") as file:
            for line in file:
                found[line.split(b" ", 2)[1].decode("ascii", "replace")] = None
    except (OSError, IndexError):
        pass  # no stash, or a reflog that git would not read either
    return [one for one in found if len(one) in (40, 64) and one.strip("0")]


def path_of(store: Store, name: str) -> str:
    """The file that a name of the state stands for."""
    where, _, rest = name.partition("/")
    return os.path.join(store.root.git if where == "git" else store.root.common, rest)


def outline(state: State) -> Mapping[str, object]:
    """What makes two states the same to a person: names, what is staged, and the content of files."""
    files = {name: one.blob for name, one in state.files.items() if name != _INDEX}
    return {"refs": state.refs, "staged": state.staged, "files": files}


def _signatures(store: Store) -> Iterator[tuple[str, tuple[int, tuple[int, ...]]]]:
    count = 0
    for where, names, folders in (
        ("git", _OF_WORK_TREE, _FOLDERS_OF_WORK_TREE),
        ("common", _OF_ALL, _FOLDERS_OF_ALL),
    ):
        for name in (*names, *_below(store, where, folders)):
            try:
                found = os.lstat(path_of(store, f"{where}/{name}"))
            except OSError:
                continue
            if count < _MOST_FILES and found.st_mode & 0o170000 == 0o100000:
                count += 1
                times = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                yield f"{where}/{name}", (found.st_mode & 0o777, times)


def _below(store: Store, where: str, folders: tuple[str, ...]) -> Iterator[str]:
    for folder in folders:
        top = path_of(store, f"{where}/{folder}")
        for at, _, names in os.walk(top):
            for name in sorted(names):
                if not name.endswith(".sample"):
                    yield os.path.relpath(os.path.join(at, name), os.path.dirname(top))


def _first(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
