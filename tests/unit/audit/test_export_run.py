"""Exports: every event goes to a target exactly once, wherever the process that sends it is killed."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from devagent.audit import opening
from devagent.audit.device import Device
from devagent.audit.erasure import erase
from devagent.audit.export.fold import Teams
from devagent.audit.export.items import Call, Happened, Reply, Standing, Turn
from devagent.audit.export.progress import Progress
from devagent.audit.export.run import Export
from devagent.audit.export.target import Batch, ExportError
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read
from devagent.audit.sealing import Sealing, new_identity
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical
from devagent.core.events.session import SessionEnded, SessionResumed
from devagent.core.principal import Principal
from tests.support.exported import (
    SECRET,
    TEAMS,
    Killed,
    Remembering,
    a_turn,
    ended_session,
    export,
    fleet,
    session_log,
    who,
)
from tests.support.log_events import ANA

AT = 1_800_000_000_000_000


def events_of(folder: str) -> list[str]:
    sid = os.path.basename(folder)
    return [f"{sid}/{record.seq}" for record in read(folder)]


def test_every_event_is_told_once_and_a_second_export_finds_nothing_new(tmp_path: Path) -> None:
    folders = fleet(tmp_path / "sessions", 1)
    target = Remembering()
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert (tally.ok, tally.sessions, tally.open) == (True, 2, 0)
    assert target.ids("Happened") == [id for folder in folders for id in events_of(folder)]
    assert tally.events == len(target.ids("Happened"))
    assert len(target.ids("Call")) == 12
    assert len(target.ids("Turn")) == 3
    assert len(target.ids("Reply")) == 3
    again = export(target, tmp_path, tmp_path / "sessions")
    assert (again.events, again.unchanged, again.batches) == (0, 2, 0)


def test_an_item_says_who_it_was_for_and_what_became_of_it(tmp_path: Path) -> None:
    events = [who("ana", "data-eng", "all"), *a_turn(reads="table:shop.main.customers")]
    ended_session(tmp_path / "sessions", events, at_us=AT, device=Device(str(tmp_path / "d")))
    target = Remembering(100)
    teams = Teams(lambda _: ("eu",), "data-*")
    export(target, tmp_path, tmp_path / "sessions", teams=teams)
    calls = [one for one in target.items.values() if isinstance(one, Call)]
    assert [one.status for one in calls] == ["allowed", "denied", "approved", "declined"]
    assert {one.about.team for one in calls} == {"data-eng"}
    assert calls[0].about.groups == ("all", "data-eng", "eu")
    assert [one.id for one in calls[0].resources] == ["table:shop.main.customers"]
    assert calls[2].asked is not None
    assert calls[2].asked.by == "ana"
    (turn,) = [one for one in target.items.values() if isinstance(one, Turn)]
    assert (turn.calls, turn.denied, turn.usd_micros, turn.stop) == (4, 2, 1_500, "done")
    (standing,) = [one for one in target.items.values() if isinstance(one, Standing)]
    assert (standing.state, standing.verdict.ok, standing.calls) == ("ended", True, 4)
    assert standing.verdict.signed == standing.verdict.events == standing.events
    assert standing.about.device.startswith("devagent/")


@pytest.mark.parametrize("point", ["before it is sent", "after it is sent"])
def test_a_process_that_is_killed_at_any_batch_loses_and_repeats_nothing(
    tmp_path: Path, point: str
) -> None:
    folders = fleet(tmp_path / "sessions", 1)
    whole = Remembering(16)
    export(whole, tmp_path / "whole", tmp_path / "sessions")
    for killed_at in range(1, len(whole.batches) + 1):
        target = Mortal(killed_at, point)
        home = tmp_path / f"{killed_at}"
        with pytest.raises(Killed):
            export(target, home, tmp_path / "sessions")
        tally = export(target, home, tmp_path / "sessions")
        assert tally.resent == 1
        assert list(target.items) == list(whole.items)
        assert target.ids("Happened") == [id for folder in folders for id in events_of(folder)]
        names = [batch.name for batch in target.batches]
        assert len(set(names)) == len(whole.batches)


class Mortal(Remembering):
    """Kills the process with one of its batches, before or after that has reached it."""

    def __init__(self, at: int, point: str) -> None:
        super().__init__(16)
        self._left = at
        self._point = point

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        self._left -= 1
        if self._left == 0 and self._point == "before it is sent":
            raise Killed
        super().write(batch, again=again)
        if self._left == 0:
            raise Killed
        return ()


def test_a_session_that_goes_on_is_exported_from_where_it_was(tmp_path: Path) -> None:
    first = a_turn(1)
    log = session_log(tmp_path / "sessions", [who("ana"), *first[:6]], at_us=AT)
    target = Remembering(100)
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert (tally.open, tally.events) == (1, 7)
    assert target.ids("Turn") == []
    assert target.ids("Call") == []  # it is under way
    for event in first[6:]:
        log.write(event)
    export(target, tmp_path, tmp_path / "sessions")
    assert len(target.ids("Call")) == 4
    assert len(target.ids("Turn")) == 1
    log.write(SessionEnded(stop="done", exit_code=0))
    log.close()
    export(target, tmp_path, tmp_path / "sessions")
    assert target.ids("Happened") == events_of(log.folder)
    standings = [one for one in target.items.values() if isinstance(one, Standing)]
    assert [(one.state, one.since) for one in standings] == [("open", 0), ("open", 7), ("ended", len(first) + 1)]  # fmt: skip
    assert standings[-1].usd_micros == 1_500


def test_what_a_killed_session_left_open_is_told_once_also_when_it_is_resumed(
    tmp_path: Path,
) -> None:
    first = a_turn(1)
    until = next(n for n, event in enumerate(first) if type(event).__name__ == "ToolStarted") + 1
    log = session_log(tmp_path / "sessions", [who("ana"), *first[:until]], at_us=AT)
    target = Remembering(100)
    export(target, tmp_path, tmp_path / "sessions")
    assert target.ids("Turn") == []
    log.files.close()  # killed: nothing is written any more
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert (tally.events, tally.open, tally.sessions) == (0, 0, 1)
    (turn,) = [one for one in target.items.values() if isinstance(one, Turn)]
    (call,) = [one for one in target.items.values() if isinstance(one, Call)]
    assert (turn.cut, call.outcome) == ("left", "cut")
    assert [s.state for s in target.items.values() if isinstance(s, Standing)] == ["open", "left"]
    assert export(target, tmp_path, tmp_path / "sessions").unchanged == 1
    with SessionLog.reopen(log.folder) as resumed:
        resumed.write(SessionResumed(principal=ANA, mode="run", model="claude", versions={}, policy=""))  # fmt: skip
        for event in a_turn(2):
            resumed.write(event)
        resumed.write(SessionEnded(stop="done", exit_code=0))
    export(target, tmp_path, tmp_path / "sessions")
    assert target.ids("Happened") == events_of(log.folder)
    assert len(target.ids("Turn")) == 2
    assert len(target.ids("Call")) == 5


def test_what_somebody_goes_on_with_meanwhile_is_not_told_as_cut_off(tmp_path: Path) -> None:
    first = a_turn(1)
    log = session_log(tmp_path / "sessions", [who("ana"), *first[:7]], at_us=AT)
    log.files.close()  # killed
    resumed: list[SessionLog] = []

    def verify(folder: str) -> Verification:
        found = verify_session(folder)
        resumed.append(SessionLog.reopen(folder))
        return found

    target = Remembering(100)
    with Progress(str(tmp_path / "exports"), target.identity) as progress:
        one = Export(target, progress, verify, TEAMS)
        one.run([log.folder])
    assert one.tally.open == 1
    assert (target.ids("Turn"), target.ids("Call")) == ([], [])
    resumed[0].close()
    export(target, tmp_path, tmp_path / "sessions")
    assert (len(target.ids("Turn")), len(target.ids("Call"))) == (1, 1)
    assert target.ids("Happened") == events_of(log.folder)


def test_content_stays_where_it_is_unless_it_is_asked_for(tmp_path: Path) -> None:
    ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    bare, full = Remembering(100), Remembering(100)
    export(bare, tmp_path / "a", tmp_path / "sessions")
    export(full, tmp_path / "b", tmp_path / "sessions", content=True)
    for text in (SECRET, "push it", "Force pushes rewrite", "/home/ana/shop", '"main"'):
        assert text not in told(bare)
        assert text in told(full)
    assert {one.content for one in bare.items.values() if isinstance(one, Happened)} == {"none", "left"}  # fmt: skip


def told(target: Remembering) -> str:
    return "\n".join(canonical(item).decode() for item in target.items.values())


def test_a_command_is_told_by_its_program_alone_without_content(tmp_path: Path) -> None:
    events = a_turn(reads="command:curl -d token https://example.com")
    ended_session(tmp_path / "sessions", [who("ana"), *events], at_us=AT)
    bare, full = Remembering(100), Remembering(100)
    export(bare, tmp_path / "a", tmp_path / "sessions")
    export(full, tmp_path / "b", tmp_path / "sessions", content=True)
    assert "command:curl …" in told(bare)
    assert "example.com" not in told(bare)
    assert "command:curl -d token https://example.com" in told(full)


def test_erased_content_is_not_told_and_the_erasure_is(tmp_path: Path) -> None:
    folder = ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    erase(folder, who=Principal(user="dpo"), reason="a customer's data")
    target = Remembering(100)
    tally = export(target, tmp_path, tmp_path / "sessions", content=True)
    assert tally.ok
    assert SECRET not in told(target)
    assert "a customer's data" in told(target)
    assert "erased" in {one.content for one in target.items.values() if isinstance(one, Happened)}
    assert len(target.ids("Call")) == 4


def test_sealed_content_stays_sealed_whatever_keys_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = new_identity()
    monkeypatch.setattr(opening, "_identities", lambda: [secret])
    sealing = Sealing((public,))
    log = SessionLog.create(str(tmp_path / "sessions"), sealing=sealing)
    for event in [who("ana"), *a_turn(), SessionEnded(stop="done", exit_code=0)]:
        log.write(event)
    log.close()
    assert SECRET in "".join(canonical(one.body).decode() for one in read(log.folder))
    target = Remembering(100)
    assert export(target, tmp_path, tmp_path / "sessions", content=True).ok
    assert SECRET not in told(target)
    assert "sealed" in {one.content for one in target.items.values() if isinstance(one, Happened)}


def damaged_at(folder: str, line: int) -> None:
    path = Path(folder, EVENTS)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"allow"', b'"deny!"').replace(b'"user":"ana"', b'"user":"eve"')  # fmt: skip
    path.write_bytes(b"".join(lines))


def test_a_log_that_was_changed_goes_out_with_its_verdict_and_is_told(tmp_path: Path) -> None:
    folder = ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    damaged_at(folder, 0)
    target = Remembering(100)
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert not tally.ok
    assert [one.sid for one in tally.unverified] == [os.path.basename(folder)]
    (standing,) = [one for one in target.items.values() if isinstance(one, Standing)]
    assert not standing.verdict.ok
    assert "prev is not the hash" in standing.verdict.problem
    assert len(target.ids("Happened")) == len(events_of(folder))
    again = export(target, tmp_path, tmp_path / "sessions")
    assert (again.events, len(again.unverified)) == (0, 1)  # it is told until it is settled


def test_a_log_that_was_cut_back_or_rewritten_after_its_export_is_told(tmp_path: Path) -> None:
    log = session_log(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    log.close()
    target = Remembering(100)
    export(target, tmp_path, tmp_path / "sessions")
    events, bodies = Path(log.folder, EVENTS), Path(log.folder, BODIES)
    whole = events.read_bytes(), bodies.read_bytes()
    events.write_bytes(b"".join(whole[0].splitlines(keepends=True)[:4]))
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert "was cut back" in tally.failed[0].why
    other = session_log(tmp_path / "other", [who("eve"), *a_turn(), *a_turn(2)], at_us=AT)
    other.close()
    text = Path(other.folder, EVENTS).read_text().replace(other.sid, log.sid)
    events.write_text(text)
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert "not what stands in it now" in tally.failed[0].why


def test_a_session_that_is_removed_between_two_attempts_is_told(tmp_path: Path) -> None:
    folders = fleet(tmp_path / "sessions", 1)
    target = Mortal(1, "before it is sent")
    with pytest.raises(Killed):
        export(target, tmp_path, tmp_path / "sessions")
    shutil.rmtree(folders[0])
    tally = export(target, tmp_path, tmp_path / "sessions")
    assert tally.failed[0].sid == os.path.basename(folders[0])
    assert target.ids("Happened") == events_of(folders[1])


def test_two_exports_to_one_target_do_not_run_at_once(tmp_path: Path) -> None:
    with (
        Progress(str(tmp_path), "x:"),
        pytest.raises(ExportError, match="is running"),
        Progress(str(tmp_path), "x:"),
    ):
        pass
    with Progress(str(tmp_path), "x:") as one:
        assert one.number == 0
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_target_that_fails_gets_the_same_batch_again(tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    target = Failing()
    for _ in range(3):
        with pytest.raises(ExportError, match="It is full"):
            export(target, tmp_path, tmp_path / "sessions")
    assert len(target.refused) == 3
    assert len(set(target.refused)) == 1
    target.works = True
    assert export(target, tmp_path, tmp_path / "sessions").ok
    assert len(target.ids("Call")) == 12


class Failing(Remembering):
    def __init__(self) -> None:
        super().__init__(16)
        self.works = False
        self.refused: list[bytes] = []

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        if not self.works:
            self.refused.append(canonical(batch))
            raise ExportError("It is full.")
        return super().write(batch, again=again)


def test_memory_holds_a_batch_not_a_session(tmp_path: Path) -> None:
    events = [who("ana"), *(event for n in range(1, 20) for event in a_turn(n))]
    ended_session(tmp_path / "sessions", events, at_us=AT)
    target = Remembering(20)
    export(target, tmp_path, tmp_path / "sessions")
    assert max(len(batch.items) for batch in target.batches) < 40
    assert len(target.batches) > 15
    replies = [one for one in target.items.values() if isinstance(one, Reply)]
    assert len(replies) == 19
    assert TEAMS.of(Principal(user="x")) == ((), "none")
