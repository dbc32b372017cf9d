"""Where snapshots lie: for each root a git store of our own among the person's data, out of tools' reach.

    undo/<name>/  HEAD config info/attributes   made by hand: nothing but what we want is in force
                  objects refs                  content that the repository does not have; one ref a snapshot
                  underway                      files that an undo makes beside others, while it runs
                  index                         ours alone: what was seen last, so that unchanged files are not read
                  snapshots.jsonl               one line a snapshot, newest last; the list that people see
                  lock                          one process at a time

The objects of a repository are borrowed, never copied: what is committed there is not stored again.
"""

import contextlib
import os
from collections.abc import Generator, Iterable
from hashlib import sha256

from msgspec import Struct, field

from devagent.core.codec import canonical, from_plain, parse
from devagent.disk import replace_file
from devagent.undo import git
from devagent.undo.errors import SnapshotError
from devagent.undo.places import Root

LOCK_WAIT_S = 30.0
_ATTRIBUTES = "* -text -eol -crlf -ident -filter -working-tree-encoding -export-subst -export-ignore -diff -merge\n"


class Entry(Struct, frozen=True, omit_defaults=True):
    """One snapshot of the list. ``time``: Unix seconds. ``call`` and ``tool``: before what it was made;
    ``undo``: it was made by an undo, of what was there before. ``work`` and ``files``: its tree of files, and how many of them
    were not as in the snapshot before."""

    id: str
    tree: str
    time: int
    work: str
    state: str
    files: int = 0
    session: str = ""
    call: str = ""
    tool: str = ""
    undo: bool = False
    left_out: tuple[str, ...] = field(default_factory=tuple)


class Store:
    """The store of one root; use it while ``locked``. It is made when it is first locked."""

    def __init__(self, data: str, root: Root) -> None:
        self.root = root
        name = sha256(os.fsencode(root.folder)).hexdigest()[:16]
        self.folder = os.path.join(data, "undo", name)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    @property
    def variables(self) -> dict[str, str]:
        """What tells git to work on this store, its index and the root's files."""
        return {
            "GIT_DIR": self.folder,
            "GIT_WORK_TREE": self.root.folder,
            "GIT_INDEX_FILE": self.path("index"),
        }

    def git(self, *arguments: str, stdin: bytes = b"", fails: bool = True) -> bytes:
        """A git command on the store; with ``fails`` false its failure gives nothing."""
        return git.run(
            self.root.folder, arguments, variables=self.variables, stdin=stdin, fails=fails
        )

    def repository(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """A git command on the repository's own refs and objects."""
        variables = {"GIT_DIR": self.root.git, "GIT_WORK_TREE": self.root.folder}
        return git.run(self.root.folder, arguments, variables=variables, stdin=stdin)

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Alone with the store. Raises SnapshotError busy, unusable."""
        import fcntl  # noqa: PLC0415  (POSIX only)
        import time  # noqa: PLC0415

        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            descriptor = os.open(self.path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise _unusable(e, self.folder) from e
        try:
            until = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise SnapshotError(
                            f"another devagent has held {self.folder} for {LOCK_WAIT_S:g} s",
                            error="busy",
                        ) from None
                    time.sleep(0.02)
            try:
                self._make()
            except OSError as e:
                raise _unusable(e, self.folder) from e
            yield
        finally:
            os.close(descriptor)

    def entries(self) -> list[Entry]:
        """The list, oldest first; of a snapshot that was true before several calls, the last of them. A last line
        that a crash has torn does not count."""
        try:
            with open(self.path("snapshots.jsonl"), "rb") as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as e:
            raise _unusable(e, self.folder) from e
        found: dict[str, Entry] = {}
        for line in lines:
            try:
                entry = from_plain(parse(line), Entry)
            except (ValueError, TypeError):
                continue
            found.pop(entry.id, None)
            found[entry.id] = entry
        return list(found.values())

    def last(self) -> Entry | None:
        """The newest of the list."""
        try:
            with open(self.path("snapshots.jsonl"), "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 65_536))
                lines = file.read().split(b"\n")
        except OSError:
            return None
        for line in reversed(lines):
            if line:
                try:
                    return from_plain(parse(line), Entry)
                except (ValueError, TypeError):
                    continue
        return None

    def add(self, entry: Entry) -> None:
        """Put one on the list, whole and on disk."""
        try:
            with open(self.path("snapshots.jsonl"), "ab+") as file:
                torn = file.tell() > 0 and not self._ends_a_line(file.fileno(), file.tell())
                file.write((b"\n" if torn else b"") + canonical(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise _unusable(e, self.folder) from e

    def replace_list(self, entries: list[Entry]) -> None:
        """A shorter list, put in place whole."""
        lines = b"".join(canonical(one) + b"\n" for one in entries)
        replace_file(self.path("snapshots.jsonl"), lines)

    def under_way(self, paths: Iterable[str]) -> None:
        """The files beside others that an undo is about to make: if it is killed, whoever comes next takes
        them away."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("underway"))
        if text := "\0".join(paths):
            with open(
                self.path("underway"), "w", encoding="utf-8", errors="surrogateescape"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())

    def _ends_a_line(self, descriptor: int, size: int) -> bool:
        return os.pread(descriptor, 1, size - 1) == b"\n"

    def _make(self) -> None:
        # Nobody else is at it, so a lock that is there is one of a process that was killed.
        for name in ("index.lock", "HEAD.lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))
        for path in _text(self.path("underway")).split("\0"):
            if path:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(path)
        self.under_way(())
        sha = object_format(self.root)
        version, more = (
            ("1", f"[extensions]\n\tobjectformat = {sha}\n") if sha != "sha1" else ("0", "")
        )
        texts = {
            "HEAD": "ref: refs/heads/none\n",
            "config": f"[core]\n\trepositoryformatversion = {version}\n\tbare = false\n{more}",
            "info/exclude": _text(os.path.join(self.root.common, "info/exclude"))
            if self.root.common
            else "",
            "info/attributes": _ATTRIBUTES,
            "objects/info/alternates": self._borrowed(),
        }
        if all(_text(self.path(name)) == text for name, text in texts.items()):
            return
        if _text(self.path("config")) not in ("", texts["config"]):
            # The repository was made anew with other names for content: what was seen before is void.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path("index"))
        for folder in ("refs", "objects/info", "objects/pack", "info"):
            os.makedirs(self.path(folder), mode=0o700, exist_ok=True)
        for name, text in texts.items():
            with open(self.path(name), "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)

    def _borrowed(self) -> str:
        if not self.root.common:
            return ""
        return quoted(os.path.join(self.root.common, "objects")) + "\n"


def quoted(path: str) -> str:
    """A path as git reads it on a line of its own, whatever is in it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def object_format(root: Root) -> str:
    """By which hash the repository names its content: sha1 or sha256."""
    text = _text(os.path.join(root.common, "config")).casefold() if root.common else ""
    lines = [line.replace(" ", "").replace("\t", "") for line in text.split("\n")]
    return "sha256" if "objectformat=sha256" in lines else "sha1"


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _unusable(e: OSError, folder: str) -> SnapshotError:
    error = "no_space" if e.strerror and "space" in e.strerror else "unusable"
    return SnapshotError(f"{folder} cannot be used ({e.strerror})", error=error)
