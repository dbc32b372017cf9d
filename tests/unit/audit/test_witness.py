"""Checkpoints on their way to the witness: never in the way of a session, never lost, and what they are worth."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from devagent.audit.checkpoints import note_text, parse_notes, signed_note
from devagent.audit.device import Device
from devagent.audit.layout import CHECKPOINTS, EVENTS
from devagent.audit.unanchored import Queue
from devagent.audit.verify import verify_session
from devagent.audit.witness import Witnessing, queue_all, send_all
from devagent.audit.witness_protocol import Sender, Unanchored
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded
from devagent.core.keeping import Witness
from tests.support.collectors import collecting
from tests.support.log_events import call, started, story, turn
from tests.support.verifiers import second

NOBODY = Witness("http://127.0.0.1:9", policy="org/acme")


class Clock:
    """Seconds since 1970 that go on only when they are told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def written(
    tmp_path: Path, witness: Witness, events: Sequence[Event], clock: Clock | None = None
) -> str:
    witnessing = Witnessing(
        witness, str(tmp_path / "sessions"), str(tmp_path / "data"), clock=clock or Clock()
    )
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(str(tmp_path / "sessions"), device=device, witnessing=witnessing) as log:
        for event in events:
            log.write(event)
    return log.folder


def waiting(tmp_path: Path) -> dict[str, int]:
    return {sid: one.since for sid, one in Queue(str(tmp_path / "data")).sessions().items()}


def test_a_session_ends_with_its_last_checkpoint_cosigned(tmp_path: Path) -> None:
    with collecting(tmp_path / "collector") as running:
        folder = written(tmp_path, running.witness, story())
        found = verify_session(folder, witness=running.collector.vkey)
        assert (found.ok, found.witnessed, found.problem) == (True, found.events, None)
        (note,) = running.collector.notes(Device(str(tmp_path / "data")).id)
    assert parse_notes(note)[0][0].size == found.events
    assert waiting(tmp_path) == {}
    assert second([Path(folder)])[0].startswith("verify: ok")
    assert "acme-witness has cosigned the first" in " ".join(found.notes)
    wrong = verify_session(folder, witness=running.collector.vkey.replace("acme-witness", "other"))
    assert "id does not belong to its name" in str(wrong.problem)


def test_without_the_witness_the_session_goes_on_and_waits_in_the_queue(tmp_path: Path) -> None:
    clock = Clock()
    folder = written(tmp_path, NOBODY, story(), clock)
    assert verify_session(folder).ok
    assert waiting(tmp_path) == {Path(folder).name: int(clock.now * 1_000_000)}
    later = Witnessing(NOBODY, str(tmp_path / "sessions"), str(tmp_path / "data"), clock=clock)
    clock.now += 600
    assert later.waiting_s() == 600


def test_what_waited_is_sent_by_the_next_session(tmp_path: Path) -> None:
    first = written(tmp_path, NOBODY, story())
    with collecting(tmp_path / "collector") as running:
        witnessing = Witnessing(running.witness, str(tmp_path / "sessions"), str(tmp_path / "data"))
        with SessionLog.create(
            str(tmp_path / "sessions"), device=Device(str(tmp_path / "data")), witnessing=witnessing
        ) as log:
            for event in story()[:-1]:
                log.write(event)
            assert witnessing.settle(10)
            assert witnessing.waiting_s() == 0
            log.write(story()[-1])
        for folder in (first, log.folder):
            found = verify_session(folder, witness=running.collector.vkey)
            assert (found.ok, found.witnessed) == (True, found.events)
    assert waiting(tmp_path) == {}


def test_what_waits_can_be_sent_by_itself(tmp_path: Path) -> None:
    folders = [written(tmp_path, NOBODY, story()) for _ in range(3)]
    sessions, data = str(tmp_path / "sessions"), str(tmp_path / "data")
    (stopped,) = send_all(NOBODY, sessions, data)
    assert "cannot be reached" in stopped.why
    assert len(waiting(tmp_path)) == 3
    with collecting(tmp_path / "collector") as running:
        assert [one.why for one in send_all(running.witness, sessions, data)] == [""] * 3
        assert send_all(running.witness, sessions, data) == []
        for folder in folders:
            found = verify_session(folder, witness=running.collector.vkey)
            assert (found.ok, found.witnessed) == (True, found.events)


def test_sessions_from_before_the_witness_can_be_anchored_too(tmp_path: Path) -> None:
    sessions, data = str(tmp_path / "sessions"), str(tmp_path / "data")
    folders = [written(tmp_path, NOBODY, story()) for _ in range(2)]
    (tmp_path / "data/unanchored.json").unlink()
    with collecting(tmp_path / "collector") as running:
        assert send_all(running.witness, sessions, data) == []
        queue_all(running.witness, sessions, data)
        assert [one.why for one in send_all(running.witness, sessions, data)] == ["", ""]
        queue_all(running.witness, sessions, data)
        assert send_all(running.witness, sessions, data) == []
        found = [verify_session(folder, witness=running.collector.vkey) for folder in folders]
    assert [one.witnessed == one.events > 0 for one in found] == [True, True]


