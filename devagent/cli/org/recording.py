"""The record of a look at an organisation's server, outside any session."""

import platform

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.layout import ORG
from devagent.audit.writer import SessionLog
from devagent.cli.redacting import redactor_for
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded, SessionStarted
from devagent.org.client import Client, Synced
from devagent.session.enrolled import in_force_event, synced_event
from devagent.settings.identity import principal
from devagent.settings.places import Places


def record(here: Places, found: Client, synced: Synced) -> None:
    """Put what became of a look on record, in a log of its own among the sessions."""
    events: list[Event] = [synced_event(found.pin, synced)]
    if synced.in_force is not None:
        events.append(in_force_event(synced.in_force))
    device = Device(here.data)
    log = SessionLog.create(here.sessions, redact=redactor_for(()), device=device)
    try:
        count, previous = device.begin(here.sessions, log.sid)
        who = principal()
        log.write(
            SessionStarted(
                principal=who,
                agent=who.agent,
                mode=ORG,
                model="",
                versions={"devagent": __version__, "python": platform.python_version(), "log": "1"},
                policy=synced.in_force.digest if synced.in_force else "",
                count=count,
                previous=previous,
            )
        )
        for event in events:
            log.write(event)
        refused = synced.outcome == "refused"
        log.write(
            SessionEnded(stop="policy" if refused else "done", exit_code=78 if refused else 0)
        )
    finally:
        log.close()
