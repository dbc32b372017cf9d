"""Bubblewrap: namespaces in which the rest of the machine is read-only and secrets are not there at all."""

import os
import shutil
import subprocess

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.places import is_inside
from devagent_workspace.sandbox.bounds import Bounds
from devagent_workspace.sandbox.launch import Launch
from devagent_workspace.sandbox.network import Door
from devagent_workspace.sandbox.system_calls import is_known_machine, program

NAME = "bubblewrap"
_PATH = "/usr/local/bin:/usr/bin:/bin"
_ROOT_KEEPS = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_SETGID",
    "CAP_SETUID",
)
"""What root needs to work on files of others, as in most containers; everything else goes."""


def probe() -> str:
    """Why bubblewrap cannot be used here, "" where it can: it is tried with all that is asked of it."""
    found = _program()
    if found is None:
        return "bwrap is not installed"
    if not is_known_machine():
        return "no filter of system calls for this processor"
    try:
        with Filter(internet=False) as filter_fd:
            argv = [
                *arguments(Bounds(("/var",), ()), cwd="/", filter_fd=filter_fd, dies=True),
                "true",
            ]
            ran = subprocess.run(  # noqa: S603 - argv is ours
                argv, capture_output=True, stdin=subprocess.DEVNULL, env={"PATH": _PATH}, timeout=10,
                check=False, pass_fds=(filter_fd,),
            )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"bwrap does not start ({type(e).__name__})"
    told = ran.stderr.decode(errors="replace").strip().split("\n")[0]
    return "" if ran.returncode == 0 else f"bwrap cannot be used here ({told[:120]})"


class Filter:
    """The filter of system calls behind a descriptor, for as long as a command is being started."""

    def __init__(self, *, internet: bool) -> None:
        self._code = program(internet=internet)
        self._descriptor = -1

    def __enter__(self) -> int:
        self._descriptor = os.memfd_create("filter")
        os.write(self._descriptor, self._code)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def arguments(bounds: Bounds, *, cwd: str, filter_fd: int, dies: bool) -> list[str]:
    """``bwrap`` and its options. ``dies``: with the thread that starts it, however that ends."""
    found = _program()
    if found is None:
        raise WorkspaceError("bwrap is gone; nothing was run", error="no_sandbox")
    argv = [found, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    argv += ["--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        argv += [word for one in _ROOT_KEEPS for word in ("--cap-add", one)]
    if not bounds.network:
        argv.append("--unshare-net")
    if dies:
        argv.append("--die-with-parent")
    for path in bounds.writable:
        argv += ["--bind", path, path]
    for path in bounds.hidden:
        if os.path.isdir(path):
            argv += ["--tmpfs", path, "--remount-ro", path]
        elif os.path.exists(path):
            argv += ["--ro-bind", "/dev/null", path]
        elif any(is_inside(path, one) for one in bounds.writable):
            # Not there yet, and it must not be made: bwrap makes an empty folder to cover it.
            argv += ["--tmpfs", path, "--remount-ro", path]
    return [*argv, "--seccomp", str(filter_fd), "--chdir", cwd, "--"]


def start(
    launch: Launch, bounds: Bounds, refused: list[str], *, dies: bool
) -> "subprocess.Popen[bytes]":
    """Start a program within the bounds. ``dies``: with the thread that starts it, however that ends.
    ``refused`` takes the hosts that it asks the proxy for in vain.

    Raises OSError, and WorkspaceError no_sandbox.
    """
    if not bounds.hosts:
        return _start(launch, bounds, dies=dies)
    door = Door()
    try:
        process = _start(door.launch(launch), bounds, dies=dies)
        door.open(process, bounds.hosts, refused)
    finally:
        door.close()
    return process


def _start(launch: Launch, bounds: Bounds, *, dies: bool) -> "subprocess.Popen[bytes]":
    with Filter(internet=True) as filter_fd:
        wrapped = arguments(bounds, cwd=launch.cwd, filter_fd=filter_fd, dies=dies)
        kept = (*launch.kept, filter_fd)
        return launch._replace(argv=[*wrapped, *launch.argv], kept=kept).start()


def _program() -> str | None:
    return shutil.which("bwrap", path=_PATH)
