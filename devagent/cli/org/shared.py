"""What the org commands share: this machine's enrolment, and the record of what became of it."""

import os
import platform

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.layout import ORG
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.writer import SessionLog
from devagent.core.errors import UsageError
from devagent.core.events import BundleSynced, Event, SessionEnded, SessionStarted
from devagent.org.client import Client, Synced
from devagent.org.times import days, told
from devagent.session.enrolled import client_of, in_force_event, synced_event
from devagent.settings.identity import principal
from devagent.settings.places import Places, enrolments


def enrolment() -> str:
    """The pin's file. Raises UsageError where nobody enrolled this machine."""
    for file in enrolments():
        if os.path.lexists(file):
            return file
    raise UsageError(
        "this machine belongs to no organisation",
        hint="`devagent org join URL --root-sha256 …` enrols it.",
    )


def client(here: Places) -> Client:
    """This machine's client. Raises ConfigError for an enrolment that is not usable."""
    return client_of(here, principal(), enrolment())


def record(here: Places, found: Client, synced: Synced) -> None:
    """Put what became of a look on record, in a log of its own among the sessions."""
    events: list[Event] = [synced_event(found.pin, synced)]
    if synced.in_force is not None:
        events.append(in_force_event(synced.in_force))
    device = Device(here.data)
    log = SessionLog.create(here.sessions, redact=Redactor(()), device=device)
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


def in_words(event: BundleSynced) -> str:
    """How a look ended, in a line."""
    if event.outcome == "refused":
        stays = (
            f"revision {event.after} stays in force"
            if event.after
            else "nothing is in force: this machine is locked"
        )
        return f"refused ({event.err}): {event.reason}; {stays}"
    if event.outcome == "unchanged":
        return f"nothing new: revision {event.after}"
    return f"{event.outcome}: revision {event.after}"


def term(until: int, now: float) -> str:
    return f"{told(until)} ({days(until - now)})" if until > now else f"{told(until)} (over)"
