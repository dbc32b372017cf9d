"""Floor 4: a session, assembled by hand in one place.

Order matters here and nowhere else: who runs this, then policy (org before anything of the workspace
is read), then the log, then tools and model. Nobody above gets a turn that does not pass the log.
"""

import asyncio
import os
import platform
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from devagent import __version__
from devagent.agent.asking import Asking, Terms
from devagent.agent.floor import Floor
from devagent.agent.gate import Circumstances, Gate
from devagent.agent.instructions import instructions
from devagent.agent.loop import Agent
from devagent.audit.device import Device
from devagent.audit.layout import find_session
from devagent.audit.reader import read_events
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import ConfigError, Stop
from devagent.core.events import (
    Event,
    ExtensionLoaded,
    PolicyLoaded,
    PolicyLocked,
    SessionEnded,
    SessionResumed,
    SessionStarted,
)
from devagent.core.limits import Limits
from devagent.core.ports import Approver
from devagent.core.principal import Principal
from devagent.core.tools import ToolSpec
from devagent.host.configured import configured
from devagent.host.toolbox import Extensions
from devagent.models import REHEARSAL, OpenModel, open_model
from devagent.models import Credential as ModelCredential
from devagent.policy.bounds import approval_bounds, budgets, forbids_model
from devagent.settings.approvals import ApprovalsOnFile
from devagent.settings.config import Config, load_config
from devagent.settings.credentials import find_credential
from devagent.settings.identity import principal
from devagent.settings.places import Places, places
from devagent.settings.policies import EffectivePolicy, effective_policy


class Options(Struct, frozen=True, kw_only=True):
    """What one session is opened with.

    ``policies`` are further, narrowing policy files. ``extensions`` limits the session to these (empty =
    all that are configured). ``org_policy`` and ``local_policy`` put other files in those places: for
    the demo's sample company, never from a flag or the environment.
    """

    folder: str
    mode: str
    approver: Approver
    model: str = ""
    interactive: bool = False
    policies: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    limits: Limits = Limits()
    resume: str = ""
    org_policy: str = ""
    local_policy: str = ""
    config: Config | None = None


class Session:
    """An open session. ``opening`` are the events that were written when it opened."""

    def __init__(
        self,
        *,
        log: SessionLog,
        agent: Agent,
        model: OpenModel,
        toolbox: Extensions,
        gate: Gate,
        policy: EffectivePolicy,
        opening: Sequence[Event],
        connecting: "asyncio.Task[bool]",
    ) -> None:
        self._log = log
        self._agent = agent
        self._model = model
        self._toolbox = toolbox
        self._gate = gate
        self._connecting = connecting
        self.policy = policy
        self.opening = tuple(opening)

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

    def turn(self, text: str) -> AsyncGenerator[Event, None]:
        """One logged turn: every event is on disk before it is seen here. Close it with ``aclosing``."""
        return tapped(self._agent.turn(text), self._log)

    async def close(self, stop: Stop, exit_code: int, reason: str = "") -> str:
        """End the session and its record; what ``session verify`` says of it now, in a few words."""
        self._connecting.cancel()
        try:
            self._log.write(SessionEnded(stop=stop, exit_code=exit_code, reason=reason))
        finally:
            self._log.close()
            self._toolbox.close()
            await self._model.aclose()
        return verify_session(self._log.folder).summary


