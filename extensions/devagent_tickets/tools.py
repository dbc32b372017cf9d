"""The tools: plain functions over the surroundings that a call is given.

Reading names the tickets or projects that it would read; changing names the ticket with what would become of it. Both
are asked about once more with the ticket's own facts (status, assignee, labels, visibility) when these are known.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from devagent_tickets import changes, reading, showing, writing
from devagent_tickets.calling import Call, run
from devagent_tickets.contract import Result, Surroundings, TicketsError
from devagent_tickets.keys import (
    Reference,
    find_project,
    find_reference,
)
from devagent_tickets.model import Person, Query, Ticket
from devagent_tickets.settings import Tracker
from devagent_tickets.touching import (
    check_outgoing,
    check_query,
    checks,
    other_end,
    preview,
    projects,
    resources,
)

__all__ = [
    "assign", "checks", "comment", "comments", "create", "get", "link", "my_work", "preview", "resources", "search",
    "transition", "update",
]  # fmt: skip

MOST = 50


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
    check_query(here, query, jql)
    chosen = projects(here, project)
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
    return showing.found(here, _searched(here, projects(here, ""), asked), asked)


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
    check_outgoing(here, "create", args)
    tracker, name = find_project(here.settings, project)
    draft, tags = changes.draft_of(args), changes.tags_of("create", args, tracker)
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
        # "me", an address or a part of a name may be somebody whom policy knows by another word.
        who = changes.assignee_tags(person.name, person.id) if person else []
        return await writing.settled(
            call, reference, [*tags, *who],
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
    other = other_end(here, reference, args)

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


def _to_change(
    here: Surroundings, tool: str, args: Mapping[str, Any]
) -> tuple[Reference, list[str]]:
    check_outgoing(here, tool, args)
    reference = find_reference(here.settings, changes.needed(args, "key"))
    return reference, changes.tags_of(tool, args, reference.tracker)


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
