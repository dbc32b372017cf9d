"""The session's log: opened or taken up again, with the events that say what is in force."""

import gc
import os
import platform
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from msgspec.structs import replace

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.forks import conversation
from devagent.audit.in_force import InForce, last_model, last_ticket
from devagent.audit.layout import find_session, is_no_conversation
from devagent.audit.redaction.declared import secret_arguments
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.writer import SessionLog
from devagent.core.errors import UsageError
from devagent.core.events import Event
from devagent.core.events.ground import ExtensionLoaded, PolicyLoaded, PolicyLocked
from devagent.core.events.session import SessionResumed, SessionStarted
from devagent.host.toolbox import Extensions
from devagent.models import REHEARSAL
from devagent.policy.bounds import (
    redaction,
)
from devagent.session.ground import Ground
from devagent.session.options import Options
from devagent.settings.credentials import Credential
from devagent.settings.places import Places
from devagent.settings.policies import EffectivePolicy
from devagent_secrets.known import secrets_of


class TakesIn(Protocol):
    """What goes on with a session (``Agent``)."""

    def apply(self, event: Event) -> None:
        """Take in an event of before."""
        ...

    def begin(self) -> None:
        """That was all of before."""
        ...


def earlier_session(here: Places, named: str) -> str:
    """The folder of the session to go on with; empty where none is named. Raises UsageError."""
    if not named:
        return ""
    folder = find_session(here.sessions, named)
    if is_no_conversation(folder):
        raise UsageError(
            f"{os.path.basename(folder)} holds no conversation; there is nothing to go on with.",
            hint="`devagent session list` shows which do; `devagent review` goes on with reviewing.",
        )
    return folder


def model_before(earlier: str) -> str:
    """The model that the session had; empty for a new one, or where a script played that part."""
    name = last_model(earlier) if earlier else ""
    return "" if name.startswith(REHEARSAL) else name


def ticket_before(earlier: str) -> str:
    """The ticket that the session worked on; empty for a new one."""
    return last_ticket(earlier) if earlier else ""


def open_log(
    ground: Ground,
    options: Options,
    toolbox: Extensions,
    credential: Credential | None,
    model: str,
    agent: TakesIn | None,
) -> tuple[SessionLog, list[Event], str]:
    """The session's log, the events that open it, and what its last turn left unfinished; an ``agent`` takes in
    what went before."""
    here, policy = ground.here, ground.policy
    versions = {"devagent": __version__, "python": platform.python_version(), "log": "1"}
    governs = ground.enrolled.events() if ground.enrolled else []
    settled = (
        *governs,
        *_settled(policy, toolbox),
        *(file.event for file in ground.signed),
    )
    redact = _redactor(policy, toolbox, ground.environment, credential)
    device = Device(here.data)
    unfinished = ""
    if agent is None or not options.resume:
        log = SessionLog.create(
            here.sessions,
            device=device,
            redact=redact,
            sealing=ground.sealing,
            witnessing=ground.witnessing,
            one_task=options.mode == "run",
        )
        count, previous = device.begin(here.sessions, log.sid)
        first: SessionStarted | SessionResumed = SessionStarted(
            principal=ground.principal,
            agent=ground.principal.agent,
            folder=ground.folder,
            mode=options.mode,
            model=model,
            versions=versions,
            policy=policy.compiled.digest,
            previous=previous,
            count=count,
            dry_run=options.dry_run,
            ticket=options.ticket,
        )
    else:
        log, left = _taken_up(ground, options, device, redact, agent)
        first = SessionResumed(
            principal=ground.principal,
            mode=options.mode,
            model=model,
            versions=versions,
            policy=policy.compiled.digest,
            dry_run=options.dry_run,
            ticket=options.ticket,
        )
        first = replace(first, changed=left.changed([first, *settled], ground.folder))
        unfinished = left.unfinished
    opening = [first, *settled]
    try:
        for event in opening:
            log.write(event)
    except BaseException:
        log.close()  # or nobody else could go on with the session while this process lives
        raise
    return log, opening, unfinished


def _taken_up(
    ground: Ground, options: Options, device: Device, redact: Redactor, agent: TakesIn
) -> tuple[SessionLog, InForce]:
    """The log of an earlier session, open again, and what was in force when it was left."""
    earlier = find_session(ground.here.sessions, options.resume)
    left = InForce()
    with _uncollected():
        log = SessionLog.reopen(
            earlier,
            device=device,
            redact=redact,
            sealing=ground.sealing,
            witnessing=ground.witnessing,
            one_task=options.mode == "run",
        )
        try:
            for at, event in conversation(ground.here.sessions, earlier):
                agent.apply(event)
                left.apply(event, at)
        except BaseException:
            log.close()
            raise
    agent.begin()
    return log, left


@contextmanager
def _uncollected() -> Generator[None]:
    """While many records are made that all stay, looking for those that could go takes time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


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
