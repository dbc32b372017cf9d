"""Sub-agents of a session: each with a model, a history and a gate of its own, on its caller's ground."""

from collections.abc import AsyncGenerator, Callable

from devagent.agent.gate import Gate
from devagent.agent.instructions import instructions
from devagent.agent.loop import Agent
from devagent.agent.safeguards import Safeguards
from devagent.agent.tasks import INSTRUCTIONS, NAME, Making, ReadingOnly, Subagent
from devagent.core.limits import Limits
from devagent.core.ports import Estimator, Model, ModelEvent, ModelRequest, Toolbox
from devagent.session.told import findable_of


class Lent:
    """A model that somebody else closes (``core.ports.Model``)."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        return self._model.reply(request)

    async def aclose(self) -> None:
        """It goes on."""


def subagents(
    *,
    folder: str,
    gate: Gate,
    toolbox: Toolbox,
    safeguards: Safeguards,
    estimate: Estimator,
    model: Callable[[], Model],
) -> Making:
    """What makes the session's sub-agents; each asks a ``model`` of its own, which it closes."""

    def make(limits: Limits) -> Subagent:
        name = f"{gate.principal.agent}/{NAME}"
        tools = findable_of(ReadingOnly(toolbox))
        own = gate.for_agent(name, tools)
        tools.offer(own.offered)
        asked = model()
        agent = Agent(
            asked,
            own,
            tools,
            system=f"{instructions(folder)} {INSTRUCTIONS}",
            limits=limits,
            safeguards=safeguards,
            estimate=estimate,
            findable=tools,
            compacts=False,
        )
        return Subagent(name, asked, lambda task: agent.turn(task, of_the_house=True))

    return make
