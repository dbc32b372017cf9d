"""The agent's ports for tests: each does what it is told and notes what it was asked."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.fitting import Window
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate
from devagent.agent.loop import Agent
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.agent.todo import Todo
from devagent.core.approvals import ApprovalBounds, StandingApproval
from devagent.core.events import Event
from devagent.core.events.calls import Approval
from devagent.core.events.model import ModelReplied
from devagent.core.limits import Limits
from devagent.core.ports import (
    Answer,
    Approvals,
    Judge,
    MayRead,
    Meanwhile,
    Model,
    ModelEvent,
    ModelRequest,
    Progress,
    Question,
    Toolbox,
    ToolFailure,
)
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolClass, ToolResult, ToolSpec
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import Decision, Effect, Needs, Request

E = TypeVar("E")

ANA = Principal(user="ana", agent="main")
GIT = ExtensionReference("git", "1.0", "ab" * 32)
WORKSPACE = "/code/shop"


def spec(name: str = "push", tool_class: ToolClass = "write") -> ToolSpec:
    return ToolSpec("git", name, tool_class, f"What {name} does.", {"type": "object"})


MAIN = Resource("branch:main", "write")
LOG, PUSH = spec("log", "read"), spec()


def use(call: str, tool: str = "git__push", **args: Any) -> dict[str, Any]:
    """A tool call as a block of a reply."""
    return {"type": "tool_use", "id": call, "name": tool, "input": args}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def reply(*content: dict[str, Any], stop: str = "", cost: int = 0) -> ModelReplied:
    """A reply of these blocks; its stop reason follows from them unless it is given."""
    calls = any(block["type"] == "tool_use" for block in content)
    return ModelReplied(
        turn=0,
        model="fake",
        stop=stop or ("tool_use" if calls else "end_turn"),
        content=list(content),
        usage=Usage(10, 2),
        cost=Cost(cost, "prices") if cost else None,
    )


class FakeModel:
    """Gives its replies one after another. A list among them is yielded whole, an exception raised."""

    name = "fake"

    def __init__(self, *replies: ModelReplied | Exception | Sequence[ModelEvent]) -> None:
        self._replies: Iterator[ModelReplied | Exception | Sequence[ModelEvent]] = iter(replies)
        self.requests: list[list[dict[str, Any]]] = []
        self.tools: list[list[str]] = []

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        # As it was sent: the history's own list goes on growing.
        self.requests.append([dict(message) for message in request.messages])
        self.tools.append([tool.api_name for tool in request.tools])
        following = next(self._replies)
        if isinstance(following, Exception):
            raise following
        for event in [following] if isinstance(following, ModelReplied) else following:
            yield event

    async def aclose(self) -> None:
        """Nothing is open."""


class FakeToolbox:
    """Two tools, ``git.log`` and ``git.push``; what they give, refuse and were run with."""

    def __init__(
        self,
        result: ToolResult | Callable[[], ToolResult] | None = None,
        *,
        named: Sequence[Resource] | ToolFailure = (MAIN,),
        unfit: ToolFailure | None = None,
        unforeseen: ToolFailure | None = None,
    ) -> None:
        self._unforeseen = unforeseen
        self._result = result or ToolResult("done")
        self._named = named
        self._unfit = unfit
        self.ran: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []

    def specs(self) -> Sequence[ToolSpec]:
        return (LOG, PUSH)

    def find(self, api_name: str) -> ToolSpec | None:
        return next((tool for tool in self.specs() if tool.api_name == api_name), None)

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        del tool
        return GIT

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        del tool
        if self._unfit:
            raise self._unfit
        return {"force": False, **args}

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        del tool, args, may_read
        if isinstance(self._named, ToolFailure):
            raise self._named
        return tuple(self._named)

    async def preview(self, tool: ToolSpec, args: Mapping[str, Any]) -> str:
        del tool, args
        if self._unforeseen:
            raise self._unforeseen
        return ""

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        del may_read, progress
        self.ran.append((tool.qualified, args, obligations))
        return self._result if isinstance(self._result, ToolResult) else self._result()


def decision(
    effect: Effect, matching: Sequence[str] = ("org/acme#push",), **fields: Any
) -> Decision:
    reason = f"org/acme#push says {effect}"
    return Decision(effect, reason, rules=tuple(matching), policy="the policy", **fields)


class FakeJudge:
    """The same answer to every call, another to every result; the requests that were judged."""

    digest = "the policy"

    def __init__(
        self,
        effect: Effect = "allow",
        *,
        afterwards: Decision | None = None,
        hidden: Sequence[str] = (),
        **fields: Any,
    ) -> None:
        self._decision = decision(effect, **fields)
        self._afterwards = afterwards or Decision(
            effect="allow", reason="nothing speaks against it"
        )
        self._hidden = hidden
        self.requests: list[Request] = []

    def decide(self, request: Request) -> Decision:
        self.requests.append(request)
        return self._decision

    def decide_result(self, request: Request) -> Decision:
        self.requests.append(request)
        return self._afterwards

    def shadow(self, request: Request, decision: Decision) -> Decision | None:
        del request, decision
        return None

    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        del principal, tool
        return Needs()

    def asks_for_origins(self) -> bool:
        return False

    def is_hidden(self, principal: Principal, tool: ToolSpec) -> bool:
        del principal
        return tool.qualified in self._hidden


class FakeApprover:
    """Says what it was told to; what it was asked."""

    def __init__(self, approval: Approval | Exception | None = None, comment: str = "") -> None:
        self._approval = approval or Approval("yes", "user:ana", "terminal")
        self._comment = comment
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(self._approval, Exception):
            raise self._approval
        return Answer(self._approval, self._comment)


NO = Approval("no", "user:ana", "terminal")
UNATTENDED = Approval("no", "nobody", "unattended")


class FakeApprovals:
    """Approvals on file, in memory."""

    def __init__(self, *approvals: StandingApproval) -> None:
        self.kept = list(approvals)

    def standing(self) -> Sequence[StandingApproval]:
        return tuple(self.kept)

    def keep(self, approval: StandingApproval) -> None:
        self.kept.append(approval)


def gate_of(
    judge: Judge,
    toolbox: Toolbox | None = None,
    approver: FakeApprover | None = None,
    *,
    own: Sequence[str] = (),
    approvals: Approvals | None = None,
    bounds: ApprovalBounds = ApprovalBounds(),  # noqa: B008 - frozen
    today: Callable[[], str] = lambda: "2026-11-20",
) -> Gate:
    terms = Terms(WORKSPACE, today, bounds)
    circumstances = Circumstances(principal=ANA, mode="run", interactive=False, today=today)
    return Gate(
        judge,
        toolbox or FakeToolbox(),
        Asking(approver or FakeApprover(), approvals or FakeApprovals(), terms),
        circumstances,
        Floor(WORKSPACE, own),
        lambda kinds, text: text.replace("4711", f"[{'+'.join(kinds)}]"),
    )


def agent_of(
    model: Model,
    judge: FakeJudge | None = None,
    toolbox: Toolbox | None = None,
    approver: FakeApprover | None = None,
    *,
    limits: Limits | None = None,
    own: Sequence[str] = (),
    governing: Sequence[str] = (),
    window: Window | None = None,
    todo: Todo | None = None,
) -> Agent:
    """An agent of these parts; what is left out allows, works and says yes."""
    toolbox = toolbox or FakeToolbox()
    gate = gate_of(judge or FakeJudge(), toolbox, approver, own=own)
    return Agent(
        model,
        gate,
        toolbox,
        system="Be exact.",
        limits=limits or Limits(),
        safeguards=Safeguards(OwnFiles(governing)),
        window=window or Window(),
        todo=todo,
    )


async def turn_of(agent: Agent, text: str = "push it") -> list[Event]:
    """All events of one turn."""
    async with aclosing(agent.turn(text)) as events:
        return [event async for event in events]


def kinds(events: Sequence[Event]) -> list[str]:
    """The events' types, as the log names them."""
    return [str(event.__struct_config__.tag) for event in events]


def the_only(events: Sequence[Event], kind: type[E]) -> E:
    """The one event of a type."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found
