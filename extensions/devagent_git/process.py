"""One git process: an explicit argv, a made environment, a limit on its time and on its output."""

import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from devagent_git.contract import GitError

STDERR_BYTES = 64_000
_QUIET_S = 0.2
"""How long a pipe may stay silent after git has ended (a connection-sharing ssh keeps stderr open)."""
_GENTLE_S = 0.5
"""How long a process may take to end by itself, before it is killed."""


class Output(NamedTuple):
    """What a process left. ``cut``: it was ended because it had printed more than was asked for."""

    code: int
    out: bytes
    err: bytes
    cut: bool


def run(
    argv: Sequence[str | bytes],
    *,
    folder: str,
    environment: Mapping[str, str],
    stdin: bytes | None = None,
    seconds: float,
    limit: int,
    cancelled: threading.Event | None = None,
) -> Output:
    """Run to the end and collect both streams.

    Raises GitError ``timeout``, or ``cancelled`` once that is set; the process and all that it started are
    then gone. Output beyond ``limit`` bytes ends the process group too, and is said in ``cut``.
    """
    if seconds <= 0:
        raise GitError("the time limit of this call was used up", error="timeout")
    _check_wanted(cancelled)
    with tempfile.TemporaryFile() as source:
        if stdin is not None:
            source.write(stdin)
            source.seek(0)
        process = subprocess.Popen(  # noqa: S603 - argv is explicit, there is no shell
            argv,
            stdin=source if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    try:
        return _collect(process, time.monotonic() + seconds, seconds, limit, cancelled)
    finally:
        if process.poll() is None:
            _end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _check_wanted(cancelled: threading.Event | None) -> None:
    if cancelled is not None and cancelled.is_set():
        raise GitError("the call was cut off", error="cancelled")


def _collect(
    process: "subprocess.Popen[bytes]",
    until: float,
    seconds: float,
    limit: int,
    cancelled: threading.Event | None,
) -> Output:
    assert process.stdout is not None  # noqa: S101 - both were asked for as pipes
    assert process.stderr is not None  # noqa: S101
    found = {process.stdout: bytearray(), process.stderr: bytearray()}
    out, err = found[process.stdout], found[process.stderr]
    cut = False
    with selectors.DefaultSelector() as waiting:
        for stream in found:
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            left = until - time.monotonic()
            if left <= 0:
                raise GitError(
                    f"git did not finish within {seconds:.0f} s and was stopped", error="timeout"
                )
            _check_wanted(cancelled)
            ready = waiting.select(min(left, _QUIET_S))
            if not ready and process.poll() is not None:
                break
            for key, _ in ready:
                stream: IO[bytes] = (
                    process.stdout if key.fileobj is process.stdout else process.stderr
                )
                data = os.read(stream.fileno(), 1 << 16)
                if not data:
                    waiting.unregister(stream)
                elif stream is process.stdout:
                    out += data
                elif len(err) < STDERR_BYTES:
                    err += data
            if len(out) > limit:
                cut = True
                del out[limit:]
                _end(process)
                break
    try:
        code = process.wait(max(0.01, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise GitError(
            f"git did not finish within {seconds:.0f} s and was stopped", error="timeout"
        ) from None
    return Output(code, bytes(out), bytes(err), cut)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process group that the process leads, and take its status. Asked first, git removes its locks."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        _wait_for_exit(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()


def _wait_for_exit(pid: int) -> None:
    """Wait until the process has ended, at most ``_GENTLE_S``. Its status is not taken: until then the group's
    number can be no other's."""
    until = time.monotonic() + _GENTLE_S
    while time.monotonic() < until:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.01)
