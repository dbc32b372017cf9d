"""The loop: ask the model, judge each call, run what is granted, tell the model.

An async generator that is *pulled*: its consumer writes each event to the log and only then asks for
the next one. So a tool runs only after its decision is on disk, and a failed write means that it
never runs. What does not fit the sentence above is an event, a port or another module.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.circles import Circles
from devagent.agent.finding import Findable
from devagent.agent.fitting import Fitting, Window
from devagent.agent.gate import Gate, granted
from devagent.agent.history import History
from devagent.agent.meanwhile import Running
from devagent.agent.progress import Told, ended
from devagent.agent.safeguards import Safeguards, not_kept
from devagent.agent.spending import Spending
from devagent.agent.tasks import SIDE_BY_SIDE, TASK, Making, carried_out_by, side_by_side
from devagent.core.errors import DevagentError, ModelError
from devagent.core.events import (
    AskedBy,
    BudgetStopped,
    BudgetWarned,
    Compacted,
    CompactionReason,
    CompactionUndone,
    ErrorRaised,
    Event,
    ModelReplied,
    ModelRequested,
    Prompt,
    SnapshotFailed,
    Stop,
    ToolCalled,
    ToolJudged,
    ToolProgress,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Usage,
)
from devagent.core.limits import Limits
from devagent.core.ports import Estimator, Model, ModelRequest, SharedSpending, Toolbox
from devagent.core.tools import ToolCall, ToolResult, ToolSpec

E = TypeVar("E", bound=Event)


class Reading(Struct, frozen=True):
    """What the person wants read before the model is asked: a call of a tool, their own."""

    tool: ToolSpec
    args: dict[str, Any]


Keep = Callable[[Event], None]
"""Takes an event in, before it is yielded."""
Delegate = Callable[[ToolJudged], AsyncGenerator[Event | ToolResult, None]]
"""Has a sub-agent do what the call asks: its events, and last its answer."""
Check = Callable[[int], Iterator[BudgetWarned | BudgetStopped]]
"""A turn → what stands against one more call in it, or nearly does."""

_PAUSES = 10
"""The service may pause a long turn of its own tools; it is asked to go on so often, and no more."""
_OVERFLOW = "model_context_window_exceeded"
_TOO_LONG: tuple[Stop, str] = (
    "failed",
    "the conversation no longer fits the model's context window",
)
_ENDED_WELL = frozenset({"end_turn", "stop_sequence"})
_BROKEN_OFF = frozenset({"max_tokens", _OVERFLOW, "refusal"})
"""Stop reasons of a reply that may end inside a call, or that was taken back: none of its calls runs."""


class Agent:
    """One conversation. ``system`` stays byte for byte the same over its life (prompt caching). ``findable``: the
    same toolbox, where what the model is told may be less than all of it. ``making``: its sub-agents.
    Where it does not ``compacts``, it ends at its model's window."""

    def __init__(
        self,
        model: Model,
        gate: Gate,
        toolbox: Toolbox,
        *,
        system: str,
        limits: Limits,
        safeguards: Safeguards,
        estimate: Estimator | None = None,
        shared: SharedSpending | None = None,
        window: Window = Window(),  # noqa: B008 - frozen
        findable: Findable | None = None,
        making: Making | None = None,
        compacts: bool = True,
    ) -> None:
        self._making, self._compacts = making, compacts
        self._model = model
        self._gate = gate
        self._toolbox = toolbox
        self._findable = findable
        self._system = system
        self._spending = Spending(limits, shared=shared)
        self._circles = Circles(limits)
        self._estimate = estimate
        self._last_usage: Usage | None = None
        self._safeguards = safeguards
        self._history = History()
        self._steering: list[str] = []
        self._fitting = Fitting(self._history, window)

    @property
    def turns(self) -> int:
        """How many turns the conversation has had."""
        return self._history.turn

    def apply(self, event: Event) -> None:
        """Take in an event: live ones as they are yielded, earlier ones when a session is resumed."""
        self._history.apply(event)
        self._gate.apply(event)
        if self._findable is not None:
            self._findable.apply(event)
        self._spending.apply(event)
        self._circles.apply(event)
        self._fitting.apply(event)
        match event:
            case ModelReplied(usage=usage, purpose=""):
                self._last_usage = usage
            case Compacted() | CompactionUndone():
                self._last_usage = None  # it is not this conversation's any more
            case _:
                pass

    def begin(self) -> None:
        """All that was taken in so far was an earlier process's."""
        self._spending.begin()

    def time_left(self) -> tuple[float, BudgetStopped] | None:
        """The seconds that the next turn may take, and what is to be said when they are over."""
        return self._spending.time_left(self._history.turn + 1)

    @property
    def filled(self) -> tuple[int, int] | None:
        """How many tokens the last request and its reply had, and the window's size; None before the first."""
        used = self._last_usage
        if used is None:
            return None
        tokens = used.input + used.cache_read + used.cache_write + used.output
        return tokens, self._fitting.window.tokens

    def steer(self, text: str) -> None:
        """Say something to the model while a turn runs: it reads it before its next reply."""
        self._steering.append(text)

    def unsaid(self) -> list[str]:
        """What was said by ``steer`` and no model has read, because the turn was over before; it is forgotten."""
        left, self._steering = self._steering, []
        return left

    def _steered(self, turn: int) -> Iterator[Prompt]:
        for text in self.unsaid():
            yield self._keep(Prompt(turn=turn, text=text))

    @property
    def compactions(self) -> int:
        """How many compactions can be undone."""
        return self._history.compactions

    async def compact(self) -> AsyncGenerator[Event, None]:
        """Put the older part of the conversation in short, between two turns, because somebody asks for it.
        No event where there is nothing to put in short."""
        turn = self._history.turn
        async with aclosing(self._shortened(turn, "asked")) as events:
            async for event in events:
                yield event

    async def undo_compaction(self) -> AsyncGenerator[Event, None]:
        """Let the model read again what the last compaction had put in short. No event where there was none."""
        if self._history.compactions:
            back = self._history.gone_by_last
            yield self._keep(CompactionUndone(turn=self._history.turn, back=back))

    async def own_call(self, call: ToolCall, said: str) -> AsyncGenerator[Event, None]:
        """A turn that is one call of the person's own, behind the same gate; the model reads of it. ``said``: what
        they typed. Ends with ``TurnEnded``."""
        self._safeguards.own_files.refuse_if_changed()
        turn, began = self._history.turn + 1, time.monotonic_ns()
        yield self._keep(TurnStarted(turn=turn))
        yield self._keep(Prompt(turn=turn, text=said))
        way = carried_out(
            turn, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply, safeguards=self._safeguards,
            check=self._check_call,
        )  # fmt: skip
        async with aclosing(way) as events:
            async for event in events:
                yield event
        yield self._ended(turn, began, Usage(), "done", "")

    async def turn(
        self,
        text: str,
        *,
        of_the_house: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
        readings: Sequence[Reading] = (),
    ) -> AsyncGenerator[Event, None]:
        """One turn: from a prompt to the model's last word. Ends with ``TurnEnded``.

        ``of_the_house``: nobody typed this prompt, so it vouches for no value in it. ``attachments``: images
        and documents as blocks of the Messages API. ``readings``: what the person mentions, read (through the
        gate) before the model is asked. Raises only for failures of the house; tools and the model service fail
        as events.
        """
        self._safeguards.own_files.refuse_if_changed()
        turn = self._history.turn + 1
        began = time.monotonic_ns()
        usage = Usage()
        yield self._keep(TurnStarted(turn=turn))
        yield self._keep(
            Prompt(turn=turn, text=text, of_the_house=of_the_house, attachments=list(attachments))
        )
        for number, reading in enumerate(readings, 1):
            call = ToolCall(f"read_{turn}_{number}", reading.tool.api_name, reading.args)
            async with aclosing(self._aside(turn, call, reading.tool, "person")) as events:
                async for event in events:
                    yield event
                    if isinstance(event, BudgetStopped):
                        yield self._ended(turn, began, usage, "limit", event.reason)
                        return
        pauses = 0
        fits = not self._compacts  # made to, since the last whole reply
        while True:
            for said in self._steered(turn):
                yield said
            if not fits and await self._fitting.is_too_large(self._request(turn)):
                fits = True
                async with aclosing(self._shortened(turn, "window")) as events:
                    async for event in events:
                        usage += _used(event)
                        yield event
            request = self._request(turn)
            for limit in self._before(request):
                yield self._keep(limit)
                if isinstance(limit, BudgetStopped):
                    yield self._ended(turn, began, usage, "limit", limit.reason)
                    return
            reply: ModelReplied | None = None
            try:
                async with aclosing(self._ask(request)) as events:
                    async for event in events:
                        if isinstance(event, ModelReplied):
                            # Before it is yielded: what is on record is in the history, also where
                            # the turn is cut right here.
                            reply = self._keep(event)
                        yield event
            except ModelError as error:
                if error.kind != "too_large" or fits:
                    yield self._ended(turn, began, usage, error.stop, error.what)
                    return
                ended = error.stop, error.what
            else:
                ended = None
            if ended or (reply and reply.stop == _OVERFLOW and not fits):
                usage += reply.usage if reply else Usage()
                fits, compactions = True, self.compactions
                async with aclosing(self._shortened(turn, "overflow")) as events:
                    async for event in events:
                        usage += _used(event)
                        yield event
                if self.compactions > compactions:
                    continue
                yield self._ended(turn, began, usage, *(ended or _TOO_LONG))
                return
            if reply is None:
                yield self._ended(turn, began, usage, "service", "the model gave no reply")
                return
            usage += reply.usage
            fits = not self._compacts
            if reply.stop == "pause_turn" and not reply.calls and pauses < _PAUSES:
                pauses += 1
                continue
            if self._steering and not reply.calls and reply.stop in _ENDED_WELL:
                continue
            if not reply.calls or reply.stop in _BROKEN_OFF:
                yield self._ended(turn, began, usage, *_last_word(reply))
                return
            for calls in _together(reply.calls):
                for _ in calls:
                    for limit in self._spending.check(turn, before_call=True):
                        yield self._keep(limit)
                        if isinstance(limit, BudgetStopped):
                            yield self._ended(turn, began, usage, "limit", limit.reason)
                            return
                ways = [self._carried_out(turn, call, len(calls)) for call in calls]
                way = ways[0] if len(ways) == 1 else side_by_side(ways)
                async with aclosing(way) as events:
                    async for event in events:
                        usage += _used(event)
                        yield event

    async def aside(self, call: ToolCall, tool: ToolSpec) -> AsyncGenerator[Event, None]:
        """A call of the person's screen between two turns; the model does not read of it."""
        turn = self._history.turn
        async with aclosing(self._aside(turn, call, tool, "screen")) as events:
            async for event in events:
                yield event

    async def _aside(
        self, turn: int, call: ToolCall, given: ToolSpec, asked_by: AskedBy
    ) -> AsyncGenerator[Event, None]:
        """A call that no model makes; where a budget is used up ``budget.stopped`` is the last event."""
        for limit in self._check_call(turn):
            yield self._keep(limit)
            if isinstance(limit, BudgetStopped):
                return
        way = carried_out(
            turn, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply, safeguards=self._safeguards,
            check=self._check_call, given=given, asked_by=asked_by,
        )  # fmt: skip
        async with aclosing(way) as events:
            async for event in events:
                yield event

    def _check_call(self, turn: int) -> Iterator[BudgetWarned | BudgetStopped]:
        return self._spending.check(turn, before_call=True)

    def _carried_out(self, turn: int, call: ToolCall, among: int) -> AsyncGenerator[Event, None]:
        async def delegate(judged: ToolJudged) -> AsyncGenerator[Event | ToolResult, None]:
            limits = self._spending.left().share(among)
            try:
                if self._making is None:
                    raise DevagentError("No sub-agent can be asked here.")
                agent = self._making(limits)
            except DevagentError as error:
                yield ToolResult(error.what, failed=True, error="unavailable")
                return
            async with aclosing(carried_out_by(agent, judged, limits)) as events:
                async for event in events:
                    yield event

        return carried_out(
            turn, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply, safeguards=self._safeguards,
            check=self._check_call, delegate=delegate,
        )  # fmt: skip

    def _request(self, turn: int) -> ModelRequest:
        """The next request; ``messages`` are the history's own, which goes on growing until it is sent."""
        return ModelRequest(
            turn=turn,
            system=self._system,
            messages=self._history.messages,
            tools=self._findable.told if self._findable else self._gate.offered,
            labels=self._gate.taint,
            findable=self._findable.to_be_found if self._findable else (),
        )

    def _before(self, request: ModelRequest) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against this request, or nearly does."""
        ahead = None
        if self._estimate is not None and self._spending.estimates:
            ahead = self._estimate(request, self._last_usage)
        yield from self._spending.check(request.turn, estimate=ahead)
        yield from self._circles.check(request.turn)

    async def _shortened(self, turn: int, why: CompactionReason) -> AsyncGenerator[Event, None]:
        spent = any(isinstance(one, BudgetStopped) for one in self._spending.check(turn))
        compacting = self._fitting.compact(self._request(turn), why, may_ask=not spent)
        async with aclosing(compacting) as events:
            async for event in events:
                yield self._keep(event)

    async def _ask(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        yield ModelRequested(
            turn=request.turn,
            model=self._model.name,
            messages=len(request.messages),
            tools=len(request.tools),
        )
        async with aclosing(self._model.reply(request)) as events:
            async for event in events:
                yield event

    def _ended(self, turn: int, began: int, usage: Usage, stop: Stop, reason: str) -> TurnEnded:
        return TurnEnded(
            turn=turn,
            stop=stop,
            reason=reason,
            usage=usage,
            cost_usd_micros=self._spending.turn_usd_micros,
            dur_us=_us_since(began),
        )

    def _keep(self, event: E) -> E:
        self.apply(event)
        return event


async def carried_out(
    turn: int,
    call: ToolCall,
    *,
    gate: Gate,
    toolbox: Toolbox,
    keep: Keep,
    safeguards: Safeguards,
    delegate: Delegate | None = None,
    check: Check,
    given: ToolSpec | None = None,
    asked_by: AskedBy = "",
) -> AsyncGenerator[Event, None]:
    """One call, whoever makes it: judged, and where it is granted carried out. Its events, from
    ``tool.called`` to ``tool.finished`` or to the refusal, and among them those of the calls that it needs, for
    which ``check`` is asked. ``given``: a tool of the house that the toolbox offers to no model. Raises OwnFilesChanged
    after its end."""
    tool = given or toolbox.find(call.name)
    called = ToolCalled(
        turn=turn,
        call=call.id,
        ext=tool.extension if tool else "",
        tool=tool.name if tool else call.name,
        args=call.args,
        asked_by=asked_by,
    )
    keep(called)
    yield called
    judged = last = None
    async with aclosing(gate.judge(turn, call, given)) as events:
        async for event in events:
            judged = event if isinstance(event, ToolJudged) else judged
            last = event
            keep(event)
            yield event
    if tool is None or judged is None or not granted(last) or gate.dry_run:
        return
    started = ToolStarted(
        turn=turn, call=call.id, ext=judged.ext, tool=tool.name, tool_class=tool.tool_class
    )
    keep(started)
    yield started
    if safeguards.snapshots is not None and tool.tool_class != "read":
        kept = await safeguards.snapshots.before(turn, call.id, tool.qualified)
        if kept is not None:
            keep(kept)
            yield kept
        if isinstance(kept, SnapshotFailed) and kept.refused:
            refused = not_kept(kept)
            keep(refused)
            yield refused
            return
    began = time.monotonic_ns()
    before = safeguards.own_files.now()
    may_read = gate.may_read(judged, tool)

    async def within(inner: ToolCall, needed: ToolSpec) -> AsyncGenerator[Event, None]:
        for limit in check(turn):
            keep(limit)
            yield limit
            if isinstance(limit, BudgetStopped):
                return
        way = carried_out(
            turn, inner, gate=gate, toolbox=toolbox, keep=keep, safeguards=safeguards,
            check=check, given=needed, asked_by="server",
        )  # fmt: skip
        async with aclosing(way) as events:
            async for event in events:
                yield event

    told = Told()
    meanwhile = Running(turn, call.id, within, told)
    watched: bool | None = None
    result: ToolResult | None = None
    running: asyncio.Task[ToolResult] | None = None
    try:
        if tool is TASK and delegate is not None:
            async with aclosing(delegate(judged)) as events:
                async for event in events:
                    if isinstance(event, ToolResult):
                        result = event
                        continue
                    keep(event)
                    yield event
        if result is None:
            run = toolbox.run(
                tool, judged.args, judged.decision.obligations, may_read, told, meanwhile
            )
            running = asyncio.create_task(run)
            async with aclosing(meanwhile.events(running)) as told_events:
                async for event in told_events:
                    if isinstance(event, ToolProgress) and event.call == call.id:
                        if watched is None:
                            watched = gate.may_be_watched(judged, tool)
                        if not watched:
                            continue
                    yield event
            result = await running
    finally:
        if running is not None:
            await ended(running)
        changed = safeguards.own_files.changed_since(before)
    finished = replace(gate.result(judged, tool, result), dur_us=_us_since(began))
    keep(finished)
    yield finished
    if changed:
        yield ErrorRaised(err="own_files_changed", reason=", ".join(changed))
        safeguards.own_files.refuse_if_changed()


def _together(calls: Sequence[ToolCall]) -> Iterator[Sequence[ToolCall]]:
    """The calls in their order, each by itself; sub-agents that stand beside each other together."""
    tasks: list[ToolCall] = []
    for call in calls:
        if call.name == TASK.api_name and len(tasks) < SIDE_BY_SIDE:
            tasks.append(call)
            continue
        if tasks:
            yield tasks
        tasks = [call] if call.name == TASK.api_name else []
        if not tasks:
            yield [call]
    if tasks:
        yield tasks


def _last_word(reply: ModelReplied) -> tuple[Stop, str]:
    """How a turn ends by the reply's stop reason (design, section 8, "Settled cases")."""
    match reply.stop:
        case "end_turn" | "stop_sequence" | "tool_use" | "pause_turn":
            return "done", ""
        case "max_tokens":
            return ("done" if reply.text else "failed"), "the reply was cut off at max_tokens"
        case "refusal":
            why = f" ({reply.detail})" if reply.detail else ""
            return "failed", f"the model refused to answer{why}"
        case "model_context_window_exceeded":
            return _TOO_LONG
        case unknown:
            return "done", f"the reply ended with the unknown stop reason {unknown!r}"


def _used(event: Event) -> Usage:
    """What a summary or a sub-agent took: the conversation's own replies are counted where they are read."""
    return event.usage if isinstance(event, ModelReplied) and event.purpose else Usage()


def _us_since(began_ns: int) -> int:
    return (time.monotonic_ns() - began_ns) // 1000
