"""Events for tests of the log: a turn as the loop yields it, and any event at all."""

import itertools
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from devagent.audit.writer import SessionLog
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.model import ModelReplied, ModelRequested
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.events.turns import Prompt, TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolClass
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision, Effect, RuleReference

ANA = Principal(user="ana", groups=("eng",))
GIT = ExtensionReference("git", "1.0", "ab" * 32)


def started(count: int = 0) -> SessionStarted:
    return SessionStarted(
        principal=ANA,
        agent="devagent",
        mode="run",
        model="claude",
        versions={"devagent": "0", "log": "1"},
        policy="cd" * 32,
        folder="/home/ana/shop",
        count=count,
    )


def judged(
    effect: Effect, call: str = "c1", turn: int = 1, tool_class: ToolClass = "write"
) -> ToolJudged:
    rule = RuleReference("org/acme#no-force", effect, "org", "org.toml", 14, grant="Ask #platform")
    return ToolJudged(
        turn=turn,
        call=call,
        principal=ANA,
        agent="devagent",
        ext=GIT,
        tool="push",
        tool_class=tool_class,
        resources=(Resource("branch:origin/main", "write"),),
        args_digest="ef" * 32,
        decision=Decision(
            effect,
            "Force pushes rewrite shared history",
            rules=("org/acme#no-force",),
            obligations={"max_cost_usd": 0.5, "limit_rows": 500},
            policy="cd" * 32,
            determining=(rule,),
            grant="Ask #platform",
        ),
        args={"branch": "main"},
    )


def call(
    effect: Effect = "allow",
    name: str = "c1",
    turn: int = 1,
    tool_class: ToolClass = "write",
    answer: Literal["yes", "no"] = "yes",
) -> list[Event]:
    """One tool call with all that belongs to it."""
    events: list[Event] = [
        ToolCalled(turn=turn, call=name, ext="git", tool="push", args={"branch": "main"}),
        judged(effect, name, turn, tool_class),
    ]
    if effect == "ask":
        approval = Approval(answer, "ana", "terminal", latency_us=5)
        events += [
            ApprovalAsked(turn=turn, call=name, shown="git.push to main?"),
            ApprovalAnswered(
                turn=turn, call=name, principal=ANA, agent="devagent", approval=approval
            ),
        ]
    if effect == "allow" or (effect == "ask" and answer == "yes"):
        events += [
            ToolStarted(turn=turn, call=name, ext=GIT, tool="push", tool_class=tool_class),
            ToolFinished(turn=turn, call=name, outcome="ok", bytes=4, text="done"),
        ]
    return events


def turn(*calls: list[Event], number: int = 1) -> list[Event]:
    return [
        TurnStarted(turn=number),
        Prompt(turn=number, text="push it, “please”"),
        ModelRequested(turn=number, model="claude", messages=1, tools=6),
        ModelReplied(
            turn=number,
            model="claude",
            stop="tool_use",
            content=[{"type": "text", "text": "Pushing."}],
            usage=Usage(10, 2),
        ),
        *itertools.chain.from_iterable(calls),
        TurnEnded(turn=number, stop="done", usage=Usage(10, 2), dur_us=9),
    ]


def story() -> list[Event]:
    """A session from start to end, with every way a call can go."""
    return [
        started(),
        *turn(
            call("allow", "c1"),
            call("deny", "c2"),
            call("ask", "c3"),
            call("ask", "c4", answer="no"),
        ),
        SessionEnded(stop="done", exit_code=0),
    ]


def ticking(start: int = 1_800_000_000_000_000_000) -> Callable[[], int]:
    """A clock of nanoseconds that goes on by a microsecond a look."""
    return itertools.count(start, 1000).__next__


def counting_random() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda n: next(numbers).to_bytes(n)


def new_log(sessions: str) -> SessionLog:
    """A log whose bytes are the same each time."""
    return SessionLog.create(
        sessions, clock=ticking(), monotonic=ticking(1_000_000), random=counting_random()
    )


def write_story(sessions: str, events: Sequence[Event]) -> str:
    """Write them all; the session's folder."""
    with new_log(sessions) as log:
        for event in events:
            log.write(event)
    return log.folder


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def any_event() -> st.SearchStrategy[Event]:
    """Events of every type, with every field drawn from its annotation."""
    return st.one_of([event_of(kind) for kind in get_args(Event)])


def event_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Events of one type."""
    return _of(kind)


def _of(kind: Any) -> st.SearchStrategy[Any]:
    if kind is Any:
        return _json
    if kind is str:
        return st.text()
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(-(2**63), 2**63 - 1)
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is type(None):
        return st.none()
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of([_of(one) for one in args])
    if origin is tuple and args[-1] is not ...:
        return st.tuples(*map(_of, args))
    if origin is tuple:
        return st.lists(_of(args[0]), max_size=3).map(tuple)
    if origin is list:
        return st.lists(_of(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(st.text(), _of(args[1]), max_size=3)
    hints = get_type_hints(kind)
    return st.builds(kind, **{f.name: _of(hints[f.name]) for f in msgspec.structs.fields(kind)})
