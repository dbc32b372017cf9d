"""Limits of one git process."""

import os
import threading
import time
from pathlib import Path

import pytest

from devagent_git.contract import GitError
from devagent_git.process import run

PLAIN = {"PATH": os.defpath}


def test_a_process_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"sleep 60 & echo $! > '{pid}'; wait"
    with pytest.raises(GitError) as ended:
        run(
            ["/bin/sh", "-c", command],
            folder=str(tmp_path),
            environment=PLAIN,
            seconds=0.5,
            limit=100,
        )
    assert ended.value.error == "timeout"
    assert _gone(int(pid.read_text()))


def _gone(pid: int) -> bool:
    """Whether the process ends within two seconds (a killed orphan is reaped by init, not by us)."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
    return False


def test_output_beyond_the_limit_ends_the_process_and_is_said(tmp_path: Path) -> None:
    found = run(["yes"], folder=str(tmp_path), environment=PLAIN, seconds=20, limit=1000)
    assert found.cut
    assert len(found.out) == 1000


def test_standard_input_is_given_whole(tmp_path: Path) -> None:
    data = b"x" * 300_000
    found = run(
        ["cat"], folder=str(tmp_path), environment=PLAIN, stdin=data, seconds=20, limit=1 << 20
    )
    assert found.out == data
    assert not found.cut


def test_a_child_that_keeps_a_pipe_open_does_not_hold_the_call(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()
    found = run(
        ["/bin/sh", "-c", f"sleep 60 >/dev/null & echo $! > '{pid}'; echo done"],
        folder=str(tmp_path),
        environment=PLAIN,
        seconds=20,
        limit=100,
    )
    os.kill(int(pid.read_text()), 9)
    assert found.out == b"done\n"
    assert time.monotonic() - began < 10


def test_a_used_up_time_limit_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="used up"):
        run(["/nonexistent"], folder=str(tmp_path), environment=PLAIN, seconds=0, limit=1)


def test_a_process_that_nobody_waits_for_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid, cancelled = tmp_path / "pid", threading.Event()
    command = f"trap '' TERM; sleep 60 & echo $! > '{pid}.new'; mv '{pid}.new' '{pid}'; wait"

    def cancel() -> None:
        until = time.monotonic() + 10
        while not pid.exists() and time.monotonic() < until:
            cancelled.wait(0.01)
        cancelled.set()

    watching = threading.Thread(target=cancel)
    watching.start()
    with pytest.raises(GitError) as ended:
        run(
            ["/bin/sh", "-c", command],
            folder=str(tmp_path),
            environment=PLAIN,
            seconds=30,
            limit=100,
            cancelled=cancelled,
        )
    watching.join(10)
    assert ended.value.error == "cancelled"
    assert _gone(int(pid.read_text()))


def test_a_call_that_nobody_waits_for_starts_no_further_process(tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(GitError) as refused:
        run(
            ["/bin/sh", "-c", f"touch '{tmp_path}/ran'"],
            folder=str(tmp_path),
            environment=PLAIN,
            seconds=5,
            limit=100,
            cancelled=cancelled,
        )
    assert refused.value.error == "cancelled"
    assert not (tmp_path / "ran").exists()
