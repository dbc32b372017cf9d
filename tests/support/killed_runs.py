"""Runs one task over and over, killed with SIGKILL at another append to its log each time, then resumed.

    python -m tests.support.killed_runs REPOSITORY FOLDER PROMPT RESUME_PROMPT

Each run works in a copy of the repository and a home of its own (``<n>/work``, ``<n>/home`` below
FOLDER; the person's files are copied from ``$DEVAGENT_HOME``). It is a real run of the command line, in
a fork of this process, which has imported it once. Every second run is killed before the append, the
others in its middle. What is left is copied to ``<n>/killed`` before the session is resumed. Prints
one JSON line a run: ``{"number": n, "file": "events.jsonl", "in_line": true, "resumed": EXIT_CODE}``.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import jsonschema_rs
import msgspec

# Imported before the forks, or each of them would.
import devagent.cli.run
import devagent.host.inprocess
import devagent_git.tools
from devagent.audit import files
from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS
from devagent.cli.entry import leave, run_command_line

LOADED = (devagent.cli.run, devagent.host.inprocess, devagent_git.tools, jsonschema_rs)


def in_line(number: int) -> bool:
    """Whether a run is killed in the middle of its last append, or before it."""
    return number % 2 == 1


def dying(at: int, tell: int) -> Callable[[int, bytes], None]:
    """The log's append that kills the process at its call number ``at`` (from 1), and tells which file."""
    real = files.__dict__["_append"]
    calls = 0

    def append(descriptor: int, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls < at:
            real(descriptor, data)
            return
        file = CHECKPOINTS
        if data.startswith(b"{"):
            file = BODIES if b'"salt":' in data else EVENTS
        os.write(tell, file.encode())
        if in_line(at):
            os.write(descriptor, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    return append


def forked(home: Path, arguments: Sequence[str], at: int = 0) -> tuple[int, str]:
    """(wait status, the file it was killed at) of a command line in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.environ["DEVAGENT_HOME"] = str(home)
        files.__dict__["to_disk"] = os.fsync = lambda _: (
            None
        )  # a killed process loses no page cache
        if at:
            files.__dict__["_append"] = dying(at, writing)
        output = os.open(home / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        leave(run_command_line(list(arguments)))
    os.close(writing)
    with open(reading, "rb") as told:
        file = told.read().decode()
    return os.waitpid(child, 0)[1], file


def main(repository: str, folder: str, prompt: str, resume_prompt: str) -> None:
    number = 1
    while True:
        here = Path(folder, str(number))
        home, work = here / "home", here / "work"
        shutil.copytree(os.environ["DEVAGENT_HOME"], home)
        shutil.copytree(repository, work)
        status, file = forked(home, ["run", "-C", str(work), prompt], number)
        if not os.WIFSIGNALED(status):
            break  # the whole run takes fewer appends
        shutil.copytree(home / "sessions", here / "killed")
        status, _ = forked(home, ["run", "-C", str(work), "--resume", "last", resume_prompt])
        resumed = os.waitstatus_to_exitcode(status)
        told = {"number": number, "file": file, "in_line": in_line(number), "resumed": resumed}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
