"""A conversation: turns of the agent, each of them logged."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.agent.gate import Gate
from devagent.agent.instructions import instructions
from devagent.agent.loop import Agent
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import ConfigError, LogError, Stop
from devagent.core.events import (
    BudgetStopped,
    Event,
    SessionEnded,
    ToolFinished,
    UndoDone,
)
from devagent.core.tools import ToolSpec
from devagent.host.toolbox import Extensions
from devagent.models import REHEARSAL, OpenModel, open_model
from devagent.models import Credential as ModelCredential
from devagent.models import prices as price_tables
from devagent.models.estimate import Estimate
from devagent.models.prices import PriceTable
from devagent.policy.bounds import (
    forbids_model,
    has_dollar_budget,
    price_file,
)
from devagent.session.ground import (
    Ground,
    Options,
    gate_of,
    limits_of,
    safeguards_of,
    shared_spending,
    stand,
)
from devagent.session.keeping import waiting
from devagent.session.record import earlier_session, model_before, open_log
from devagent.settings.config import Config
from devagent.settings.credentials import Credential, find_credential
from devagent.settings.trusted_file import read_trusted
from devagent.undo.places import root_of

if TYPE_CHECKING:
    from devagent.audit.witness import Witnessing
    from devagent.undo.restore import Undone
    from devagent.undo.store import Entry


class Session:
    """An open session. ``opening`` are the events that were written when it opened; ``unfinished`` is what the
    last turn of the session that goes on was asked for and did not do (empty where it did)."""

    def __init__(
        self,
        *,
        log: SessionLog,
        agent: Agent,
        model: OpenModel,
        toolbox: Extensions,
        gate: Gate,
        ground: Ground,
        opening: Sequence[Event],
        unfinished: str,
        connecting: "asyncio.Task[bool]",
        witnessing: "Witnessing | None" = None,
    ) -> None:
        self._ground = ground
        self._log = log
        self._agent = agent
        self._model = model
        self._toolbox = toolbox
        self._gate = gate
        self._connecting = connecting
        self._witnessing = witnessing
        self.policy = ground.policy
        self.opening = tuple(opening)
        self.unfinished = unfinished
        self.out_of_time: BudgetStopped | None = None
        """What ended the last turn, where that was the clock: it is on record, and the task that ran the turn
        was cancelled."""

    @property
    def id(self) -> str:
        return self._log.sid

    @property
    def folder(self) -> str:
        """The folder of the session's log."""
        return self._log.folder

    @property
    def model(self) -> str:
        return self._model.name

    @property
    def offered(self) -> Sequence[ToolSpec]:
        """The tools that the model is told about."""
        return self._gate.offered

    @property
    def hidden(self) -> Sequence[ToolSpec]:
        """The tools that policy can never grant this principal."""
        return self._gate.hidden

    @property
    def unanchored(self) -> str:
        """That the record waits for its witness for a minute or more, and why; else empty."""
        return waiting(self._witnessing)

    def turn(self, text: str, *, of_the_house: bool = False) -> AsyncGenerator[Event, None]:
        """One logged turn: every event is on disk before it is seen here. Close it with ``aclosing``.

        ``of_the_house``: devagent itself wrote the prompt (see ``Prompt``).
        """
        return self._timed(tapped(self._told(text, of_the_house=of_the_house), self._log))

    async def _timed(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The turn, cut where a limit of time is over while something is under way."""
        left, alarm, running = self._agent.time_left(), None, asyncio.current_task()
        if left is not None and running is not None:
            seconds, stopped = left
            alarm = asyncio.get_running_loop().call_later(
                max(seconds, 0), self._cut, running, stopped
            )
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            if alarm is not None:
                alarm.cancel()

    def _cut(self, running: "asyncio.Task[Any]", stopped: BudgetStopped) -> None:
        self.out_of_time = stopped
        try:
            self._log.write(stopped)
        except LogError as error:
            # The log takes nothing any more, and says so itself when the session is closed.
            stopped = replace(stopped, reason=f"{stopped.reason} ({error.what})")
            self.out_of_time = stopped
        running.cancel(stopped.limit)

    async def _told(self, text: str, *, of_the_house: bool) -> AsyncGenerator[Event, None]:
        """The agent's turn, and after each call what it brought to light about the extensions."""
        async with aclosing(self._agent.turn(text, of_the_house=of_the_house)) as events:
            async for event in events:
                yield event
                if isinstance(event, ToolFinished):
                    for news in self._toolbox.take_news():
                        yield news

    async def undo(self, wanted: str = "") -> UndoDone:
        """Go back to a snapshot of the workspace (see ``devagent.undo.restore.undo``); it is on record, and the
        model will read of it. Raises SnapshotError."""
        from devagent.undo.restore import event_of, undo  # noqa: PLC0415  (when somebody asks for it)

        done = await asyncio.to_thread(
            undo,
            self._ground.here.data,
            root_of(self._ground.folder),
            wanted,
            session=self._log.sid,
        )
        event = event_of(done, self._ground.principal)
        self._log.write(event)
        self._agent.apply(event)
        return event

    async def snapshots(self) -> "list[Entry]":
        """The snapshots of the workspace, newest first. Raises SnapshotError."""
        from devagent.undo.restore import entries  # noqa: PLC0415

        return await asyncio.to_thread(
            entries, self._ground.here.data, root_of(self._ground.folder)
        )

    async def preview_undo(self, wanted: str = "") -> "Undone":
        """What ``undo`` would do. Raises SnapshotError."""
        from devagent.undo.restore import preview  # noqa: PLC0415

        return await asyncio.to_thread(
            preview, self._ground.here.data, root_of(self._ground.folder), wanted
        )

    async def close(self, stop: Stop, exit_code: int, reason: str = "") -> str:
        """End the session and its record; what ``session verify`` says of it now, in a few words."""
        self._connecting.cancel()
        try:
            self._log.write(SessionEnded(stop=stop, exit_code=exit_code, reason=reason))
        finally:
            self._log.close()
            await self._toolbox.aclose()
            await self._model.aclose()
        return verify_session(self._log.folder).summary


async def open_session(options: Options, environment: Mapping[str, str] | None = None) -> Session:
    """Open a session.

    Raises ConfigError (78) for policy, config, key or model; UsageError (2) for an unknown session to
    resume or extension; LogError (1) where no log can be written.
    """
    ground = stand(options, environment)
    policy, config = ground.policy, ground.config
    earlier = earlier_session(ground.here, options.resume)
    options = replace(options, resume=os.path.basename(earlier))
    name = options.model or model_before(earlier) or config.model
    if (keeper := forbids_model(policy.compiled.files, name)) and not name.startswith(REHEARSAL):
        raise ConfigError(
            f"policy {keeper} does not allow the model {name!r} ([models] allow)",
            hint=f"Name another with --model, or ask whoever keeps {keeper}.",
        )
    credential = None if name.startswith(REHEARSAL) else find_credential(ground.environment)
    prices = _prices(ground)
    model = _model(name, config, ground.environment, credential, prices)
    connecting = asyncio.ensure_future(model.connect())
    toolbox: Extensions | None = None
    try:
        await asyncio.sleep(0)  # the connection is on its way while the rest is put together
        toolbox = ground.extensions()
        gate = await gate_of(ground, toolbox, options)
        limits = limits_of(ground, options)
        safeguards, guard = safeguards_of(ground, options)
        agent = Agent(
            model,
            gate,
            toolbox,
            system=instructions(ground.folder, dry_run=options.dry_run),
            limits=limits,
            safeguards=safeguards,
            estimate=Estimate(name, lambda: prices or _shipped_prices()),
            shared=shared_spending(ground, limits),
        )
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
        witnessing=ground.witnessing,
    )


