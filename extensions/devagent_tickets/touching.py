"""What a call would touch, and what is shown and checked before it runs; nothing is read from the network for it.

Reading names the tickets or projects that it would read; changing names the ticket with what would become of it.
"""

from collections.abc import Mapping
from typing import Any

from devagent_tickets import changes, showing
from devagent_tickets.contract import ResourceDict, Surroundings, TicketsError, may_touch
from devagent_tickets.guarding import Guard
from devagent_tickets.keys import (
    Reference,
    facts,
    find_project,
    find_reference,
    host_resource,
    project_resource,
)
from devagent_tickets.settings import Tracker, data_folder, read_trackers

READS = ("search", "get", "comments", "my_work")


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[ResourceDict]:
    """What a call would touch.

    What must not go out is refused here, before anybody is asked. Raises TicketsError.
    """
    if tool in changes.WRITES:
        return _changed(tool, args, here)
    if tool in ("get", "comments"):
        reference = find_reference(here.settings, changes.needed(args, "key"))
        known = _facts_kept(here, reference)
        return [reference.resource("read", known), *host_resource(reference.tracker, "read")]
    if tool not in READS:
        raise TicketsError("There is no tool of that name.", error="unknown_tool")
    if tool == "search":
        check_query(here, changes.text_of(args, "query"), changes.text_of(args, "jql"))
    if name := changes.text_of(args, "project"):
        # One that is not there is judged as one that is: by its name.
        tracker = _tracker_of(here, name)
        hosts = host_resource(tracker, "read") if tracker else []
        return [
            project_resource(name if tracker is None else _proper(tracker, name), "read"),
            *hosts,
        ]
    chosen = projects(here, "")
    hosts = {tracker.host: tracker for tracker, _ in chosen}
    return [project_resource(project, "read") for _, project in chosen] + [
        one for tracker in hosts.values() for one in host_resource(tracker, "read")
    ]


def preview(tool: str, args: Mapping[str, Any], here: Surroundings) -> str:
    """What would be sent, for whoever is asked; nothing is read from the network for it. Empty for what only reads."""
    if tool not in changes.WRITES:
        return ""
    if tool == "create":
        tracker, name = find_project(here.settings, changes.text_of(args, "project"))
        return showing.preview(tool, args, f"a new ticket in {name}", tracker, None)
    reference = find_reference(here.settings, changes.needed(args, "key"))
    with _store(here, reference.tracker) as store:
        kept = store.get(reference.project, reference.key)
    ticket = Guard(here).ticket(kept.ticket) if kept else None
    return showing.preview(tool, args, reference.name, reference.tracker, ticket)


def checks(here: Surroundings) -> list[tuple[str, str, str]]:
    """For ``devagent doctor``: each tracker, and whether its secret is there. Nothing is asked of a server."""
    rows: list[tuple[str, str, str]] = []
    for tracker in read_trackers(here.settings).values():
        where = tracker.host or "SQLite on this computer"
        missing = tracker.secret and not here.secret(tracker.secret)
        hint = (
            f"The secret {tracker.secret!r} is neither in the environment nor in the keyring."
            if missing
            else ""
        )
        rows.append(
            (
                f"tracker {tracker.name}",
                f"{tracker.type}, {where}: {', '.join(tracker.projects)}",
                hint,
            )
        )
    return rows


def _changed(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[ResourceDict]:
    check_outgoing(here, tool, args)
    if tool == "create":
        tracker, name = find_project(here.settings, changes.text_of(args, "project"))
        tags = changes.tags_of(tool, args, tracker)
        return [project_resource(name, "write", tags), *host_resource(tracker, "write")]
    reference = find_reference(here.settings, changes.needed(args, "key"))
    tags = changes.tags_of(tool, args, reference.tracker)
    touched = [reference]
    if tool == "link" and (other := other_end(here, reference, args)):
        touched.append(other)
    named = [one.resource("write", {*tags, *_facts_kept(here, one)}) for one in touched]
    return [*named, *host_resource(reference.tracker, "write")]


def other_end(
    here: Surroundings, reference: Reference, args: Mapping[str, Any]
) -> Reference | None:
    """The ticket that a link leads to; None for an address."""
    if changes.kind_of(args) == "url":
        return None
    other = find_reference(here.settings, changes.needed(args, "to"))
    if other.tracker != reference.tracker:
        raise TicketsError(
            "Tickets of two trackers are linked by their addresses (kind url).", error="unsupported"
        )
    if other == reference:
        raise TicketsError("A ticket is not linked to itself.", error="bad_arguments")
    return other


def check_outgoing(here: Surroundings, tool: str, args: Mapping[str, Any]) -> None:
    """Refuse what must not go out. Raises TicketsError: secret, personal_data, redacted_text."""
    guard = Guard(here)
    for name, value in changes.outgoing(tool, args).items():
        guard.check(name, value)


def check_query(here: Surroundings, *texts: str) -> None:
    """Refuse a search that would carry out what must not go out. Raises TicketsError as ``check_outgoing``."""
    guard = Guard(here)
    for text in texts:
        guard.check("query", text)


def _facts_kept(here: Surroundings, reference: Reference) -> list[str]:
    """What is known here of the ticket; it is asked about again with what it is by then."""
    with _store(here, reference.tracker) as store:
        kept = store.get(reference.project, reference.key)
    return facts(kept.ticket) if kept else []


def _store(here: Surroundings, tracker: Tracker) -> Any:
    from devagent_tickets.store import opened  # noqa: PLC0415 - sqlite3 is not for the start

    return opened(data_folder(here.settings), tracker.name)


def projects(here: Surroundings, name: str) -> list[tuple[Tracker, str]]:
    """The named project, or all that the call in hand may read. Raises TicketsError no_such_project."""
    every = [find_project(here.settings, name)] if name else [
        (tracker, project)
        for tracker in read_trackers(here.settings).values()
        for project in tracker.projects
    ]  # fmt: skip
    allowed = may_touch(here, [project_resource(project, "read") for _, project in every])
    chosen = [one for one, may in zip(every, allowed, strict=True) if may]
    if not chosen:
        text = f"There is no project {name!r} for you." if name else "There is no project for you."
        raise TicketsError(text, error="no_such_project")
    return chosen


def _tracker_of(here: Surroundings, project: str) -> Tracker | None:
    try:
        return find_project(here.settings, project)[0]
    except TicketsError as error:
        if error.error != "no_such_project":
            raise
        return None


def _proper(tracker: Tracker, name: str) -> str:
    return next(one for one in tracker.projects if one.lower() == name.lower())
