"""The folder that a session works in, as the command line names it."""

import os

from devagent.core.errors import UsageError


def workspace(folder: str) -> str:
    """The folder's real path. Raises UsageError where there is none."""
    try:
        real = os.path.realpath(folder)
    except FileNotFoundError as e:  # what the path is relative to was removed under this process
        raise UsageError("the current folder is no longer there", hint="Change to another.") from e
    if not os.path.isdir(real):
        raise UsageError(f"there is no folder {folder}")
    return real
