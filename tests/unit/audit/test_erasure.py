"""Erasing, holding, removing: nothing goes silently, and what stays verifies, with both verifiers."""

import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from devagent.audit import files as log_files
from devagent.audit.claims import gaps
from devagent.audit.device import Device
from devagent.audit.erasure import erase, has_content
from devagent.audit.holds import change_hold, held, holds
from devagent.audit.layout import (
    BODIES,
    CHECKPOINTS,
    DEVICE_KEY,
    EVENTS,
    HOLD,
    TOMBSTONE,
    newest_first,
)
from devagent.audit.reader import last_activity, read, read_events, sessions
from devagent.audit.retention import carry_out, due
from devagent.audit.sealing import Sealing, new_identity
from devagent.audit.search import forget_what_is_gone, search_sessions
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError, UsageError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.people import FeedbackGiven
from devagent.core.events.session import LogErased, SessionEnded, SessionResumed
from devagent.core.keeping import Keeping
from devagent.core.resources import Resource
from tests.support.log_events import ANA, call, started, story, turn
from tests.support.verifiers import second

DAY_US = 86_400_000_000
KEEP = Keeping(keep_content_days=30, keep_days=100, policy="org/acme")


def session(tmp_path: Path) -> str:
    """A story of one device below ``sessions``, signed, and numbered on."""
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(str(tmp_path / "sessions"), device=device) as log:
        count, previous = device.begin(str(tmp_path / "sessions"), log.sid)
        log.write(replace(started(count), previous=previous))
        for event in story()[1:]:
            log.write(event)
    return log.folder


def erased(tmp_path: Path, folder: str, events: tuple[int, int] | None = None) -> None:
    erase(folder, events, who=ANA, reason="asked to", device=Device(str(tmp_path / "data")))


def rated(folder: str, said: FeedbackGiven) -> None:
    with SessionLog.reopen(folder) as log:
        log.write(said)


def verified(tmp_path: Path, folder: str) -> Verification:
    found = verify_session(folder, key=Device(str(tmp_path / "data")).vkey)
    assert found.ok, found.problem
    assert [line for line in second([Path(folder)]) if not line.startswith("verify: ok")] == []
    return found


def test_erased_content_is_gone_and_the_chain_whole(tmp_path: Path) -> None:
    folder = session(tmp_path)
    before = verified(tmp_path, folder)
    lines = (Path(folder) / EVENTS).read_bytes()
    erased(tmp_path, folder)
    after = verified(tmp_path, folder)
    assert (after.events, after.bodies, after.erased) == (before.events + 1, 0, before.bodies)
    assert after.closed
    assert after.tail.signed == after.events
    assert (Path(folder) / EVENTS).read_bytes().startswith(lines)
    *_, last = read(folder)
    assert last.event == LogErased(range=(0, before.events - 1), principal=ANA, reason="asked to")
    for file in Path(folder).iterdir():
        assert b"push it" not in file.read_bytes()
    assert [one.state for one in sessions(str(tmp_path / "sessions"))] == ["ended"]


def test_only_the_content_of_the_named_events_goes(tmp_path: Path) -> None:
    folder = session(tmp_path)
    erased(tmp_path, folder, (2, 4))
    contents = {record.seq: record.content for record in read(folder) if record.content != "none"}
    assert {seq for seq, content in contents.items() if content == "erased"} == {2, 4}
    assert verified(tmp_path, folder).bodies == len(contents) - 2
    erased(tmp_path, folder)
    assert verified(tmp_path, folder).bodies == 0
    with pytest.raises(UsageError, match="has no events 3 to 900"):
        erased(tmp_path, folder, (3, 900))


def test_erasing_what_is_gone_records_nothing_more(tmp_path: Path) -> None:
    folder = session(tmp_path)
    erased(tmp_path, folder)
    events = verified(tmp_path, folder).events
    assert erase(folder, who=ANA, reason="again").bodies == 0
    assert verified(tmp_path, folder).events == events


def test_a_session_can_be_erased_without_the_key_it_is_sealed_with(tmp_path: Path) -> None:
    _, public = new_identity()
    with SessionLog.create(str(tmp_path), sealing=Sealing((public,))) as log:
        for event in story():
            log.write(event)
    erase(log.folder, (0, 3), who=ANA, reason="asked to")
    found = verify_session(log.folder)
    assert (found.ok, found.erased) == (True, 2)
    assert found.sealed > 0


