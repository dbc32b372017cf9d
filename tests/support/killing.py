"""A process that is killed at a chosen step of what it does: each change of a file, each program that is started.

``survivors`` forks for each step, so that all of them cost one start of Python. Use it in a process of its own: run
``code`` with ``run_killed``.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_STEPS = ("rename", "link", "unlink", "replace", "fsync", "rmdir", "mkdir", "symlink", "fchmod", "open", "close")  # fmt: skip


def survivors(
    call: Callable[[], object], *, every: int = 1, first: int = 0, most: int = 500
) -> Iterator[int]:
    """Make the call in a fork that is killed at its first step, in one at its second, …; after each give its number
    (from 0), so that what is left can be looked at. Ends after the one that came through. With ``every`` only at some
    of the steps, from ``first`` on."""
    for number in range(first, most, every):
        child = os.fork()
        if child == 0:
            _arm(number)
            call()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        came_through = os.waitstatus_to_exitcode(status) == 0
        if not came_through and os.waitstatus_to_exitcode(status) != -9:
            raise AssertionError(f"step {number} ended with {status}")
        yield number
        if came_through:
            return
    raise AssertionError(f"more than {most} steps")


def _arm(left: int) -> None:
    def dies(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)
            return function(*args, **more)

        return counted

    for name in _STEPS:
        setattr(os, name, dies(getattr(os, name)))
    subprocess.Popen.__init__ = dies(subprocess.Popen.__init__)


def run_killed(code: str, *arguments: str) -> list[str]:
    """The lines that ``code`` prints, run in a Python of its own with these ``sys.argv[1:]``."""
    root = Path(__file__).resolve().parents[2]
    paths = [str(root), str(root / "extensions"), *filter(None, sys.path)]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = {paths!r}\n{code}", *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout.splitlines()
