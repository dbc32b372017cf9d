"""docs/verify_log.py, written from the format's page alone, judges logs as devagent does."""

import random
from pathlib import Path

import pytest

from devagent.audit.device import Device
from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from tests.support.log_events import story
from tests.support.log_files import appends, put
from tests.support.verifiers import second


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(str(tmp_path / "sessions"), device=device) as log:
        for event in story():
            log.write(event)
    return Path(log.folder)


def test_both_accept_a_whole_log(signed: Path) -> None:
    assert verify_session(str(signed)).ok
    assert second([signed])[0].startswith(f"verify: ok {signed.name}")


def test_both_find_every_change_of_a_byte(signed: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    folders: list[Path] = []
    for number in range(150):
        name = (EVENTS, BODIES, CHECKPOINTS)[number % 3]
        data = bytearray((signed / name).read_bytes())
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(7)
        folder = tmp_path / f"changed-{number}" / signed.name
        folder.mkdir(parents=True)
        for path in signed.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / name).write_bytes(data)
        folders.append(folder)
    theirs = second(folders)
    key = (signed.parents[2] / "data/device.vkey").read_text()
    ours = [verify_session(str(folder), key=key) for folder in folders]
    accepted = [
        (folder.parent.name, mine.summary, other)
        for folder, mine, other in zip(folders, ours, theirs, strict=True)
        if not (mine.problem or mine.notes)
        or (other.startswith("verify: ok") and "torn" not in other)
    ]
    assert accepted == []


def test_both_accept_what_a_kill_leaves(tmp_path: Path, signed: Path) -> None:
    order = appends(str(signed))
    states = [(n, cut) for n in range(1, len(order)) for cut in (0, 1, len(order[n][1]) - 1)]
    folders = [
        Path(put(tmp_path / f"state-{number}", order, state)) for number, state in enumerate(states)
    ]
    assert all(verify_session(str(folder)).ok for folder in folders)
    assert [line for line in second(folders) if not line.startswith("verify: ok")] == []
