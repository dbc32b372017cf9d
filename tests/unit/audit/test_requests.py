"""Recorded calls read back as requests that can be judged again."""

import os
from pathlib import Path

import pytest

from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read
from devagent.audit.requests import recorded, recorded_at, session_folders
from devagent.core.errors import LogError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionStarted
from devagent.core.events.turns import TurnEnded, TurnStarted
from devagent.core.resources import Resource
from devagent.core.verdicts import Decision, Request
from tests.support.recorded_calls import (
    ANA,
    NOVEMBER,
    Call,
    events_of,
    judged,
    policy_of,
    request_of,
    write_events,
    write_of,
    write_session,
)

ASKS = 'version = 1\nname = "acme"\ndefault = "ask"\n'
POLICY = policy_of(
    ASKS
    + '[[rule]]\nid = "read"\neffect = "allow"\nclasses = ["read"]\nobligations = { max_cost_usd = 0.5 }\n'
)


def test_a_request_comes_back_as_it_was_judged(tmp_path: Path) -> None:
    asked = Request(
        principal=ANA,
        extension="mail",
        tool="read",
        tool_class="read",
        args={"to": [1, 2.5, None, {"a": "ü"}], "big": 2**70, "empty": {}},
        resources=(Resource("host:x.example", "read", ("pii.email", "b")),),
        context={"mode": "run", "taint": ["web"], "origins": {"/to/0": ["prompt"]}},
        facts={"args.body.@hosts": ["x.example"]},
        can=("max_cost_usd",),
    )
    folder = write_session(str(tmp_path), POLICY, [Call(asked)])
    (one,) = recorded(folder)
    assert one.request == asked
    assert one.decision == POLICY.decide(asked)
    assert one.decision.obligations == {"max_cost_usd": 0.5}
    assert (one.session, one.tool, one.principal) == (os.path.basename(folder), "mail.read", ANA)
    assert NOVEMBER // 1_000 < one.at < NOVEMBER // 1_000 + 1_000_000


def test_an_ask_comes_with_its_answer_or_without_one(tmp_path: Path) -> None:
    calls = [
        Call(write_of("a.py"), "yes"),
        Call(write_of("b.py")),
        Call(write_of("c.py"), "no", "unattended"),
    ]
    answers = {
        one.seq: one.approval for one in recorded(write_session(str(tmp_path), POLICY, calls))
    }
    told = [(a.answer, a.method) if a else None for _, a in sorted(answers.items())]
    assert told == [("yes", "terminal"), None, ("no", "unattended")]


def test_each_call_is_found_by_its_number_as_the_whole_reader_has_it(tmp_path: Path) -> None:
    folder = write_session(
        str(tmp_path), POLICY, [Call(write_of(f"{n}.py"), "yes") for n in range(3)]
    )
    whole = {r.seq: r.event for r in read(folder) if isinstance(r.event, ToolJudged)}
    assert len(whole) == 3
    for seq, event in whole.items():
        one = recorded_at(folder, seq)
        assert one is not None
        assert one.request is not None
        assert (one.decision, one.request.args) == (event.decision, event.args)
    assert recorded_at(folder, 0) is None


def test_what_the_floor_or_no_policy_answered_is_set_aside(tmp_path: Path) -> None:
    request = write_of("own.toml")
    floor = Decision(effect="deny", reason="own", rules=("floor#own-files",), policy="x")
    lost = Decision(effect="deny", reason="no such tool", error="no_such_tool")
    folder = write_events(
        str(tmp_path),
        [
            TurnStarted(turn=1),
            judged("c1", request, floor),
            judged("c2", request, lost, err="no_such_tool"),
            TurnEnded(turn=1, stop="done"),
        ],
    )
    assert [(one.aside, one.request) for one in recorded(folder)] == [
        ("floor", None),
        ("error", None),
    ]


@pytest.mark.parametrize(
    ("line", "aside"),
    [
        (b'{"by":9,"erased":true,"seq":%d}', "erased"),
        (b'{"sealed":"AAAA","seq":%d}', "sealed"),
        (b'{"content":"{}","salt":"AAAAAAAAAAAAAAAAAAAAAA==","seq":%d}', "altered"),
        (b"", "missing"),
    ],
)
def test_content_that_is_gone_or_changed_is_not_judged_but_told(
    tmp_path: Path, line: bytes, aside: str
) -> None:
    folder = write_session(
        str(tmp_path), POLICY, [Call(write_of("a.py"), "yes"), Call(write_of("b.py"))]
    )
    first, second = (one.seq for one in recorded(folder))
    path = Path(folder, BODIES)
    kept = [
        (line % first if line else b"") if b'"seq":%d}' % first in one else one
        for one in path.read_bytes().splitlines()
    ]
    path.write_bytes(b"".join(one + b"\n" for one in kept if one))
    asides = {one.seq: one.aside for one in recorded(folder)}
    assert asides == {first: aside, second: ""}


def test_a_torn_end_is_left_where_it_is(tmp_path: Path) -> None:
    folder = write_session(
        str(tmp_path), POLICY, [Call(write_of("a.py"), "yes"), Call(write_of("b.py"), "yes")]
    )
    events = Path(folder, EVENTS)
    lines = events.read_bytes().splitlines(keepends=True)
    last = next(n for n in range(len(lines) - 1, 0, -1) if b'"tool.judged"' in lines[n])
    events.write_bytes(b"".join(lines[:last]) + lines[last][:-20])
    assert [one.tool for one in recorded(folder)] == ["workspace.write"]


def test_a_line_that_is_no_record_names_its_place(tmp_path: Path) -> None:
    folder = write_session(str(tmp_path), POLICY, [Call(write_of("a.py"), "yes")])
    events = Path(folder, EVENTS)
    events.write_bytes(events.read_bytes().replace(b'"class":"write"', b'"class":"wrong"'))
    with pytest.raises(LogError, match=r"events\.jsonl:4: is no record of a call"):
        list(recorded(folder))


def test_text_that_looks_like_an_event_is_not_taken_for_one(tmp_path: Path) -> None:
    request = write_of("a.py", text='{"type":"tool.judged"}')
    started = SessionStarted(principal=ANA, agent='"type":"tool.judged"', mode="chat", model="m", versions={}, policy="")  # fmt: skip
    folder = write_events(str(tmp_path), [started, *events_of(POLICY, [Call(request, "yes")])])
    assert [one.request for one in recorded(folder)] == [request]


def test_all_sessions_below_a_folder_are_found_and_links_are_not_followed(tmp_path: Path) -> None:
    here, other = tmp_path / "ana", tmp_path / "bo"
    folders = [
        write_session(
            str(place), POLICY, [Call(request_of("a.b"))], start=NOVEMBER + day * 86_400 * 10**9
        )
        for place, day in ((here, 0), (here, 1), (other, 2))
    ]
    (here / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = list(session_folders(str(tmp_path)))
    assert found == [folders[2], folders[1], folders[0]]
    assert list(session_folders(folders[0])) == [folders[0]]
