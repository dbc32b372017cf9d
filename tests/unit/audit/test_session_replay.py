"""``devagent session replay``: what stood on the screen stands there again, and decisions are judged again."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.audit.layout import BODIES, EVENTS
from devagent.cli.session import session
from devagent.core.codec import sha256
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ApprovalAsked, ToolJudged
from devagent.core.events.ground import PolicyLoaded, PolicyLocked
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded, SessionResumed
from devagent.core.events.turns import TurnCut
from devagent.core.verdicts import Request
from devagent.policy import compile_policy, parse
from devagent.repl.render import render
from devagent.repl.replay import Replay
from devagent.repl.words import ASCII
from devagent.settings.places import places
from tests.support.log_events import ANA, call, started, story, turn, write_story

STRICT = """\
version = 1
name = "strict"
layer = "org"

[[rule]]
id = "no-pushes"
effect = "deny"
tools = ["git.push"]
why = "Nothing leaves"
"""
OPEN = STRICT.replace("no-pushes", "pushes").replace("deny", "allow")


def run(*args: str) -> Result:
    return CliRunner().invoke(session, ["replay", *args])


def replayed(*events: Event) -> list[str]:
    screen = Replay()
    return [text for event in events for text in screen.lines(event)]


def as_judged() -> list[Event]:
    """The story, its decisions with the digest of what was judged, as the gate writes them."""
    events: list[Event] = []
    for event in story():
        if isinstance(event, ToolJudged):
            request = Request(
                principal=event.principal,
                extension=event.ext.name,
                tool=event.tool,
                tool_class=event.tool_class,
                args=event.args,
                resources=event.resources,
            )
            digest = (
                compile_policy([parse(STRICT.encode(), "any", org=True)]).decide(request).request
            )
            decision = replace(event.decision, request=digest)
            event = replace(event, decision=decision)
        events.append(event)
    return events


def test_the_lines_are_those_that_were_drawn_live() -> None:
    events = story()
    live = [text for event in events[1:] if (text := render(event))]
    assert [text for text in replayed(*events)[1:] if "git.push to main?" not in text] == live


def test_a_question_stands_there_as_the_person_saw_it() -> None:
    shown = replayed(started(), *turn(call("ask", "c1")))
    card = shown.index("\n  ? git.push to main?\n")
    assert shown[card + 1].startswith("  ✓ answered yes by ana (at the terminal")


@pytest.mark.parametrize("method", ["file", "unattended", "elicitation"])
def test_a_question_that_was_on_no_terminal_is_not_drawn(method: str) -> None:
    events = [
        replace(e, approval=Approval("yes", "bo", method, shown=sha256(b"x")))  # pyright: ignore[reportArgumentType]
        if isinstance(e, ApprovalAnswered)
        else e
        for e in turn(call("ask", "c1"))
    ]
    assert not any("? git.push to main?" in text for text in replayed(started(), *events))


def test_a_question_that_was_left_with_ctrl_c_was_on_the_screen() -> None:
    chat = replace(started(), mode="chat")
    asked = ApprovalAsked(turn=1, call="c1", shown="git.push to main?")
    assert replayed(chat, asked, TurnCut(turn=1, err="cancelled"))[-2:] == [
        "\n  ? git.push to main?\n",
        "stopped; what was done so far stays",
    ]


def test_a_chats_replies_come_as_they_streamed() -> None:
    reply = ModelReplied(
        turn=1, model="m", stop="end_turn", content=[{"type": "text", "text": "  a\n\x1b[31mb\n"}]
    )
    assert replayed(replace(started(), mode="chat"), reply)[-2:] == ["  a", "b"]
    assert replayed(started(), reply)[-1] == "  a\nb"


def test_it_opens_with_the_policies_that_held_and_says_what_had_changed() -> None:
    org = PolicyLoaded(layer="org", name="acme", digest="ab", rules=3)
    resumed = SessionResumed(
        principal=ANA, mode="chat", model="m2", versions={}, policy="cd", changed=("model m → m2",)
    )
    locked = PolicyLocked(reason="the bundle \x1b[1mexpired")
    assert replayed(started(), org, resumed, locked, *turn()[:2])[:4] == [
        "devagent · claude · policy org/acme",
        "LOCKED, reading only: the bundle expired",
        "devagent · m2 · policy none on record",
        "session resumed · m2 · as ana · changed: model m → m2",
    ]


def test_it_draws_what_an_old_terminal_can_show() -> None:
    screen = Replay(ASCII)
    text = "\n".join(t for event in story() for t in screen.lines(event)).replace("“please”", "")
    assert text.isascii()


def test_its_decisions_are_judged_again_and_nothing_is_run(tmp_path: Path) -> None:
    write_story(places().sessions, as_judged())
    file = tmp_path / "strict.toml"
    file.write_text(STRICT)
    before = (Path(places().sessions) / "..").resolve()
    there = sorted(str(path) for path in before.rglob("*"))
    done = run("--policy", str(file))
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    allowed = next(n for n, line in enumerate(lines) if "✓ allowed by" in line)
    assert lines[allowed + 1] == (
        "  → by strict.toml this would be denied by org/strict#no-pushes (strict.toml:5)"
    )
    assert lines[-2] == "4 decisions judged again by strict.toml: 0 the same, 4 otherwise"
    assert run("--policy", str(file), "--exit-code").exit_code == 1
    assert sorted(str(path) for path in before.rglob("*")) == there


def test_the_policy_that_allows_it_says_so_for_what_was_denied(tmp_path: Path) -> None:
    write_story(places().sessions, as_judged())
    file = tmp_path / "open.toml"
    file.write_text(OPEN)
    assert "this would be allowed by org/strict#pushes" in run("--policy", str(file)).stdout


def test_what_is_not_on_record_as_it_was_judged_is_said_and_not_guessed(tmp_path: Path) -> None:
    events = [
        replace(e, args={"branch": "other"}) if isinstance(e, ToolJudged) else e
        for e in as_judged()
    ]
    write_story(places().sessions, events)
    file = tmp_path / "strict.toml"
    file.write_text(STRICT)
    done = run("--policy", str(file))
    assert "  → not judged again: not all that was judged is on record" in done.stdout
    assert "0 decisions judged again" in done.stdout.splitlines()[-2]


def test_it_ends_with_what_verifying_says_and_fails_where_that_does() -> None:
    folder = Path(
        write_story(places().sessions, [*story(), SessionEnded(stop="done", exit_code=0)])
    )
    assert run().stdout.splitlines()[-1].startswith(f"verify: ok {folder.name}")
    file = folder / EVENTS
    file.write_bytes(file.read_bytes().replace(b'"answer":"yes"', b'"answer":"no"', 1))
    done = run()
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("verify: FAILED events.jsonl:")
    assert "answered no by ana" in done.stdout


def test_content_that_is_gone_is_named_as_gone() -> None:
    folder = Path(write_story(places().sessions, story()))
    lines = (folder / BODIES).read_bytes().splitlines(keepends=True)
    (folder / BODIES).write_bytes(b"".join(lines[:1] + lines[2:]))
    assert "… prompt: its content is missing" in run().stdout
