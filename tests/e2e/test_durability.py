"""No log, no act: kills at every event, a disk that is full at any event, folders that cannot be written."""

import fcntl
import shutil
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS, newest_first
from devagent.audit.verify import verify_session
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged, ToolStarted
from devagent.core.events.session import LogRecovered, SessionResumed
from devagent.core.events.turns import TurnCut, TurnEnded, TurnStarted
from tests.support.command_line import (
    Finished,
    devagent,
    limited,
    logged,
    logs,
    sessions,
)
from tests.support.messages_server import MessagesServer, Step
from tests.support.workplace import ADD, COMMIT, PUSH_MAIN, commits, workplace

GO_ON = "Go on from where you were killed"


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def task() -> list[Step]:
    """Answers by what the conversation holds, so that any number of runs may ask."""
    return [
        Step(match=GO_ON, text="I went on.", times=0),
        Step(match="main-by-review", text="Done.", times=0),
        Step(text="To work.", calls=[ADD, COMMIT, PUSH_MAIN], times=0),
    ]


def is_paired(messages: list[dict[str, Any]]) -> bool:
    """Whether each assistant message's calls are answered, all and once, at the next message's start."""
    asked: list[str] = []
    for message in messages:
        told = [b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"]
        if told != asked:
            return False
        asked = [b["id"] for b in message["content"] if b["type"] == "tool_use"]
    return bool(messages) and not asked


def started(events: list[Event], tool: str) -> bool:
    return any(isinstance(event, ToolStarted) and event.tool == tool for event in events)


async def test_a_run_killed_at_any_event_verifies_did_no_more_than_it_recorded_and_goes_on(
    work: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    async with MessagesServer(task()) as server:
        done = await devagent(
            str(work), str(runs), "Do it", GO_ON,
            server=server, program=("-m", "tests.support.killed_runs"),
        )  # fmt: skip
        resumed = [r.body["messages"] for r in server.requests if GO_ON in str(r.body)]
    assert done.code == 0, done.stderr
    killed = done.lines
    assert {line["file"] for line in killed} == {EVENTS, BODIES, CHECKPOINTS}
    assert len(killed) > 30
    assert len(resumed) <= len(killed)
    assert all(is_paired(messages) for messages in resumed)

    seen: set[str] = set()
    # The first of these is half a key, which no checkpoint needs yet: nothing of the record is torn.
    first_key = next(line["number"] for line in killed if line["file"] == CHECKPOINTS)
    for line in killed:
        here = runs / str(line["number"])
        # A session is found once its folder has its name, which is before its first append.
        (log,) = newest_first(str(here / "killed"))
        found = verify_session(log)
        assert found.summary == "verify: ok", line
        in_log = line["in_line"] and line["file"] in (BODIES, EVENTS)
        assert (bool(found.torn), ", torn: " in found.headline) == (in_log, in_log), line
        torn = any("torn" in note for note in found.notes)
        assert torn == line["in_line"] or line["number"] == first_key, line
        assert found.closed or any(
            "killed" in note or "nothing was" in note for note in found.notes
        )
        events = logged(log)
        seen |= {type(event).__name__ for event in events[-1:]}
        did = commits(here / "work")[0] == "Say three"
        assert not did or started(events, "commit"), line
        assert not started(events, "push")

        (log,) = newest_first(str(here / "home/sessions"))
        assert line["resumed"] == 0, (line, (here / "home/output").read_text())
        after = verify_session(log)
        assert (after.summary, after.torn, after.closed) == ("verify: ok", 0, True), line
        events = logged(log)
        orphan = any("its header is not" in note for note in found.notes)
        recovered = any(isinstance(event, LogRecovered) for event in events)
        assert recovered == (torn or orphan), line
        starts = [event.call for event in events if isinstance(event, ToolStarted)]
        assert starts == [event.call for event in events if isinstance(event, ToolFinished)]
        opened = [event.turn for event in events if isinstance(event, TurnStarted)]
        assert opened == [event.turn for event in events if isinstance(event, TurnEnded | TurnCut)]
        assert any(isinstance(event, SessionResumed) for event in events)
    assert {"ToolCalled", "ToolJudged", "ToolStarted", "ToolFinished", "ModelReplied"} <= seen


async def filled(work: Path, home: Path, size: int) -> tuple[Finished, list[Event]]:
    """The task with a disk that is full when a file of the log has ``size`` bytes; the whole events."""
    shutil.rmtree(sessions().parent)
    shutil.rmtree(work.parent)
    work.parent.mkdir()
    workplace(work.parent, home)
    async with MessagesServer(task()) as server:
        done = await devagent(
            "run", "Do it", "--output-format", "json",
            server=server, cwd=work, program=limited(file_bytes=size),
        )  # fmt: skip
    (log,) = logs() or [""]
    return done, logged(log) if log else []


async def test_a_full_disk_at_any_event_means_that_nothing_further_is_done(
    work: Path, home: Path
) -> None:
    whole, events = await filled(work, home, 0)
    assert (whole.code, commits(work)[0]) == (3, "Say three")
    (log,) = logs()
    headers = Path(log, EVENTS).read_bytes().splitlines(keepends=True)
    # Full in the middle of the verdict on the commit, of its end, and of its start.
    judged, start, finish = (
        next(
            n
            for n, event in enumerate(events)
            if isinstance(event, kind) and event.call == call_of(events)
        )
        for kind in (ToolJudged, ToolStarted, ToolFinished)
    )
    for at in (judged, finish, start):
        size = len(b"".join(headers[:at])) + len(headers[at]) // 2
        full, recorded = await filled(work, home, size)
        assert (full.code, full.result["stop"]) == (1, "failed"), full
        assert "cannot be written: File too large" in full.result["reason"]
        assert full.result["log"].startswith("verify: ")
        assert "Traceback" not in full.stderr
        did = commits(work)[0] == "Say three"
        assert did == (at == finish)
        assert did == started(recorded, "commit")
        kinds = {type(event) for event in recorded if getattr(event, "call", "") == call_of(events)}
        assert (ToolJudged in kinds) == (at != judged)
        found = verify_session(logs()[0])
        assert found.summary == "verify: ok"
        assert found.torn > 0

    # With room again the session goes on: the torn line is set aside.
    async with MessagesServer(task()) as server:
        again = await devagent("run", GO_ON, "--resume", "last", server=server, cwd=work)
    assert (again.code, again.stdout) == (0, "I went on.\n")
    assert is_paired(server.requests[-1].body["messages"])
    assert any(isinstance(event, LogRecovered) for event in logged(logs()[0]))


def call_of(events: list[Event]) -> str:
    return next(e.call for e in events if isinstance(e, ToolStarted) and e.tool == "commit")


async def test_a_disk_that_is_full_from_the_start_is_1_and_no_request_is_sent(work: Path) -> None:
    async with MessagesServer(task()) as server:
        done = await devagent(
            "run", "Do it", "--output-format", "stream-json",
            server=server, cwd=work, program=limited(file_bytes=10),
        )  # fmt: skip
    assert (done.code, len(done.lines), server.requests) == (1, 1, [])
    assert "File too large" in done.result["reason"]
    assert "record" in done.result["reason"]


def make_unusable(kind: str) -> None:
    folder = sessions()
    if kind == "a file":
        folder.write_text("not a folder")
    elif kind == "a dangling link":
        folder.symlink_to("nowhere/at/all")
    else:
        folder.mkdir()
        folder.chmod({"read-only": 0o500, "unreadable": 0o300, "closed": 0o000}[kind])


@pytest.mark.parametrize("kind", ["a file", "a dangling link", "read-only", "closed"])
async def test_without_a_folder_for_its_log_nothing_is_done(work: Path, kind: str) -> None:
    make_unusable(kind)
    try:
        async with MessagesServer(task()) as server:
            done = await devagent(
                "run", "Do it", "--output-format", "json",
                server=server, cwd=work, program=limited(powers=False),
            )  # fmt: skip
    finally:
        if not sessions().is_symlink():
            sessions().chmod(0o700)
    assert (done.code, done.result["stop"], done.result["session"]) == (1, "failed", "")
    assert str(sessions()) in done.result["reason"]
    assert (server.requests, commits(work)[0]) == ([], "Second")
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["unreadable", "closed"])
@pytest.mark.parametrize(
    "command", [["session", "list"], ["session", "verify"], ["run", "Hi", "--resume", "last"]]
)
async def test_a_folder_of_sessions_that_cannot_be_read_is_said(
    work: Path, kind: str, command: list[str]
) -> None:
    make_unusable(kind)
    try:
        async with MessagesServer() as server:
            done = await devagent(*command, server=server, cwd=work, program=limited(powers=False))
    finally:
        sessions().chmod(0o700)
    assert done.code == 1
    assert f"The sessions in {sessions()} cannot be listed: Permission denied." in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_log_that_was_changed_is_not_gone_on_with(work: Path) -> None:
    async with MessagesServer([Step(text="Hi.")]) as server:
        await devagent("run", "Say hi", server=server, cwd=work)
        (log,) = logs()
        events = Path(log, EVENTS)
        events.write_bytes(events.read_bytes().replace(b'"turn.started"', b'"turn.stortad"'))
        before = events.read_bytes()
        done = await devagent(
            *("run", "And now?", "--resume", "last", "--output-format", "json"),
            server=server, cwd=work,
        )  # fmt: skip
        verified = await devagent("session", "verify", "last")
    assert (done.code, done.result["stop"]) == (1, "failed")
    assert "does not verify" in done.result["reason"]
    assert (len(server.requests), events.read_bytes()) == (1, before)
    assert (verified.code, verified.stdout.startswith("verify: FAILED events.jsonl:")) == (1, True)


async def test_two_processes_do_not_write_one_log(work: Path) -> None:
    async with MessagesServer([Step(text="Hi.")]) as server:
        await devagent("run", "Say hi", server=server, cwd=work)
        with open(Path(logs()[0], "lock"), "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = await devagent("run", "And now?", "--resume", "last", server=server, cwd=work)
    assert (done.code, done.stdout, len(server.requests)) == (1, "", 1)
    assert "is in use by" in done.stderr
