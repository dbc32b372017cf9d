"""Folders that an export writes to: made for the person alone, and synced like the log."""

import os

from devagent.audit.export.target import ExportError

_PRIVATE = 0o700


def made(folder: str) -> None:
    """Make the folder where it is not there; folders that are keep their mode. Raises OSError."""
    os.makedirs(folder, _PRIVATE, exist_ok=True)


def sync_folder(folder: str) -> None:
    """Bring the names in the folder to the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_error(folder: str, error: OSError) -> ExportError:
    return ExportError(
        f"{folder} cannot be written: {os.strerror(error.errno) if error.errno else error}.",
        hint="What is not exported yet stays to be exported: run it again.",
    )
