"""What a verifier finds: any changed byte, anything missing, anything out of order."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.claims import gaps
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read, read_events
from devagent.audit.record import NO_LEAF, Unknown, commitment, leaf_hash, to_base64
from devagent.audit.verify import verify_session
from devagent.core.codec import canonical, parse
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolStarted
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import TurnCut, TurnEnded, TurnStarted
from tests.support.log_events import GIT, call, judged, new_log, started, story, turn, write_story
from tests.support.log_files import copy

SID = "01MCC5RM000000000000000001"


def forge(
    folder: Path, headers: list[dict[str, Any]], bodies: dict[int, dict[str, Any]] | None = None
) -> str:
    """A log written by someone else: good chain, good commitments, whatever headers."""
    folder.mkdir(exist_ok=True)
    events, contents, prev = b"", b"", NO_LEAF
    for seq, fields in enumerate(headers):
        header: dict[str, Any] = {
            "v": 1,
            "seq": seq,
            "sid": SID,
            "ts": 1,
            "mono": 1,
            "prev": prev,
            **fields,
        }
        if bodies and seq in bodies:
            content = canonical(bodies[seq])
            header["body"] = commitment(b"s" * 16, content)
            line = {"seq": seq, "salt": to_base64(b"s" * 16), "content": content.decode()}
            contents += canonical(line) + b"\n"
        line = canonical(header)
        events, prev = events + line + b"\n", leaf_hash(line)
    (folder / EVENTS).write_bytes(events)
    (folder / BODIES).write_bytes(contents)
    return str(folder)


def problem(folder: str | Path) -> str:
    return str(verify_session(str(folder)).problem)


def edit(folder: str | Path, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = Path(folder) / name
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


@pytest.mark.parametrize("seed", range(3))
def test_any_changed_byte_is_found(tmp_path: Path, seed: int) -> None:
    """But for the last line of events: only a signed checkpoint vouches for that one."""
    pick = random.Random(seed)
    events = [
        story(),
        [started(), *turn(call("ask", "c1"))],
        [started(), *turn(), *turn(number=2)],
    ][seed]
    folder = Path(write_story(str(tmp_path / "sessions"), events))
    for name in (EVENTS, BODIES):
        path = folder / name
        good = path.read_bytes()
        last = good.rindex(b"\n", 0, -1) if name == EVENTS else len(good) - 1
        for _ in range(150):
            at = pick.randrange(last + 1)
            other = pick.choice([byte for byte in range(256) if byte != good[at]])
            path.write_bytes(good[:at] + bytes([other]) + good[at + 1 :])
            found = verify_session(str(folder))
            assert not found.ok, (name, at, other)
            assert found.problem
            assert found.problem.line > 0
        path.write_bytes(good)
    assert verify_session(str(folder)).ok


def test_the_first_bad_line_is_named(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())

    def change(lines: list[bytes]) -> list[bytes]:
        lines[4] = lines[4].replace(b'"input":10', b'"input":11')
        return lines

    edit(folder, EVENTS, change)
    assert problem(folder) == (
        "events.jsonl:6: its prev is not the hash of the line before: one of the two was changed"
    )


Change = Callable[[list[bytes]], list[bytes]]

DAMAGE: list[tuple[str, Change, str]] = [
    (EVENTS, lambda lines: lines[:5] + lines[6:], "events.jsonl:6: has seq 6 where 5 follows"),
    (EVENTS, lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], "has seq 6 where 5 follows"),
    (EVENTS, lambda lines: lines[:5] + lines[4:], "events.jsonl:6: has seq 4 where 5 follows"),
    (EVENTS, lambda lines: [lines[0].replace(b'"v":1', b'"v": 1'), *lines[1:]], "events.jsonl:1: is not canonical"),
    (EVENTS, lambda lines: [lines[0].replace(b'"v":1', b'"v":2'), *lines[1:]], "has v 2"),
    (EVENTS, lambda lines: [lines[0].replace(b'"v":1', b'"v":true'), *lines[1:]], "has v True"),
    (EVENTS, lambda lines: [lines[0].replace(b'"v":1', b'"v":1,"x":1.5'), *lines[1:]], "is not canonical"),
    (EVENTS, lambda lines: [lines[0].replace(b'"v":1', b'"v":1,"x":null'), *lines[1:]], "is not canonical"),
    (EVENTS, lambda lines: [lines[0][:-1] + b"\r\n", *lines[1:]], "events.jsonl:1: is not canonical"),
    (EVENTS, lambda lines: [*lines[:3], b"\n", *lines[3:]], "events.jsonl:4: does not parse"),
    (EVENTS, lambda lines: [b"[1]\n", *lines[1:]], "events.jsonl:1: is no header"),
    (EVENTS, lambda lines: lines[:12], "events.jsonl:13: is missing: bodies.jsonl goes on with event 12"),
    (EVENTS, lambda lines: lines[:15], "events.jsonl:16: is missing: bodies.jsonl goes on with event 16"),
    (BODIES, lambda lines: lines[:-1], "bodies.jsonl does not have"),
    (BODIES, lambda lines: [], "events.jsonl:1: commits to content that bodies.jsonl does not have"),
    (BODIES, lambda lines: lines[:3] + lines[2:], "bodies.jsonl:4: seq 4 comes after seq 4"),
    (BODIES, lambda lines: [b'{"sealed":"AAAA","seq":0}\n', *lines[1:]], "bodies.jsonl:1: is sealed, but there is no keys.age"),
    (BODIES, lambda lines: [b'{"by":3,"erased":true,"seq":0}\n', *lines[1:]], "event 3 does not say so"),
    (BODIES, lambda lines: [b'{"content":"{}","salt":"AA==","seq":0}\n', *lines[1:]], "16 bytes or more"),
    (BODIES, lambda lines: [lines[0], b'{"sealed":"AAAA","seq":1}\n', *lines[1:]], "event 1 has no content, but here is some"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "what"), DAMAGE)
def test_what_is_missing_moved_or_malformed_is_found(
    tmp_path: Path, name: str, change: Callable[[list[bytes]], list[bytes]], what: str
) -> None:
    folder = write_story(str(tmp_path), story())
    edit(folder, name, change)
    found = verify_session(folder)
    assert not found.ok
    assert what in str(found.problem)


def test_a_log_of_another_session_in_this_ones_place_is_found(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    other = copy(folder, tmp_path / "01MCC5RM000000000000000002")
    assert f"belongs to session {SID}" in problem(other)
    assert verify_session(str(copy(folder, tmp_path / "a-copy-under-any-name"))).ok


def test_missing_events_are_a_failure_and_none_at_all_a_note(tmp_path: Path) -> None:
    with new_log(str(tmp_path)) as log:
        pass
    found = verify_session(log.folder)
    assert found.ok
    assert "nothing was recorded" in found.notes
    (Path(log.folder) / EVENTS).unlink()
    assert problem(log.folder) == "events.jsonl: is missing"


def test_a_session_that_was_not_ended_is_said_to_be_open(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), [started(), *turn()])
    found = verify_session(folder)
    assert "the session was not ended: it is still open, or was killed" in found.notes


def test_content_may_be_erased_by_an_event_that_names_it(tmp_path: Path) -> None:
    headers = [
        {"type": "prompt", "turn": 1},
        {"type": "log.erased", "range": [0, 0], "reason": "asked for"},
    ]
    folder = forge(tmp_path / "log", headers, {0: {"text": "my number is 5"}})
    edit(folder, BODIES, lambda lines: [b'{"by":1,"erased":true,"seq":0}\n'])
    found = verify_session(folder)
    assert (found.ok, found.erased, found.bodies) == (True, 1, 0)
    assert "the content of 1 events was erased" in found.notes
    first, second = list(read(folder))
    assert first.event == Unknown("prompt", "erased", {"turn": 1})
    assert second.event == Unknown("log.erased", "none", {"range": [0, 0], "reason": "asked for"})
    with pytest.raises(LogError, match="content of event 0 is erased"):
        list(read_events(folder))
    edit(folder, BODIES, lambda lines: [b'{"by":0,"erased":true,"seq":0}\n'])
    assert "event 0 does not say so" in problem(folder)


def test_types_and_fields_of_a_later_version_are_kept(tmp_path: Path) -> None:
    headers = [
        {"type": "turn.started", "turn": 1, "mood": "calm"},
        {"type": "weather.changed", "to": ["rain"]},
        {"type": "turn.cut", "turn": 1, "err": "x"},
    ]
    folder = forge(tmp_path / "log", headers, {1: {"sky": "grey"}})
    assert verify_session(folder).ok
    first, second, _ = list(read(folder))
    assert (first.event, first.header["mood"]) == (TurnStarted(turn=1), "calm")
    assert second.event == Unknown("weather.changed", "open", {"to": ["rain"], "sky": "grey"})
    assert list(read_events(folder)) == [TurnStarted(turn=1), TurnCut(turn=1, err="x")]


START = ToolStarted(turn=1, call="c1", ext=GIT, tool="push", tool_class="write")


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([TurnStarted(turn=1), START], "tool.started of call c1 after a call that was never called for"),
        ([TurnStarted(turn=1), call()[0], START], "tool.started of call c1 after a call without a verdict"),
        ([TurnStarted(turn=1), *call("deny"), START], "tool.started of call c1 after a verdict of deny"),
        ([TurnStarted(turn=1), *call("ask")[:2], START], "after a verdict of ask that nobody answered"),
        ([TurnStarted(turn=1), *call("ask")[:3], START], "after an ask without an answer"),
        ([TurnStarted(turn=1), *call("ask", answer="no"), START], "tool.started of call c1 after the answer no"),
        ([TurnStarted(turn=1), *call(), START], "tool.started of call c1 after an end"),
        ([TurnStarted(turn=1), *call(), *call()[:2]], "call c1 ran already, but is not denied"),
        ([TurnStarted(turn=1), *call(), *call("deny"), *call()[:2]], "call c1 ran already, but is not denied"),
        ([TurnStarted(turn=1), call()[0], judged("allow"), judged("allow")], "tool.judged of call c1 after a verdict of allow"),
        ([TurnStarted(turn=1), *call()[:3], TurnEnded(turn=1, stop="done")], "call c1 was started and has not finished"),
        ([TurnStarted(turn=1), *call()[:1], TurnEnded(turn=1, stop="done")], "call c1 was never judged"),
        ([TurnStarted(turn=1), *call()[:3], TurnCut(turn=1, err="x")], "call c1 was started and has not finished"),
        ([TurnStarted(turn=1), TurnStarted(turn=2)], "turn 2 starts in turn 1, which neither ended nor was cut"),
        ([TurnStarted(turn=1), SessionEnded(stop="done", exit_code=0)], "the session ends in turn 1"),
        ([TurnCut(turn=1, err="x")], "turn.cut of turn 1, which is not open"),
    ],
)  # fmt: skip
def test_what_is_out_of_order_is_found(tmp_path: Path, events: list[Event], what: str) -> None:
    folder = write_story(str(tmp_path), [started(), *events])
    found = verify_session(folder)
    assert what in str(found.problem)
    assert found.problem
    assert found.problem.line == len(events) + 1


def test_a_call_id_that_comes_again_is_in_order_when_it_is_denied(tmp_path: Path) -> None:
    again = [call()[0], judged("deny")]
    folder = write_story(
        str(tmp_path), [started(), *turn(call(), again), *turn(call(turn=2), number=2)]
    )
    assert verify_session(folder).ok


def test_a_cut_turn_may_leave_a_call_anywhere_before_its_start(tmp_path: Path) -> None:
    for n in (1, 2, 3, 4):
        events = [started(), TurnStarted(turn=1), *call("ask")[:n], TurnCut(turn=1, err="x")]
        assert verify_session(write_story(str(tmp_path / str(n)), events)).ok


def test_a_session_missing_between_two_of_a_device_is_a_gap(tmp_path: Path) -> None:
    found = [
        verify_session(write_story(str(tmp_path / str(n)), [started(count=n)])) for n in (4, 5, 8)
    ]
    assert len(gaps(found[:2])) == 0
    (gap,) = gaps(found)
    assert "2 sessions are missing" in gap


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    folder = Path(write_story(str(tmp_path), story()))
    (folder / EVENTS).unlink()
    (folder / EVENTS).mkdir()
    with pytest.raises(LogError, match=r"events\.jsonl cannot be read"):
        verify_session(str(folder))


def test_damage_in_the_middle_stops_a_reader_with_its_place(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    edit(folder, EVENTS, lambda lines: [*lines[:3], b"{oops\n", *lines[3:]])
    with pytest.raises(LogError, match=r"events\.jsonl:4: does not parse"):
        list(read_events(folder))


def test_a_header_in_the_middle_of_deep_nesting_is_refused_without_a_crash(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    edit(folder, EVENTS, lambda lines: [b"[" * 100_000 + b"\n", *lines])
    assert "events.jsonl:1: does not parse" in problem(folder)


def test_a_header_says_what_the_commitment_says(tmp_path: Path) -> None:
    folder = write_story(str(tmp_path), story())
    header = parse((Path(folder) / EVENTS).read_bytes().splitlines()[0])
    body = parse((Path(folder) / BODIES).read_bytes().splitlines()[0])
    assert header["body"] == commitment((1).to_bytes(16)[:15] + b"\x02", body["content"].encode())
