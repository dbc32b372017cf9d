"""The calls of a conversation, whoever asks for them: the model, the person, their screen. Each within the limits, and
each ``carried_out`` by the same gate."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from functools import partial

from devagent.agent.carrying_out import Delegate, carried_out
from devagent.agent.folds import Folds
from devagent.agent.gate import Gate
from devagent.agent.safeguards import Safeguards
from devagent.agent.tasks import Making, carried_out_by, side_by_side, together
from devagent.agent.turn import Reading, Turn, used_besides
from devagent.core.errors import DevagentError
from devagent.core.events import Event
from devagent.core.events.calls import AskedBy, ToolJudged
from devagent.core.events.turns import BudgetStopped, BudgetWarned
from devagent.core.ports import Toolbox
from devagent.core.tools import ToolCall, ToolResult, ToolSpec


class Acts:
    """``making``: the conversation's sub-agents."""

    def __init__(
        self,
        gate: Gate,
        toolbox: Toolbox,
        folds: Folds,
        safeguards: Safeguards,
        making: Making | None,
    ) -> None:
        self._gate = gate
        self._toolbox = toolbox
        self._folds = folds
        self._safeguards = safeguards
        self._making = making

    async def of_reply(self, turn: Turn, calls: Sequence[ToolCall]) -> AsyncGenerator[Event, None]:
        """A reply's calls, in its order; sub-agents that stand beside each other side by side."""
        for group in together(calls):
            for limit in self._limits(turn, len(group)):
                yield limit
            if turn.end is not None:
                return
            ways = [
                self._carried_out(turn, call, delegate=partial(self._delegated, len(group)))
                for call in group
            ]
            way = ways[0] if len(ways) == 1 else side_by_side(ways)
            async with aclosing(way) as events:
                async for event in events:
                    turn.usage += used_besides(event)
                    yield event

    async def one(
        self, turn: Turn, call: ToolCall, given: ToolSpec | None = None, asked_by: AskedBy = ""
    ) -> AsyncGenerator[Event, None]:
        """A call that no model makes; where a budget is used up ``budget.stopped`` is the last event."""
        for limit in self._limits(turn, 1):
            yield limit
        if turn.end is not None:
            return
        way = self._carried_out(turn, call, given=given, asked_by=asked_by)
        async with aclosing(way) as events:
            async for event in events:
                yield event

    async def read(self, turn: Turn, readings: Sequence[Reading]) -> AsyncGenerator[Event, None]:
        """What the person wants read."""
        for number, reading in enumerate(readings, 1):
            call = ToolCall(f"read_{turn.number}_{number}", reading.tool.api_name, reading.args)
            async with aclosing(self.one(turn, call, reading.tool, "person")) as events:
                async for event in events:
                    yield event
            if turn.end is not None:
                return

    def _limits(self, turn: Turn, calls: int) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against so many calls, or nearly does; what does ends the turn."""
        for limit in self._folds.check_call(turn.number, calls):
            if isinstance(limit, BudgetStopped):
                turn.end = "limit", limit.reason
            yield self._folds.keep(limit)

    def _carried_out(
        self,
        turn: Turn,
        call: ToolCall,
        *,
        delegate: Delegate | None = None,
        given: ToolSpec | None = None,
        asked_by: AskedBy = "",
    ) -> AsyncGenerator[Event, None]:
        return carried_out(
            turn.number,
            call,
            gate=self._gate,
            toolbox=self._toolbox,
            keep=self._folds.apply,
            safeguards=self._safeguards,
            check=self._folds.check_call,
            delegate=delegate,
            given=given,
            asked_by=asked_by,
        )

    async def _delegated(
        self, among: int, judged: ToolJudged
    ) -> AsyncGenerator[Event | ToolResult, None]:
        """A sub-agent, one of so many, that does what the call asks."""
        limits = self._folds.spending.left().share(among)
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
