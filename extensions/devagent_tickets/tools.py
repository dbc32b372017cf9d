"""The tools: plain functions over the surroundings that a call is given.

Reading names the tickets or projects that it would read; changing names the ticket with what would become of it. Both
are asked about once more with the ticket's own facts (status, assignee, labels, visibility) when these are known.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from devagent_tickets import changes, reading, showing, writing
from devagent_tickets.calling import Call, run
from devagent_tickets.contract import ResourceDict, Result, Surroundings, TicketsError, may_touch
from devagent_tickets.guarding import Guard
from devagent_tickets.keys import (
    Reference,
    facts,
    find_project,
    find_reference,
    host_resource,
    project_resource,
)
from devagent_tickets.model import Person, Query, Ticket
from devagent_tickets.settings import Tracker, data_folder, read_trackers

MOST = 50
READS = ("search", "get", "comments", "my_work")


def search(
    here: Surroundings,
    *,
    query: str = "",
    project: str = "",
    status: str = "",
    assignee: str = "",
    label: str = "",
    jql: str = "",
    limit: int = 10,
    cursor: str = "",
) -> Result:
    """Tickets that fit, of one project or of all that may be read. Raises TicketsError."""
    _check_query(here, query, jql)
    chosen = _projects(here, project)
    if cursor and len(chosen) > 1:
        raise TicketsError("Name the project that cursor is of.", error="bad_arguments")
    if jql and not all(tracker.type in ("jira", "jira-dc") for tracker, _ in chosen):
        raise TicketsError("jql is for a project of Jira: name one.", error="bad_arguments")
    asked = Query(
        project="", text=query, status=status, assignee=assignee, label=label, jql=jql,
        limit=_limit(here, limit), cursor=cursor,
    )  # fmt: skip
    return showing.found(here, _searched(here, chosen, asked), asked)


def my_work(here: Surroundings, *, limit: int = 20) -> Result:
    """The open tickets that are assigned to whoever is logged in. Raises TicketsError."""
    asked = Query(project="", status="open", assignee="me", limit=_limit(here, limit))
    return showing.found(here, _searched(here, _projects(here, ""), asked), asked)


def get(here: Surroundings, *, key: str, fields: Sequence[str] = ()) -> Result:
    """One ticket: six fields, and those that are named. Raises TicketsError."""
    reference = find_reference(here.settings, key)
    ticket, found = run(here, reference.tracker, lambda call: reading.get(call, reference))
    return showing.ticket(here, reference, ticket, found, fields)


def comments(here: Surroundings, *, key: str, limit: int = 20, cursor: str = "") -> Result:
    """A ticket's comments, oldest first. Raises TicketsError."""
    reference = find_reference(here.settings, key)
    most = _limit(here, limit)
    page, found = run(
        here, reference.tracker, lambda call: reading.comments(call, reference, cursor, most)
    )
    return showing.comments(here, reference, page, found)


def comment(here: Surroundings, *, key: str, body: str, token: str = "") -> Result:
    """Post a comment. Raises TicketsError."""
    args = {"key": key, "body": body}
    reference, tags = _to_change(here, "comment", args)
    text = changes.needed(args, "body")
    done = run(
        here, reference.tracker, lambda call: writing.comment(call, reference, text, token, tags)
    )
    return showing.done(reference, f"comment on {reference.name}", done)


def create(
    here: Surroundings,
    *,
    project: str,
    title: str,
    body: str = "",
    type: str = "",
    labels: Sequence[str] = (),
    custom: Mapping[str, Any] = {},
    token: str = "",
) -> Result:
    """Create a ticket. Raises TicketsError."""
    args = {"title": title, "body": body, "type": type, "labels": labels, "custom": custom}
    _check_outgoing(here, "create", args)
    tracker, name = find_project(here.settings, project)
    draft, tags = changes.draft_of(args), changes.tags_of("create", args)
    done = run(here, tracker, lambda call: writing.create(call, name, draft, token, tags))
    reference = Reference(tracker, name, done.written.key)
    return showing.done(reference, f"new ticket {reference.name}", done)


def update(
    here: Surroundings,
    *,
    key: str,
    title: str = "",
    body: str = "",
    priority: str = "",
    add_labels: Sequence[str] = (),
    remove_labels: Sequence[str] = (),
    custom: Mapping[str, Any] = {},
) -> Result:
    """Change fields of a ticket; what is not named stays. Raises TicketsError."""
    args = {"key": key, "title": title, "body": body, "priority": priority, "add_labels": add_labels,
            "remove_labels": remove_labels, "custom": custom}  # fmt: skip
    reference, tags = _to_change(here, "update", args)
    wanted = changes.changes_of(args)

    def is_so(now: Ticket) -> bool:
        return (
            (wanted.title is None or now.title == wanted.title)
            and (wanted.body is None or now.body.strip() == wanted.body.strip())
            and (wanted.priority is None or now.priority.lower() == wanted.priority.lower())
            and set(wanted.add_labels) <= set(now.labels)
            and not set(wanted.remove_labels) & set(now.labels)
            and all(now.custom.get(name) == value for name, value in wanted.custom.items())
        )

    done = run(
        here,
        reference.tracker,
        lambda call: writing.settled(
            call, reference, tags, is_so, lambda now: call.backend.update(now, wanted)
        ),
    )
    return showing.done(reference, f"update of {reference.name}", done)


def transition(here: Surroundings, *, key: str, status: str) -> Result:
    """Bring a ticket into a status. Raises TicketsError."""
    args = {"key": key, "status": status}
    reference, tags = _to_change(here, "transition", args)
    wanted = changes.needed(args, "status").strip()
    done = run(
        here,
        reference.tracker,
        lambda call: writing.settled(
            call, reference, tags,
            lambda now: now.status.lower() == wanted.lower(),
            lambda now: call.backend.transition(now, wanted),
        ),
    )  # fmt: skip
    return showing.done(reference, f"status of {reference.name}", done)


