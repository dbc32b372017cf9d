"""What a ticket is called: by people, by the tools, and by policy; and the facts that policy may look at.

A tracker with keys of words (Jira, Linear, the local one) calls a ticket ``PAY-123``; one with plain numbers is
written ``acme/shop#17``. Policy's name is ``ticket:PROJECT/KEY``: ``ticket:PAY/PAY-123``, ``ticket:acme/shop/17``; a whole
project, which a search goes through and a new ticket comes into, is ``ticket:PAY/``.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from devagent_tickets.contract import ResourceDict, TicketsError
from devagent_tickets.model import Ticket
from devagent_tickets.settings import Tracker, read_trackers

_WORDY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,31})-([1-9][0-9]{0,9})")
_NUMBERED = re.compile(r"(.{0,255})#([1-9][0-9]{0,9})")
_NOT_IN_TAGS = re.compile(r"\W+")


class Reference(Struct, frozen=True):
    """One ticket of one tracker."""

    tracker: Tracker
    project: str
    key: str

    @property
    def name(self) -> str:
        """As the tools take and show it."""
        return shown_key(self.tracker, self.project, self.key)

    def resource(self, access: Literal["read", "write"], tags: Iterable[str] = ()) -> ResourceDict:
        return {"id": f"ticket:{self.project}/{self.key}", "access": access, "tags": sorted(tags)}


def shown_key(tracker: Tracker, project: str, key: str) -> str:
    return f"{project}#{key}" if tracker.is_numbered else key


def project_resource(
    project: str, access: Literal["read", "write"], tags: Iterable[str] = ()
) -> ResourceDict:
    """A whole project: what a search looks through, and where a new ticket goes."""
    return {"id": f"ticket:{project}/", "access": access, "tags": sorted(tags)}


def host_resource(tracker: Tracker, access: Literal["read", "write"]) -> list[ResourceDict]:
    """The host that is spoken to; none for a local tracker."""
    return (
        [] if tracker.is_local else [{"id": f"host:{tracker.host}", "access": access, "tags": []}]
    )


def find_reference(settings: Mapping[str, Any], name: str) -> Reference:
    """The ticket of that name. Raises TicketsError no_such_ticket, bad_settings."""
    trackers = read_trackers(settings)
    wordy, numbered = _WORDY.fullmatch(name.strip()), _NUMBERED.fullmatch(name.strip())
    if wordy:
        for tracker in trackers.values():
            for project in tracker.projects:
                if not tracker.is_numbered and project.lower() == wordy[1].lower():
                    return Reference(tracker, project, f"{project}-{wordy[2]}")
    elif numbered:
        named = [
            (tracker, project)
            for tracker in trackers.values()
            if tracker.is_numbered
            for project in tracker.projects
            if project.lower() == numbered[1].lower() or not numbered[1]
        ]
        if len(named) == 1:
            return Reference(*named[0], numbered[2])
    raise TicketsError(
        f"There is no ticket {name!r}: a key is PROJECT-123 or project#17, of a project that is configured.",
        error="no_such_ticket",
    )


def find_project(settings: Mapping[str, Any], name: str) -> tuple[Tracker, str]:
    """The project of that name; without one, the only one there is. Raises TicketsError no_such_project."""
    every = [(t, p) for t in read_trackers(settings).values() for p in t.projects]
    found = [one for one in every if one[1].lower() == name.lower()] if name else every
    if len(found) != 1:
        text = f"There is no project {name!r} for you." if name else "Name a project."
        raise TicketsError(text, error="no_such_project")
    return found[0]


def word(text: str) -> str:
    """A text as a part of a tag: small letters, digits and ``_``, words joined by ``-``."""
    plain = _NOT_IN_TAGS.sub("-", text.lower()).strip("-")
    if plain:
        return plain
    # Of signs alone: never the word that stands for nothing.
    return f"x{text.encode().hex()}" if text.strip() else "none"


def facts(ticket: Ticket) -> list[str]:
    """What policy may know of a ticket: ``ticket.status.in-progress``, ``ticket.open``, ``ticket.assignee.ana``,
    ``ticket.label.security``, ``ticket.visibility.confidential``."""
    tags = [
        f"ticket.status.{word(ticket.status)}",
        "ticket.closed" if ticket.closed else "ticket.open",
    ]
    tags += [f"ticket.label.{word(label)}" for label in ticket.labels]
    tags.append(f"ticket.assignee.{word(ticket.assignee)}")
    if ticket.visibility:
        tags.append(f"ticket.visibility.{ticket.visibility}")
    return sorted(set(tags))
