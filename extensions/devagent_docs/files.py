"""Files of a source: read whole and within bounds; of what is no regular file nothing is waited for."""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

from devagent_docs.formats import Unreadable

MAX_FILE = 32 * 1024 * 1024
"""Bytes that a document may have."""


def stamp_of(path: str) -> str:
    """ "" where there is no such file, or what is there is none: a pipe or a device never ends."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}" if stat.S_ISREG(found.st_mode) else ""


@contextmanager
def opened(path: str) -> Generator[BinaryIO]:
    """A file, opened; of what became a pipe meanwhile nothing is waited for. Raises OSError."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        yield file


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def bytes_of(path: str) -> bytes:
    try:
        with opened(path) as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read ({error.strerror})") from error
    if len(data) > MAX_FILE:
        raise Unreadable(f"it is larger than {MAX_FILE >> 20} MiB")
    return data
