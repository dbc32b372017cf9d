"""Folders that an export writes to: made for the person alone, and synced like the log."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from devagent.audit.export.target import ExportError
from devagent.disk import names_to_disk

_PRIVATE, _PRIVATE_FILE = 0o700, 0o600


def real_folder(folder: str) -> str:
    """The folder that this names, by whatever way: what was exported to it is not exported again by another."""
    return os.path.realpath(folder)


def made(folder: str) -> None:
    """Make the folder where it is not there; folders that are keep their mode. Raises OSError."""
    os.makedirs(folder, _PRIVATE, exist_ok=True)


@contextmanager
def whole_file(folder: str, name: str) -> Generator[BinaryIO]:
    """A file that gets its name when it is written and on the disk, in a folder that is made where it is not there.
    What a killed process began of it is written over: one process at a time exports under a name. Raises OSError."""
    made(folder)
    part = os.path.join(folder, f".{name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(part, flags, _PRIVATE_FILE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, os.path.join(folder, name))
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    names_to_disk(folder)


def folder_error(folder: str, error: OSError) -> ExportError:
    return ExportError(
        f"{folder} cannot be written: {os.strerror(error.errno) if error.errno else error}.",
        hint="What is not exported yet stays to be exported: run it again.",
    )