def test_a_session_that_was_gone_on_with_is_proven_to_go_on(tmp_path: Path) -> None:
    with collecting(tmp_path / "collector") as running:
        folder = written(tmp_path, running.witness, [started(), *turn(call("allow"))])
        sessions, data = str(tmp_path / "sessions"), str(tmp_path / "data")
        for number in range(2, 5):
            witnessing = Witnessing(running.witness, sessions, data)
            with SessionLog.reopen(folder, device=Device(data), witnessing=witnessing) as log:
                for event in turn(call("allow"), number=number):
                    log.write(event)
                log.write(SessionEnded(stop="done", exit_code=0))
            found = verify_session(folder, witness=running.collector.vkey)
            assert (found.ok, found.witnessed) == (True, found.events)


def test_a_log_that_was_written_anew_or_cut_is_not_anchored(tmp_path: Path) -> None:
    """Whoever has the device's key can sign another history, but the witness has this one."""
    data = str(tmp_path / "data")
    with collecting(tmp_path / "collector") as running:
        folder = Path(written(tmp_path, running.witness, story()))
        notes, _ = parse_notes((folder / CHECKPOINTS).read_bytes())
        device = Device(data)

        def signed(size: int, root: bytes) -> bytes:
            text = note_text(notes[-1].origin, size, root)
            return signed_note(text, device.vkey, device.sign(text.encode()))

        first = notes[0]
        with pytest.raises(Unanchored, match="here are only") as cut:
            Sender(running.witness, str(folder), device.vkey).send(signed(first.size, first.root))
        assert cut.value.refused
        lines = (folder / EVENTS).read_bytes().replace(b'"ana"', b'"bob"')
        (folder / EVENTS).write_bytes(lines)
        with pytest.raises(Unanchored, match="the log was changed here"):
            Sender(running.witness, str(folder), device.vkey).send(signed(notes[-1].size, bytes(32)))  # fmt: skip


def test_a_witness_that_signs_with_another_key_does_not_count(tmp_path: Path) -> None:
    with (
        collecting(tmp_path / "other") as other,
        collecting(tmp_path / "collector") as running,
    ):
        witness = Witness(running.url, other.collector.vkey)
        folder = written(tmp_path, witness, story())
        assert waiting(tmp_path)
        (told,) = send_all(witness, str(tmp_path / "sessions"), str(tmp_path / "data"))
        assert "no good cosignature" in told.why
        assert verify_session(folder, witness=other.collector.vkey).witnessed == 0


def test_a_torn_checkpoint_of_a_killed_session_does_not_keep_it_from_being_anchored(
    tmp_path: Path,
) -> None:
    folder = Path(written(tmp_path, NOBODY, story()))
    with (folder / CHECKPOINTS).open("ab") as file:
        file.write(b"devagent/local/abc")
    before = (folder / CHECKPOINTS).read_bytes()
    with collecting(tmp_path / "collector") as running:
        (done,) = send_all(running.witness, str(tmp_path / "sessions"), str(tmp_path / "data"))
        assert done.why == ""
    assert waiting(tmp_path) == {}
    assert (folder / CHECKPOINTS).read_bytes() == before


def test_a_running_session_is_left_to_its_own_process(tmp_path: Path) -> None:
    sessions, data = str(tmp_path / "sessions"), str(tmp_path / "data")
    with (
        collecting(tmp_path / "collector") as running,
        SessionLog.create(
            sessions, device=Device(data), witnessing=Witnessing(NOBODY, sessions, data)
        ) as log,
    ):
        for event in [started(), *turn(call("allow"))]:
            log.write(event)
        assert send_all(running.witness, sessions, data) == []
        assert list(waiting(tmp_path)) == [log.sid]


def test_a_session_that_is_gone_does_not_wait_for_ever(tmp_path: Path) -> None:
    folder = Path(written(tmp_path, NOBODY, story()))
    folder.rename(tmp_path / "elsewhere")
    with collecting(tmp_path / "collector") as running:
        assert send_all(running.witness, str(tmp_path / "sessions"), str(tmp_path / "data")) == []
    assert waiting(tmp_path) == {}


def test_a_queue_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "unanchored.json").write_text("{")
    with pytest.raises(LogError, match="cannot be read"):
        Queue(str(tmp_path)).sessions()


def test_a_clock_set_back_does_not_make_the_wait_negative(tmp_path: Path) -> None:
    clock = Clock()
    written(tmp_path, NOBODY, story(), clock)
    clock.now -= 3_600
    later = Witnessing(NOBODY, str(tmp_path / "sessions"), str(tmp_path / "data"), clock=clock)
    assert later.waiting_s() == 0.0
    assert os.listdir(tmp_path / "data")
