"""Forks: what they name, what they go on from, and what is said to have changed when a session goes on."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.agent.history import History
from devagent.audit.claims import gaps
from devagent.audit.device import Device
from devagent.audit.forks import conversation, fork
from devagent.audit.in_force import InForce, last_model
from devagent.audit.layout import EVENTS
from devagent.audit.reader import read, read_events
from devagent.audit.record import leaf_hash
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.codec import parse
from devagent.core.errors import LogError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.ground import ExtensionLoaded, PolicyLoaded
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionForked, SessionResumed, SessionStarted
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference
from devagent.repl.render import render
from devagent.settings.places import places
from tests.support.command_line import devagent, logged, logs, own_file
from tests.support.log_events import ANA, call, judged, started, story, turn, write_story
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import small

BO = Principal(user="bo", agent="main")
VERSIONS = {"devagent": "1", "log": "1"}


@pytest.fixture
def sessions() -> str:
    return places().sessions


def with_calls() -> list[Event]:
    """A session of two turns whose reply holds the calls that follow."""
    uses: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"c{n}", "name": "git__push", "input": {}} for n in (1, 2)
    ]
    reply = ModelReplied(turn=1, model="claude", stop="tool_use", content=uses)
    events = turn(call("allow", "c1"), call("ask", "c2", answer="no"))
    return [
        started(),
        *(reply if isinstance(e, ModelReplied) else e for e in events),
        *turn(number=2),
    ]


def make(sessions: str, origin: str, at: int | None = None, device: Device | None = None) -> str:
    return fork(sessions, origin, at, who=BO, versions=VERSIONS, device=device)


def messages(sessions: str, folder: str, upto: int | None = None) -> list[dict[str, Any]]:
    history = History()
    for _, event in conversation(sessions, folder, upto=upto):
        history.apply(event)
    history.apply(Prompt(turn=9, text="and now"))
    return history.messages


def test_a_fork_names_its_origin_the_event_and_that_lines_hash(sessions: str) -> None:
    origin = write_story(sessions, story())
    folder = make(sessions, origin, 7)
    line = Path(origin, EVENTS).read_bytes().splitlines()[7]
    forked, begun, ended = read_events(folder)
    assert forked == SessionForked(origin=os.path.basename(origin), at=7, leaf=leaf_hash(line))
    assert isinstance(begun, SessionStarted)
    assert (begun.principal, begun.model, begun.mode) == (BO, "claude", "fork")
    assert verify_session(folder).ok
    assert verify_session(folder).closed
    assert render(forked) == f"session forked from {os.path.basename(origin)}, after its event 7"
    assert type(ended).__name__ == "SessionEnded"


def test_a_fork_goes_on_from_its_origins_history(sessions: str) -> None:
    origin = write_story(sessions, with_calls())
    folder = make(sessions, origin)
    assert messages(sessions, folder) == messages(sessions, origin)
    again = make(sessions, folder)
    assert messages(sessions, again) == messages(sessions, origin)


@pytest.mark.parametrize("at", range(len(with_calls())))
def test_wherever_it_is_forked_each_call_has_its_one_result(sessions: str, at: int) -> None:
    origin = write_story(sessions, with_calls())
    told = messages(sessions, make(sessions, origin, at))
    blocks = [block for message in told for block in message["content"]]
    uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert uses == results
    assert [message["role"] for message in told] == [
        ("user", "assistant")[n % 2] for n in range(len(told))
    ]
    assert blocks[-1] == {"type": "text", "text": "and now"}


def test_what_was_open_at_the_fork_is_closed_as_cut(sessions: str) -> None:
    origin = write_story(sessions, with_calls())
    seq = next(r.seq for r in read(origin) if type(r.event).__name__ == "ToolStarted")
    events = [event for _, event in conversation(sessions, make(sessions, origin, seq))]
    assert events[seq + 1 : seq + 3] == [
        ToolFinished(turn=1, call="c1", outcome="cut", err="forked"),
        TurnCut(turn=1, err="forked"),
    ]


def test_a_fork_counts_in_the_devices_chain(sessions: str, tmp_path: Path) -> None:
    device = Device(str(tmp_path / "data"))
    with SessionLog.create(sessions, device=device) as log:
        count, previous = device.begin(sessions, log.sid)
        log.write(started(count))
    folder = make(sessions, log.folder, device=device)
    found = [verify_session(one) for one in (log.folder, folder)]
    assert previous == ""
    assert [one.count for one in found] == [1, 2]
    assert found[1].previous.startswith(log.sid)
    assert found[1].checkpoints == 1
    assert gaps(found) == []


def test_an_event_that_is_not_there_and_a_session_that_never_began_are_usage_errors(
    sessions: str,
) -> None:
    origin = write_story(sessions, story())
    with pytest.raises(UsageError, match="has no event 23"):
        make(sessions, origin, 23)
    empty = write_story(f"{sessions}2", [TurnStarted(turn=1)])
    with pytest.raises(UsageError, match="has not begun"):
        make(sessions, empty)


def test_nothing_is_forked_from_a_log_that_was_changed(sessions: str) -> None:
    origin = write_story(sessions, story())
    file = Path(origin, EVENTS)
    file.write_bytes(file.read_bytes().replace(b'"run"', b'"ran"', 1))
    with pytest.raises(LogError, match="does not verify"):
        make(sessions, origin)
    assert len(list(Path(sessions).glob("*/*"))) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("removed", "is not there"),
        ("changed", "does not verify"),
        ("another", "is another session"),
        ("shorter", "is another session"),
    ],
)
def test_a_fork_does_not_go_on_from_an_origin_that_is_not_as_it_was(
    sessions: str, change: str, why: str
) -> None:
    origin = write_story(sessions, story())
    folder = make(sessions, origin, 21)
    file = Path(origin, EVENTS)
    if change == "removed":
        shutil.rmtree(origin)
    elif change == "changed":
        file.write_bytes(file.read_bytes().replace(b'"run"', b'"ran"', 1))
    elif change == "shorter":
        shutil.rmtree(origin)
        assert write_story(sessions, story()[:4]) == origin
    else:
        other = [started(7), *story()[1:]]
        shutil.rmtree(origin)
        assert write_story(sessions, other) == origin
    with pytest.raises(LogError, match=why):
        list(conversation(sessions, folder))
    assert verify_session(folder).ok


def test_a_chain_of_forks_that_never_ends_is_refused(
    sessions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_story(sessions, story())
    monkeypatch.setattr("devagent.audit.forks.DEEPEST", 2)
    for _ in range(2):
        folder = make(sessions, folder)
        list(conversation(sessions, folder))
    with pytest.raises(LogError, match="fork of a fork"):
        list(conversation(sessions, make(sessions, folder)))


def in_force(*events: Event, folder: str = "/home/ana/shop", at: int = 0) -> InForce:
    force = InForce()
    for event in (started(), *events):
        force.apply(event, at)
    return force


def resumed(**changes: Any) -> SessionResumed:
    fields: dict[str, Any] = {
        "principal": ANA, "mode": "chat", "model": "claude", "versions": {"devagent": "0"}, "policy": "cd" * 32,
    }  # fmt: skip
    return SessionResumed(**{**fields, **changes})


def layer(name: str, digest: str = "aa") -> PolicyLoaded:
    return PolicyLoaded(layer="org", name=name, digest=digest * 32, rules=1)


def git(version: str = "1.0", digest: str = "ab") -> ExtensionLoaded:
    return ExtensionLoaded(ext=ExtensionReference("git", version, digest * 32), tools=("push",))


def test_nothing_changed_says_nothing() -> None:
    before = in_force(layer("acme"), git())
    assert before.changed([resumed(), layer("acme"), git()], "/home/ana/shop") == ()


def test_each_thing_that_changed_is_named() -> None:
    before = in_force(layer("acme"), layer("old"), git())
    now = [
        resumed(principal=BO, model="claude-2", versions={"devagent": "1"}, policy="ee" * 32),
        layer("acme", "bb"),
        layer("new"),
        git(digest="cd"),
    ]
    assert before.changed(now, "/elsewhere") == (
        "principal ana → bo",
        "model claude → claude-2",
        "devagent 0 → 1",
        "folder /home/ana/shop → /elsewhere",
        "policy org/acme",
        "policy org/new is new",
        "policy org/old is gone",
        "extension git",
    )


def test_a_policy_that_changed_in_no_file_is_still_named() -> None:
    before = in_force(layer("acme"), git())
    now = [resumed(policy="ee" * 32), layer("acme"), git()]
    assert before.changed(now, "/home/ana/shop") == ("policy",)


def test_what_the_last_process_loaded_is_what_is_compared() -> None:
    before = in_force(layer("old"), git(), resumed(), layer("acme"), git("2.0"))
    assert before.changed([resumed(), layer("acme"), git("2.0")], "/home/ana/shop") == ()


def test_files_that_the_session_touched_and_that_changed_since_are_named(tmp_path: Path) -> None:

    for name in ("same.py", "edited.py", "gone.py"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, ns=(1, 1_000_000_000))
    force = InForce()
    force.apply(replace(started(), folder=str(tmp_path)))
    for number, name in enumerate(("same.py", "edited.py", "gone.py", "never.py", "\0odd")):
        event = replace(
            judged("allow", f"c{number}"), resources=(Resource(f"path:{name}", "read"),)
        )
        force.apply(event)
        if name != "never.py":
            force.apply(ToolFinished(turn=1, call=f"c{number}", outcome="ok"), 2_000_000)
    os.utime(tmp_path / "edited.py", ns=(1, 3_000_000_000))
    (tmp_path / "gone.py").unlink()
    changed = force.changed([resumed()], str(tmp_path))
    assert changed == ("file gone.py is gone", "file edited.py")
    assert force.changed([resumed()], "/elsewhere") == (f"folder {tmp_path} → /elsewhere",)


def test_the_model_it_had_last_is_found_without_reading_it_all(sessions: str) -> None:
    said = Prompt(turn=1, text='"type":"session.resumed","model":"claude-evil"')
    folder = write_story(sessions, [started(), *turn()[:1], said, resumed(model="claude-2")])
    assert last_model(folder) == "claude-2"
    assert last_model(f"{folder}/no-such") == ""
    Path(folder, EVENTS).write_text('{"type":"session.started"')
    assert last_model(folder) == ""


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (TurnEnded(turn=1, stop="done"), ""),
        (TurnEnded(turn=1, stop="policy"), ""),  # it came to its end, and was told no on the way
        (TurnCut(turn=1, err="killed"), "“push it, “please”” (killed)"),
        (TurnEnded(turn=1, stop="limit", reason="max_turns: 3"), "“push it, “please”” (max_turns: 3)"),
    ],
)  # fmt: skip
def test_what_the_last_turn_left_unfinished_is_told(end: Event, left: str) -> None:
    opened = turn()[:-1]
    assert in_force(started(), *opened, end).unfinished == left
    again = Prompt(turn=2, text="and this")
    assert in_force(started(), *opened, end, TurnStarted(turn=2), again).unfinished == ""


def run(*args: str) -> Result:
    return CliRunner().invoke(session, args)


def test_the_command_prints_the_forks_id(sessions: str) -> None:
    origin = write_story(sessions, story())
    done = run("fork", "last", "--at", "7")
    assert done.exit_code == 0
    sid = done.stdout.strip()
    shown = run("show", sid, "--numbers").stdout.splitlines()
    assert shown[0] == f"     0  session forked from {os.path.basename(origin)}, after its event 7"
    assert verify_session(str(next(Path(sessions).glob(f"*/{sid}")))).ok


async def test_a_fork_resumes_with_its_origins_conversation_and_says_what_changed(
    tmp_path: Path,
) -> None:
    work = small(tmp_path / "work")
    status = Call("git__status", {})
    steps = [
        Step(text="I look.", calls=[status]),
        Step(text="All clean."),
        Step(text="Second."),
        Step(text="Otherwise."),
    ]
    async with MessagesServer(steps) as server:
        await devagent("run", "First", "--model", "claude-opus-5", server=server, cwd=work)
        (origin,) = logs()
        await devagent("run", "Not this", "--continue", server=server, cwd=work)
        end = next(r.seq for r in read(origin) if type(r.event).__name__ == "TurnEnded")
        done = await devagent("session", "fork", "last", "--at", str(end))
        sid = done.stdout.strip()
        own_file("policy.toml", 'version = 1\nname = "mine"\nlayer = "local"\n')
        again = await devagent("run", "Other way", "--resume", sid, server=server, cwd=work)
    assert (again.code, again.stdout) == (0, "Otherwise.\n")
    assert "changed: policy local/mine is new" in again.stderr
    # Nobody named a model again: a session goes on with its own, and so does its fork.
    assert {request.body["model"] for request in server.requests} == {"claude-opus-5"}
    sent = server.requests[-1].body["messages"]
    texts = [b["text"] for m in sent for b in m["content"] if b["type"] == "text"]
    assert texts == ["First", "I look.", "All clean.", "Other way"]
    folder = next(one for one in logs() if one.endswith(sid))
    assert next(e for e in logged(folder) if isinstance(e, SessionResumed)).changed == (
        "policy local/mine is new",
    )
    assert [
        parse(line)["turn"]
        for line in Path(folder, EVENTS).read_bytes().splitlines()
        if b'"prompt"' in line
    ] == [2]
    for one in (origin, folder):
        assert verify_session(one).ok
