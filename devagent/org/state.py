"""What a machine keeps of an organisation's repository: one state at a time in force, each whole, each left as it was.

    <cache>/org/<org>-<first root>/
        current                       the name of the generation in force, replaced by a rename
        generations/<name>/           signed files of one state: roots, roles, rings, revocations, envelope
        bundles/<sha256>/             the files of one bundle, never changed
        tuf/                          python-tuf's own cache, which is not what is in force
        lock

Nothing here is trusted for lying here: ``in_force`` verifies it again each time. So whoever can write here can lock this
machine, and no more; what they could roll back the marks elsewhere know.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager

from devagent.core.errors import ConfigError
from devagent.disk import replace_file
from devagent.org.pin import Pin
from devagent.org.refusals import Refused

Read = Callable[[str], bytes]
"""A file's bytes, where nobody else can have written it. Raises FileNotFoundError, or ConfigError."""

KEPT = 4
"""So many generations and bundles stay, for running sessions and for whoever looks."""
CURRENT, GENERATIONS, BUNDLES, TUF, LOCK = "current", "generations", "bundles", "tuf", "lock"
ROOT = "root.json"
_PRIVATE = 0o700


class State:
    """The state of one enrolment, below the folder ``cache``. Nothing is made before something is kept."""

    def __init__(self, cache: str, pin: Pin, read: Read) -> None:
        self.folder = os.path.join(
            cache, "org", f"{pin.org}-{pin.root_sha256[:12]}-{pin.environment}"
        )
        self._read = read

    @property
    def tuf(self) -> str:
        """python-tuf's own folder."""
        return os.path.join(self.folder, TUF)

    def bundle(self, digest: str) -> str:
        """The folder of a bundle, whether it is there or not."""
        return os.path.join(self.folder, BUNDLES, digest)

    def read(self, path: str) -> bytes:
        """A file below the folder. Raises Refused: missing, or another's."""
        full = os.path.join(self.folder, path)
        try:
            return self._read(full)
        except (FileNotFoundError, NotADirectoryError) as e:
            raise Refused("missing", os.path.basename(path)) from e
        except ConfigError as e:
            raise Refused("owner", e.what) from e

    def current(self) -> str:
        """The generation in force. Raises Refused where there is none."""
        try:
            name = self.read(CURRENT).decode("ascii", "replace").strip()
        except Refused as e:
            raise Refused("unsynced") if e.code == "missing" else e from None
        if not name or not set(name) <= set("0123456789abcdef-"):
            raise Refused("unsynced", "the pointer to it is damaged")
        return name

    def generation(self, name: str) -> dict[str, bytes]:
        """The files of a generation, by name. Raises Refused."""
        folder = os.path.join(self.folder, GENERATIONS, name)
        try:
            names = sorted(os.listdir(folder))
        except OSError as e:
            raise Refused("unsynced", "the state in force is gone") from e
        return {one: self.read(os.path.join(GENERATIONS, name, one)) for one in names}

    def stamp(self) -> tuple[int, int]:
        """Changes whenever another generation comes into force; cheap, for running sessions."""
        try:
            found = os.stat(os.path.join(self.folder, CURRENT))
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def keep_bundle(self, digest: str, files: Mapping[str, bytes]) -> None:
        """Put a verified bundle there, whole or not at all; one that is there is made anew only where it differs."""
        target = self.bundle(digest)
        if os.path.isdir(target) and self._holds(target, files):
            return
        temporary = f"{target}.{os.getpid()}"
        _remove(temporary)
        for name, data in files.items():
            path = os.path.join(temporary, *name.split("/"))
            os.makedirs(os.path.dirname(path), mode=_PRIVATE, exist_ok=True)
            _write(path, data)
        _remove(target)
        os.rename(temporary, target)

    def _holds(self, folder: str, files: Mapping[str, bytes]) -> bool:
        try:
            return all(
                self.read(os.path.join(folder, name)) == data for name, data in files.items()
            )
        except Refused:
            return False

    def switch(self, name: str, files: Mapping[str, bytes]) -> None:
        """Bring a generation into force: its files first, the pointer last."""
        folder = os.path.join(self.folder, GENERATIONS, name)
        _remove(folder)
        os.makedirs(folder, mode=_PRIVATE)
        for one, data in files.items():
            _write(os.path.join(folder, one), data)
        replace_file(os.path.join(self.folder, CURRENT), name.encode() + b"\n")

    def tidy(self, needed: Collection[str]) -> None:
        """Take away what is old; the newest few stay, and whatever is ``needed``: the bundles in force and beside it may be older than
        the others here, and after a clock was set back the generation in force is."""
        needed = {*needed, self.current()}
        for place in (GENERATIONS, BUNDLES):
            folder = os.path.join(self.folder, place)
            if not os.path.isdir(folder):
                continue
            entries = sorted((e for e in os.scandir(folder)), key=lambda e: e.stat().st_mtime_ns)
            for entry in entries[:-KEPT]:
                if entry.name not in needed:
                    _remove(entry.path)

    @contextmanager
    def locked(self) -> Generator[None]:
        """One at a time. Raises Refused where another is at it, or the place cannot be made."""
        try:
            for folder in (
                self.folder,
                os.path.join(self.folder, GENERATIONS),
                os.path.join(self.folder, BUNDLES),
            ):
                os.makedirs(folder, mode=_PRIVATE, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(os.path.join(self.folder, LOCK), flags, 0o600)
        except OSError as e:
            raise Refused("unkept", f"{self.folder} ({e.strerror})") from e
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("busy") from None
            yield
        finally:
            os.close(lock)


def roots_of(files: Mapping[str, bytes]) -> list[bytes]:
    """The roots of a generation, in the order of their versions. Raises Refused."""
    numbered: dict[int, bytes] = {}
    for name, data in files.items():
        number, _, rest = name.partition(".")
        if rest == ROOT and number.isdecimal():
            numbered[int(number)] = data
    return [numbered[number] for number in sorted(numbered)]


def roles_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The metadata of a generation by role, roots apart."""
    return {
        name.removesuffix(".json"): data
        for name, data in files.items()
        if name.endswith(".json") and not name.endswith(f".{ROOT}") and "@" not in name
    }


def target_name(path: str) -> str:
    """How a signed file that is no metadata is called in a generation."""
    return "@" + path.replace("/", "@")


def _write(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(folder: str) -> None:
    """The folder and all in it, as far as it is there and goes away."""
    import shutil  # noqa: PLC0415  (2 ms with its compressors, and a session's start removes nothing)

    shutil.rmtree(folder, ignore_errors=True)
