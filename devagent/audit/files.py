"""The files of one session, as a writer holds them: appended to, private, locked.

All are opened below the folder's own descriptor without following links, so a folder that is
swapped meanwhile changes nothing.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, Self

from devagent.audit.layout import BODIES, CHECKPOINTS, DEVICE_KEY, EVENTS, KEYS, LOCK, folder_of
from devagent.audit.verification import Tail
from devagent.core.errors import LogError

_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _SAFE
_APPEND = os.O_WRONLY | os.O_APPEND | _SAFE
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_COPY = 1 << 20

to_disk = getattr(os, "fdatasync", os.fsync)
"""macOS has no fdatasync."""


class Files:
    """Open descriptors. All methods raise OSError as it comes, except where they say LogError."""

    def __init__(self, folder: str, flags: int) -> None:
        self.folder = folder
        self._folder = self._lock = self._events = self._bodies = self._checkpoints = -1
        self._folders_synced = False
        self._bodies_synced = (
            False  # also of a log that an earlier process left: it may not have synced
        )
        try:
            self._folder = os.open(folder, _FOLDER)
            self._lock = self._file(LOCK, os.O_RDWR | os.O_CREAT | _SAFE)
            _take(self._lock, folder)
            self._bodies = self._file(BODIES, _APPEND | os.O_CREAT)
            self._events = self._file(EVENTS, _APPEND | flags)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, sessions: str, sid: str, keys: bytes = b"") -> Self:
        """A new session's folder, with its empty files (and its ``keys``) in it from the moment it has its name."""
        folder = folder_of(sessions, sid)
        day = os.path.dirname(folder)
        new = os.path.join(day, f".new-{sid}")
        try:
            # One by one: of folders made together only the last would get this mode.
            os.makedirs(os.path.dirname(sessions), _PRIVATE_FOLDER, exist_ok=True)
            os.makedirs(sessions, _PRIVATE_FOLDER, exist_ok=True)
            os.makedirs(day, _PRIVATE_FOLDER, exist_ok=True)
            os.mkdir(new, _PRIVATE_FOLDER)
            files = cls(new, os.O_CREAT)
            try:
                if keys:
                    files.replace(KEYS, keys)
                os.rename(new, folder)
            except BaseException:
                files.close()
                raise
        except OSError as e:
            raise _unusable(folder, e) from e
        files.folder = folder
        return files

    @classmethod
    def open(cls, folder: str) -> Self:
        """An existing session's. Raises LogError where another process holds it or it cannot be opened."""
        try:
            return cls(folder, 0)
        except OSError as e:
            raise _unusable(folder, e) from e

    def append_event(self, line: bytes) -> None:
        _append(self._events, line)

    def append_event_whole(self, line: bytes) -> None:
        """Append so that the file is never seen with a part of the line: a log that has ended is never torn."""
        source = self._file(EVENTS, os.O_RDONLY | _SAFE)
        try:
            self._replace(EVENTS, _pieces(source), line)
        finally:
            os.close(source)
        os.close(self._events)
        self._events = -1
        self._events = self._file(EVENTS, _APPEND)

    def rewrite_bodies(self, lines: Iterable[bytes]) -> None:
        """Put other content lines in the place of these, all at once."""
        self._replace(BODIES, lines)
        os.close(self._bodies)
        self._bodies = -1
        self._bodies = self._file(BODIES, _APPEND)

    def names(self) -> list[str]:
        """What lies in the session's folder."""
        return sorted(os.listdir(self._folder))

    def read(self, name: str) -> BinaryIO:
        """One of the folder's files, open for reading. Raises FileNotFoundError."""
        return os.fdopen(self._file(name, os.O_RDONLY | os.O_NONBLOCK | _SAFE), "rb")

    def remove(self, name: str) -> None:
        """Let go of a file of the folder, where it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)

    def append_body(self, line: bytes) -> None:
        self._bodies_synced = False
        _append(self._bodies, line)

    def append_checkpoint(self, note: bytes, vkey: str) -> None:
        """A signed note, and beside the first one the key that it is checked by."""
        if self._checkpoints < 0:
            self.keep_key(vkey)
            self._checkpoints = self._file(CHECKPOINTS, _APPEND | os.O_CREAT)
        _append(self._checkpoints, note)

    def keep_key(self, vkey: str) -> None:
        """Lay the key that checkpoints are checked by beside the log, where it does not lie there yet."""
        line = vkey.encode() + b"\n"
        if not self._holds(DEVICE_KEY, line):
            self._replace(DEVICE_KEY, (line,))

    def has(self, name: str) -> bool:
        """Whether there is a file of that name in the session's folder."""
        try:
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _holds(self, name: str, data: bytes) -> bool:
        try:
            with self.read(name) as file:
                return file.read(len(data) + 1) == data
        except FileNotFoundError:
            return False

    def replace(self, name: str, data: bytes) -> None:
        """Put a whole file in the place of one, or of none: after a crash it is the old one or the new."""
        self._replace(name, (data,))

    def _replace(self, name: str, pieces: Iterable[bytes], *more: bytes) -> None:
        temporary = f".{name}.new"
        file = self._file(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFE)
        try:
            for piece in pieces:
                _append(file, piece)
            for piece in more:
                _append(file, piece)
            os.fsync(file)
        except BaseException:
            self.remove(temporary)  # content that was to go must not lie about
            raise
        finally:
            os.close(file)
        os.rename(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def sync(self) -> None:
        """Content first: a header on disk has its content there."""
        if not self._bodies_synced:
            to_disk(self._bodies)
            self._bodies_synced = True
        to_disk(self._events)
        if not self._folders_synced:
            # The names of new files and folders are content of the folders above them.
            for above in (".", "..", "../.."):
                folder = os.open(above, _FOLDER, dir_fd=self._folder)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
            self._folders_synced = True

    def set_torn_aside(self, tail: Tail) -> int:
        """Move what follows the last whole lines to side files; all bytes that lie aside for this seq.

        A crash in here loses nothing: the copy is on disk before the original is cut, and a copy made twice
        is only a second file.
        """
        prefix = f"torn-{tail.seq}."
        try:
            self._move(EVENTS, self._events, tail.events_size, prefix)
            self._move(BODIES, self._bodies, tail.bodies_size, prefix)
            self._move_checkpoints(tail.checkpoints_size, prefix)
            aside = [name for name in os.listdir(self._folder) if name.startswith(prefix)]
            return sum(os.stat(name, dir_fd=self._folder).st_size for name in aside)
        except OSError as e:
            raise _unusable(self.folder, e) from e

    def close(self) -> None:
        for descriptor in (
            self._events,
            self._bodies,
            self._checkpoints,
            self._folder,
            self._lock,
        ):
            if descriptor >= 0:
                os.close(descriptor)
        self._events = self._bodies = self._checkpoints = self._folder = self._lock = -1

    def _move_checkpoints(self, keep: int, prefix: str) -> None:
        try:
            descriptor = self._file(CHECKPOINTS, _APPEND)
        except FileNotFoundError:
            return
        try:
            self._move(CHECKPOINTS, descriptor, keep, prefix)
        finally:
            os.close(descriptor)

    def _move(self, name: str, descriptor: int, keep: int, prefix: str) -> None:
        if os.fstat(descriptor).st_size <= keep:
            return
        taken = set(os.listdir(self._folder))
        ending = name.partition(".")[0]
        number = next(n for n in range(1, 1 << 20) if f"{prefix}{n}.{ending}" not in taken)
        aside = self._file(
            f"{prefix}{number}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE
        )
        source = self._file(name, os.O_RDONLY | _SAFE)
        try:
            offset = keep
            while data := os.pread(source, _COPY, offset):
                _append(aside, data)
                offset += len(data)
            os.fsync(aside)
            os.fsync(self._folder)
        finally:
            os.close(source)
            os.close(aside)
        os.ftruncate(descriptor, keep)
        os.fsync(descriptor)

    def _file(self, name: str, flags: int) -> int:
        return os.open(name, flags, _PRIVATE_FILE, dir_fd=self._folder)


def _pieces(descriptor: int) -> Iterator[bytes]:
    while data := os.read(descriptor, _COPY):
        yield data


def _append(descriptor: int, data: bytes) -> None:
    """All of the bytes; where the system takes only some, the rest is tried once more and then raises."""
    written = os.write(descriptor, data)
    while written < len(data):
        more = os.write(descriptor, data[written:])
        if more == 0:
            raise OSError("the system took no more bytes")
        written += more


def _take(lock: int, folder: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        by = f"process {holder}" if holder.isdigit() else "another process"
        raise LogError(
            f"Session {os.path.basename(folder)} is in use by {by}.",
            hint="End that one first, or start a new session.",
        ) from e
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _unusable(folder: str, error: OSError) -> LogError:
    return LogError(
        f"The session log {folder} cannot be opened for writing: {os.strerror(error.errno or 0)}.",
        hint="Nothing runs without its log. Check that the disk has room and the folder is yours, or name another place in DEVAGENT_HOME.",
    )
