"""One command: bash in a session of its own, no input, a limit on its time, its output in constant memory."""

import contextlib
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.progress import Progress
from devagent_workspace.sandbox import Enclosure
from devagent_workspace.sandbox.launch import Launch
from devagent_workspace.shown import shown, size_text

READ_BYTES = 40_000
"""Of an output, what is read: half from its start, half from its end."""
RECORD_BYTES = 1_000_000
"""The same for what is kept for the record."""
GRACE_S = 1.0
"""How long a process group may take to end after it was asked to."""
_QUIET_S = 0.1
_POLL_S = 0.25
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)

_ERASED = re.compile("[^\n\x08]\x08")


class Ran(NamedTuple):
    """How a command ended. ``code`` is None where it was ended; ``why`` then says by what. ``whole`` is the output
    as far as it was kept, where ``output`` is cut."""

    code: int | None
    output: str
    whole: str
    size: int
    complete: bool
    seconds: float
    why: str
    left_behind: bool
    cwd: str


class Kept:
    """The first and the last part of an output, however long it is."""

    def __init__(self, head: int = RECORD_BYTES // 2, tail: int = RECORD_BYTES // 2) -> None:
        self._head = bytearray()
        self._most_head = head
        self._tail = bytearray()
        self._most_tail = tail
        self.size = 0
        self.lines = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.lines += data.count(b"\n")
        room = self._most_head - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data[-self._most_tail :]
            if len(self._tail) > 2 * self._most_tail:
                del self._tail[: -self._most_tail]

    def text(self, most: int | None = None) -> tuple[str, bool]:
        """The output as plain text, at most ``most`` bytes, and whether it is all of it."""
        head, tail = bytes(self._head), bytes(self._tail[-self._most_tail :])
        left_out = self.size - len(head) - len(tail)
        if most is not None and len(head) + len(tail) > most:
            room = max(0, most - 100)
            whole = head + tail
            head, tail = whole[: room // 2], whole[len(whole) - (room - room // 2) :]
            left_out = self.size - len(head) - len(tail)
        if left_out <= 0:
            return plain(head + tail), True
        # Whole lines on both sides of the gap, where there are any.
        cut = head.rfind(b"\n") + 1
        if cut > len(head) // 2:
            left_out += len(head) - cut
            head = head[:cut]
        cut = tail.find(b"\n") + 1
        if 0 < cut < len(tail) // 2:
            left_out += cut
            tail = tail[cut:]
        note = f"\n[cut: {size_text(left_out)} of {size_text(self.size)} ({self.lines} lines) left out here]\n"
        return plain(head).rstrip("\n") + note + plain(tail), False


def both_ends(text: str, most: int = RECORD_BYTES) -> str:
    """The start and the end of a text that has more than ``most`` characters, as escaped bytes may give it."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[cut: {len(text) - 2 * half} characters left out here]\n{text[-half:]}"


def plain(data: bytes) -> str:
    """Output as a person would see it at the end: no colours, of each overwritten line the last state."""
    text = _CONTROL.sub("", data.decode("utf-8", "backslashreplace").replace("\r\n", "\n"))
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    while "\b" in text:
        shorter = _ERASED.sub("", text)
        text = shorter if shorter != text else text.replace("\b", "")
    return shown(text)


def bash() -> str:
    """The bash of this machine. Raises WorkspaceError no_shell."""
    for path in ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/opt/homebrew/bin/bash"):
        if os.access(path, os.X_OK):
            return path
    raise WorkspaceError("there is no bash on this machine", error="no_shell")


def start(
    command: str,
    *,
    cwd: str,
    variables: Mapping[str, str],
    within: Enclosure,
    follow: bool = False,
    dies: bool = False,
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a command as the leader of a session of its own; with ``follow``, the second value is a
    descriptor on which it says what it left running and where it ended up. The caller closes it.

    Raises WorkspaceError not_found, no_sandbox, failed.
    """
    told, says = os.pipe() if follow else (-1, -1)
    script = f"trap 'jobs -pr >&{says}; pwd -P >&{says}' EXIT\n{command}" if follow else command
    try:
        launch = Launch(
            [bash(), "--norc", "--noprofile", "-c", script, "bash"],
            cwd,
            variables,
            (says,) if follow else (),
        )
        process = within.start(launch, dies=dies)
    except BaseException as e:
        if follow:
            os.close(told)
        if isinstance(e, OSError | ValueError):
            raise WorkspaceError(f"the command could not be started: {e}", error="failed") from e
        raise
    finally:
        if follow:
            os.close(says)
    return process, told


def run(
    command: str,
    *,
    cwd: str,
    variables: Mapping[str, str],
    seconds: float,
    within: Enclosure,
    cancelled: threading.Event | None = None,
    follow: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Ran:
    """Run a command to its end, or until its time is up or nobody waits any more. ``tell`` is told what it
    prints, see ``Progress``.

    Nothing that it started in its session outlives the call.
    """
    began = time.monotonic()
    kept = Kept()
    process, told = start(
        command, cwd=cwd, variables=variables, within=within, follow=follow, dies=True
    )
    why, left_behind, place = "", False, ""
    assert process.stdout is not None  # noqa: S101 - asked for as a pipe
    try:
        why, left_behind = _drain(process, kept, Progress(tell, plain), began + seconds, cancelled)
        if why == "time":
            why = f"not finished after {seconds:g} s"
    finally:
        thorough = bool(why) or left_behind or "&" in command
        others = end_session(process.pid, gentle=bool(why), thorough=thorough)
        process.wait()
        process.stdout.close()
        # Namespaces end all that is in them with the command, and are a moment about it.
        left_behind = left_behind or (others and within.sandbox.kind != "bubblewrap")
        if told >= 0:
            running, place = _told(told)
            left_behind = left_behind or running
    output, complete = kept.text(READ_BYTES)
    return Ran(
        None if why else process.returncode,
        output,
        "" if complete else both_ends(kept.text()[0]),
        kept.size,
        complete,
        time.monotonic() - began,
        why,
        left_behind,
        place,
    )


def _drain(
    process: "subprocess.Popen[bytes]",
    kept: Kept,
    progress: Progress,
    until: float,
    cancelled: threading.Event | None,
) -> tuple[str, bool]:
    """Read until the end of output. Gives why the command must be ended, and whether others hold on."""
    assert process.stdout is not None  # noqa: S101 - asked for as a pipe
    pipe = process.stdout.fileno()
    poll = select.poll()
    poll.register(pipe, select.POLLIN | select.POLLHUP)
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return "time", False
        if cancelled is not None and cancelled.is_set():
            return "cancelled", False
        ended = process.poll() is not None
        wait = min(left, _QUIET_S if ended else _POLL_S)
        if poll.poll(wait * 1000):
            data = os.read(pipe, 1 << 16)
            if not data:
                break
            kept.add(data)
            progress.add(data)
            continue
        progress.quiet()
        if ended:
            return "", True  # the shell is gone, but something it started still holds its output
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return "time", False
        if cancelled is not None and cancelled.is_set():
            return "cancelled", False
        try:
            process.wait(min(left, _POLL_S))
        except subprocess.TimeoutExpired:
            continue
        return "", False


def _told(descriptor: int) -> tuple[bool, str]:
    """Whether a command left something running, and the folder that it ended in, "" where it did not say."""
    try:
        os.set_blocking(descriptor, False)
        jobs, _, place = os.fsdecode(os.read(descriptor, 8192)).rstrip("\n").rpartition("\n")
        return bool(jobs), place
    except BlockingIOError:
        return False, ""
    finally:
        os.close(descriptor)


def end_session(leader: int, *, gentle: bool, thorough: bool = True) -> bool:
    """End every process of a session; whether there was one besides its leader.

    With ``gentle`` they are asked first. Without ``thorough`` only the leader's group is looked at, which
    is where all of them are unless the command did something about it. A process that began a session of
    its own is not found.
    """
    if not thorough:
        try:
            os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return False
    others = [pid for pid in members(leader) if pid != leader]
    if gentle:
        _signal(leader, others, signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and _alive(leader):
            select.select([], [], [], 0.02)
        others = [pid for pid in members(leader) if pid != leader]
    if others or gentle or _alive(leader):
        _signal(leader, others, signal.SIGKILL)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and _alive(leader):
            select.select([], [], [], 0.005)
    return bool(others)


def _alive(leader: int) -> bool:
    return bool(members(leader))


def _signal(leader: int, others: list[int], number: signal.Signals) -> None:
    gone = (ProcessLookupError, PermissionError)
    with contextlib.suppress(*gone):
        os.killpg(leader, number)
    for pid in others:
        with contextlib.suppress(*gone):
            os.kill(pid, number)


def members(leader: int) -> list[int]:
    """The processes of a session that still run. Without /proc, only whether its group does."""
    try:
        entries = os.listdir("/proc")
    except OSError:
        try:
            os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return []
        return [leader]
    found: list[int] = []
    for entry in entries:
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read(1024).rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in (b"Z", b"X"):
            found.append(int(entry))
    return found
