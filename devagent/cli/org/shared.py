"""What the org commands share: this machine's enrolment, and its words."""

import os

from devagent.core.errors import UsageError
from devagent.core.events.ground import BundleSynced
from devagent.org.client import Client
from devagent.org.times import days, told
from devagent.session.enrolled import client_of
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
