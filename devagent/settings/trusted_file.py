"""Reading a file that rules depend on: only if nobody else could have written it.

Policy and config files must be regular files (no symlink), owned by the person or by root, and not
writable by group or others; their folder likewise. What fails that is refused, never skipped: a
loosely owned policy that is ignored would be a policy silently lost.
"""

import os
import stat
import sys

from devagent.core.errors import ConfigError, PolicyError

MAX_BYTES = 16 * 1024 * 1024


def read_trusted(
    path: str,
    *,
    root_only: bool = False,
    narrows_only: bool = False,
    error: type[ConfigError] = PolicyError,
) -> bytes:
    """The file's bytes.

    ``root_only``: the organisation's files, owned by root (or by the administrators on Windows, where
    ownership is not checked yet). ``narrows_only``: a file that cannot widen anything may be writable by
    the group, as checkouts under umask 002 are. Raises ``error`` with what is wrong and the command that mends it;
    FileNotFoundError where the file is not there.
    """
    flags = (
        os.O_RDONLY
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_CLOEXEC", 0)
        | getattr(os, "O_NONBLOCK", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as e:
        if os.path.islink(path):
            raise error(
                "is a symbolic link, which could be pointed elsewhere",
                file=path,
                hint="Put the file itself there.",
            ) from e
        raise error(
            f"cannot be read ({os.strerror(e.errno or 0)})",
            file=path,
            hint=f"Check `ls -l {path}`.",
        ) from e
    try:
        _check(os.fstat(descriptor), path, root_only, narrows_only, error)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise error(f"is larger than {MAX_BYTES // 1024 // 1024} MiB", file=path)
    return data


def _check(
    status: os.stat_result,
    path: str,
    root_only: bool,
    narrows_only: bool,
    error: type[ConfigError],
) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise error("is not a regular file", file=path)
    if sys.platform == "win32":
        return
    folder = os.stat(os.path.dirname(os.path.abspath(path)))
    owners = {0} if root_only else {0, os.geteuid()}
    forbidden = stat.S_IWOTH if narrows_only else stat.S_IWGRP | stat.S_IWOTH
    for what, one in (("the file", status), ("its folder", folder)):
        if one.st_uid not in owners:
            raise error(
                f"{what} belongs to user id {one.st_uid}, who could change it",
                file=path,
                hint="It must belong to root."
                if root_only
                else "It must belong to you or to root.",
            )
        sticky_folder = what == "its folder" and one.st_mode & stat.S_ISVTX
        if one.st_mode & forbidden and not sticky_folder:
            target = path if what == "the file" else os.path.dirname(os.path.abspath(path))
            raise error(
                f"{what} can be written by others (mode {stat.S_IMODE(one.st_mode):04o})",
                file=path,
                hint=f"Run `chmod go-w {target}`.",
            )
