"""Who runs this process: the operating system's answer, not the environment's."""

import os
import sys

from devagent.core.principal import Principal


def principal(agent: str = "main") -> Principal:
    """The principal by the effective user id (``USER`` in the environment could say anything)."""
    return Principal(user=_user(), agent=agent)


def _user() -> str:
    if sys.platform == "win32":
        import getpass  # noqa: PLC0415  (Windows has no pwd)

        return getpass.getuser()
    import pwd  # noqa: PLC0415  (POSIX only)

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's arbitrary user id has no entry
        return f"uid-{os.geteuid()}"
