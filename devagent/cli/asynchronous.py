"""Running one coroutine to its end, with SIGINT, SIGTERM and SIGHUP as cancellation."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_done(main: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. A first signal cancels it, so that it can close its records; the
    signal handlers are the defaults again then, so that a second one ends the process; but a terminal that goes away
    may say SIGHUP several times (the kernel, and the shell before it): those that follow are ignored. Where SIGHUP
    was ignored from the start (``nohup``), it is.

    Unlike ``asyncio.run`` this does not wait for worker threads (a name look-up or a tool may hang
    in one); nothing awaits them any more. Raises KeyboardInterrupt where the coroutine was cancelled and
    has no result.
    """
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(main)

        def cancel() -> None:
            task.cancel()
            for number in SIGNALS:
                loop.remove_signal_handler(number)
            if sys.platform != "win32" and loop.remove_signal_handler(signal.SIGHUP):
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        hangup = sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
        for number in (*SIGNALS, signal.SIGHUP) if hangup else SIGNALS:
            try:
                loop.add_signal_handler(number, cancel)
            except (
                NotImplementedError,
                RuntimeError,
                ValueError,
            ):  # Windows, or not the main thread
                break
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        left = asyncio.all_tasks(loop)
        for one in left:
            one.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=2))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
