"""Floor 4: a session, assembled by hand in one place.

Order matters here and nowhere else: who runs this, then policy (org before anything of the workspace
is read), then the log, then tools and model. Nobody above gets a turn that does not pass the log.
"""

import asyncio
import os
import platform
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from devagent import __version__
from devagent.agent.asking import Asking, Terms
from devagent.agent.floor import Floor
from devagent.agent.gate import Circumstances, Gate
from devagent.agent.instructions import instructions
from devagent.agent.loop import Agent
from devagent.agent.own_files import OwnFiles
from devagent.audit.device import Device
from devagent.audit.forks import conversation
from devagent.audit.in_force import InForce
from devagent.audit.layout import find_session
from devagent.audit.redaction.declared import secret_arguments
from devagent.audit.redaction.known import secrets_of
from devagent.audit.redaction.redactor import Redactor
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
    ToolFinished,
    UndoDone,
)
from devagent.core.limits import Limits
from devagent.core.ports import Approver
from devagent.core.principal import Principal
from devagent.core.tools import ToolSpec
from devagent.host.configured import configured
from devagent.host.extension import is_server
from devagent.host.toolbox import Extensions
from devagent.models import REHEARSAL, OpenModel, open_model
from devagent.models import Credential as ModelCredential
from devagent.policy.bounds import approval_bounds, budgets, forbids_model, redaction
from devagent.settings.approvals import ApprovalsOnFile
from devagent.settings.config import Config, load_config
from devagent.settings.credentials import Credential, find_credential
from devagent.settings.identity import principal
from devagent.settings.places import Places, places
from devagent.settings.policies import EffectivePolicy, effective_policy, is_enrolled
from devagent.settings.trusted_file import read_trusted
from devagent.undo.guard import SnapshotGuard
from devagent.undo.places import root_of

if TYPE_CHECKING:
    from devagent.host.mcp_extension import McpExtension
    from devagent.undo.restore import Undone
    from devagent.undo.store import Entry as SnapshotEntry


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
        workspace: str,
        data: str,
        principal: Principal,
    ) -> None:
        self._workspace = workspace
        self._data = data
        self._principal = principal
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

    def turn(self, text: str, *, of_the_house: bool = False) -> AsyncGenerator[Event, None]:
        """One logged turn: every event is on disk before it is seen here. Close it with ``aclosing``.

        ``of_the_house``: devagent itself wrote the prompt (see ``Prompt``).
        """
        return tapped(self._told(text, of_the_house=of_the_house), self._log)

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
            undo, self._data, root_of(self._workspace), wanted, session=self._log.sid
        )
        event = event_of(done, self._principal)
        self._log.write(event)
        self._agent.apply(event)
        return event

    async def snapshots(self) -> "list[SnapshotEntry]":
        """The snapshots of the workspace, newest first. Raises SnapshotError."""
        from devagent.undo.restore import entries  # noqa: PLC0415

        return await asyncio.to_thread(entries, self._data, root_of(self._workspace))

    async def preview_undo(self, wanted: str = "") -> "Undone":
        """What ``undo`` would do. Raises SnapshotError."""
        from devagent.undo.restore import preview  # noqa: PLC0415

        return await asyncio.to_thread(preview, self._data, root_of(self._workspace), wanted)

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
    env = os.environ if environment is None else environment
    here = places(env)
    who = principal()
    config = options.config or load_config(here.config)
    folder = os.path.realpath(options.folder)  # noqa: ASYNC240  (once, before anything runs)

    governed = is_enrolled() or bool(options.org_policy)

    @cache
    def extensions() -> Extensions:
        # Before policy only where a rule is about arguments, and so about the tools' schemas.
        own = configured(
            config.extensions,
            folder=folder,
            only=options.extensions,
            file=config.file,
            fault=config.fault,
            own=here.own(),
        )
        return Extensions(own, _servers(config, folder, options, here, governed=governed))

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
    credential = None if name.startswith(REHEARSAL) else find_credential(env)
    model = _model(name, config, env, credential)
    connecting = asyncio.ensure_future(model.connect())
    toolbox: Extensions | None = None
    try:
        await asyncio.sleep(0)  # the connection is on its way while the rest is put together
        toolbox = extensions()
        today = datetime.now(UTC).date().isoformat()
        refused = await toolbox.admit(
            first_use=not governed and not policy.locked, today=today, fault=config.fault
        )
        if refused and options.mode != "chat":
            raise refused[0].error
        circumstances = Circumstances(
            principal=who,
            mode=options.mode,
            interactive=options.interactive,
            today=today,
        )
        floor = Floor(folder, here.own())
        terms = Terms(folder, circumstances.today, approval_bounds(policy.compiled.files))
        asking = Asking(options.approver, ApprovalsOnFile.load(here.approvals), terms)
        gate = Gate(policy.compiled, toolbox, asking, circumstances, floor, _redacted)
        turn, session = budgets(policy.compiled.files)
        limits = replace(options.limits, turn=turn, session=session)
        snapshots = SnapshotGuard(here.data, folder, config.undo)
        agent = Agent(
            model,
            gate,
            toolbox,
            system=instructions(folder),
            limits=limits,
            own_files=OwnFiles(
                [*here.governing(), *filter(None, (options.org_policy, options.local_policy))]
            ),
            snapshots=snapshots,
        )
        settled = tuple(_settled(policy, toolbox))
        redact = _redactor(policy, toolbox, env, credential)
        log, first = _log(here, options, agent, model.name, who, policy, folder, settled, redact)
        snapshots.session = log.sid
        opening = [first, *settled]
        for event in opening:
            log.write(event)
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
        policy=policy,
        opening=opening,
        connecting=connecting,
        workspace=folder,
        data=here.data,
        principal=who,
    )


