"""Ports: what the loop and the gate need of the world, one or two methods each."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from devagent.core.approvals import Scope, StandingApproval
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    SnapshotFailed,
    SnapshotMade,
    ToolFinished,
    ToolJudged,
)
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta, ThinkingDelta
from devagent.core.limits import Spent
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ServiceTool, ToolResult, ToolSpec
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision, Needs, Request


class ModelRequest(Struct, frozen=True):
    """What one reply is asked for. ``messages`` are in the Messages API's shape, whatever the provider."""

    turn: int
    system: str
    messages: Sequence[dict[str, Any]]
    tools: Sequence[ToolSpec]
    labels: Sequence[str] = ()
    """Of the sources whose results the conversation holds: policy may bind models to them."""
    findable: Sequence[ToolSpec] = ()
    """Tools that a model may call though it is not told of them yet; nothing of them is sent."""
    service_tools: Sequence[ServiceTool] = ()
    """What the service may carry out itself; one that has no such tools leaves them out."""
    container: str = ""
    """Where the service runs code: of the paused turn that this request goes on with."""
    answer_schema: dict[str, Any] | None = None
    """What the answer must fit; a service that can hold it to that does."""
    compacts: bool = False
    """Not the next reply is asked for, but a signed summary of ``messages``: see ``sampling.Sampling.compacts``."""


ModelEvent = TextDelta | ThinkingDelta | ModelFailed | ModelReplied


class Model(Protocol):
    """A model service."""

    @property
    def name(self) -> str: ...

    def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Yield deltas as they come, ``ModelFailed`` for an attempt that is tried again, and last the
        whole ``ModelReplied``. Raises ModelError when the service failed for good; a reply whose
        stream broke is never yielded."""
        ...

    async def aclose(self) -> None: ...


class Judge(Protocol):
    """The compiled policy. Pure: no clock, no path, no await."""

    @property
    def digest(self) -> str: ...

    def decide(self, request: Request) -> Decision:
        """The answer and its record. Never raises for a request: what cannot be judged is a deny."""
        ...

    def decide_result(self, request: Request) -> Decision:
        """The result phase: the call was already granted, so silence keeps it; rules may deny or ask."""
        ...

    def shadow(self, request: Request, decision: Decision) -> Decision | None:
        """What ``decide`` would answer with the rules in shadow mode, where that differs from ``decision``."""
        ...

    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        """What the request for a call of this tool must tell beside its arguments; rather too much."""
        ...

    def asks_for_origins(self) -> bool:
        """Whether any rule, about whomever, asks where a value came from; where none does no source is kept."""
        ...

    def is_hidden(self, principal: Principal, tool: ToolSpec) -> bool:
        """Whether this principal could never be allowed (or asked for) any call of this tool."""
        ...


MayRead = Callable[[Sequence[Resource]], Sequence[bool]]
"""Which of these resources the call in hand may read by policy. Takes no side effect; any thread may ask."""


Progress = Callable[[str], None]
"""Takes what a tool prints while it runs, for a person's eyes alone. It never waits; any thread may call it."""


class Meanwhile(Protocol):
    """What a tool may do while its call runs. All of it is refused with ToolFailure once the call is over."""

    def progress(
        self,
        *,
        done: float = 0.0,
        total: float = 0.0,
        text: str = "",
        level: str = "",
        logger: str = "",
    ) -> None:
        """Say how far it is (see ``ToolProgress``); dropped where nobody can follow."""
        ...

    async def tell(self, event: Event) -> None:
        """Put an event on record; it is there when this returns."""
        ...

    async def call(self, tool: ToolSpec, args: dict[str, Any]) -> ToolFinished | None:
        """A call that this one needs, judged and recorded like any other; None where it may not be, or a budget
        is used up."""
        ...


class Toolbox(Protocol):
    """The extensions."""

    def specs(self) -> Sequence[ToolSpec]: ...

    def find(self, api_name: str) -> ToolSpec | None: ...

    def reference(self, tool: ToolSpec) -> ExtensionReference: ...

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their schema's defaults. Raises ToolFailure where they do not fit it."""
        ...

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        """What the call would touch, canonical. Raises ToolFailure where it cannot be known.

        A tool that searches what there is may ask ``may_read`` what to look through.
        """
        ...

    async def preview(self, tool: ToolSpec, args: Mapping[str, Any]) -> str:
        """What the call would send or change, for the person who is asked; empty where its arguments say it.

        Raises ToolFailure where it cannot be known; with an error of ``FAILS_ANYWAY`` where the call could only fail.
        """
        ...

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """Carry it out, with the obligations, and show nothing that ``may_read`` refuses; ``progress`` is
        told what it prints meanwhile, by tools that print anything.

        Failures are results; only the house's faults raise.
        """
        ...


