"""Servers do not outlive devagent, not even where it is killed and can end nothing itself.

Beside servers that run, a small process waits. Its input ends with devagent, however that ends; then it ends each process group
that it was told of and that has not been called off. Most servers end by themselves, at the end of their own input.
"""

import contextlib
import signal
import subprocess
import sys

GRACE_S = 1.0
"""Between the end of devagent, SIGTERM and SIGKILL."""
_WAITS = f"""
import os, signal, sys, time
groups = set()
for line in sys.stdin.buffer:
    groups ^= {{int(line)}}
for number in (0, signal.SIGTERM, signal.SIGKILL):
    for group in tuple(groups):
        try:
            os.killpg(group, number)
        except OSError:
            groups.discard(group)
    if groups:
        time.sleep({GRACE_S})
"""


class _Guard:
    """The process that waits, while there is something to wait for."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        self._groups.add(group)
        if self._process is not None and self._process.poll() is None:
            self._tell(group)
            return
        with contextlib.suppress(
            OSError
        ):  # without one, servers are left to the end of their input
            self._process = subprocess.Popen(  # noqa: S603  (no argument of anybody's)
                [sys.executable, "-I", "-S", "-c", _WAITS],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what ends a terminal's programs does not end this one
                bufsize=0,
            )
            for one in self._groups:
                self._tell(one)

    def let_go(self, group: int) -> None:
        if group not in self._groups:
            return
        self._groups.discard(group)
        self._tell(group)
        process = self._process
        if self._groups or process is None:
            return
        self._process = None
        process.send_signal(
            signal.SIGKILL
        )  # nothing is left to it, and nobody waits for how it leaves
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _tell(self, group: int) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it was ended; another begins with the next server
                self._process.stdin.write(b"%d\n" % group)


_guard = _Guard()


def watch(group: int) -> None:
    """End this process group, led by a child of ours, when devagent has ended without doing so."""
    _guard.watch(group)


def let_go(group: int) -> None:
    """It has ended."""
    _guard.let_go(group)
