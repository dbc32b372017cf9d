"""The loop: ask the model, judge each call, run what is granted, tell the model.

An async generator that is *pulled*: its consumer writes each event to the log and only then asks for
the next one. So a tool runs only after its decision is on disk, and a failed write means that it
never runs. What does not fit the sentence above is an event, a port or another module: one call is
``carrying_out``, the reasons to end ``last_word``, what a conversation weighs ``fitting``.
"""

import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from devagent.agent.carrying_out import carried_out, us_since
from devagent.agent.circles import Circles
from devagent.agent.finding import Findable
from devagent.agent.fitting import Fitting, Window
from devagent.agent.gate import Gate
from devagent.agent.history import History
from devagent.agent.last_word import BROKEN_OFF, ENDED_WELL, OVERFLOW, last_word, too_long
from devagent.agent.safeguards import Safeguards
from devagent.agent.service_tools import Offering
from devagent.agent.service_uses import done_by_the_service
from devagent.agent.spending import Spending
from devagent.agent.tasks import Making, carried_out_by, side_by_side, together
from devagent.agent.todo import Todo
from devagent.core.errors import DevagentError, ModelError, Stop
from devagent.core.events import Event
from devagent.core.events.calls import AskedBy, ToolJudged
from devagent.core.events.model import (
    Compacted,
    CompactionReason,
    CompactionUndone,
    ModelReplied,
    ModelRequested,
)
from devagent.core.events.turns import BudgetStopped, BudgetWarned, Prompt, TurnEnded, TurnStarted
from devagent.core.limits import Limits
from devagent.core.ports import Estimator, Model, ModelRequest, SharedSpending, Toolbox
from devagent.core.tools import ServiceTool, ToolCall, ToolResult, ToolSpec
from devagent.core.usage import Usage

E = TypeVar("E", bound=Event)

_PAUSES = 10
"""The service may pause a long turn of its own tools; it is asked to go on so often, and no more."""


class Reading(Struct, frozen=True):
    """What the person wants read before the model is asked: a call of a tool, their own."""

    tool: ToolSpec
    args: dict[str, Any]


class _Turn(Struct):
    """A turn under way. ``reply``: the one to act on; ``fits``: the conversation was made to fit since the last whole
    reply; ``paused``: the service stopped within its own tools; ``end``: how the turn ended, once it has."""

    number: int
    fits: bool = False
    schema: dict[str, Any] | None = None
    paused: bool = False
    container: str = ""
    usage: Usage = field(default_factory=Usage)
    pauses: int = 0
    reply: ModelReplied | None = None
    end: tuple[Stop, str] | None = None
    began: int = field(default_factory=time.monotonic_ns)