class Snapshots(Protocol):
    """What keeps the workspace as it was before a call."""

    async def before(
        self, turn: int, call: str, tool: str, written: Sequence[str] = ()
    ) -> SnapshotMade | SnapshotFailed | None:
        """A snapshot before this call runs; None where none are taken. ``written`` names files that it was judged to
        write, as resources name them: what is ignored is kept where it is among them. Raises nothing."""
        ...


FAILS_ANYWAY = frozenset({"conflict", "no_match", "ambiguous"})
"""Errors of a call that could not be carried out as things stand, whoever says yes to it."""


class ToolFailure(Exception):
    """A tool could not say or do something; ``error`` is the class, the text is safe to show."""

    def __init__(self, text: str, *, error: str) -> None:
        super().__init__(text)
        self.text, self.error = text, error


class Question(Struct, frozen=True):
    """What a person is asked: the call with its resources, and why; ``scopes`` are what a yes may reach.
    Where it ``needs_reason``, a yes without a comment is none. ``judged`` is the whole decision, ``standing`` the
    approval that a yes of the widest scope would put on file (None where a yes holds once). ``preview`` is what the
    extension says that it would send; it stands in ``shown``, too."""

    call: str
    tool: ToolSpec
    args: dict[str, Any]
    resources: tuple[Resource, ...]
    decision: Decision
    shown: str
    scopes: tuple[Scope, ...] = ("once",)
    needs_reason: bool = False
    judged: ToolJudged | None = None
    standing: StandingApproval | None = None
    preview: str = ""


class Answer(Struct, frozen=True):
    """``days`` and ``exact`` make a standing approval narrower than policy lets it be: it ends sooner, it holds for
    these very arguments alone."""

    approval: Approval
    comment: str = ""
    days: int | None = None
    exact: bool = False


class Approvals(Protocol):
    """The approvals on file."""

    def standing(self) -> Sequence[StandingApproval]:
        """All of them, expired ones too."""
        ...

    def keep(self, approval: StandingApproval) -> None:
        """Put one on file. Raises DevagentError where that fails."""
        ...


class SharedSpending(Protocol):
    """What this session and others have used up together."""

    def spent(self) -> Mapping[str, Spent]:
        """By scope (``day``, ``team:NAME``), as it is on record now; what this session spent is in it."""
        ...


class Estimator(Protocol):
    """What a request will cost at the least."""

    def __call__(self, request: ModelRequest, last: Usage | None) -> Spent:
        """Tokens and micro-dollars of the request's prompt; ``last`` is the usage of the reply before it,
        whose prompt the service has seen already. ``unpriced`` where the model's price is not known."""
        ...


class Approver(Protocol):
    """Whoever can answer an ask."""

    async def ask(self, question: Question) -> Answer: ...


class Form(Struct, frozen=True):
    """What a third party's server asks the person: the fields of a flat ``schema``, or to open a ``url`` (then
    nothing is opened before they agree; ``host`` is where it leads). All texts are the server's, cleaned."""

    server: str
    message: str
    schema: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    host: str = ""
    key: str = ""
    """What the server calls this question, where it has a name for it."""


class Filled(Struct, frozen=True):
    """What the person did with it; ``content`` only where they accept a form."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = field(default_factory=dict)
    by: str = "nobody"


class Elicitor(Protocol):
    """Whoever can fill in what a server asks of the person."""

    async def fill(self, form: Form) -> Filled: ...


class RootsGiver(Protocol):
    """An MCP client of ours that may be asked for its folders."""

    async def roots(self, server: str, key: str) -> list[dict[str, Any]]:
        """Them, in the protocol's names. Raises ToolFailure."""
        ...


class Sampled(Struct, frozen=True):
    """A reply that a server gets: ``content`` in the names of MCP, and what ended it."""

    model: str
    content: dict[str, Any]
    stop: str = "endTurn"


class Sampler(Protocol):
    """The model that a third party's server may ask, where policy lets it."""

    @property
    def model(self) -> str:
        """``provider/id``, as policy names it; "" where it is the client's own affair."""
        ...

    async def sample(
        self,
        request: Mapping[str, Any],
        meanwhile: Meanwhile,
        labels: Sequence[str],
        key: str = "",
    ) -> Sampled:
        """The reply to ``sampling/createMessage``, in the protocol's names; ``labels`` as in ``ModelRequest``,
        ``key`` as in ``Form``. Raises ToolFailure."""
        ...
