"""Exports for SIEMs: every line is a valid OCSF event."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devagent.audit.erasure import erase
from devagent.audit.export.ocsf import Ocsf
from devagent.core.events.ground import PolicyLocked
from devagent.core.principal import Principal
from tests.support.exported import (
    SECRET,
    Killed,
    a_turn,
    ended_session,
    export,
    fleet,
    session_log,
    who,
)
from tests.support.ocsf import faults
from tests.unit.audit.test_export_run import damaged_at

AT = 1_800_000_000_000_000


def events_in(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.jsonl"))
    return [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]


def test_every_event_is_valid_and_has_an_id_of_its_own(tmp_path: Path) -> None:
    sessions, out = tmp_path / "sessions", tmp_path / "siem"
    folders = fleet(sessions, 1)
    erase(folders[0], who=Principal(user="dpo"), reason="a customer's data")
    ended_session(sessions, [who("", ci="build-7"), PolicyLocked(reason="expired"), *a_turn()], at_us=AT + 90_000_000)  # fmt: skip
    session_log(sessions, [who("cy", "x"), *a_turn()[:5]], at_us=AT + 99_000_000).files.close()
    damaged_at(folders[1], 1)
    for content in (False, True):
        export(Ocsf(f"{out}{content}"), tmp_path / f"{content}", sessions, content=content)
        events = events_in(Path(f"{out}{content}"))
        assert [faults(event) for event in events] == [[] for _ in events]
        ids = [event["metadata"]["uid"] for event in events]
        assert len(set(ids)) == len(ids)
        assert {event["class_uid"] for event in events} == {6003, 6002, 2003}
        assert (SECRET in str(events)) == content


def test_what_a_siem_asks_stands_where_it_looks(tmp_path: Path) -> None:
    ended_session(tmp_path / "sessions", [who("ana", "eng"), *a_turn(reads="table:shop.main.customers")], at_us=AT)  # fmt: skip
    export(Ocsf(str(tmp_path / "siem")), tmp_path, tmp_path / "sessions")
    events = events_in(tmp_path / "siem")
    calls = [event for event in events if event["class_uid"] == 6003]
    assert [(c["action_id"], c["disposition_id"], c["status_id"], c["severity_id"]) for c in calls] == [
        (1, 1, 1, 1), (2, 2, 2, 3), (1, 8, 1, 1), (2, 25, 2, 2),
    ]  # fmt: skip
    assert calls[0]["actor"]["user"] == {"name": "ana", "groups": [{"name": "eng"}]}
    assert calls[0]["activity_id"] == 2  # it reads
    assert calls[0]["resources"] == [
        {"uid": "table:shop.main.customers", "name": "shop.main.customers", "type": "table", "labels": ["pii.email"]}
    ]  # fmt: skip
    assert calls[1]["authorizations"][0]["policy"]["name"] == "org/acme#no-force"
    assert calls[3]["unmapped"]["devagent"]["approval"]["answer"] == "no"
    (finding,) = [event for event in events if event["class_uid"] == 2003]
    assert finding["compliance"]["status_id"] == 1
    starts = [event["activity_id"] for event in events if event["class_uid"] == 6002]
    assert starts == [3, 4]


def test_a_log_that_does_not_verify_is_a_failed_finding_of_high_severity(tmp_path: Path) -> None:
    folder = ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    damaged_at(folder, 0)
    export(Ocsf(str(tmp_path / "siem")), tmp_path, tmp_path / "sessions")
    (finding,) = [event for event in events_in(tmp_path / "siem") if event["class_uid"] == 2003]
    assert (finding["compliance"]["status_id"], finding["severity_id"]) == (3, 4)
    assert "events.jsonl:2" in finding["compliance"]["status_details"][0]


def test_a_file_that_was_being_written_is_there_whole_and_once_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(tmp_path / "sessions", 1)
    target = Ocsf(str(tmp_path / "siem"))
    target.most_items = 10

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", killed)
        with pytest.raises(Killed):
            export(target, tmp_path, tmp_path / "sessions")
    assert not events_in(tmp_path / "siem")
    export(target, tmp_path, tmp_path / "sessions")
    calls = [event for event in events_in(tmp_path / "siem") if event["class_uid"] == 6003]
    assert len({event["metadata"]["uid"] for event in calls}) == len(calls) == 12
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "siem").iterdir()} == {0o600}


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    export(Ocsf(str(tmp_path / "siem")), tmp_path, tmp_path / "sessions")
    good = next(event for event in events_in(tmp_path / "siem") if event["class_uid"] == 6003)
    changes: list[tuple[Callable[[dict[str, Any]], object], str]] = [
        (lambda e: e.pop("actor"), "event.actor is required"),
        (lambda e: e.update(action_id=7), "event.action_id is 7"),
        (lambda e: e.update(teem="x"), "event.teem is not in the schema"),
        (lambda e: e["metadata"].update(profiles=["trace"]), "needs a profile"),
        (lambda e: e["api"].pop("operation"), "event.api.operation is required"),
        (lambda e: e.update(time="now"), "event.time is no whole number"),
        (lambda e: e.update(type_uid=1), "type_uid does not fit"),
    ]
    for change, fault in changes:
        bad = copy.deepcopy(good)
        change(bad)
        assert any(fault in one for one in faults(bad)), fault
