"""The device's key, counter and chain: what is taken away or written anew shows."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from stat import S_ISDIR

import pytest
from msgspec.structs import replace

from devagent.audit.checkpoints import parse_notes
from devagent.audit.claims import claim, gaps, newest
from devagent.audit.device import Device, own_key
from devagent.audit.layout import BODIES, CHECKPOINTS, DEVICE_KEY, EVENTS
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.session import SessionStarted
from tests.support.log_events import story


def write(home: Path, events: list[Event] | None = None) -> str:
    """A whole session of the device in ``home``; its folder."""
    device = Device(str(home / "data"))
    with SessionLog.create(str(home / "sessions"), device=device) as log:
        count, previous = device.begin(str(home / "sessions"), log.sid)
        for event in events or story():
            if isinstance(event, SessionStarted):
                event = replace(event, count=count, previous=previous)
            log.write(event)
    return log.folder


def test_a_closed_session_is_signed_to_its_last_line(tmp_path: Path) -> None:
    folder = write(tmp_path)
    found = verify_session(folder, key=own_key(folder, str(tmp_path / "data")))
    assert found.ok
    assert found.checkpoints >= 2
    assert found.notes == []


def test_the_key_is_its_owners_alone_and_stays_the_same(tmp_path: Path) -> None:
    first, second = write(tmp_path), write(tmp_path)
    key = tmp_path / "data/device.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.stat().st_size == 32
    keys = [(Path(folder) / DEVICE_KEY).read_text() for folder in (first, second)]
    assert keys[0] == keys[1] == (tmp_path / "data/device.vkey").read_text()


def test_a_new_key_is_on_disk_under_its_name_before_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    done: list[str] = []
    sync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append("folder" if S_ISDIR(os.fstat(descriptor).st_mode) else "content")

    def renamed(source: str, target: str) -> None:
        rename(source, target)
        done.append(Path(target).name)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    Device(str(folder)).sign(b"text")
    assert done[:4] == ["content", "device.key", "folder", "folder"]
    done.clear()
    Device(str(folder)).sign(b"text")
    assert done == []


def test_lines_cut_from_the_end_show(tmp_path: Path) -> None:
    folder = Path(write(tmp_path))
    for name in (EVENTS, BODIES):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join(lines[:-1]) if name == EVENTS else b"".join(lines))
    assert "truncated" in str(verify_session(str(folder)).problem)


def test_a_log_written_anew_under_another_key_is_not_this_computers(tmp_path: Path) -> None:
    mine, forged = tmp_path / "mine", tmp_path / "forged"
    folder = Path(write(mine))
    other = Path(write(forged, story()[:6]))
    for name in (EVENTS, BODIES, CHECKPOINTS):
        shutil.copy(other / name, folder / name)
    sid = json.loads((other / EVENTS).read_bytes().splitlines()[0])["sid"]
    renamed = folder.rename(folder.with_name(sid))
    found = verify_session(str(renamed), key=own_key(str(renamed), str(mine / "data")))
    assert "bears no good signature" in str(found.problem)


def test_each_session_counts_on_and_names_the_one_before(tmp_path: Path) -> None:
    folders = [write(tmp_path) for _ in range(3)]
    found = [verify_session(folder) for folder in folders]
    assert [one.count for one in found] == [1, 2, 3]
    assert found[0].previous == ""
    assert found[2].previous.split()[:2] == [found[1].sid, str(found[1].events)]
    assert gaps(found) == []
    claimed = verify_session(folders[1], claimed=found[2].previous)
    assert claimed.ok


def test_a_session_taken_away_leaves_a_gap(tmp_path: Path) -> None:
    folders = [write(tmp_path) for _ in range(3)]
    found = [verify_session(folder) for folder in (folders[0], folders[2])]
    assert "1 sessions are missing" in gaps(found)[0]


def test_the_first_and_the_last_session_taken_away_leave_gaps_too(tmp_path: Path) -> None:
    folders = [write(tmp_path) for _ in range(3)]
    found = [verify_session(folder) for folder in folders]
    count, last = newest(str(tmp_path / "data"))
    device = (count, last.split()[0])
    assert device == (3, found[2].sid)
    assert gaps(found, newest=device) == []
    (gap,) = gaps(found[1:], newest=device)
    assert f"session {found[0].sid} is missing" in gap
    (gap,) = gaps(found[:2], newest=device)
    assert f"session {found[2].sid} (count 3) is missing" in gap


def test_a_session_killed_between_its_number_and_its_first_line_is_no_gap(tmp_path: Path) -> None:
    first = write(tmp_path)
    sessions, device = str(tmp_path / "sessions"), Device(str(tmp_path / "data"))
    with SessionLog.create(sessions, device=device) as log:
        device.begin(sessions, log.sid)
    found = [verify_session(folder) for folder in (first, log.folder, write(tmp_path))]
    assert [one.count for one in found] == [1, 0, 3]
    assert gaps(found) == []
    (gap,) = gaps([found[0], found[2]])
    assert "1 sessions are missing" in gap


def test_what_is_known_elsewhere_of_a_session_holds_it_to_what_it_was(tmp_path: Path) -> None:
    folders = [Path(write(tmp_path)) for _ in range(2)]
    sessions, data = str(tmp_path / "sessions"), str(tmp_path / "data")
    for folder in folders:
        claimed = claim(str(folder), sessions, data)
        assert claimed.startswith(f"{folder.name} ")
        assert verify_session(str(folder), claimed=claimed).ok
        notes = (folder / CHECKPOINTS).read_text().split("\n\n")
        size = int(notes[0].split("\n")[1])
        (folder / CHECKPOINTS).write_text("\n\n".join(notes[:2]) + "\n\n")
        events = (folder / EVENTS).read_bytes().splitlines(keepends=True)[:size]
        (folder / EVENTS).write_bytes(b"".join(events))
        bodies = (folder / BODIES).read_bytes().splitlines(keepends=True)
        kept = [line for line in bodies if json.loads(line)["seq"] < size]
        (folder / BODIES).write_bytes(b"".join(kept))
        assert verify_session(str(folder)).ok
        assert "on record" in str(verify_session(str(folder), claimed=claimed).problem)


def test_nothing_is_known_of_a_session_that_lies_elsewhere(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    write(mine)
    theirs = write(other)
    assert claim(theirs, str(mine / "sessions"), str(mine / "data")) == ""
    assert claim(str(tmp_path), str(mine / "sessions"), str(mine / "data")) == ""


def test_a_session_that_is_not_what_the_next_one_saw_fails(tmp_path: Path) -> None:
    first, second = write(tmp_path), write(tmp_path)
    previous = verify_session(second).previous
    shutil.rmtree(first)
    shutil.rmtree(tmp_path / "data")
    again = Path(write(tmp_path, story()))
    assert again.name != previous.split()[0]
    sid, size, root = previous.split()
    found = verify_session(str(again), claimed=f"{again.name} {size} {root}")
    assert "not those that the device, or its next session, has on record" in str(found.problem)
    assert sid != again.name


def test_a_resumed_session_goes_on_with_its_tree(tmp_path: Path) -> None:
    device = Device(str(tmp_path / "data"))
    whole = story()
    with SessionLog.create(str(tmp_path / "sessions"), device=device) as log:
        for event in whole[:9]:
            log.write(event)
    with open(os.path.join(log.folder, CHECKPOINTS), "ab") as file:
        file.write(b"devagent/local/torn")
    with SessionLog.reopen(log.folder, device=device) as log:
        log.close_turn("killed")
    found = verify_session(log.folder, key=device.vkey)
    assert found.ok, found.problem
    assert [name for name in os.listdir(log.folder) if name.endswith(".checkpoints")]
    notes, torn = parse_notes((Path(log.folder) / CHECKPOINTS).read_bytes())
    assert torn == 0
    assert notes == sorted(notes, key=lambda note: note.size)


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 33])
def test_a_damaged_key_stops_the_record_and_says_where(tmp_path: Path, damage: bytes) -> None:
    write(tmp_path)
    (tmp_path / "data/device.key").write_bytes(damage)
    with pytest.raises(LogError, match=r"device\.key"):
        write(tmp_path)


def test_a_damaged_counter_stops_the_record_and_says_where(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "data/device.json").write_text("{")
    with pytest.raises(LogError, match=r"device\.json"):
        write(tmp_path)


def test_processes_at_once_share_one_key_and_never_a_number(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.unit.audit.test_device import write\n"
        "write(Path(sys.argv[1]))\n"
    )
    root = Path(__file__).resolve().parents[3]
    path = os.pathsep.join(str(root / part) for part in (".", "extensions", "policies"))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path], env={**os.environ, "PYTHONPATH": path}
        )
        for _ in range(4)
    ]
    assert [one.wait(60) for one in running] == [0] * 4
    folders = list((tmp_path / "sessions").glob("*/*"))
    key = (tmp_path / "data/device.vkey").read_text().strip()
    found = [verify_session(str(folder), key=key) for folder in folders]
    assert [one.problem for one in found] == [None] * 4
    assert sorted(one.count for one in found) == [1, 2, 3, 4]
