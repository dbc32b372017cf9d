"""What disks, clocks and other processes do to a log: it holds, or it says so and nothing goes on without it."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from devagent.audit.claims import Claims, claim, gaps, newest
from devagent.audit.device import Device
from devagent.audit.erasure import erase
from devagent.audit.holds import change_hold
from devagent.audit.layout import EVENTS, newest_first
from devagent.audit.reader import read_events, sessions
from devagent.audit.retention import carry_out, due
from devagent.audit.search import search_sessions
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError
from devagent.core.events.session import SessionEnded, SessionForked, SessionStarted
from devagent.core.keeping import Keeping
from tests.support.changed_logs import missed
from tests.support.log_events import ANA, call, started, story, turn

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def numbered(tmp_path: Path, device: Device, log: SessionLog) -> SessionStarted:
    count, previous = device.begin(str(tmp_path / "sessions"), log.sid)
    return replace(started(count), previous=previous)


@pytest.mark.parametrize("seed", range(25))
def test_ten_changed_bytes_of_any_log_are_found(tmp_path: Path, seed: int) -> None:
    assert list(missed(random.Random(seed), tmp_path)) == []


def test_a_clock_set_back_within_a_session_changes_nothing_but_the_times(tmp_path: Path) -> None:
    now = 1_800_000_000 * SECOND

    def clock() -> int:
        nonlocal now
        now += SECOND
        return now

    def ticks() -> int:
        return now + HOUR * 24 * 365

    device = Device(str(tmp_path / "data"))
    log = SessionLog.create(str(tmp_path / "sessions"), device=device, clock=clock, monotonic=ticks)
    with log:
        log.write(started())
        for number in (1, 2, 3):
            now -= 2 * HOUR
            for event in turn(call("allow", f"c{number}", number), number=number):
                log.write(event)
        log.write(SessionEnded(stop="done", exit_code=0))
    found = verify_session(log.folder, key=device.vkey)
    assert (found.ok, found.closed, found.tail.signed) == (True, True, found.events)
    with SessionLog.reopen(log.folder, device=device, clock=lambda: 1, monotonic=lambda: 1) as log:
        for event in turn(number=4):
            log.write(event)
    assert verify_session(log.folder, key=device.vkey).ok


def test_sessions_of_a_clock_set_back_stand_in_the_order_of_their_count(tmp_path: Path) -> None:
    root, device = str(tmp_path / "sessions"), Device(str(tmp_path / "data"))
    for hours in (0, -30, +2, -60):
        at = 1_800_000_000 * SECOND + hours * HOUR
        with SessionLog.create(root, device=device, clock=lambda at=at: at) as log:
            log.write(numbered(tmp_path, device, log))
            for event in story()[1:]:
                log.write(event)
    every = [verify_session(folder, key=device.vkey) for folder in newest_first(root)]
    assert [one.problem for one in every] == [None] * 4
    assert sorted(one.count for one in every) == [1, 2, 3, 4]
    count, last = newest(device.folder)
    assert gaps(every, newest=(count, last.partition(" ")[0])) == []
    assert gaps([one for one in every if one.count != 2])


def test_what_another_session_says_counts_wherever_the_clock_has_put_that_one(
    tmp_path: Path,
) -> None:
    root, device = str(tmp_path / "sessions"), Device(str(tmp_path / "data"))
    folders: list[str] = []
    for hours in (0, -30, +2, -60):
        at = 1_800_000_000 * SECOND + hours * HOUR
        with SessionLog.create(root, device=device, clock=lambda at=at: at) as log:
            log.write(numbered(tmp_path, device, log))
            for event in story()[1:]:
                log.write(event)
        folders.append(log.folder)
    count = verify_session(folders[0]).events
    claims = Claims(root, device.folder)
    for folder in folders:
        said = claims.of(folder).split(" ")
        assert said[:2] == [os.path.basename(folder), str(count)]
        assert claim(folder, root, device.folder).split(" ") == said


def test_what_a_fork_and_a_tombstone_say_of_the_session_before_counts(tmp_path: Path) -> None:
    root, device = str(tmp_path / "sessions"), Device(str(tmp_path / "data"))
    folders: list[str] = []
    for first in ([], [SessionForked(origin="0" * 26, at=1, leaf="ab" * 32)], []):
        with SessionLog.create(root, device=device) as log:
            for event in first:
                log.write(event)
            log.write(numbered(tmp_path, device, log))
            for event in story()[1:]:
                log.write(event)
        folders.append(log.folder)
    assert claim(folders[0], root, device.folder).startswith(os.path.basename(folders[0]))
    keep = Keeping(keep_days=0)
    last = next(one for one in due(root, keep) if one.folder == folders[2])
    carry_out(last, keep, root, who=ANA, device=device)
    assert not os.path.exists(os.path.join(folders[2], EVENTS))
    assert claim(folders[1], root, device.folder).startswith(os.path.basename(folders[1]))


def in_processes(count: int, act: Callable[[int], None]) -> None:
    """Run it in so many forks of this process at once; each must end well."""
    children: list[int] = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                act(number)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * count


def test_twenty_processes_at_once_leave_twenty_whole_sessions_and_no_gap(tmp_path: Path) -> None:
    root, data = str(tmp_path / "sessions"), str(tmp_path / "data")

    def session(_: int) -> None:
        device = Device(data)
        with SessionLog.create(root, device=device) as log:
            log.write(numbered(tmp_path, device, log))
            for event in story()[1:]:
                log.write(event)

    in_processes(20, session)
    key = Device(data).vkey
    every = [verify_session(folder, key=key) for folder in newest_first(root)]
    assert [one.problem for one in every] == [None] * 20
    assert sorted(one.count for one in every) == list(range(1, 21))
    assert gaps(every, newest=(newest(data)[0], newest(data)[1].partition(" ")[0])) == []


def test_of_twenty_processes_that_would_go_on_with_one_session_one_does_at_a_time(
    tmp_path: Path,
) -> None:
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(str(tmp_path), device=device) as log:
        log.write(started())

    def go_on(number: int) -> None:
        for _ in range(200):
            try:
                with SessionLog.reopen(log.folder, device=Device(device.folder)) as mine:
                    for event in turn(call("allow"), number=number + 1):
                        mine.write(event)
                    return
            except LogError as e:
                if "is in use" not in e.what:
                    raise
                os.sched_yield()

    in_processes(20, go_on)
    found = verify_session(log.folder, key=device.vkey)
    assert found.ok, found.problem
    assert (found.events - 1) % len(turn(call("allow"))) == 0
    assert found.events > 1


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every disk read-only, as a remount after an error does, from when it is called."""

    def remount() -> None:
        real = os.open

        def refusing(path: str, flags: int, *rest: int, **named: int) -> int:
            if flags & WRITING:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            return real(path, flags, *rest, **named)

        def refused(*_: object, **__: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr(os, "open", refusing)
        for name in ("mkdir", "makedirs", "rename", "replace", "unlink", "write", "truncate"):
            monkeypatch.setattr(os, name, refused)

    return remount


def test_on_a_read_only_disk_logs_are_read_and_verified_and_none_is_begun(
    tmp_path: Path, read_only: Callable[[], None]
) -> None:
    root, device = str(tmp_path / "sessions"), Device(str(tmp_path / "data"))
    with SessionLog.create(root, device=device) as log:
        for event in story():
            log.write(event)
    before = (Path(log.folder) / EVENTS).read_bytes()
    read_only()
    assert verify_session(log.folder, key=device.vkey).ok
    assert list(read_events(log.folder)) == story()
    assert [one.state for one in sessions(root)] == ["ended"]
    assert len(search_sessions(root, ["rewrite"]).found) == 1
    for act in (
        lambda: SessionLog.create(root, device=device).close(),
        lambda: SessionLog.reopen(log.folder, device=device).close(),
        lambda: erase(log.folder, who=ANA, reason="x", device=device),
        lambda: change_hold(log.folder, hold=True, by="ana", reason="x"),
    ):
        with pytest.raises(LogError, match="Read-only file system"):
            act()
    assert (Path(log.folder) / EVENTS).read_bytes() == before


def test_a_disk_that_becomes_read_only_ends_the_log_and_nothing_goes_on(
    tmp_path: Path, read_only: Callable[[], None]
) -> None:
    log = SessionLog.create(str(tmp_path))
    log.write(started())
    read_only()
    with pytest.raises(LogError, match="cannot be written: Read-only file system"):
        log.write(turn()[0])
    with pytest.raises(LogError, match="cannot be written"):
        log.write(turn()[0])
    assert log.failure
    log.close()
    assert verify_session(log.folder).events == 1
