"""Seatbelt: macOS's own sandbox, by a profile given to ``sandbox-exec``.

Written from Apple's own profiles and tested as text; continuous integration has no Mac to run it on.
"""

import os
import subprocess
import sys

from devagent_workspace.sandbox.bounds import Bounds
from devagent_workspace.sandbox.launch import Launch

NAME = "seatbelt"
_PROGRAM = "/usr/bin/sandbox-exec"


def probe() -> str:
    """Why seatbelt cannot be used here, "" where it can."""
    if sys.platform != "darwin":
        return "not macOS"
    if not os.access(_PROGRAM, os.X_OK):
        return f"{_PROGRAM} is not there"
    argv = [_PROGRAM, "-p", profile(Bounds((), ())), "/usr/bin/true"]
    ran = subprocess.run(argv, capture_output=True, timeout=10, check=False)  # noqa: S603 - argv is ours
    return "" if ran.returncode == 0 else f"{_PROGRAM} cannot be used here"


def profile(bounds: Bounds) -> str:
    """The profile in Seatbelt's language; of several rules that match, the last one holds."""
    lines = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        '(allow file-write* (subpath "/dev/fd") (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty")'
        ' (literal "/dev/dtracehelper"))',
        '(deny mach-lookup (global-name-prefix "com.apple.security") (global-name "com.apple.SecurityServer"))',
        "(deny appleevent-send)",
        "(deny process-info* (target others))",
        "(deny signal (target others))",
    ]
    lines += [f"(allow file-write* (subpath {_quoted(path)}))" for path in bounds.writable]
    lines += [f"(deny file-read* file-write* (subpath {_quoted(path)}))" for path in bounds.hidden]
    if bounds.network:
        lines.append("(deny network* (remote unix-socket))")
    else:
        lines.append("(deny network*)")
    return "\n".join(lines)


def start(launch: Launch, bounds: Bounds) -> "subprocess.Popen[bytes]":
    """Start a program within the bounds."""
    return launch._replace(argv=[_PROGRAM, "-p", profile(bounds), *launch.argv]).start()


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
