"""Which tools a session would tell the model of, and which it would find for a question. Nothing is started."""

from collections.abc import Sequence

from msgspec import Struct

from devagent.agent.finding import tokens
from devagent.agent.ranking import Ranked, rank
from devagent.agent.tasks import WithTasks
from devagent.agent.todo import Todo, WithTodo
from devagent.core.tools import ToolSpec
from devagent.session.ground import stand
from devagent.session.options import Options
from devagent.session.told import findable_of


class Route(Struct, frozen=True):
    """``told`` from the start; ``to_be_found`` only where not all is told; ``ranked``: what the question finds,
    the best first, among those, or among all where all is told."""

    told: Sequence[ToolSpec]
    to_be_found: Sequence[ToolSpec]
    hidden: int
    tokens: int
    ranked: Sequence[Ranked]


async def route(options: Options, question: str) -> Route:
    """As ``open_session`` would have it, of what is on record. Raises as that does for policy and config."""
    ground = stand(options, None)
    toolbox = ground.extensions()
    try:
        tools = WithTodo(WithTasks(toolbox), Todo())
        specs = tools.specs()
        judge = ground.policy.compiled
        offered = [spec for spec in specs if not judge.is_hidden(ground.principal, spec)]
        findable = findable_of(tools, mode=options.mode)
        findable.offer(offered)
        return Route(
            told=findable.told,
            to_be_found=findable.to_be_found,
            hidden=len(specs) - len(offered),
            tokens=tokens(offered),
            ranked=rank(question, findable.to_be_found or offered),
        )
    finally:
        await toolbox.aclose()
