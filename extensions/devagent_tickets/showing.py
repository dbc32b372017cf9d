"""What the tools say: few words, and what the model needs to go on (keys, addresses, cursors)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from devagent_tickets.contract import Result, Surroundings, TicketsError
from devagent_tickets.keys import Reference, shown_key
from devagent_tickets.model import CommentPage, Query, Ticket
from devagent_tickets.reading import Found
from devagent_tickets.settings import Tracker
from devagent_tickets.writing import Done

MOST_BYTES = 48 * 1024
DEFAULT_FIELDS: tuple[str, ...] = ("title", "status", "assignee", "labels", "updated", "body")
MORE_FIELDS: tuple[str, ...] = (
    "type", "priority", "author", "created", "visibility", "milestone", "url", "links", "attachments", "custom",
)  # fmt: skip
_BODY = 6_000
_LINE = 160


def found(here: Surroundings, rows: Sequence[tuple[Tracker, str, Found]], asked: Query) -> Result:
    """The tickets of a search, a line each, in the order of their projects."""
    lines: list[str] = []
    plain: list[dict[str, Any]] = []
    cursors: dict[str, str] = {}
    stale = False
    for tracker, project, one in rows:
        if one.why:
            lines.append(offline(tracker, one))
            stale = True
        for ticket in one.tickets[: asked.limit]:
            lines.append(_line(tracker, ticket))
            plain.append({"key": shown_key(tracker, ticket.project, ticket.key), "title": ticket.title,
                          "status": ticket.status, "url": ticket.url})  # fmt: skip
        if one.cursor:
            cursors[project] = one.cursor
            lines.append(f"[more of {project}: project={project!r}, cursor={one.cursor!r}]")
    if not plain:
        lines.append("No ticket fits.")
    return {
        "text": _cut(here, "\n".join(lines)),
        "rows": len(plain),
        "structured": {"tickets": plain, "cursors": cursors, "offline": stale},
        "taint": _labels(tracker for tracker, _, _ in rows),
        "failed": False,
    }


def ticket(
    here: Surroundings, reference: Reference, one: Ticket, read: Found, fields: Sequence[str]
) -> Result:
    """One ticket. Raises TicketsError bad_arguments for a field that there is not."""
    known = {*DEFAULT_FIELDS, *MORE_FIELDS}
    wanted = list(DEFAULT_FIELDS)
    custom: list[str] = []
    for name in fields:
        if name == "all":
            wanted += MORE_FIELDS
        elif name in known:
            wanted.append(name)
        elif name in one.custom or name in dict(reference.tracker.fields):
            custom.append(name)
        else:
            raise TicketsError(
                f"There is no field {name!r}; there are: {', '.join((*DEFAULT_FIELDS, *MORE_FIELDS))}, all.",
                error="bad_arguments",
            )
    lines = [f"{reference.name}: {one.title}"]
    if read.why:
        lines.insert(0, offline(reference.tracker, read))
    values: dict[str, Any] = {"key": reference.name}
    for name in dict.fromkeys(wanted):
        value: Any = msgspec.json.decode(msgspec.json.encode(getattr(one, name)))
        values[name] = value
        if name not in ("title", "body"):
            lines.append(f"{name}: {_words(value)}")
    for name in custom:
        values[name] = one.custom.get(name)
        lines.append(f"{name}: {_words(one.custom.get(name))}")
    body = one.body
    if len(body) > _BODY and "all" not in fields and "body" not in fields:
        body = f"{body[:_BODY]}\n[cut: {_BODY} of {len(one.body)} characters; fields=['body'] gives all]"
        values["body"] = body
    text = "\n".join([*lines, "", body]) if body else "\n".join(lines)
    return {
        "text": _cut(here, text),
        "rows": 1,
        "structured": {**values, "offline": bool(read.why)},
        "taint": _labels([reference.tracker]),
        "failed": False,
    }


def comments(here: Surroundings, reference: Reference, page: CommentPage, read: Found) -> Result:
    """Comments, oldest first."""
    lines = [offline(reference.tracker, read)] if read.why else []
    lines += [f"## {one.author}, {one.created}\n{one.body}\n" for one in page.comments]
    if not page.comments:
        lines.append(f"No comments on {reference.name}.")
    if page.cursor:
        lines.append(f"[more: cursor={page.cursor!r}]")
    return {
        "text": _cut(here, "\n".join(lines)),
        "rows": len(page.comments),
        "structured": {
            "comments": msgspec.json.decode(msgspec.json.encode(page.comments)),
            "cursor": page.cursor,
            "offline": bool(read.why),
        },
        "taint": _labels([reference.tracker]),
        "failed": False,
    }


def done(reference: Reference, what: str, one: Done) -> Result:
    """What a change came to, with the address where it is seen."""
    written, ticket = one.written, one.ticket
    text = f"{what}: {one.how}\n{written.url}"
    if ticket is not None:
        text += f"\nstatus: {ticket.status} · assignee: {ticket.assignee or 'nobody'} · labels: {_words(ticket.labels)}"
    return {
        "text": text,
        "rows": 1,
        "structured": {"key": reference.name, "url": written.url, "id": written.id, "how": one.how},
        "taint": _labels([reference.tracker]),
        "failed": False,
    }


def preview(
    tool: str, args: Mapping[str, Any], name: str, tracker: Tracker, known: Ticket | None
) -> str:
    """What would be sent, and what it would replace as far as that is known here."""
    where = tracker.host or "the local tracker"
    lines = [f"{tool}: {name} at {where}"]
    if known is not None:
        lines.append(f"ticket: {known.title}")
        if known.url:
            lines.append(known.url)
    before = {"status": known.status, "assignee": known.assignee or "nobody", "title": known.title,
              "priority": known.priority} if known else {}  # fmt: skip
    for key, value in args.items():
        if key in ("key", "project", "token", "body") or value in ("", [], {}, None):
            if key != "assignee":
                continue
            value = "nobody"
        was = f"{before[key]} → " if before.get(key) else ""
        lines.append(f"{key}: {was}{_words(value)}")
    if args.get("body"):
        lines += [f"body ({len(str(args['body']))} characters):", *str(args["body"]).splitlines()]
    return "\n".join(lines)


def offline(tracker: Tracker, read: Found) -> str:
    """That these are copies, or that there are none."""
    if not read.as_of:
        return f"[{tracker.name} could not be asked: {read.why}]"
    return f"[OFFLINE: {read.why} These are copies kept here, the newest of {read.as_of}.]"


def _line(tracker: Tracker, ticket: Ticket) -> str:
    details = [
        ticket.assignee or "nobody",
        *ticket.labels[:5],
        f"updated {ticket.updated[:10] or '?'}",
    ]
    title = ticket.title if len(ticket.title) <= _LINE else f"{ticket.title[:_LINE]}…"
    key = shown_key(tracker, ticket.project, ticket.key)
    return f"{key} [{ticket.status}] {' '.join(title.split())} — {', '.join(details)}"


def _words(value: Any) -> str:
    if value in ("", None, [], (), {}):
        return "none"
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):  # pyright: ignore[reportUnknownVariableType]
        return ", ".join(value)  # pyright: ignore[reportUnknownArgumentType]
    return msgspec.json.encode(value).decode()


def _labels(trackers: Any) -> list[str]:
    """Somebody outside may have written it."""
    return ["ticket", *sorted({f"tickets.{one.name}" for one in trackers})]


def _cut(here: Surroundings, text: str) -> str:
    most = MOST_BYTES
    if "limit_bytes" in here.obligations:
        most = min(most, int(here.obligations["limit_bytes"]))
    data = text.encode()
    if len(data) <= most:
        return text
    return f"{data[:most].decode('utf-8', 'ignore')}\n[cut: size limit]"