def test_an_erased_session_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = session(tmp_path)
    erased(tmp_path, folder, (2, 2))
    with pytest.raises(LogError, match="content of event 2 is erased"):
        list(read_events(folder))


def test_search_forgets_what_was_erased_down_to_the_file(tmp_path: Path) -> None:
    root = str(tmp_path / "sessions")
    folder = session(tmp_path)
    assert search_sessions(root, ["rewrite"]).found
    erased(tmp_path, folder)
    forget_what_is_gone(root)
    assert search_sessions(root, ["rewrite"]).found == []
    for file in Path(root).glob("index*"):
        assert b"rewrite" not in file.read_bytes()


def test_what_is_to_be_erased_is_not_found_also_where_erasing_was_killed_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever searches between the record of an erasure and its being carried out keeps nothing of the content."""
    root, folder = str(tmp_path / "sessions"), session(tmp_path)
    assert search_sessions(root, ["please"]).found

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(log_files.Files, "rewrite_bodies", killed)
        with pytest.raises(KeyboardInterrupt):
            erased(tmp_path, folder, (2, 5))
    assert b"please" in (Path(folder) / BODIES).read_bytes()
    for act in (lambda: None, lambda: erased(tmp_path, folder, (2, 5))):
        act()
        forget_what_is_gone(root)
        assert search_sessions(root, ["please"]).found == []
        assert b"please" not in (Path(root) / "index.sqlite").read_bytes()
        assert search_sessions(root, ["push"]).found, "what was not erased is found still"
    assert b"please" not in (Path(folder) / BODIES).read_bytes()


def test_the_torn_content_that_was_set_aside_goes_too(tmp_path: Path) -> None:
    with SessionLog.create(str(tmp_path)) as log:
        log.write(started())
    folder = Path(log.folder)
    with (folder / BODIES).open("ab") as file:
        file.write(b'{"content":"half a secr')
    erase(str(folder), who=ANA, reason="asked to")
    assert [name for name in os.listdir(folder) if name.startswith("torn")] == []
    assert verify_session(str(folder)).ok


def killed_at(number: int, act: Callable[[], None]) -> bool:
    """Whether a child process that does this was killed in its write or rename of that number."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def dying(real: Callable[..., object], half: bool) -> Callable[..., object]:
            def do(*arguments: object, **named: object) -> object:
                nonlocal count
                count += 1
                if count == number:
                    if half and isinstance(data := arguments[1], bytes):
                        real(arguments[0], data[: len(data) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **named)

            return do

        os.write = dying(os.write, True)  # pyright: ignore[reportAttributeAccessIssue]
        os.rename = dying(os.rename, False)
        os.unlink = dying(os.unlink, False)
        log_files.to_disk = os.fsync = lambda _: None
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_an_erasure_killed_at_any_point_leaves_a_log_that_verifies_and_can_be_finished(
    tmp_path: Path,
) -> None:
    unfinished = 0
    number = 0
    for number in range(1, 100):
        here = tmp_path / str(number)
        folder = session(here)
        killed = killed_at(number, lambda here=here, folder=folder: erased(here, folder))
        found = verify_session(folder)
        assert found.ok, (number, found.problem)
        assert found.closed
        unfinished += any("still there" in note for note in found.notes)
        erased(here, folder)
        again = verify_session(folder)
        assert (again.ok, again.bodies) == (True, 0), (number, again.problem)
        kinds = [record.header["type"] for record in read(folder)]
        assert kinds.count("log.erased") == 1
        if not killed:
            break
    assert number > 5
    assert unfinished


def test_going_on_with_an_ended_session_never_leaves_it_torn(tmp_path: Path) -> None:
    resumed = SessionResumed(principal=ANA, mode="run", model="m", versions={}, policy="")

    def go_on(folder: str) -> None:
        with SessionLog.reopen(folder) as log:
            log.write(resumed)

    number = 0
    for number in range(1, 50):
        folder = session(tmp_path / str(number))
        killed = killed_at(number, lambda folder=folder: go_on(folder))
        found = verify_session(folder)
        assert found.ok, (number, found.problem)
        if not killed:
            break
    assert number > 1


def test_content_whose_header_was_not_written_after_the_end_is_set_aside(tmp_path: Path) -> None:
    folder = session(tmp_path)
    found = before = verify_session(folder)
    said = FeedbackGiven(turn=1, principal=ANA, agent="devagent", rating="bad", note="too slow")
    cut = 0
    for number in range(1, 50):
        killed = killed_at(number, lambda: rated(folder, said))
        found = verified(tmp_path, folder)
        assert found.closed
        cut += any("cut off between the two" in note for note in found.notes)
        if not killed:
            break
    assert cut
    assert found.events > before.events
    assert list(read_events(folder))[-1] == said


def test_a_held_session_is_neither_erased_nor_removed_until_it_is_released(tmp_path: Path) -> None:
    folder = session(tmp_path)
    change_hold(folder, hold=True, by="ana", reason="case 12")
    with pytest.raises(LogError, match="is held by ana: case 12"):
        erased(tmp_path, folder)
    (one,) = due(str(tmp_path / "sessions"), KEEP, now=1 << 60)
    assert one.why_not == "held by ana: case 12"
    with pytest.raises(LogError, match="is held"):
        carry_out(one, KEEP, str(tmp_path / "sessions"), who=ANA, device=Device(str(tmp_path / "data")))  # fmt: skip
    change_hold(folder, hold=False, by="bo", reason="closed")
    assert held(folder) is None
    assert [(hold.held, hold.by, hold.reason) for hold in holds(folder)] == [
        (True, "ana", "case 12"),
        (False, "bo", "closed"),
    ]
    erased(tmp_path, folder)
    assert not has_content(folder)


def test_a_hold_that_cannot_be_read_is_a_hold(tmp_path: Path) -> None:
    folder = session(tmp_path)
    (Path(folder) / HOLD).write_bytes(b'{"at":1,"by":"ana","hel')
    assert held(folder)
    change_hold(folder, hold=False, by="bo", reason="seen")
    assert held(folder) is None


def test_retention_erases_and_then_removes_by_the_age_of_what_was_done_last(tmp_path: Path) -> None:
    root = str(tmp_path / "sessions")
    folder = session(tmp_path)
    last = max(record.ts for record in read(folder))
    assert list(due(root, KEEP, now=last + 30 * DAY_US - 1)) == []
    assert list(due(root, Keeping(), now=1 << 60)) == []
    (one,) = due(root, KEEP, now=last + 30 * DAY_US)
    assert (one.action, one.days, one.why_not) == ("erase", 30, "")
    device = Device(str(tmp_path / "data"))
    carry_out(one, KEEP, root, who=ANA, device=device)
    *_, record = read(folder)
    assert isinstance(record.event, LogErased)
    assert (record.event.reason, record.event.policy) == ("kept for 30 days", "org/acme")
    assert list(due(root, KEEP, now=last + 99 * DAY_US)) == []
    (one,) = due(root, KEEP, now=last + 100 * DAY_US)
    assert one.action == "remove"
    (held_back,) = due(root, Keeping(keep_days=100, hold="org/legal"), now=last + 100 * DAY_US)
    assert held_back.why_not == "org/legal holds everything"


def test_a_last_event_that_names_thousands_of_files_is_still_the_last_one(tmp_path: Path) -> None:
    """A session that is listed as empty would be taken for as old as its first event."""
    many = tuple(Resource(f"path:/home/ana/shop/{n:05}.py", "write") for n in range(5_000))
    *before, verdict = (started(), *turn(call("deny"))[:-1])
    assert isinstance(verdict, ToolJudged)
    day, root = itertools.count(1_800_000_000, 86_400), str(tmp_path / "sessions")
    with SessionLog.create(root, clock=lambda: next(day) * 1_000_000_000) as log:
        for event in (*before, replace(verdict, resources=many)):
            log.write(event)
    *_, last = read(log.folder)
    assert len((Path(log.folder) / EVENTS).read_bytes().splitlines()[-1]) > 128 * 1024
    assert last_activity(log.folder) == last.ts
    (shown,) = sessions(root)
    assert (shown.state, shown.events) == ("open", last.seq + 1)


def test_a_removed_session_leaves_a_tombstone_and_no_gap(tmp_path: Path) -> None:
    root = str(tmp_path / "sessions")
    folders = [session(tmp_path) for _ in range(3)]
    device = Device(str(tmp_path / "data"))
    before = verify_session(folders[1])
    one = next(one for one in due(root, KEEP, now=1 << 60) if one.folder == folders[1])
    carry_out(one, KEEP, root, who=ANA, device=device)
    assert sorted(os.listdir(folders[1])) == [CHECKPOINTS, DEVICE_KEY, TOMBSTONE]
    found = verified(tmp_path, folders[1])
    assert (found.removed, found.count, found.previous) == (True, 2, before.previous)
    assert found.headline == f"verify: ok {found.sid} removed, as its tombstone says"
    assert "removed by ana: kept for 100 days (org/acme)" in found.notes
    every = [verify_session(folder) for folder in newest_first(root)]
    assert gaps(every, newest=(3, Path(folders[2]).name)) == []
    assert {one.state for one in sessions(root)} == {"ended", "removed"}
    assert [one for one in due(root, KEEP, now=1 << 60) if one.folder == folders[1]] == []
    (Path(folders[1]) / TOMBSTONE).unlink()
    assert not verify_session(folders[1]).ok


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ((b"by ana", b"by bob"), "no good signature"),
        ((b"reason ", b"motive "), "does not say when and why"),
        ((b"=\n\n", b"=\n"), "is no signed note"),
    ],
)
def test_a_tombstone_that_was_changed_is_no_tombstone(
    tmp_path: Path, change: tuple[bytes, bytes], what: str
) -> None:
    folder = session(tmp_path)
    root = str(tmp_path / "sessions")
    (one,) = due(root, KEEP, now=1 << 60)
    carry_out(one, KEEP, root, who=ANA, device=Device(str(tmp_path / "data")))
    stone = Path(folder) / TOMBSTONE
    before = stone.read_bytes()
    stone.write_bytes(before.replace(*change))
    assert stone.read_bytes() != before
    found = verify_session(folder)
    assert what in str(found.problem)
    assert second([Path(folder)])[0].startswith("verify: FAILED")


