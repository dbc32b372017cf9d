"""``devagent review``: what is flagged, what waits, and marks that cannot be changed unseen."""

import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.audit.flags import FlagRules, Spotted, facts, flagged, flags_of
from devagent.audit.layout import BODIES, EVENTS, find_session
from devagent.audit.marks import queue
from devagent.audit.reader import read
from devagent.audit.search import INDEX, search_sessions
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.cli.entry import run_command_line
from devagent.cli.review import review
from devagent.cli.session import session
from devagent.core.errors import ConfigError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.ground import PolicyLocked
from devagent.core.events.people import ReviewMarked
from devagent.core.events.session import SessionEnded
from devagent.core.resources import Resource
from devagent.core.verdicts import Decision, Effect
from devagent.settings.config import parse_config
from devagent.settings.places import places
from tests.support.command_line import own_file
from tests.support.log_events import ANA, call, judged, started, turn

RULES = FlagRules()
END = SessionEnded(stop="done", exit_code=0)


def run(*args: str, typed: str = "") -> Result:
    return CliRunner().invoke(review, args, input=typed)


def marking(*args: str) -> str:
    """Mark a session; the id of the log that has the mark."""
    done = run("mark", *args)
    assert done.exit_code == 0, done.exception
    return done.stdout.splitlines()[0].split()[-1]


def write(*events: Event) -> str:
    """A session; its id."""
    with SessionLog.create(places().sessions) as log:
        for event in events:
            log.write(event)
    return Path(log.folder).name


def plain() -> str:
    return write(started(), *turn(call("allow", "c1")), END)


def denied() -> str:
    return write(started(), *turn(call("deny", "c1"), call("deny", "c2")), END)


def quick(latency_us: int = 400_000) -> list[Event]:
    answer = Approval("yes", "user:bo", "terminal", latency_us=latency_us)
    return [
        replace(e, approval=answer) if isinstance(e, ApprovalAnswered) else e
        for e in call("ask", "c3")
    ]


def decided(effect: Effect, rule: str = "org/acme#any", **changes: object) -> ToolJudged:
    decision = Decision(effect, "why", rules=(rule,))
    return replace(judged(effect), decision=decision, **changes)


PROD = (Resource("table:shop.main.orders", "read", ("env.prod",)),)
LIVE = (
    Resource("column:live.main.orders.total", "read"),
    Resource("table:live.main.orders", "read"),
)


@pytest.mark.parametrize(
    ("event", "flags"),
    [
        (decided("allow"), ()),
        (decided("deny"), ("denied",)),
        (decided("deny", err="no_such_tool"), ()),
        (decided("deny", err="hidden"), ("denied",)),
        (decided("ask", "team/break-glass#glass-push"), ("break-glass",)),
        (decided("deny", "team/break-glass#no-force"), ("denied",)),
        (decided("allow", resources=PROD), ("production",)),
        (decided("ask", resources=PROD), ("production",)),
        (decided("deny", resources=PROD), ("denied",)),
        (decided("allow", resources=LIVE), ()),
        (quick()[3], ("quick-yes",)),
        (quick(1_000_000)[3], ()),
        (replace(quick()[3], approval=Approval("no", "bo", "terminal")), ()),
        (replace(quick()[3], approval=Approval("yes", "bo", "file")), ()),
        (replace(quick()[3], approval=Approval("no", "nobody", "unattended")), ("denied",)),
        (ToolFinished(turn=1, call="c1", outcome="denied"), ("denied",)),
        (PolicyLocked(reason="expired"), ("locked",)),
        (started(), ()),
    ],
)
def test_each_thing_worth_a_look_raises_its_flag(event: Event, flags: tuple[str, ...]) -> None:
    assert flagged(event, RULES) == flags


def test_what_is_production_and_what_break_glass_can_be_said_otherwise() -> None:
    rules = FlagRules(break_glass=("org/*#incident-*",), production=("source:live", "tag:env.p*"))
    assert flagged(decided("allow", resources=LIVE), rules) == ("production",)
    assert flagged(decided("allow", "org/acme#incident-7", resources=PROD), rules) == (
        "break-glass",
        "production",
    )
    assert flags_of({("source", "live"): Spotted(2, 3, 9), ("tag", "env.prod"): Spotted(1, 1, 1)}, rules) == {
        "production": Spotted(2, 1, 9)
    }  # fmt: skip


def test_flags_need_headers_alone() -> None:
    sid = write(started(), *turn(call("deny", "c1"), quick()), END)
    folder = Path(find_session(places().sessions, sid))
    (folder / BODIES).write_bytes(b"")  # as where content is erased or sealed
    found = [fact for record in read(str(folder)) for fact in facts(record.event)]
    assert ("deny", "") in found
    assert ("quick", "user:bo") in found