def _model(
    name: str,
    config: Config,
    environment: Mapping[str, str],
    found: Credential | None,
    prices: PriceTable | None,
) -> OpenModel:
    return open_model(
        name,
        environment=environment,
        credential=ModelCredential(kind=found.kind, value=found.value) if found else None,
        base_url=environment.get("ANTHROPIC_BASE_URL", "") or config.base_url,
        max_tokens=config.max_tokens,
        stall_s=config.stall_s,
        give_up_s=config.give_up_s,
        prices=prices,
    )


@cache
def _shipped_prices() -> PriceTable:
    return price_tables.load()


def _prices(ground: Ground) -> PriceTable | None:
    """The price table that the org's policy names, else the config's; None for the shipped one. Raises ConfigError
    where it cannot be used, or where the config's would make the org's budgets in dollars mean something else."""
    config, policy = ground.config, ground.policy
    org = policy.compiled.files[0]
    if named := price_file(policy.compiled.files):
        return _price_table(os.path.join(os.path.dirname(os.path.abspath(org.file)), named))
    if not config.prices:
        return None
    if ground.governed and has_dollar_budget(org):
        raise config.fault(
            ("prices",),
            "prices: the organisation's budgets are in dollars, so its policy alone can name a price table",
            "Leave `prices` out, or ask for [budget] prices in the organisation's policy.",
        )
    return _price_table(
        os.path.join(os.path.dirname(config.file), os.path.expanduser(config.prices))
    )


def _price_table(path: str) -> PriceTable:
    """A table that limits depend on: only where nobody else could have written it."""
    try:
        return price_tables.parse(read_trusted(path, error=ConfigError), path)
    except (FileNotFoundError, NotADirectoryError) as e:
        raise ConfigError("there is no such price table", file=path) from e
