"""The gate: what stands between a call that the model wrote and the tool that would carry it out.

In this order, and nothing runs before the last of them:

1. The tool must exist, and its arguments, completed with the schema's defaults, must fit.
2. The extension names the resources that the call would touch; what it cannot name is a deny.
3. The floor refuses what was revoked (``withdrawn``) and devagent's own files, and all but reading while the record waits too long for its
   witness (``withhold``); then policy decides: allow, ask or deny; what could reach those files unseen is
   at least an ask. The decision is an event, so it is on disk before anything else.
4. An ask is answered by an approval on file or by a person, with the exact call shown (``asking``). Where
   nobody can answer, ask is deny.

After the tool, ``result`` puts what came back through the result phase.

In a dry run the gate judges as ever, asks nobody, and tells the model what would have become of the call:
nothing is carried out.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from copy import copy
from typing import Any

from msgspec.structs import replace

from devagent.agent.asking import Asking
from devagent.agent.duties import bounded, needs_reason
from devagent.agent.evidence import Circumstances, Evidence
from devagent.agent.finding import granted_by_the_house
from devagent.agent.floor import Floor
from devagent.agent.meet import Meet
from devagent.agent.reach import nameable, readable
from devagent.agent.refusals import no_such_tool, told
from devagent.agent.results import REDACTS, Redact, Results
from devagent.core.codec import digest
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ApprovalAsked,
    ToolFinished,
    ToolJudged,
)
from devagent.core.ports import FAILS_ANYWAY, Judge, MayRead, Toolbox, ToolFailure
from devagent.core.principal import Principal
from devagent.core.tools import ExtensionReference, ToolCall, ToolResult, ToolSpec
from devagent.core.verdicts import Decision, Request

Withhold = Callable[[ToolSpec], Awaitable[Decision | None]]
"""A tool that does more than read → a deny where nothing but reading may be done for now."""
Withdrawn = Callable[[ExtensionReference], Decision | None]
"""Which code would run → a deny where that, or all that this session may do, was revoked meanwhile."""
DRY_RUN = "[dry run] This call was judged, not carried out, and there is no result."
NOBODY = ExtensionReference(name="", version="", digest="")


class Gate:
    """Judges calls and results by what the session's own events say (``evidence``)."""

    def __init__(
        self,
        judge: Judge,
        toolbox: Toolbox,
        asking: Asking,
        circumstances: Circumstances,
        floor: Floor,
        redact: Redact,
        *,
        withhold: Withhold | None = None,
        withdrawn: Withdrawn | None = None,
        dry_run: bool = False,
    ) -> None:
        self.dry_run = dry_run
        self._judge = judge
        self._floor = floor
        self._withhold = withhold
        self._withdrawn = withdrawn
        self._toolbox = toolbox
        self._asking = asking
        self._evidence = Evidence(judge, circumstances)
        self._results = Results(judge, self._evidence, redact)
        self._borrows = False  # the evidence of the agent it acts for, which takes its events in
        self._seen: set[str] = set()
        who = circumstances.principal
        self.hidden = [t for t in toolbox.specs() if judge.is_hidden(who, t)]
        """What policy can never grant this principal: not even listed to the model."""
        self.offered = [t for t in toolbox.specs() if t not in self.hidden]
        """What policy could grant; all or some of it is told to the model (see ``finding``)."""

    def for_agent(self, name: str, toolbox: Toolbox) -> "Gate":
        """The gate of a sub-agent called ``name`` with these tools: what it may is what this one's principal may and
        it may itself. Its evidence is this gate's, and so are the approvals; give its events to this gate."""
        above = self._evidence.principal
        gate = copy(self)
        gate._judge = Meet(self._judge, above)
        gate._toolbox = toolbox
        gate._evidence = self._evidence.for_agent(gate._judge, name)
        gate._results = self._results.by(gate._judge, gate._evidence)
        gate._borrows, gate._seen = True, set()
        who = gate._evidence.principal
        gate.hidden = [t for t in toolbox.specs() if gate._judge.is_hidden(who, t)]
        gate.offered = [t for t in toolbox.specs() if t not in gate.hidden]
        return gate

    @property
    def principal(self) -> Principal:
        """Who the calls are judged for."""
        return self._evidence.principal

    @property
    def taint(self) -> tuple[str, ...]:
        """The labels of the sources whose results the model has read, sorted."""
        return self._evidence.taint

    def is_withdrawn(self, tool: ToolSpec) -> bool:
        """Whether what would carry the tool out was revoked meanwhile, or all that this session may do."""
        withdrawn = self._withdrawn
        return withdrawn is not None and withdrawn(self._toolbox.reference(tool)) is not None

    def apply(self, event: Event) -> None:
        """Take in an event of the session, live or resumed; one call id runs once."""
        if not self._borrows:
            self._evidence.apply(event)
        if isinstance(event, ToolJudged):
            self._seen.add(event.call)

    async def judge(
        self, turn: int, call: ToolCall, given: ToolSpec | None = None, *, asks: bool = True
    ) -> AsyncGenerator[ToolJudged | ApprovalAsked | ApprovalAnswered, None]:
        """Judge one call. The last event says whether it may run: see ``granted``. ``given``: the tool, where it is
        one of the house that no model is offered. Without ``asks`` nobody is asked."""
        tool = given or self._toolbox.find(call.name)
        if tool is None:
            yield self._refused(turn, call, None, call.args, no_such_tool(call, self.offered))
            return
        if call.id in self._seen:
            reason = f"The call id {call.id} was used before"
            yield self._refused(
                turn, call, tool, call.args, _not_judged(reason, "repeated_call_id")
            )
            return
        # Of a tool that is hidden no call can be granted: its extension is not even asked, or what it says
        # of a repository or a database would tell the model what it may not know.
        withdrawn = self._withdrawn(self._toolbox.reference(tool)) if self._withdrawn else None
        unseen = given is not None and self._judge.is_hidden(self._evidence.principal, given)
        hidden = tool in self.hidden or unseen or withdrawn is not None
        request = await self._request(turn, call, tool, hidden=hidden)
        if isinstance(request, ToolJudged):
            yield request
            return
        decision = withdrawn or await self._decision(tool, request)
        if hidden and decision.effect != "deny":
            decision = replace(decision, effect="deny", obligations={})
        judged = self._judged(turn, call, tool, request, decision)
        if self.dry_run and decision.effect != "deny":
            yield replace(judged, reply=self._would(judged))
            return
        if not asks or not (
            decision.effect == "ask" or (decision.effect == "allow" and needs_reason(decision))
        ):
            yield judged
            return
        try:
            preview = await self._toolbox.preview(tool, request.args)
        except ToolFailure as failure:
            if failure.error in FAILS_ANYWAY:
                # A person's yes could not help it, and a yes to nothing wears out those that count.
                refused = _not_judged(failure.text, failure.error)
                resources = request.resources
                yield replace(
                    self._refused(turn, call, tool, request.args, refused), resources=resources
                )
                return
            preview = f"(no preview: {failure.text})"
        yield judged
        async with aclosing(self._asking.ask(judged, tool, preview)) as answered:
            async for event in answered:
                yield event

    async def _request(
        self, turn: int, call: ToolCall, tool: ToolSpec, *, hidden: bool
    ) -> Request | ToolJudged:
        """Steps 1 and 2: what policy is asked, or the refusal of a call of which that cannot be said."""
        try:
            args = call.args if hidden else self._toolbox.complete(tool, call.args)
        except ToolFailure as failure:
            refused = _not_judged(failure.text, "bad_arguments")
            return self._refused(turn, call, tool, call.args, refused)
        try:
            request = self._evidence.of_call(tool, args, ())
        except RecursionError:
            refused = _not_judged("The arguments are nested too deeply", "bad_arguments")
            return self._refused(turn, call, tool, {}, refused)
        try:
            may_read = nameable(self._judge, self._floor, request)
            resources = () if hidden else await self._toolbox.resources(tool, args, may_read)
        except ToolFailure as failure:
            # What a call would touch must be known before it may be allowed (design, section 3, rule 1).
            refused = _not_judged(failure.text, failure.error)
            return self._refused(turn, call, tool, args, refused)
        return replace(request, resources=resources)

    async def _decision(self, tool: ToolSpec, request: Request) -> Decision:
        """Step 3: the floor's word, and policy's."""
        resources = request.resources
        decision = self._floor.refusal(resources) or granted_by_the_house(tool)
        if decision is None and self._withhold and tool.tool_class != "read":
            decision = await self._withhold(tool)
        decision = decision or self._judge.decide(request)
        decision = self._floor.asked(bounded(decision, REDACTS), resources)
        if tool.asks_itself and decision.effect == "ask" and not needs_reason(decision):
            decision = replace(decision, effect="allow", reason="the person is asked themself")
        return decision

    async def would(self, call: ToolCall, given: ToolSpec | None = None) -> ToolJudged:
        """What ``judge`` would come to now; nothing is recorded, asked or run."""
        async with aclosing(self.judge(0, call, given, asks=False)) as events:
            async for event in events:
                if isinstance(event, ToolJudged):
                    return event
        raise AssertionError("a call is always judged")

    def may_read(self, judged: ToolJudged, tool: ToolSpec) -> MayRead:
        """What a granted call may read of what it finds while it runs."""
        request = Request(
            principal=judged.principal,
            extension=tool.extension,
            tool=tool.name,
            tool_class=tool.tool_class,
            args=judged.args,
            context=judged.context,
            facts=judged.facts,
            can=tool.can,
        )
        return readable(self._judge, self._floor, request, judged.decision)

    def result(self, judged: ToolJudged, tool: ToolSpec, result: ToolResult) -> ToolFinished:
        """The result phase: rules may still withhold what came back, from the model and the person."""
        return self._results.finished(judged, tool, result)

    def may_be_watched(self, judged: ToolJudged, tool: ToolSpec) -> bool:
        """Whether a person may see what the call prints while it runs."""
        return self._results.may_be_watched(judged, tool)

    def _would(self, judged: ToolJudged) -> str:
        """What the model reads of a call in a dry run that policy does not deny."""
        if judged.decision.effect == "allow" and not needs_reason(judged.decision):
            return f"{DRY_RUN} Policy would allow it."
        earlier = self._asking.earlier(judged)
        if earlier is not None:
            return f"{DRY_RUN} Policy would ask, and approval {earlier.id} by {earlier.by} would answer yes."
        return f"{DRY_RUN} Policy would ask a person first: {judged.decision.reason}."

    def _judged(
        self,
        turn: int,
        call: ToolCall,
        tool: ToolSpec,
        request: Request,
        decision: Decision,
    ) -> ToolJudged:
        return ToolJudged(
            turn=turn,
            call=call.id,
            principal=request.principal,
            agent=request.principal.agent,
            ext=self._toolbox.reference(tool),
            tool=tool.name,
            tool_class=tool.tool_class,
            resources=request.resources,
            args_digest=digest(request.args),
            decision=decision if decision.policy else replace(decision, policy=self._judge.digest),
            taint=self._evidence.taint,
            dry_run=self.dry_run,
            args=request.args,
            context=request.context,
            facts=request.facts,
            can=request.can,
            shadow=self._judge.shadow(request, decision) if decision.policy else None,
            reply=told(decision),
        )

    def _refused(
        self,
        turn: int,
        call: ToolCall,
        tool: ToolSpec | None,
        args: dict[str, Any],
        decision: Decision,
    ) -> ToolJudged:
        """A call that could not be judged at all: a deny whose ``err`` says why."""
        return ToolJudged(
            turn=turn,
            call=call.id,
            principal=self._evidence.principal,
            agent=self._evidence.principal.agent,
            ext=self._toolbox.reference(tool) if tool else NOBODY,
            tool=tool.name if tool else call.name,
            tool_class=tool.tool_class if tool else "exec",
            resources=(),
            args_digest=digest(args),
            decision=replace(decision, policy=self._judge.digest),
            taint=self._evidence.taint,
            err=decision.error,
            dry_run=self.dry_run,
            args=args,
            reply=decision.reason,
        )


def granted(event: ToolJudged | ApprovalAsked | ApprovalAnswered | None) -> bool:
    """Whether the last event of ``Gate.judge`` lets the call run."""
    match event:
        case ToolJudged(decision=decision):
            return decision.effect == "allow"
        case ApprovalAnswered(approval=approval):
            return approval.answer == "yes"
        case _:
            return False


def _not_judged(reason: str, error: str) -> Decision:
    return Decision(effect="deny", reason=reason, error=error)
