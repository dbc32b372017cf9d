"""``devagent session diff``: what two sessions did differently."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.audit.comparison import Step, line_up
from devagent.audit.forks import fork
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.ground import PolicyLoaded
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import Prompt
from devagent.settings.places import places
from tests.support.log_events import ANA, call, started, story, turn


def run(*args: str) -> Result:
    return CliRunner().invoke(session, ["diff", *args])


def write(*events: Event) -> str:
    """A session of its own; its id."""
    with SessionLog.create(places().sessions) as log:
        for event in events:
            log.write(event)
    return Path(log.folder).name


def found(*args: str) -> dict[str, Any]:
    done = run(*args, "--format", "json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_two_sessions_that_did_the_same_differ_in_nothing() -> None:
    a, b = write(*story()), write(*story())
    done = run(a, b, "--exit-code")
    assert done.exit_code == 0
    assert "  6 the same, 0 otherwise, 0 in A alone, 0 in B alone" in done.stdout
    assert done.stdout.count("  the same\n") == 2
    assert len(found(a, b, "--all")["steps"]) == 6
    assert found(a, b)["steps"] == []


def test_a_call_that_was_answered_otherwise_stands_beside_itself() -> None:
    a = write(started(), *turn(call("deny", "c1")))
    b = write(started(), *turn(call("ask", "c9")))
    done = run(a, b, "--exit-code")
    assert done.exit_code == 1
    assert (
        "  ! 5/5 call git.push branch:origin/main: denied (org/acme#no-force) → "
        "approved by ana (org/acme#no-force)" in done.stdout
    )
    assert "  branch:origin/main: write, held back → write\n" in done.stdout
    assert "  denied: 1 → 0\n" in done.stdout


def test_a_step_of_one_alone_has_its_sign_and_number() -> None:
    more = Prompt(turn=2, text="and \x1b]0;now\x07 this")
    a = write(started(), *turn(), SessionEnded(stop="done", exit_code=0))
    b = write(started(), *turn(), more, SessionEnded(stop="done", exit_code=0))
    assert "  + 6 prompt and ⟦U+001B⟧]0;now⟦U+0007⟧ this" in run(a, b).stdout
    assert "  - 6 prompt and" in run(b, a).stdout
    (step,) = found(a, b)["steps"]
    assert (step["where"], step["second"]["seq"]) == ("second", 6)


def test_another_result_of_the_same_call_is_told() -> None:
    other = [
        replace(e, text="another") if isinstance(e, ToolFinished) else e
        for e in turn(call("allow", "c1"))
    ]
    done = run(write(started(), *turn(call("allow", "c1"))), write(started(), *other))
    assert "call git.push branch:origin/main: allowed (org/acme#no-force), with another result" in (
        done.stdout
    )


def test_who_and_under_what_is_compared_too() -> None:
    policy = PolicyLoaded(layer="org", name="acme", digest="ab" * 32, rules=3)
    bo = replace(started(), principal=replace(ANA, user="bo"), mode="chat")
    a = write(started(), policy, *turn())
    b = write(bo, replace(policy, digest="cd" * 32), *turn())
    told = run(a, b).stdout
    assert "  principal: ana → bo\n" in told
    assert "  mode: run → chat\n" in told
    assert "  policy: org/acme abababababab → org/acme cdcdcdcdcdcd\n" in told
    whole = {one["what"]: one for one in found(a, b)["differences"]}
    assert whole["policy"]["first"] == "org/acme " + "ab" * 32


def test_a_fork_is_compared_with_what_its_origin_did_after_it() -> None:
    events = [started(), *turn(call("allow", "c1")), *turn(call("deny", "c2"), number=2)]
    origin = write(*events)
    at = events.index(turn(number=2)[0]) - 1
    folder = next(Path(places().sessions).glob(f"*/{origin}"))
    forked = Path(
        fork(places().sessions, str(folder), at, who=ANA, versions={"devagent": "0", "log": "1"})
    )
    with SessionLog.reopen(str(forked)) as log:
        for event in turn(call("allow", "c2"), number=2):
            log.write(event)
    done = run(origin, forked.name)
    assert "  2 the same, 1 otherwise, 0 in A alone, 0 in B alone" in done.stdout
    assert ": denied (org/acme#no-force) → allowed (org/acme#no-force)" in done.stdout
    assert "  2 the same, 1 otherwise" in run(forked.name, origin).stdout


def test_a_log_that_does_not_verify_is_compared_and_named() -> None:
    a, b = write(*story()), write(*story())
    file = next(Path(places().sessions).glob(f"*/{b}/events.jsonl"))
    file.write_bytes(file.read_bytes().replace(b'"usage":{"input":10', b'"usage":{"input":11', 1))
    lines = run(a, b).stdout.splitlines()
    assert lines[0].startswith(f"A {a}: verify: ok")
    assert lines[1].startswith(f"B {b}: verify: FAILED events.jsonl:")


def steps(text: str) -> list[Step]:
    return [Step(n, "call", letter, "", letter) for n, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("first", "second"), [("abcde", "abXde"), ("", "ab"), ("ab", ""), ("aaab", "ab"), ("ab", "ba")]
)
def test_every_step_of_both_stands_there_once_and_in_order(first: str, second: str) -> None:
    pairs = list(line_up(steps(first), steps(second)))
    assert "".join(p.first.about for p in pairs if p.first) == first
    assert "".join(p.second.about for p in pairs if p.second) == second
    assert all(p.first.about == p.second.about for p in pairs if p.first and p.second)


def test_long_sessions_of_the_same_few_calls_are_lined_up_in_good_time() -> None:
    long = steps("abcabd" * 5_000)
    changed = [*long[:15_000], *steps("x"), *long[15_000:]]
    pairs = list(line_up(long, changed))
    assert sum(p.where == "second" for p in pairs) - sum(p.where == "first" for p in pairs) == 1
    reply = ModelReplied(turn=1, model="m", stop="end", content=[])
    assert run(write(started(), reply), write(started(), reply)).exit_code == 0
