"""The log's files line by line, in bounded memory, torn tails told apart from damage."""

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from devagent.core.errors import LogError

MAX_LINE = 256 * 1024 * 1024
"""Bytes. No event comes near; a longer "line" is no log and must not fill memory."""

_AT_ONCE = 1 << 15
"""Bytes of one read: a line at a time costs more than half of what is done with it."""


class Damage(Exception):
    """A line that breaks the format: which file, which line (from 1), and what is wrong with it."""

    def __init__(self, file: str, line: int, what: str) -> None:
        super().__init__(what)
        self.file, self.line, self.what = file, line, what


class Line(Struct, frozen=True, gc=False):
    """``data`` has no newline; ``whole`` says whether one followed. ``number`` counts from 1, ``end`` is an offset."""

    number: int
    data: bytes
    whole: bool
    end: int


def open_to_read(path: str) -> BinaryIO | None:
    """The file, or None where it is not there. Raises LogError where it cannot be read or is no file."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as e:
        raise _unreadable(path, os.strerror(e.errno or 0)) from e
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(path, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def lines(file: BinaryIO, path: str, size: int | None = None) -> Iterator[Line]:
    """The file's lines up to ``size`` bytes (all of them where it is not given).

    Raises LogError where it cannot be read, and for a line that is none of a log.
    """
    number, end = 0, 0
    for data in _whole_lines(file, path, size):
        if data[-1:] == b"\n":
            for one in data[:-1].split(b"\n"):
                number, end = number + 1, end + len(one) + 1
                yield Line(number, one, True, end)
        else:
            yield Line(number + 1, data, False, end + len(data))


def _whole_lines(file: BinaryIO, path: str, size: int | None) -> Iterator[bytes]:
    """The file in pieces that end with a line; the last may be what follows the last newline."""
    left = size
    begun: list[bytes] = []
    length = 0
    while left is None or left:
        try:
            data = file.read(_AT_ONCE if left is None else min(_AT_ONCE, left))
        except OSError as e:
            raise _unreadable(path, os.strerror(e.errno or 0)) from e
        if not data:
            break
        if left is not None:
            left -= len(data)
        cut = data.rfind(b"\n") + 1
        if cut:
            yield b"".join((*begun, data[:cut]))
            begun, length, data = [], 0, data[cut:]
        if data:
            begun.append(data)
            length += len(data)
        if length >= MAX_LINE:
            raise LogError(
                f"{path}: a line of more than {MAX_LINE >> 20} MiB: this is no session log."
            )
    if begun:
        yield b"".join(begun)


def size_of(file: BinaryIO | None) -> int:
    return os.fstat(file.fileno()).st_size if file else 0


def _unreadable(path: str, why: str) -> LogError:
    return LogError(f"The session log {path} cannot be read: {why}.", hint=f"Check `ls -l {path}`.")
