"""A session assembled by hand, in one place."""

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from devagent.agent.instructions import instructions
from devagent.agent.loop import Agent
from devagent.agent.service_tools import WithServiceTools
from devagent.agent.tasks import WithTasks
from devagent.agent.todo import Todo, WithTodo
from devagent.core.ports import Model
from devagent.host.toolbox import Extensions
from devagent.models import REHEARSAL
from devagent.models.estimate import Estimate
from devagent.session.conversation import Session
from devagent.session.gating import gate_of, limits_of, safeguards_of, shared_spending
from devagent.session.ground import stand
from devagent.session.model_access import ModelAccess
from devagent.session.model_sampler import ModelSampler
from devagent.session.named_prices import named_prices
from devagent.session.options import Options
from devagent.session.record import earlier_session, model_before, open_log, ticket_before
from devagent.session.subagents import Lent, subagents
from devagent.session.ticket import ticket_of
from devagent.session.told import findable_of
from devagent.settings.credentials import find_credential

if TYPE_CHECKING:
    pass


async def open_session(options: Options, environment: Mapping[str, str] | None = None) -> Session:
    """Open a session.

    Raises ConfigError (78) for policy, config, key or model; UsageError (2) for an unknown session to
    resume or extension; LogError (1) where no log can be written.
    """
    ground = stand(options, environment)
    policy = ground.policy
    earlier = earlier_session(ground.here, options.resume)
    ticket = ticket_of(options.ticket, ticket_before(earlier), ground.config, ground.folder)
    options = replace(options, resume=os.path.basename(earlier), ticket=ticket)
    access = ModelAccess(
        ground.config,
        ground.environment,
        policy.compiled,
        ground.principal,
        main=options.model or model_before(earlier),
        prices=named_prices(
            ground.config, policy.compiled, governed=ground.governed, enrolled=ground.enrolled
        ),
        credential=partial(find_credential, ask=options.passphrase),
    )
    limits = limits_of(ground, options)
    credential = access.credential()
    model = access.open(dollars_limited=limits.in_dollars)
    connecting = asyncio.ensure_future(model.connect())
    toolbox: Extensions | None = None
    try:
        await asyncio.sleep(0)  # the connection is on its way while the rest is put together
        toolbox = ground.extensions()
        toolbox.work_on(ticket)
        # Who asks for certain extensions has these, and no sub-agents and no list.
        todo = Todo()
        tools = toolbox if options.extensions else WithTodo(WithTasks(toolbox), todo)
        service_tools = access.service_tools(dollars_limited=limits.in_dollars)
        if service_tools:
            tools = WithServiceTools(tools)
        findable = findable_of(tools, ticket, mode=options.mode)
        safeguards, guard = safeguards_of(ground, options)
        gate = await gate_of(ground, toolbox, options, safeguards, findable)
        estimate = Estimate(access.main, access.prices)
        main = model

        def model_of_a_subagent() -> Model:
            if access.main.startswith(REHEARSAL):
                return Lent(main)  # one script, which all of them play
            return access.open(dollars_limited=limits.in_dollars)

        agent = Agent(
            model,
            gate,
            findable,
            system=instructions(
                ground.folder, dry_run=options.dry_run, guidance=ground.guidance, ticket=ticket
            ),
            limits=limits,
            safeguards=safeguards,
            estimate=estimate,
            shared=shared_spending(ground, limits),
            window=access.window(model),
            findable=findable,
            service_tools=service_tools,
            todo=todo,
            making=subagents(
                folder=ground.folder,
                gate=gate,
                toolbox=toolbox,
                safeguards=safeguards,
                estimate=estimate,
                model=model_of_a_subagent,
            ),
        )
        toolbox.attend(options.elicitor, ModelSampler(model, str(access.main)))
        log, opening, unfinished = open_log(ground, options, toolbox, credential, model.name, agent)
        guard.session = log.sid
    except BaseException:
        connecting.cancel()
        if toolbox is not None:
            await toolbox.aclose()
        await model.aclose()
        raise
    return Session(
        log=log,
        agent=agent,
        model=model,
        toolbox=toolbox,
        gate=gate,
        ground=ground,
        opening=opening,
        unfinished=unfinished,
        connecting=connecting,
        access=access,
        witnessing=ground.witnessing,
    )
