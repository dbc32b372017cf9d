"""Small files of our own: replaced whole, and changed by one process at a time."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from devagent.core.errors import DevagentError

USUAL_WAIT_S = 5.0
"""Whoever holds a lock writes one small file."""
_LOOK_AGAIN_S = 0.005
_FLAGS = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(path: str, data: bytes, *, to_disk: bool = True) -> None:
    """Give the file new content, for its owner alone: all of it or, where that fails, none. Raises OSError.

    ``to_disk``: content and name are on the disk when this returns. Two processes at once each write a whole file.
    """
    beside = f"{path}.{os.getpid()}"
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_TRUNC | _FLAGS, 0o600), "wb") as file:
            file.write(data)
            if to_disk:
                file.flush()
                os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            os.unlink(beside)
        raise
    if to_disk:
        names_to_disk(os.path.dirname(path) or ".")


def names_to_disk(folder: str) -> None:
    """Bring the names in the folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(
    path: str, *, wait_s: float = USUAL_WAIT_S, error: type[DevagentError] = DevagentError
) -> Generator[None]:
    """Hold a lock file, made where it is not there. Raises OSError, and ``error`` where another process holds it so long."""
    lock = os.open(path, os.O_RDWR | _FLAGS, 0o600)
    try:
        until = time.monotonic() + wait_s
        while not _taken(lock):
            if time.monotonic() >= until:
                raise error(f"another devagent holds {path}", hint="Try again.")
            time.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