async def open_session(options: Options, environment: Mapping[str, str] | None = None) -> Session:
    """Open a session.

    Raises ConfigError (78) for policy, config, key or model; UsageError (2) for an unknown session to
    resume or extension; LogError (1) where no log can be written.
    """
    env = os.environ if environment is None else environment
    here = places(env)
    who = principal()
    config = options.config or load_config(here.config)
    folder = os.path.realpath(options.folder)  # noqa: ASYNC240  (once, before anything runs)

    @cache
    def extensions() -> Extensions:
        # Before policy only where a rule is about arguments, and so about the tools' schemas.
        own = configured(
            config.extensions,
            folder=folder,
            only=options.extensions,
            file=config.file,
            fault=config.fault,
        )
        return Extensions(own)

    policy = effective_policy(
        here,
        org_file=options.org_policy,
        local_file=options.local_policy,
        narrowing=options.policies,
        tools=lambda: extensions().specs(),
    )
    if policy.locked and options.mode != "chat":
        raise ConfigError(policy.locked, hint="Ask whoever runs devagent in your organisation.")
    name = options.model or config.model
    if (keeper := forbids_model(policy.compiled.files, name)) and not name.startswith(REHEARSAL):
        raise ConfigError(
            f"policy {keeper} does not allow the model {name!r} ([models] allow)",
            hint=f"Name another with --model, or ask whoever keeps {keeper}.",
        )
    model = _model(name, config, env)
    connecting = asyncio.ensure_future(model.connect())
    try:
        await asyncio.sleep(0)  # the connection is on its way while the rest is put together
        toolbox = extensions()
        circumstances = Circumstances(
            principal=who,
            mode=options.mode,
            interactive=options.interactive,
            today=datetime.now(UTC).date().isoformat(),
        )
        floor = Floor(folder, here.own())
        terms = Terms(folder, circumstances.today, approval_bounds(policy.compiled.files))
        asking = Asking(options.approver, ApprovalsOnFile.load(here.approvals), terms)
        gate = Gate(policy.compiled, toolbox, asking, circumstances, floor)
        turn, session = budgets(policy.compiled.files)
        limits = replace(options.limits, turn=turn, session=session)
        agent = Agent(model, gate, toolbox, system=instructions(folder), limits=limits)
        log, first = _log(here, options, agent, model.name, who, policy, folder)
        opening = [first, *_settled(policy, toolbox)]
        for event in opening:
            log.write(event)
    except BaseException:
        connecting.cancel()
        await model.aclose()
        raise
    return Session(
        log=log,
        agent=agent,
        model=model,
        toolbox=toolbox,
        gate=gate,
        policy=policy,
        opening=opening,
        connecting=connecting,
    )


def _model(name: str, config: Config, environment: Mapping[str, str]) -> OpenModel:
    credential = None
    if not name.startswith(REHEARSAL):
        found = find_credential(environment)
        credential = ModelCredential(kind=found.kind, value=found.value)
    return open_model(
        name,
        environment=environment,
        credential=credential,
        base_url=environment.get("ANTHROPIC_BASE_URL", "") or config.base_url,
        max_tokens=config.max_tokens,
        stall_s=config.stall_s,
        give_up_s=config.give_up_s,
    )


def _log(
    here: Places,
    options: Options,
    agent: Agent,
    model: str,
    who: Principal,
    policy: EffectivePolicy,
    folder: str,
) -> tuple[SessionLog, Event]:
    """The session's log, and the event that begins or resumes it; ``agent`` has taken in what went before."""
    versions = {"devagent": __version__, "python": platform.python_version(), "log": "1"}
    digest = policy.compiled.digest
    device = Device(here.data)
    if not options.resume:
        log = SessionLog.create(here.sessions, device=device)
        count, previous = device.begin(here.sessions, log.sid)
        started = SessionStarted(
            principal=who,
            agent=who.agent,
            mode=options.mode,
            model=model,
            versions=versions,
            policy=digest,
            folder=folder,
            count=count,
            previous=previous,
        )
        return log, started
    earlier = find_session(here.sessions, options.resume)
    log = SessionLog.reopen(earlier, device=device)
    for event in read_events(earlier):
        agent.apply(event)
    agent.begin()
    resumed = SessionResumed(
        principal=who, mode=options.mode, model=model, versions=versions, policy=digest
    )
    return log, resumed


def _settled(policy: EffectivePolicy, toolbox: Extensions) -> Iterator[Event]:
    """What is in force, for the record: each policy file, each extension."""
    for layer in policy.layers:
        yield PolicyLoaded(
            layer=layer.layer,
            name=layer.name,
            digest=layer.digest,
            rules=layer.rules,
            file=layer.file,
        )
    if policy.locked:
        yield PolicyLocked(reason=policy.locked)
    for reference in toolbox.references():
        tools = tuple(t.name for t in toolbox.specs() if t.extension == reference.name)
        yield ExtensionLoaded(ext=reference, tools=tools)
