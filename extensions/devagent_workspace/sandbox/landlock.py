"""Landlock: the kernel's own bounds on files, put on a thread that then starts the command.

No program is needed, and no namespaces: it works in plain containers. A thread's Landlock domain, its
seccomp filter and its capabilities are its own and are inherited by what it starts, so the rest of this
process stays free. Rules only grant, each for everything below a folder: a folder that holds something hidden is
granted entry by entry.
"""

import ctypes
import os
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.sandbox.bounds import Bounds
from devagent_workspace.sandbox.launch import Launch
from devagent_workspace.sandbox.system_calls import is_known_machine, program

NAME = "landlock"
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_DEVICES = 1 << 6 | 1 << 11
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_LEAST_VERSION = 3
"""Linux 6.2: before it, a file that may not be written could still be cut to nothing."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd")
_NO_NEW_PRIVILEGES, _DROP_BOUND, _SECCOMP, _FILTER = 38, 24, 22, 2
_ROOT_KEEPS = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID."""
_CAPABILITIES_VERSION = 0x20080522


def probe() -> str:
    """Why Landlock cannot be used here, "" where it can."""
    if sys.platform != "linux":
        return "not Linux"
    version = _version()
    if version <= 0:
        return "the kernel has no Landlock, or it is switched off"
    if version < _LEAST_VERSION:
        return f"the kernel's Landlock is of version {version}, and {_LEAST_VERSION} is needed (Linux 6.2)"
    if not is_known_machine():
        return "no filter of system calls for this processor"
    return ""


def start(launch: Launch, bounds: Bounds) -> "subprocess.Popen[bytes]":
    """Start a program within the bounds. Raises WorkspaceError no_sandbox."""
    ruleset = _ruleset(bounds)
    try:
        return _in_thread(lambda: _confined(launch, ruleset, bounds))
    finally:
        os.close(ruleset)


def _confined(launch: Launch, ruleset: int, bounds: Bounds) -> "subprocess.Popen[bytes]":
    _prctl(_NO_NEW_PRIVILEGES, 1)
    if os.geteuid() == 0:
        _drop_capabilities()
    _checked(_libc().syscall(_RESTRICT, ruleset, 0), "restrict")
    code = program(internet=bounds.network)
    kept = ctypes.create_string_buffer(code, len(code))
    filter_program = ctypes.create_string_buffer(
        struct.pack("@HxxxxxxP", len(code) // 8, ctypes.addressof(kept)), 16
    )
    _prctl(_SECCOMP, _FILTER, ctypes.addressof(filter_program))
    return launch.start()


def _in_thread(
    call: "Callable[[], subprocess.Popen[bytes]]",
) -> "subprocess.Popen[bytes]":
    """Run something in a thread that ends with it: what is put on the thread stays there."""
    done: list[subprocess.Popen[bytes]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as e:  # handed to the caller below
            failed.append(e)

    thread = threading.Thread(target=run, name="confined", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _ruleset(bounds: Bounds) -> int:
    version = _version()
    handled = (1 << 15) - 1 | (_IOCTL if version >= 5 else 0)
    scoped = 3 if version >= 6 else 0  # abstract sockets, and signals to processes outside
    attributes = struct.pack("=QQQ", handled, 0, scoped)[: 24 if version >= 6 else 8]
    descriptor = _libc().syscall(_CREATE, attributes, len(attributes), 0)
    _checked(descriptor, "create")
    try:
        _grant(descriptor, "/", _READ_DIR)  # names may be seen everywhere, as ``stat`` lets them be
        for path in _around("/", bounds.is_hidden, bounds.holds_hidden):
            if path not in ("/dev", "/sys"):
                _grant(descriptor, path, _READ)
        _grant(descriptor, "/sys", _READ & ~_EXECUTE)
        for name in _DEVICES:
            _grant(descriptor, f"/dev/{name}", handled & ~_MAKE_DEVICES & ~_EXECUTE)
        everything = handled & ~_MAKE_DEVICES
        for folder in bounds.writable:
            for path in _around(folder, bounds.is_hidden, bounds.holds_hidden):
                _grant(descriptor, path, everything)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _around(
    folder: str, is_hidden: Callable[[str], bool], holds_hidden: Callable[[str], bool]
) -> Iterator[str]:
    """The folder, or where it holds something hidden, all in it that does not."""
    if is_hidden(folder):
        return
    if not holds_hidden(folder) and folder != "/":
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            inner = [one.path for one in entries if not one.is_symlink()]
    except OSError:
        return
    for path in inner:
        yield from _around(path, is_hidden, holds_hidden)


def _grant(ruleset: int, path: str, access: int) -> None:
    """Grant something for a path and all below it; one that is gone or out of reach needs no grant."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _OF_FILES
        if access:
            rule = struct.pack("=Qi", access, descriptor)
            _checked(_libc().syscall(_ADD_RULE, ruleset, 1, rule, 0), "add a rule")
    finally:
        os.close(descriptor)


def _drop_capabilities() -> None:
    for number in range(64):
        # A number beyond the kernel's last one is refused, and then all have been dropped.
        if not _ROOT_KEEPS >> number & 1 and _libc().prctl(_DROP_BOUND, number, 0, 0, 0) != 0:
            break
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    held = struct.pack("=IIIIII", _ROOT_KEEPS, _ROOT_KEEPS, 0, 0, 0, 0)
    _checked(_libc().capset(header, held), "drop capabilities")


def _version() -> int:
    return int(_libc().syscall(_CREATE, None, 0, 1))


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)][:4]
    _checked(_libc().prctl(option, *padded), f"prctl {option}")


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise WorkspaceError(
            f"the sandbox could not be set up ({what}: {os.strerror(ctypes.get_errno())}); nothing was run",
            error="no_sandbox",
        )


def _libc() -> ctypes.CDLL:
    return _LIBC[0] if _LIBC else _load()


_LIBC: list[ctypes.CDLL] = []


def _load() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    _LIBC.append(libc)
    return libc
