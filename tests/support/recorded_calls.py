"""Recorded sessions for tests: calls judged by a policy and written as the loop would write them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from devagent.audit.writer import SessionLog
from devagent.core.codec import digest
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolJudged,
)
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.core.events.turns import TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolClass
from devagent.core.verdicts import Decision, Request
from devagent.policy import CompiledPolicy, compile_policy, parse

ANA = Principal(user="ana", agent="main")
NOVEMBER = 1_795_000_000_000_000_000  # nanoseconds: 2026-11-18


class Call(Struct, frozen=True):
    """A call, and how its ask was answered where it was one (empty: not at all)."""

    request: Request
    answer: Literal["", "yes", "no"] = ""
    method: Literal["terminal", "file", "unattended"] = "terminal"


def policy_of(*texts: str) -> CompiledPolicy:
    """The texts as one policy, the first in the org's place."""
    return compile_policy([parse(t, f"{n}.toml", org=n == 0) for n, t in enumerate(texts)])


def write_of(path: str, text: str = "x = 1", **context: object) -> Request:
    """Ana's ``workspace.write`` of one file."""
    return Request(
        principal=ANA,
        extension="workspace",
        tool="write",
        tool_class="write",
        args={"path": path, "content": text},
        resources=(Resource(f"path:{path}", "write"),),
        context={"mode": "chat", "interactive": True, "today": "2026-11-18", **context},
        can=("timeout_s",),
    )


def request_of(tool: str, *ids: str, tool_class: ToolClass = "write", **changes: object) -> Request:
    """Ana's call of any tool; ``changes`` are further fields of the request."""
    extension, _, name = tool.partition(".")
    fields: dict[str, object] = {
        "principal": ANA,
        "extension": extension,
        "tool": name,
        "tool_class": tool_class,
        "resources": tuple(Resource(i, "read" if tool_class == "read" else "write") for i in ids),
        "context": {"mode": "chat", "today": "2026-11-18"},
        **changes,
    }
    return Request(**fields)  # pyright: ignore[reportArgumentType]


def judged(call: str, request: Request, decision: Decision, **more: object) -> ToolJudged:
    """The event that the gate makes of a request and its decision."""
    fields: dict[str, object] = {
        "turn": 1,
        "call": call,
        "principal": request.principal,
        "agent": request.principal.agent,
        "ext": ExtensionReference(request.extension, "1.0", "ab" * 32),
        "tool": request.tool,
        "tool_class": request.tool_class,
        "resources": request.resources,
        "args_digest": digest(request.args),
        "decision": decision,
        "args": request.args,
        "context": request.context,
        "facts": request.facts,
        "can": request.can,
        **more,
    }
    return ToolJudged(**fields)  # pyright: ignore[reportArgumentType]


def events_of(policy: CompiledPolicy, calls: Iterable[Call]) -> Iterator[Event]:
    """A session of one turn."""
    yield SessionStarted(
        principal=ANA, agent="main", mode="chat", model="m", versions={}, policy=policy.digest
    )
    yield TurnStarted(turn=1)
    for number, one in enumerate(calls):
        name, request = f"c{number}", one.request
        decision = policy.decide(request)
        shadow = policy.shadow(request, decision)
        yield ToolCalled(
            turn=1, call=name, ext=request.extension, tool=request.tool, args=request.args
        )
        yield judged(name, request, decision, shadow=shadow)
        if decision.effect == "ask" and one.answer:
            yield ApprovalAsked(turn=1, call=name, shown="?")
            yield ApprovalAnswered(
                turn=1,
                call=name,
                principal=request.principal,
                agent="main",
                approval=Approval(one.answer, "ana", one.method),
            )
    yield TurnEnded(turn=1, stop="done")
    yield SessionEnded(stop="done", exit_code=0)


def ticking(start: int = NOVEMBER) -> Callable[[], int]:
    """A clock that goes on by a millisecond a look, for ids and moments that are the same each time."""
    now = start

    def look() -> int:
        nonlocal now
        now += 1_000_000
        return now

    return look


def write_session(
    sessions: str, policy: CompiledPolicy, calls: Iterable[Call], *, start: int = NOVEMBER
) -> str:
    """The folder of a session with these calls below a sessions folder."""
    return write_events(sessions, events_of(policy, calls), start=start)


def write_events(sessions: str, events: Iterable[Event], *, start: int = NOVEMBER) -> str:
    """The folder of a session with these events."""
    with SessionLog.create(sessions, clock=ticking(start)) as log:
        for event in events:
            log.write(event)
    return log.folder
