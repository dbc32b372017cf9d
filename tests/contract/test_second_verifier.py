"""docs/verify_log.py, written from the format's page alone, judges logs as devagent does."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.device import Device
from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS
from devagent.audit.record import NO_LEAF, commitment, leaf_hash, to_base64
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical, parse
from tests.support.log_events import story
from tests.support.log_files import appends, put
from tests.support.verifiers import said_by_second, second


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


def rechained(headers: list[dict[str, Any]]) -> bytes:
    """The headers as somebody writes them who makes the whole chain anew."""
    lines: list[bytes] = []
    for header in headers:
        header["prev"] = leaf_hash(lines[-1]) if lines else NO_LEAF
        lines.append(canonical(header))
    return b"".join(line + b"\n" for line in lines)


FORGERIES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a decision that is called yes": ("tool.judged", lambda h: h["decision"].update(effect="yes")),
    "a decision that is called started": ("tool.judged", lambda h: h["decision"].update(effect="started")),
    "an answer that is called allow": ("approval.answered", lambda h: h["approval"].update(answer="allow")),
    "no decision": ("tool.judged", lambda h: h.pop("decision")),
    "a call of no turn": ("tool.called", lambda h: h.pop("turn")),
    "true for 1": ("prompt", lambda h: h.update(v=True)),
    "a time in words": ("prompt", lambda h: h.update(ts="noon")),
    "no clock": ("prompt", lambda h: h.pop("mono")),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_both_refuse_what_is_chained_anew_and_against_the_rules(signed: Path, name: str) -> None:
    kind, change = FORGERIES[name]
    headers = [parse(line) for line in (signed / EVENTS).read_bytes().splitlines()]
    change(next(header for header in headers if header["type"] == kind))
    (signed / EVENTS).write_bytes(rechained(headers))
    (signed / CHECKPOINTS).unlink()
    assert not verify_session(str(signed)).ok
    assert said_by_second(signed).startswith("verify: FAILED")


@pytest.mark.parametrize(
    ("file", "more", "holds"),
    [(EVENTS, b"\n", False), (EVENTS, b"{", False), (BODIES, b"\n", True), (BODIES, b"{", True)],
)
def test_both_judge_alike_what_follows_the_end(
    signed: Path, file: str, more: bytes, holds: bool
) -> None:
    with (signed / file).open("ab") as out:
        out.write(more)
    assert verify_session(str(signed)).ok is holds
    assert said_by_second(signed).startswith("verify: ok") is holds


def test_both_want_a_salt_of_sixteen_bytes(signed: Path) -> None:
    headers = [parse(line) for line in (signed / EVENTS).read_bytes().splitlines()]
    bodies = [parse(line) for line in (signed / BODIES).read_bytes().splitlines()]
    bodies[0]["salt"] = to_base64(b"short")
    headers[bodies[0]["seq"]]["body"] = commitment(b"short", bodies[0]["content"].encode())
    (signed / EVENTS).write_bytes(rechained(headers))
    (signed / BODIES).write_bytes(b"".join(canonical(body) + b"\n" for body in bodies))
    (signed / CHECKPOINTS).unlink()
    assert not verify_session(str(signed)).ok
    assert said_by_second(signed).startswith("verify: FAILED")


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
