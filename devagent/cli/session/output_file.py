"""Where a report or an export goes: standard output, or a file that is there whole or not at all."""

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import click

from devagent.core.errors import UsageError

_PRIVATE = 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

output_option = click.option(
    "-o", "--output", default="-", metavar="FILE", help="Write to this file (private, mode 600)."
)
force_option = click.option("--force", is_flag=True, help="Replace the file where it is there.")


@contextmanager
def opened(path: str, *, force: bool) -> Generator[BinaryIO]:
    """The file to write to; ``-`` is standard output. It gets its name when all is written.

    Raises UsageError where it is there already and is not to be replaced, or cannot be made.
    """
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already.", hint="--force replaces it.")
    part = f"{path}.{os.getpid()}.part"
    try:
        file = io.BufferedWriter(io.FileIO(os.open(part, _FLAGS, _PRIVATE), "wb"), 1 << 18)
    except OSError as e:
        raise UsageError(f"{path} cannot be written: {os.strerror(e.errno or 0)}.") from e
    try:
        with file:
            yield file
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