class Agent:
    """One conversation. ``system`` stays byte for byte the same over its life (prompt caching). ``findable``: the
    same toolbox, where what the model is told may be less than all of it. ``making``: its sub-agents.
    ``service_tools``: what the service may be let do itself, if the gate grants it. ``todo``: its list, which the
    toolbox writes.
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
        service_tools: Sequence[ServiceTool] = (),
        todo: Todo | None = None,
    ) -> None:
        self._offering = Offering(service_tools, gate)
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
        self.todo = todo or Todo()
        self._fitting = Fitting(self._history, window, self.todo)

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
        self.todo.apply(event)
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
        No ``Compacted`` where there is nothing to put in short, or it would be no shorter."""
        turn = _Turn(self._history.turn)
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
        turn = _Turn(self._history.turn + 1, end=("done", ""))
        yield self._keep(TurnStarted(turn=turn.number))
        yield self._keep(Prompt(turn=turn.number, text=said))
        for limit in self._check_call(turn.number):
            yield self._keep(limit)
            if isinstance(limit, BudgetStopped):
                turn.end = "limit", limit.reason
                yield self._ended(turn)
                return
        way = carried_out(
            turn.number, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply, safeguards=self._safeguards,
            check=self._check_call,
        )  # fmt: skip
        async with aclosing(way) as events:
            async for event in events:
                yield event
        yield self._ended(turn)

    async def turn(
        self,
        text: str,
        *,
        of_the_house: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
        readings: Sequence[Reading] = (),
        answer_schema: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """One turn: from a prompt to the model's last word. Ends with ``TurnEnded``.

        ``of_the_house``: nobody typed this prompt, so it vouches for no value in it. ``attachments``: images
        and documents as blocks of the Messages API. ``readings``: what the person mentions, read (through the
        gate) before the model is asked. ``answer_schema``: what the last word must fit, for services that can hold it to
        that. Raises only for failures of the house; tools and the model service fail
        as events.
        """
        self._safeguards.own_files.refuse_if_changed()
        turn = _Turn(self._history.turn + 1, fits=not self._compacts, schema=answer_schema)
        yield self._keep(TurnStarted(turn=turn.number))
        yield self._keep(
            Prompt(
                turn=turn.number,
                text=text,
                of_the_house=of_the_house,
                attachments=list(attachments),
            )
        )
        async with aclosing(self._read(turn, readings)) as events:
            async for event in events:
                yield event
        while turn.end is None:
            turn.reply = None
            for step in (self._prepared, self._asked, self._acted):
                async with aclosing(step(turn)) as events:
                    async for event in events:
                        yield event
                if turn.end is not None:
                    break
        yield self._ended(turn)

    async def _read(self, turn: _Turn, readings: Sequence[Reading]) -> AsyncGenerator[Event, None]:
        """What the person wants read."""
        for number, reading in enumerate(readings, 1):
            call = ToolCall(f"read_{turn.number}_{number}", reading.tool.api_name, reading.args)
            async with aclosing(self._aside(turn.number, call, reading.tool, "person")) as events:
                async for event in events:
                    yield event
                    if isinstance(event, BudgetStopped):
                        turn.end = "limit", event.reason
                        return

    async def _prepared(self, turn: _Turn) -> AsyncGenerator[Event, None]:
        """What was said meanwhile, a conversation that fits, and limits that hold."""
        for said in self._steered(turn.number):
            yield said
        if not turn.paused:
            async with aclosing(self._offering.judged(turn.number)) as events:
                async for event in events:
                    yield self._keep(event)
        if not turn.fits and await self._fitting.is_too_large(self._request(turn)):
            async with aclosing(self._shortened(turn, "window")) as events:
                async for event in events:
                    yield event
        for limit in self._before(self._request(turn)):
            yield self._keep(limit)
            if isinstance(limit, BudgetStopped):
                turn.end = "limit", limit.reason
                return

    async def _asked(self, turn: _Turn) -> AsyncGenerator[Event, None]:
        """The model's reply. None where it did not fit and was made to: then it is asked for again."""
        failed: ModelError | None = None
        besides: Sequence[Event] = ()
        try:
            async with aclosing(self._ask(self._request(turn))) as events:
                async for event in events:
                    if isinstance(event, ModelReplied):
                        # Before it is yielded: what is on record is in the history, also where
                        # the turn is cut right here.
                        whole = event
                        event = turn.reply = self._keep(replace(whole, left_out=(0, 0)))
                        turn.usage += event.usage
                        besides = [self._keep(one) for one in done_by_the_service(whole)]
                    yield event
                    for one in besides:
                        yield one
        except ModelError as error:
            failed = error
        reply = turn.reply
        beyond = failed.kind == "too_large" if failed else reply and reply.stop == OVERFLOW
        if beyond and not turn.fits:
            turn.reply, compactions = None, self.compactions
            async with aclosing(self._shortened(turn, "overflow")) as events:
                async for event in events:
                    yield event
            if self.compactions > compactions:
                return
            turn.end = too_long(failed)
        elif failed:
            turn.end = too_long(failed) if beyond else (failed.stop, failed.what)
        elif reply is None:
            turn.end = "service", "the model gave no reply"

    async def _acted(self, turn: _Turn) -> AsyncGenerator[Event, None]:
        """What the reply asks for; where it asks for nothing, the turn ends with it."""
        reply = turn.reply
        if reply is None:
            return
        turn.fits = not self._compacts
        turn.paused = reply.stop == "pause_turn"
        turn.container = reply.container if turn.paused else ""
        if reply.stop == "pause_turn" and not reply.calls and turn.pauses < _PAUSES:
            turn.pauses += 1
            return
        if self._steering and not reply.calls and reply.stop in ENDED_WELL:
            return
        if not reply.calls or reply.stop in BROKEN_OFF:
            turn.end = last_word(reply)
            return
        for calls in together(reply.calls):
            for limit in self._check_call(turn.number, len(calls)):
                yield self._keep(limit)
                if isinstance(limit, BudgetStopped):
                    turn.end = "limit", limit.reason
                    return
            ways = [self._carried_out(turn.number, call, len(calls)) for call in calls]
            way = ways[0] if len(ways) == 1 else side_by_side(ways)
            async with aclosing(way) as events:
                async for event in events:
                    turn.usage += _used(event)
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

    def _check_call(self, turn: int, calls: int = 1) -> Iterator[BudgetWarned | BudgetStopped]:
        return self._spending.check(turn, calls=calls)

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

    def _request(self, turn: _Turn) -> ModelRequest:
        """The next request; ``messages`` are the history's own, which goes on growing until it is sent."""
        return ModelRequest(
            turn=turn.number,
            system=self._system,
            messages=self._history.messages,
            tools=self._findable.told if self._findable else self._gate.offered,
            labels=self._gate.taint,
            findable=self._findable.to_be_found if self._findable else (),
            service_tools=self._offering.offered,
            container=turn.container,
            answer_schema=turn.schema,
        )

    def _before(self, request: ModelRequest) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against this request, or nearly does."""
        ahead = None
        if self._estimate is not None and self._spending.estimates:
            ahead = self._estimate(request, self._last_usage)
        yield from self._spending.check(request.turn, estimate=ahead)
        yield from self._circles.check(request.turn)

    async def _shortened(self, turn: _Turn, why: CompactionReason) -> AsyncGenerator[Event, None]:
        turn.fits = True
        spent = any(isinstance(one, BudgetStopped) for one in self._spending.check(turn.number))
        compacting = self._fitting.compact(self._request(turn), why, may_ask=not spent)
        async with aclosing(compacting) as events:
            async for event in events:
                turn.usage += _used(event)
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

    def _ended(self, turn: _Turn) -> TurnEnded:
        stop, reason = turn.end or ("failed", "")
        return TurnEnded(
            turn=turn.number,
            stop=stop,
            reason=reason,
            usage=turn.usage,
            cost_usd_micros=self._spending.turn_usd_micros,
            dur_us=us_since(turn.began),
        )

    def _keep(self, event: E) -> E:
        self.apply(event)
        return event


def _used(event: Event) -> Usage:
    """What a summary or a sub-agent took: the conversation's own replies are counted where they are read."""
    return event.usage if isinstance(event, ModelReplied) and event.purpose else Usage()