def assign(here: Surroundings, *, key: str, assignee: str) -> Result:
    """Assign a ticket to somebody, or to nobody. Raises TicketsError."""
    reference, tags = _to_change(here, "assign", {"key": key, "assignee": assignee})

    async def work(call: Call) -> writing.Done:
        person = await call.backend.person(reference.project, assignee) if assignee else None
        return await writing.settled(
            call, reference, tags,
            lambda now: _is_assigned(now, person),
            lambda now: call.backend.assign(now, person),
        )  # fmt: skip

    return showing.done(
        reference, f"assignment of {reference.name}", run(here, reference.tracker, work)
    )


def _is_assigned(now: Ticket, person: Person | None) -> bool:
    if person is None:
        return not now.assignee_id
    return person.id.lower() in (now.assignee_id.lower(), now.assignee.lower())


def link(here: Surroundings, *, key: str, to: str, kind: str = "relates") -> Result:
    """Link a ticket to another one of its tracker, or to an address. Raises TicketsError."""
    args = {"key": key, "to": to, "kind": kind}
    reference, tags = _to_change(here, "link", args)
    other = _other(here, reference, args)

    async def work(call: Call) -> writing.Done:
        target: Ticket | str = to
        if other is not None:
            target = await writing.fresh(call, other, tags)
        name, real = (other.name if other else to), changes.kind_of(args)
        return await writing.settled(
            call, reference, tags,
            lambda now: any((one.kind, one.to) == (real, name) for one in now.links),
            lambda now: call.backend.link(now, real, target),
        )  # fmt: skip

    return showing.done(reference, f"link of {reference.name}", run(here, reference.tracker, work))


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
        _check_query(here, changes.text_of(args, "query"), changes.text_of(args, "jql"))
    if name := changes.text_of(args, "project"):
        # One that is not there is judged as one that is: by its name.
        tracker = _tracker_of(here, name)
        hosts = host_resource(tracker, "read") if tracker else []
        return [
            project_resource(name if tracker is None else _proper(tracker, name), "read"),
            *hosts,
        ]
    chosen = _projects(here, "")
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
    _check_outgoing(here, tool, args)
    tags = changes.tags_of(tool, args)
    if tool == "create":
        tracker, name = find_project(here.settings, changes.text_of(args, "project"))
        return [project_resource(name, "write", tags), *host_resource(tracker, "write")]
    reference = find_reference(here.settings, changes.needed(args, "key"))
    touched = [reference]
    if tool == "link" and (other := _other(here, reference, args)):
        touched.append(other)
    named = [one.resource("write", {*tags, *_facts_kept(here, one)}) for one in touched]
    return [*named, *host_resource(reference.tracker, "write")]


def _to_change(
    here: Surroundings, tool: str, args: Mapping[str, Any]
) -> tuple[Reference, list[str]]:
    _check_outgoing(here, tool, args)
    return find_reference(here.settings, changes.needed(args, "key")), changes.tags_of(tool, args)


def _other(here: Surroundings, reference: Reference, args: Mapping[str, Any]) -> Reference | None:
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


def _check_outgoing(here: Surroundings, tool: str, args: Mapping[str, Any]) -> None:
    guard = Guard(here)
    for name, value in changes.outgoing(tool, args).items():
        guard.check(name, value)


def _check_query(here: Surroundings, *texts: str) -> None:
    guard = Guard(here)
    for text in texts:
        guard.check("query", text)


def _facts_kept(here: Surroundings, reference: Reference) -> list[str]:
    """What is known here of the ticket; it is asked about again with what it is by then."""
    with _store(here, reference.tracker) as store:
        kept = store.get(reference.project, reference.key)
    return facts(kept.ticket) if kept else []


def _store(here: Surroundings, tracker: Tracker) -> Any:
    from devagent_tickets.store import opened  # sqlite3 is not for the start

    return opened(data_folder(here.settings), tracker.name)


def _projects(here: Surroundings, name: str) -> list[tuple[Tracker, str]]:
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


def _searched(
    here: Surroundings, chosen: Sequence[tuple[Tracker, str]], asked: Query
) -> list[tuple[Tracker, str, reading.Found]]:
    """What each project has; a tracker that cannot be asked at all is told of, and hides no other one."""
    from msgspec.structs import replace

    by_tracker: dict[str, list[tuple[Tracker, str]]] = {}
    for tracker, project in chosen:
        by_tracker.setdefault(tracker.name, []).append((tracker, project))

    async def all_of(call: Call, projects: list[str]) -> list[tuple[Tracker, str, reading.Found]]:
        found: list[tuple[Tracker, str, reading.Found]] = []
        for project in projects:
            got = await reading.search(call, replace(asked, project=project))
            found.append((call.tracker, project, got))
        return found

    rows: list[tuple[Tracker, str, reading.Found]] = []
    began = time.monotonic()
    for pairs in by_tracker.values():
        names = [project for _, project in pairs]
        tracker = pairs[0][0]
        try:
            used = time.monotonic() - began
            rows += run(here, tracker, lambda call, names=names: all_of(call, names), used_s=used)
        except TicketsError as error:
            if len(by_tracker) == 1:
                raise
            rows.append((tracker, ", ".join(names), reading.Found((), why=str(error))))
    return rows


def _limit(here: Surroundings, limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise TicketsError(f"limit is from 1 to {MOST}.", error="bad_arguments")
    allowed = here.obligations.get("limit_rows")
    return limit if allowed is None else max(1, min(limit, int(allowed)))
