"""Commands in the background: their output in constant memory, their end known, none left behind.

Each job has a watcher, a shell that waits on a pipe that only this process holds: however this process
ends, the pipe closes and the watcher ends the job.
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.running import READ_BYTES, Kept, bash, both_ends, end_session, start
from devagent_workspace.sandbox import Enclosure

MOST_RUNNING = 16
MOST_KEPT = 64
# Ends the session whose leader is $1: its group, then what else of it ps finds.
_WATCH = 'read -r -u 0 _; kill -TERM -- "-$1" 2>/dev/null; sleep 1; kill -KILL -- "-$1" 2>/dev/null'


class Job:
    """One command in the background. ``code`` is known once it has ended."""

    def __init__(self, number: int, command: str, process: "subprocess.Popen[bytes]") -> None:
        self.number = number
        self.command = command
        self.pid = process.pid
        self.stopped = False
        self.code: int | None = None
        self._process = process
        self._kept = Kept(READ_BYTES // 2, READ_BYTES // 2)
        self._since = Kept()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._ended = 0.0
        self._watcher = _watch(process.pid)
        self._reader = threading.Thread(target=self._follow, name=f"job-{number}", daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self.code is None

    @property
    def lines(self) -> int:
        """How many lines it has printed so far."""
        with self._lock:
            return self._kept.lines

    def seconds(self) -> float:
        """How long it has run."""
        return (self._ended or time.monotonic()) - self._began

    def text(self, most: int) -> tuple[str, bool, str]:
        """Its output so far, whether that is all of it, and where it is not what came since this was last asked."""
        with self._lock:
            text, complete = self._kept.text(most)
            since, self._since = self._since, Kept()
        return text, complete, "" if complete else both_ends(since.text()[0])

    def stop(self) -> None:
        """End it, and wait until it is gone (2 s at most)."""
        if self.running:
            self.stopped = True
            end_session(self.pid, gentle=True)
        self._reader.join(2.0)

    def _follow(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for as a pipe
        pipe = self._process.stdout
        while data := os.read(pipe.fileno(), 1 << 16):
            with self._lock:
                self._kept.add(data)
                self._since.add(data)
        code = self._process.wait()
        end_session(self.pid, gentle=False)
        pipe.close()
        self._ended = time.monotonic()
        self.code = code
        self._watcher.kill()
        self._watcher.wait()
        if self._watcher.stdin is not None:
            self._watcher.stdin.close()


def _watch(leader: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - argv is explicit
        [bash(), "--norc", "--noprofile", "-c", _WATCH, "watcher", str(leader)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"},
        start_new_session=True,
    )


class Jobs:
    """The jobs of one workspace, by number."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._next = 1
        self._lock = threading.Lock()

    def start(
        self, command: str, *, cwd: str, variables: Mapping[str, str], within: Enclosure
    ) -> Job:
        """Raises WorkspaceError failed where too many run already, and as ``running.start``."""
        with self._lock:
            if sum(job.running for job in self._jobs.values()) >= MOST_RUNNING:
                raise WorkspaceError(
                    f"{MOST_RUNNING} jobs run already; stop one first", error="failed"
                )
            process, _ = start(command, cwd=cwd, variables=variables, within=within)
            job = Job(self._next, command, process)
            self._jobs[job.number] = job
            self._next += 1
            for old in [n for n, one in self._jobs.items() if not one.running][:-MOST_KEPT]:
                del self._jobs[old]
            return job

    def all(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())

    def find(self, number: int) -> Job:
        """Raises WorkspaceError no_such_job."""
        with self._lock:
            job = self._jobs.get(number)
        if job is None:
            raise WorkspaceError(f"there is no job {number}", error="no_such_job")
        return job

    def stop(self, job: Job) -> None:
        job.stop()


_JOBS: dict[str, Jobs] = {}
_LOCK = threading.Lock()


def jobs_of(folder: str) -> Jobs:
    """The background jobs of the workspace in ``folder``."""
    with _LOCK:
        return _JOBS.setdefault(folder, Jobs())


def stop_all(folder: str) -> None:
    """End every job of a workspace."""
    for job in jobs_of(folder).all():
        job.stop()