def test_another_devices_tombstone_does_not_stand_in_for_a_session(tmp_path: Path) -> None:
    folder = session(tmp_path)
    root = str(tmp_path / "sessions")
    key = Device(str(tmp_path / "data")).vkey
    (Path(folder) / DEVICE_KEY).unlink()
    (one,) = due(root, KEEP, now=1 << 60)
    carry_out(one, KEEP, root, who=ANA, device=Device(str(tmp_path / "forger")))
    assert "no good signature" in str(verify_session(folder, key=key).problem)


def test_what_does_not_verify_is_never_removed(tmp_path: Path) -> None:
    folder = session(tmp_path)
    root = str(tmp_path / "sessions")
    path = Path(folder) / EVENTS
    path.write_bytes(path.read_bytes().replace(b"ana", b"bob", 1))
    (one,) = due(root, KEEP, now=1 << 60)
    with pytest.raises(LogError, match="does not verify, so it stays"):
        carry_out(one, KEEP, root, who=ANA, device=Device(str(tmp_path / "data")))
    assert path.exists()


def test_a_running_session_is_left_alone(tmp_path: Path) -> None:
    root = str(tmp_path / "sessions")
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(root, device=device) as log:
        log.write(started())
        (one,) = due(root, KEEP, now=1 << 60)
        with pytest.raises(LogError, match="is in use"):
            carry_out(one, KEEP, root, who=ANA, device=device)
        for event in [*turn(call("allow")), SessionEnded(stop="done", exit_code=0)]:
            log.write(event)
    assert verified(tmp_path, log.folder).bodies


def test_a_removal_killed_at_any_point_is_finished_by_the_next(tmp_path: Path) -> None:
    number = 0
    for number in range(1, 100):
        here = tmp_path / str(number)
        folder = session(here)
        root, device = str(here / "sessions"), Device(str(here / "data"))

        def prune(root: str = root, device: Device = device) -> None:
            for one in due(root, KEEP, now=1 << 60):
                carry_out(one, KEEP, root, who=ANA, device=device)

        killed = killed_at(number, prune)
        found = verify_session(folder)
        begun = os.path.exists(os.path.join(folder, TOMBSTONE))
        assert found.ok or (begun and os.path.exists(os.path.join(folder, EVENTS))), found.problem
        prune()
        assert verify_session(folder).removed, number
        if not killed:
            break
    assert number > 5
