"""The loop: ask the model, judge each call, run what is granted, tell the model.

An async generator that is *pulled*: its consumer writes each event to the log and only then asks for
the next one. So a tool runs only after its decision is on disk, and a failed write means that it
never runs. What does not fit the sentence above is an event, a port or another module.
"""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import TypeVar

from msgspec.structs import replace

from devagent.agent.circles import Circles
from devagent.agent.gate import Gate, granted
from devagent.agent.history import History
from devagent.agent.spending import Spending
from devagent.core.errors import ModelError
from devagent.core.events import (
    BudgetStopped,
    BudgetWarned,
    Event,
    ModelReplied,
    ModelRequested,
    Prompt,
    Stop,
    ToolCalled,
    ToolJudged,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Usage,
)
from devagent.core.limits import Limits
from devagent.core.ports import Estimator, Model, ModelRequest, SharedSpending, Toolbox
from devagent.core.tools import ToolCall

E = TypeVar("E", bound=Event)
Keep = Callable[[Event], None]
"""Takes an event in, before it is yielded."""

_BROKEN_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""Stop reasons of a reply that may end inside a call, or that was taken back: none of its calls runs."""


class Agent:
    """One conversation. ``system`` stays byte for byte the same over its life (prompt caching)."""

    def __init__(
        self,
        model: Model,
        gate: Gate,
        toolbox: Toolbox,
        *,
        system: str,
        limits: Limits,
        estimate: Estimator | None = None,
        shared: SharedSpending | None = None,
    ) -> None:
        self._model = model
        self._gate = gate
        self._toolbox = toolbox
        self._system = system
        self._spending = Spending(limits, shared=shared)
        self._circles = Circles(limits)
        self._estimate = estimate
        self._last_usage: Usage | None = None
        self._history = History()

    @property
    def turns(self) -> int:
        """How many turns the conversation has had."""
        return self._history.turn

    def apply(self, event: Event) -> None:
        """Take in an event: live ones as they are yielded, earlier ones when a session is resumed."""
        self._history.apply(event)
        self._gate.apply(event)
        self._spending.apply(event)
        self._circles.apply(event)
        if isinstance(event, ModelReplied):
            self._last_usage = event.usage

    def begin(self) -> None:
        """All that was taken in so far was an earlier process's."""
        self._spending.begin()

    def time_left(self) -> tuple[float, BudgetStopped] | None:
        """The seconds that the next turn may take, and what is to be said when they are over."""
        return self._spending.time_left(self._history.turn + 1)

    async def turn(self, text: str, *, of_the_house: bool = False) -> AsyncGenerator[Event, None]:
        """One turn: from a prompt to the model's last word. Ends with ``TurnEnded``.

        ``of_the_house``: nobody typed this prompt, so it vouches for no value in it. Raises only for
        failures of the house; tools and the model service fail as events.
        """
        turn = self._history.turn + 1
        began = time.monotonic_ns()
        usage = Usage()
        yield self._keep(TurnStarted(turn=turn))
        yield self._keep(Prompt(turn=turn, text=text, of_the_house=of_the_house))
        while True:
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
                yield self._ended(turn, began, usage, "service", error.what)
                return
            if reply is None:
                yield self._ended(turn, began, usage, "service", "the model gave no reply")
                return
            usage += reply.usage
            if not reply.calls or reply.stop in _BROKEN_OFF:
                yield self._ended(turn, began, usage, *_last_word(reply))
                return
            for call in reply.calls:
                for limit in self._spending.check(turn, before_call=True):
                    yield self._keep(limit)
                    if isinstance(limit, BudgetStopped):
                        yield self._ended(turn, began, usage, "limit", limit.reason)
                        return
                way = carried_out(
                    turn, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply
                )
                async with aclosing(way) as events:
                    async for event in events:
                        yield event

    def _request(self, turn: int) -> ModelRequest:
        """The next request; ``messages`` are the history's own, which goes on growing until it is sent."""
        return ModelRequest(
            turn=turn,
            system=self._system,
            messages=self._history.messages,
            tools=self._gate.offered,
        )

    def _before(self, request: ModelRequest) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against this request, or nearly does."""
        ahead = None
        if self._estimate is not None and self._spending.estimates:
            ahead = self._estimate(request, self._last_usage)
        yield from self._spending.check(request.turn, estimate=ahead)
        yield from self._circles.check(request.turn)

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
    turn: int, call: ToolCall, *, gate: Gate, toolbox: Toolbox, keep: Keep
) -> AsyncGenerator[Event, None]:
    """One call, whoever makes it: judged, and where it is granted carried out. Its events, from
    ``tool.called`` to ``tool.finished`` or to the refusal."""
    tool = toolbox.find(call.name)
    yield ToolCalled(
        turn=turn,
        call=call.id,
        ext=tool.extension if tool else "",
        tool=tool.name if tool else call.name,
        args=call.args,
    )
    judged = last = None
    async with aclosing(gate.judge(turn, call)) as events:
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
    began = time.monotonic_ns()
    may_read = gate.may_read(judged, tool)
    result = await toolbox.run(tool, judged.args, judged.decision.obligations, may_read)
    finished = replace(gate.result(judged, tool, result), dur_us=_us_since(began))
    keep(finished)
    yield finished


def _last_word(reply: ModelReplied) -> tuple[Stop, str]:
    """How a turn ends by the reply's stop reason (design, section 8, "Settled cases")."""
    match reply.stop:
        case "end_turn" | "stop_sequence" | "tool_use" | "pause_turn":
            return "done", ""
        case "max_tokens":
            return ("done" if reply.text else "failed"), "the reply was cut off at max_tokens"
        case "refusal":
            return "failed", "the model refused to answer"
        case "model_context_window_exceeded":
            return "failed", "the conversation no longer fits the model's context window"
        case unknown:
            return "done", f"the reply ended with the unknown stop reason {unknown!r}"


def _us_since(began_ns: int) -> int:
    return (time.monotonic_ns() - began_ns) // 1000