def test_the_queue_has_what_is_flagged_newest_first_and_nothing_else() -> None:
    first, _, second = denied(), plain(), write(started(), *turn(quick()), END)
    done = run("list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [second, first]
    assert "denied ×2" in done.stdout
    assert "quick-yes" in done.stdout
    assert [one["sid"] for one in json.loads(run("list", "--flag", "denied", "--format", "json").stdout)] == [first]  # fmt: skip
    assert run("list", "--limit", "1").stderr == "… 1 more: --limit 2 shows all.\n"


def test_what_was_marked_does_not_wait_until_it_is_flagged_again() -> None:
    sid = denied()
    assert run("mark", sid, "seen").exit_code == 0
    assert run("list").stderr == "Nothing waits for a reviewer.\n"
    assert run("list", "--all").stdout.split()[3] == "seen"
    folder = find_session(places().sessions, sid)
    with SessionLog.reopen(folder) as log:
        for event in turn(call("allow", "c5"), number=2):
            log.write(event)
    assert run("list").stdout == ""  # it went on, with nothing that is flagged
    with SessionLog.reopen(folder) as log:
        for event in turn(call("deny", "c6"), number=3):
            log.write(event)
    assert run("list").stdout.split()[0::3][:2] == [sid, "again"]


def test_a_mark_is_an_event_of_a_log_of_its_own_and_changes_nothing_else() -> None:
    sid = denied()
    folder = Path(find_session(places().sessions, sid))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    log = find_session(
        places().sessions,
        marking(sid, "escalated", "--to", "#security", "--note", "Why \x1b[31mtwice?"),
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    found = verify_session(log)
    assert (found.ok, found.closed, found.events, found.checkpoints) == (True, True, 3, 1)
    (marked,) = [r.event for r in read(log) if isinstance(r.event, ReviewMarked)]
    assert (marked.reviewed, marked.mark, marked.to, marked.flags) == (sid, "escalated", "#security", ("denied",))  # fmt: skip
    assert (marked.size, marked.verified) == (len(before[EVENTS].splitlines()), "ok")
    assert run("list", "--escalated").stdout.startswith(sid)
    assert "Why twice?" in run("marks", sid).stdout


def test_marks_count_in_the_devices_chain_so_a_log_of_marks_that_is_gone_is_missed() -> None:
    marking(denied(), "seen")
    log = marking(denied(), "seen")
    marking(denied(), "noted", "--note", "looked again")
    every = CliRunner().invoke(session, ["verify", "--all"])
    assert every.stdout.splitlines()[0].startswith("verify: ok 6 sessions")
    folder = Path(find_session(places().sessions, log))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    again = CliRunner().invoke(session, ["verify", "--all"])
    assert again.exit_code == 1
    assert "1 gaps between them" in again.stdout


def test_a_mark_stands_only_over_what_was_marked() -> None:
    sid = denied()
    run("mark", sid, "seen")
    folder = Path(find_session(places().sessions, sid))
    assert "stands, over" in run("marks").stdout
    with SessionLog.reopen(str(folder)) as log:  # going on takes nothing from it
        for event in turn(number=2):
            log.write(event)
    assert run("marks").exit_code == 0
    whole = (folder / EVENTS).read_bytes()
    (folder / EVENTS).write_bytes(whole.replace(b'"rows"', b'"sows"').replace(b"org/acme", b"org/icme", 1))  # fmt: skip
    done = run("marks")
    assert done.exit_code == 1
    assert "DOES NOT STAND: the session is not what was marked" in done.stdout
    (folder / EVENTS).write_bytes(b"\n".join(whole.split(b"\n")[:3]) + b"\n")
    assert run("marks").exit_code == 1
    (folder / EVENTS).unlink()
    assert run("marks").exit_code == 1


def test_a_mark_that_was_changed_does_not_stand() -> None:
    sid = denied()
    log = marking(sid, "escalated", "--to", "bo", "--note", "odd")
    file = Path(find_session(places().sessions, log), EVENTS)
    file.write_bytes(file.read_bytes().replace(b'"mark":"escalated"', b'"mark":"seen"'))
    done = run("marks", "--format", "json")
    assert done.exit_code == 1
    (one,) = json.loads(done.stdout)
    assert (one["stands"], "its own log" in one["checked"]) == (False, True)


def test_a_session_from_elsewhere_can_be_marked_and_is_compared_where_it_lies(
    tmp_path: Path,
) -> None:
    sid = denied()
    there = Path(find_session(places().sessions, sid)).rename(tmp_path / sid)
    assert run("mark", str(there), "seen").exit_code == 0
    assert "not checked: the session is not here" in run("marks").stdout
    assert run("marks").exit_code == 0
    assert "stands, over" in run("marks", str(there)).stdout


@pytest.mark.parametrize(
    "args", [["noted"], ["noted", "--note", " "], ["escalated", "--note", "x"], ["escalated", "--to", "bo"]]
)  # fmt: skip
def test_a_mark_that_says_too_little_is_refused_and_leaves_no_log(args: list[str]) -> None:
    sid = denied()
    assert isinstance(run("mark", sid, *args).exception, UsageError)
    assert run("marks").stderr == "Nothing is marked.\n"


def test_a_secret_in_a_note_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "ghp_" + "a1B2" * 9
    sid = denied()
    assert run("mark", sid, "noted", "--note", f"it used {token}").exit_code == 0
    kept = b"".join(
        path.read_bytes() for path in Path(places().sessions).rglob("*") if path.is_file()
    )
    assert token.encode() not in kept
    assert "[redacted:github-token:" in run("marks").stdout


def test_marks_cannot_be_marked_and_a_log_of_them_cannot_be_gone_on_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = marking(denied(), "seen")
    assert isinstance(run("mark", log, "seen").exception, UsageError)
    assert run_command_line(["run", "go on", "--resume", log]) == 2
    assert "holds no conversation" in capsys.readouterr().err


def test_one_goes_through_the_queue_and_each_mark_is_on_record_at_once() -> None:
    third, second, first = denied(), write(started(), *turn(quick()), END), denied()
    done = run("walk", typed="what\nn\nlooks fine\ns\nk\n")
    assert done.exit_code == 0, done.exception
    assert f"1 of 3  {first}" in done.stdout
    assert "verify: ok" in done.stdout
    assert "! quick-yes: a person said yes in under a second" in done.stdout
    # A quick yes with the call that it was given for.
    assert "     6  ● git.push" in done.stdout
    assert "     8    ✓ answered yes by user:bo" in done.stdout
    assert json.loads(run("list", "--format", "json").stdout)[0]["sid"] == third
    said = [(one["reviewed"], one["mark"], one.get("note", "")) for one in json.loads(run("marks", "--format", "json").stdout)]  # fmt: skip
    assert said == [(first, "noted", "looks fine"), (second, "seen", "")]


def test_leaving_in_the_middle_keeps_what_was_marked() -> None:
    denied()
    first = denied()
    done = run("walk", typed="e\n#security\nodd\n")  # then the input ends
    assert done.exit_code == 1
    (one,) = json.loads(run("marks", "--format", "json").stdout)
    assert (one["reviewed"], one["to"], one["stands"]) == (first, "#security", True)
    assert verify_session(find_session(places().sessions, one["log"])).closed


def test_the_whole_session_and_its_report_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = denied()
    monkeypatch.chdir(tmp_path)
    done = run("walk", typed="v\nr\nr\nq\n")
    assert '{"branch":"main"}' in done.stdout
    assert (tmp_path / f"{sid}.html").read_text().startswith("<!doctype html>")
    assert "is there already" in done.stderr
    assert run("marks").stderr == "Nothing is marked.\n"


def test_a_log_that_does_not_verify_is_marked_as_such() -> None:
    sid = denied()
    file = Path(find_session(places().sessions, sid), EVENTS)
    file.write_bytes(file.read_bytes().replace(b'"turn":1', b'"turn":2', 1))
    assert "verify: FAILED" in run("walk", typed="s\n").stdout
    assert "its log did not verify" in run("marks").stdout


def test_an_index_of_an_earlier_version_is_made_anew() -> None:
    sid = denied()
    search_sessions(places().sessions, ["push"])
    with sqlite3.connect(os.path.join(places().sessions, INDEX)) as database:
        database.execute("DROP TABLE fact")
        database.execute("PRAGMA user_version = 1")
    assert [one.sid for one in queue(places().sessions, RULES).sessions] == [sid]


def test_without_sessions_nothing_waits() -> None:
    assert run().stderr == "Nothing waits for a reviewer.\n"
    assert run("list", "--format", "json").stdout == "[]\n"
    assert run("walk").stdout == "Nothing waits for a reviewer.\n"


CONFIG = '[review]\nproduction = ["source:live"]\nbreak_glass = ["org/*#x"]\n'


def test_the_configuration_says_what_is_flagged() -> None:
    own_file("config.toml", CONFIG)
    sid = write(started(), decided("allow", resources=LIVE), END)
    assert "production" in run("list").stdout
    assert run("list").stdout.startswith(sid)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[review]\nproductoin = ["tag:x"]', "config.toml:2:1: unknown key 'productoin'"),
        ('[review]\nproduction = "tag:x"', "config.toml:2:1: review.production must be a list"),
        ('[review]\nproduction = ["tag:x", "x"]', "must be a text that begins tag:… or source:…"),
        ("[review]\nbreak_glass = [1]", "review.break_glass must be a text"),
        ("review = 1", "review must be a table"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(text.encode(), "config.toml")
    assert said in str(raised.value)


def test_who_reviewed_is_who_ran_it() -> None:
    run("mark", denied(), "seen")
    (one,) = json.loads(run("marks", "--format", "json").stdout)
    assert one["by"] != ANA.user
    assert one["by"] in run("marks").stdout
