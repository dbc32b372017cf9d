"""The last step of a run, when its record is closed: its result is handed to whoever reads standard output."""

import os
import select
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

from devagent.cli.asynchronous import SIGNALS
from devagent.cli.result import EXIT_CODES

GRACE_S = 5.0
"""A reader that has stopped reading is waited for so long, once the run was to end."""
_NOT_TAKEN = b"devagent: the result was not taken from standard output\n"


@contextmanager
def delivering(code: int, wait_s: float | None) -> Generator[None]:
    """While the result is said. All else is done, so the process can end here at any moment and nothing is lost
    but the words that nobody takes: after ``wait_s`` seconds (None: never) with exit ``code``; ``GRACE_S`` after a
    signal, which changes nothing else, and at once on a second one, with that of an interrupted run.
    """
    signals = 0

    def noted(number: int, frame: FrameType | None) -> None:
        nonlocal code, signals
        signals += 1
        code = EXIT_CODES["interrupted"]
        if signals > 1:
            os._exit(code)
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)

    def over(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):  # closed
            if select.select((), (2,), (), 0)[1]:  # it may lead to the same reader
                os.write(2, _NOT_TAKEN)
        os._exit(code)

    try:
        before = [(signal.SIGALRM, signal.signal(signal.SIGALRM, over))]
        before += [(number, signal.signal(number, noted)) for number in SIGNALS]
    except ValueError:  # not the main thread, which alone hears of signals
        before = []
    try:
        if before and wait_s is not None:
            signal.setitimer(signal.ITIMER_REAL, wait_s)
        yield
    finally:
        if before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)
