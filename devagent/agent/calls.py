"""Calls of somebody who has a model of their own (an MCP client): judged and carried out like an agent's."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from devagent.agent.carrying_out import carried_out
from devagent.agent.gate import Gate
from devagent.agent.safeguards import Safeguards
from devagent.agent.spending import Spending
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.core.events.turns import BudgetStopped, BudgetWarned
from devagent.core.limits import Limits
from devagent.core.ports import SharedSpending, Toolbox
from devagent.core.tools import ToolCall, ToolSpec


class Calls:
    """One client's calls. They may run side by side; what one reads taints those that are judged after it."""

    def __init__(
        self,
        gate: Gate,
        toolbox: Toolbox,
        limits: Limits,
        safeguards: Safeguards,
        shared: SharedSpending | None = None,
    ) -> None:
        self._gate = gate
        self._toolbox = toolbox
        self._spending = Spending(limits, shared=shared)
        self._safeguards = safeguards
        self._unjudged = 0
        """Calls that are on their way to their judgement: those that come beside them count them already."""

    def apply(self, event: Event) -> None:
        """Take an event in."""
        self._gate.apply(event)
        self._spending.apply(event)

    async def call(
        self, turn: int, call: ToolCall, given: ToolSpec | None = None
    ) -> AsyncGenerator[Event, None]:
        """One call; where a budget is used up only ``budget.stopped``. ``given``: see ``carried_out``."""

        judged = False
        self._unjudged += 1

        def check(turn: int) -> Iterator[BudgetWarned | BudgetStopped]:
            # The call itself is among those; once it is judged, one that it needs is not.
            return self._spending.check(turn, calls=self._unjudged + judged)

        try:
            for limit in check(turn):
                self.apply(limit)
                yield limit
                if isinstance(limit, BudgetStopped):
                    return
            self._safeguards.own_files.refuse_if_changed()
            way = carried_out(
                turn, call, gate=self._gate, toolbox=self._toolbox, keep=self.apply, safeguards=self._safeguards,
                check=check, given=given,
            )  # fmt: skip
            async with aclosing(way) as events:
                async for event in events:
                    if isinstance(event, ToolJudged) and event.call == call.id:
                        judged = True
                        self._unjudged -= 1
                    yield event
        finally:
            if not judged:
                self._unjudged -= 1