def _servers(
    config: Config, folder: str, options: Options, here: Places, *, governed: bool
) -> "list[McpExtension]":
    """The third parties' servers that the config names, as they are on record."""
    if not any(is_server(table) for table in config.extensions.values()):
        return []
    from devagent.host.mcp_lock import ToolsLock  # noqa: PLC0415  (only where the config names one)
    from devagent.host.third_party import third_party  # noqa: PLC0415

    return third_party(
        config.extensions,
        folder=folder,
        only=options.extensions,
        lock=ToolsLock(here.data, partial(read_trusted, error=ConfigError)),
        fault=config.fault,
        governed=governed,
    )


def _model(
    name: str, config: Config, environment: Mapping[str, str], found: Credential | None
) -> OpenModel:
    return open_model(
        name,
        environment=environment,
        credential=ModelCredential(kind=found.kind, value=found.value) if found else None,
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
    settled: Sequence[Event],
    redact: Redactor,
) -> tuple[SessionLog, Event]:
    """The session's log, and the event that begins or resumes it; ``agent`` has taken in what went before."""
    versions = {"devagent": __version__, "python": platform.python_version(), "log": "1"}
    digest = policy.compiled.digest
    device = Device(here.data)
    if not options.resume:
        log = SessionLog.create(here.sessions, device=device, redact=redact)
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
    log = SessionLog.reopen(earlier, device=device, redact=redact)
    left = InForce()
    try:
        for at, event in conversation(here.sessions, earlier):
            agent.apply(event)
            left.apply(event, at)
    except BaseException:
        log.close()
        raise
    agent.begin()
    resumed = SessionResumed(
        principal=who, mode=options.mode, model=model, versions=versions, policy=digest
    )
    return log, replace(resumed, changed=left.changed([resumed, *settled], folder))


def _redactor(
    policy: EffectivePolicy,
    toolbox: Extensions,
    environment: Mapping[str, str],
    credential: Credential | None,
) -> Redactor:
    """What keeps secrets out of the record: those that are known here, and all that looks like one."""
    known = [(credential.value, "model-key")] if credential else []
    tools = {tool.api_name: secret_arguments(tool.input_schema) for tool in toolbox.specs()}
    return Redactor(
        redaction(policy.compiled.files),
        known=[*known, *secrets_of(environment)],
        fields={name: paths for name, paths in tools.items() if paths},
    )


def _redacted(kinds: Sequence[str], text: str) -> str:
    """What a rule with ``redact`` lets the model and the person see of a result."""
    return Redactor(kinds).text(text)[0]


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
    yield from toolbox.take_news()
