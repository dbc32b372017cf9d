"""The log as it is written: private, synced where it must be, refused to a second writer."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devagent.audit import encoding, files
from devagent.audit.checkpoints import parse_notes
from devagent.audit.device import Device
from devagent.audit.layout import folder_of, is_ulid
from devagent.audit.reader import read, read_events
from devagent.audit.verify import verify_session
from devagent.audit.writer import SYNC_EVERY, SessionLog
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolCalled, ToolFinished
from devagent.core.events.model import ModelReplied, TextDelta
from devagent.core.events.session import ErrorRaised, LogRecovered, SessionEnded
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from tests.support.log_events import (
    call,
    counting_random,
    new_log,
    started,
    story,
    ticking,
    turn,
    write_story,
)


def test_what_is_written_reads_back_the_same_and_verifies(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    found = verify_session(folder)
    assert found.headline.startswith("verify: ok ")
    assert found.closed
    assert list(read_events(folder)) == story()


def test_only_the_owner_can_read_a_log(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = new_log(str(tmp_path / "sessions"))
    finally:
        os.umask(before)
    log.write(started())
    log.close()
    folder = Path(log.folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    assert modes == {log.sid: 0o700, "events.jsonl": 0o600, "bodies.jsonl": 0o600, "lock": 0o600}
    assert stat.S_IMODE((tmp_path / "sessions").stat().st_mode) == 0o700


def test_a_session_lies_under_the_utc_day_that_its_id_tells(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        assert is_ulid(log.sid)
        assert (
            log.folder
            == folder_of(str(tmp_path), log.sid)
            == str(tmp_path / "2027-01-15" / log.sid)
        )


def test_acts_are_synced_at_once_and_reads_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    log = new_log(str(tmp_path))

    def count(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("events.jsonl"):
            synced.append(log.count)

    monkeypatch.setattr(files, "to_disk", count)
    for event in [started(), *turn(call("allow", "c1", tool_class="read"), call("allow", "c2"))]:
        log.write(event)
    kinds = [
        parse(line)["type"]
        for line in (Path(log.folder) / "events.jsonl").read_bytes().splitlines()
    ]
    assert [kinds[n - 1] for n in synced] == ["session.started", "tool.started", "turn.ended"]
    assert kinds.count("tool.started") == 2
    synced.clear()
    for _ in range(SYNC_EVERY):
        log.write(ErrorRaised(err="odd"))
    assert len(synced) == 1
    log.write(ErrorRaised(err="odd"))
    log.close()
    assert len(synced) == 2


def test_the_end_of_a_session_of_one_task_is_synced_and_signed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))

    device = Device(str(tmp_path / "data"))
    log = SessionLog.create(str(tmp_path / "sessions"), device=device, one_task=True)
    log.write(started())
    asked, ended = [TurnStarted(turn=1), Prompt(turn=1, text="Go")], TurnEnded(turn=1, stop="done")
    reply = ModelReplied(turn=1, model="m", stop="end_turn", content=[])
    for event in asked:
        log.write(event)
    log.load_signing()
    monkeypatch.setattr(files, "to_disk", note)
    monkeypatch.setattr(os, "fsync", note)
    for event in [reply, ended, SessionEnded(stop="done", exit_code=0)]:
        log.write(event)
    log.close()
    assert synced == ["bodies.jsonl", "events.jsonl"]
    notes, _ = parse_notes((Path(log.folder) / "checkpoints").read_bytes())
    assert [one.size for one in notes] == [log.count]
    assert verify_session(log.folder).ok


def test_where_another_turn_follows_after_all_the_one_before_is_synced_and_signed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    device = Device(str(tmp_path / "data"))
    log = SessionLog.create(str(tmp_path / "sessions"), device=device, one_task=True)

    def note(descriptor: int) -> None:
        synced.append(log.count)

    monkeypatch.setattr(files, "to_disk", note)
    reply = ModelReplied(turn=1, model="m", stop="end_turn", content=[])
    for event in [started(), TurnStarted(turn=1), reply, TurnEnded(turn=1, stop="done")]:
        log.write(event)
    assert max(synced) == 1
    log.write(TurnStarted(turn=2))
    assert max(synced) == log.count
    notes, _ = parse_notes((Path(log.folder) / "checkpoints").read_bytes())
    assert [one.size for one in notes] == [log.count]
    log.close()


def test_everything_passes_redaction_once_and_nothing_else_reaches_the_disk(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    def redact(
        header: dict[str, Any], body: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
        seen.extend([header, body])
        if "text" in body:
            text = body["text"].replace("hunter2", "[redacted]")
            return header, {**body, "text": text}, {"password": 1}
        return header, body, {}

    with SessionLog.create(str(tmp_path), redact=redact) as log:
        log.write(TurnStarted(turn=1))
        log.write(Prompt(turn=1, text="the password is hunter2"))
        assert log.redactions == 1
    assert seen == [
        {"type": "turn.started", "turn": 1},
        {},
        {"type": "prompt", "turn": 1},
        {"text": "the password is hunter2"},
    ]
    on_disk = b"".join(path.read_bytes() for path in Path(log.folder).iterdir())
    assert b"hunter2" not in on_disk
    assert list(read_events(log.folder))[1] == Prompt(turn=1, text="the password is [redacted]")
    assert verify_session(log.folder).ok


def test_text_that_utf8_cannot_carry_is_still_logged(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        log.write(TurnStarted(turn=1))
        log.write(ToolCalled(turn=1, call="c1", ext="fs", tool="read", args={"path": "caf\udce9"}))
    assert list(read_events(log.folder))[1] == ToolCalled(
        turn=1, call="c1", ext="fs", tool="read", args={"path": "caf�"}
    )
    assert verify_session(log.folder).ok


def test_what_cannot_be_written_down_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        with pytest.raises(LogError, match="ToolCalled cannot be written down"):
            log.write(ToolCalled(turn=1, call="c1", ext="fs", tool="read", args={"odd": object()}))
        with pytest.raises(LogError, match="never logged"):
            log.write(TextDelta(turn=1, text="x"))
        assert log.write(TurnStarted(turn=1)) == 0
    assert verify_session(log.folder).events == 1


def test_a_closed_log_refuses_writes(tmp_path: Path) -> None:
    log = new_log(str(tmp_path))
    log.close()
    log.close()
    with pytest.raises(LogError, match="closed"):
        log.write(TurnStarted(turn=1))


def test_a_write_that_is_taken_in_parts_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2 + 1])

    monkeypatch.setattr(os, "write", half)
    folder = write_story(str(tmp_path), story())
    assert verify_session(folder).ok
    assert list(read_events(folder)) == story()


def test_a_write_that_is_cut_short_ends_the_log_and_verifies_up_to_the_tear(tmp_path: Path) -> None:
    """A real limit of the system: the file may not grow, as on a full disk."""
    script = (
        "import resource, sys\n"
        "from devagent.core.errors import LogError\n"
        "from tests.support.log_events import new_log, story\n"
        "log = new_log(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "ran = []\n"
        "try:\n"
        "    for event in story():\n"
        "        log.write(event)\n"
        "        ran.append(type(event).__name__)\n"
        "except LogError as e:\n"
        "    print(log.folder, log.count, 'ToolStarted' in ran, e.what)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, timeout=20, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    folder, count, tool_ran, why = done.stdout.split(" ", 3)
    assert tool_ran == "False"
    assert "File too large" in why
    found = verify_session(folder)
    assert (found.ok, found.events) == (True, int(count))
    assert found.torn > 0
    with SessionLog.reopen(folder) as log:
        assert log.count == int(count) + 2  # log.recovered and turn.cut
    assert verify_session(folder).torn == 0


def test_an_interrupt_between_body_and_header_ends_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log(str(tmp_path))
    log.write(TurnStarted(turn=1))

    def interrupted(self: files.Files, line: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.Files, "append_event", interrupted)
    with pytest.raises(KeyboardInterrupt):
        log.write(Prompt(turn=1, text="x"))
    monkeypatch.undo()
    with pytest.raises(LogError, match="interrupted"):
        log.write(TurnCut(turn=1, err="interrupted"))
    log.close()
    with SessionLog.reopen(log.folder):
        pass
    kinds = [type(event) for event in read_events(log.folder)]
    assert kinds == [TurnStarted, LogRecovered, TurnCut]
    assert verify_session(log.folder).ok


def test_two_writers_of_one_session_are_refused_by_name(tmp_path: Path) -> None:
    log = new_log(str(tmp_path))
    log.write(started())
    with pytest.raises(LogError, match=f"in use by process {os.getpid()}"):
        SessionLog.reopen(log.folder)
    script = (
        "import sys\nfrom devagent.audit.writer import SessionLog\nfrom devagent.core.errors import LogError\n"
        "try:\n    SessionLog.reopen(sys.argv[1])\nexcept LogError as e:\n    print(e.what)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, log.folder], capture_output=True, text=True, timeout=20, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.strip() == f"Session {log.sid} is in use by process {os.getpid()}."
    log.close()
    with SessionLog.reopen(log.folder) as again:
        assert again.count == 1


def test_a_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    with SessionLog.reopen(folder, clock=ticking(), random=counting_random()) as log:
        assert log.count == len(story())
        more: list[Event] = [
            *turn(call("allow", "c9", turn=2), number=2),
            SessionEnded(stop="done", exit_code=0),
        ]
        for event in more:
            log.write(event)
    assert list(read_events(folder)) == [*story(), *more]
    assert verify_session(folder).ok


def test_a_call_that_was_under_way_at_the_kill_is_closed_when_the_log_is_opened_again(
    tmp_path: Path,
) -> None:
    events = [started(), *turn(call("allow"))[:-2]]
    folder = write_story(str(tmp_path), events)
    assert verify_session(folder).ok
    with SessionLog.reopen(folder):
        pass
    assert list(read_events(folder))[len(events) :] == [
        ToolFinished(turn=1, call="c1", outcome="cut", err="killed"),
        TurnCut(turn=1, err="killed"),
    ]
    assert verify_session(folder).ok


def test_a_changed_log_is_never_appended_to(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    file = Path(folder) / "events.jsonl"
    changed = file.read_bytes().replace(b'"user":"ana"', b'"user":"eve"', 1)
    file.write_bytes(changed)
    with pytest.raises(LogError, match="does not verify"):
        SessionLog.reopen(folder)
    assert file.read_bytes() == changed


def test_a_torn_end_is_set_aside_and_not_lost(tmp_path: Path) -> None:
    folder = Path(write_story(str(tmp_path), [started(), *turn()[:2]]))
    events = folder / "events.jsonl"
    whole = events.read_bytes()
    events.write_bytes(whole[:-10])
    last = whole.splitlines(keepends=True)[-1]
    body = (folder / "bodies.jsonl").read_bytes().splitlines(keepends=True)[-1]
    with SessionLog.reopen(str(folder)):
        pass
    assert (folder / "torn-2.1.events").read_bytes() == last[:-10]
    assert (folder / "torn-2.1.bodies").read_bytes() == body
    records = list(read(str(folder)))
    assert [type(r.event) for r in records[1:]] == [TurnStarted, LogRecovered, TurnCut]
    assert records[2].event == LogRecovered(bytes=len(last) - 10 + len(body))


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("a file stands here")
    with pytest.raises(LogError, match="cannot be opened for writing"):
        SessionLog.create(str(tmp_path / "sessions"))


def test_opening_a_folder_that_is_no_session_makes_no_session_of_it(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be opened"):
        SessionLog.reopen(str(tmp_path))
    assert not (tmp_path / "events.jsonl").exists()


def test_a_log_behind_a_link_is_not_written_through(tmp_path: Path) -> None:
    folder = Path(write_story(str(tmp_path), story()))
    (folder / "events.jsonl").rename(tmp_path / "elsewhere")
    (folder / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LogError):
        SessionLog.reopen(str(folder))


def test_the_folder_above_the_sessions_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SessionLog.create(str(tmp_path / "home/sessions")).close()
    finally:
        os.umask(before)
    for name in ("home", "home/sessions"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "MAX_LINE", 1 << 20)
    with SessionLog.create(str(tmp_path)) as log:
        log.write(started())
        log.write(TurnStarted(turn=1))
        with pytest.raises(LogError, match="takes more than 1 MiB"):
            log.write(Prompt(turn=1, text="x" * (1 << 20)))
        log.write(TurnCut(turn=1, err="log_error"))
    assert verify_session(log.folder).events == 3
