"""Writes the same session over and over, killed with SIGKILL at another append each time.

    python -m tests.support.crash_writer FOLDER

For each append n and each share of its bytes (half, all) a child process writes the story into
FOLDER/<n>-<share>/ and kills itself in that append. Prints how many appends the whole story takes.
"""

import os
import signal
import sys
from collections.abc import Callable

from devagent.audit import files
from tests.support.log_events import story, write_story

SHARES = (0.5, 1.0)


def dying(at: int, share: float, real: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """``os.write`` that kills the process in its call number ``at`` (from 1)."""
    calls = 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            taken = bytes(data)
            real(descriptor, taken[: int(len(taken) * share)])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(descriptor, data)

    return write


def child(folder: str, at: int, share: float) -> bool:
    """Whether the child was killed; False where the story was over before."""
    pid = os.fork()
    if pid == 0:
        os.write = dying(at, share, os.write)
        files.__dict__["to_disk"] = os.fsync = lambda _: (
            None
        )  # a killed process loses no page cache
        write_story(folder, story())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def main(folder: str) -> None:
    at = 1
    while all(child(os.path.join(folder, f"{at}-{share}"), at, share) for share in SHARES):
        at += 1
    sys.stdout.write(f"{at - 1}\n")


if __name__ == "__main__":
    main(sys.argv[1])
