"""Tickets out of a local tracker and into one: as JSON lines, whole, or as Markdown, to be read.

A line of JSON is a ticket with its comments. A Markdown file is a ticket: front matter with its fields (JSON's values,
which are YAML's too), a heading with its title, its body, and its comments below ``## Comment`` headings.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from devagent_tickets.contract import TicketsError
from devagent_tickets.ledger import iso
from devagent_tickets.local import local_url, next_key
from devagent_tickets.model import Comment, Ticket
from devagent_tickets.settings import Tracker
from devagent_tickets.store import Store

_FRONT = re.compile(r"---\n(.*?)\n---\n", re.DOTALL)
_COMMENT = re.compile(r"^## Comment by (.*), ([0-9T:+.\-Z]*)$", re.MULTILINE)
_FIELDS = (
    "key", "status", "closed", "type", "priority", "assignee", "author", "labels", "visibility", "created", "updated",
    "milestone", "links", "attachments", "custom",
)  # fmt: skip
_FENCED = "\u2060"
"""Before a line of a text that looks like a comment's heading."""


class Whole(Struct, frozen=True):
    """A ticket and its comments."""

    ticket: Ticket
    comments: tuple[Comment, ...] = ()


def exported(store: Store, project: str) -> Iterator[Whole]:
    """All of a project."""
    for ticket in store.everything(project):
        yield Whole(ticket, tuple(store.comments(project, ticket.key)))


def to_json(whole: Whole) -> str:
    """One line."""
    return msgspec.json.encode(whole).decode()


def to_markdown(whole: Whole) -> str:
    """One file."""
    ticket = whole.ticket
    plain: dict[str, Any] = msgspec.to_builtins(ticket)
    lines = [
        "---",
        *(
            f"{key}: {json.dumps(plain[key], ensure_ascii=False)}"
            for key in _FIELDS
            if key in plain
        ),
    ]
    lines += ["---", f"# {ticket.title}", "", _fenced(ticket.body)]
    for one in whole.comments:
        lines += ["", f"## Comment by {one.author}, {one.created}", "", _fenced(one.body)]
    return "\n".join(lines).rstrip("\n") + "\n"


def from_markdown(text: str, name: str) -> Whole:
    """A ticket in a file, whose ``name`` is for errors. Raises TicketsError bad_arguments."""
    front = _FRONT.match(text)
    values: dict[str, Any] = {}
    for line in front[1].splitlines() if front else ():
        key, _, value = line.partition(":")
        if key.strip() in _FIELDS:
            values[key.strip()] = _value(value.strip())
    rest = text[front.end() :] if front else text
    parts = _COMMENT.split(rest)
    head, _, body = parts[0].strip("\n").partition("\n")
    if not head.startswith("# "):
        raise TicketsError(
            f"{name} has no title: a line that begins with '# '.", error="bad_arguments"
        )
    comments = [
        Comment(str(number + 1), author, created, _unfenced(said.strip("\n")))
        for number, (author, created, said) in enumerate(
            zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        )
    ]
    plain = {
        "project": "",
        "key": "",
        "status": "",
        **values,
        "title": head[2:].strip(),
        "body": _unfenced(body.strip("\n")),
    }
    return Whole(_typed(plain, Ticket, name), tuple(comments))


def from_json(line: str, name: str) -> Whole:
    """A ticket in a line. Raises TicketsError bad_arguments."""
    try:
        plain = msgspec.json.decode(line)
    except ValueError as error:
        raise TicketsError(f"{name} is no JSON: {error}.", error="bad_arguments") from error
    return _typed(plain, Whole, name)


def read_all(path: str) -> Iterator[Whole]:
    """The tickets in a file of JSON lines, in a Markdown file, or in a folder of these. Raises TicketsError."""
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            if name.endswith((".md", ".jsonl", ".json")):
                yield from read_all(os.path.join(path, name))
        return
    try:
        with open(path, encoding="utf-8") as file:
            if path.endswith(".md"):
                yield from_markdown(file.read(), path)
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield from_json(line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise TicketsError(
            f"{path} cannot be read ({type(error).__name__}).", error="bad_arguments"
        ) from error


def take_in(store: Store, tracker: Tracker, project: str, wholes: list[Whole]) -> tuple[int, int]:
    """Put tickets into a local project, all or none: how many are new, and how many were there and are replaced.

    One that has a key of the project keeps it; another gets the next one.
    """
    own = re.compile(rf"{re.escape(project)}-([1-9][0-9]{{0,9}})")
    new = replaced = 0
    wholes = sorted(wholes, key=lambda one: one.ticket.updated)
    with store.change() as connection:
        highest = max(
            (int(m[1]) for one in wholes if (m := own.fullmatch(one.ticket.key))), default=0
        )
        connection.execute(
            "insert into counters values (?, ?) on conflict (project) do update set last = max(last, excluded.last)",
            (project, highest),
        )
        for one in wholes:
            key = one.ticket.key if own.fullmatch(one.ticket.key) else next_key(store, project)
            known = store.get(project, key)
            new, replaced = new + (known is None), replaced + (known is not None)
            store.put(
                _settled(one.ticket, tracker, project, key, known.ticket.version if known else "0")
            )
            connection.execute("delete from comments where project = ? and key = ?", (project, key))
            connection.executemany(
                "insert into comments values (?, ?, ?, ?)",
                (
                    (project, key, n, msgspec.json.encode(replace(c, id=str(n + 1))))
                    for n, c in enumerate(one.comments)
                ),
            )
    return new, replaced


def _settled(ticket: Ticket, tracker: Tracker, project: str, key: str, version: str) -> Ticket:
    status = ticket.status or tracker.statuses[0]
    return replace(
        ticket, project=project, key=key, id=key, status=status, url=local_url(tracker, key),
        closed=ticket.closed or status == tracker.statuses[-1], version=str(int(version or "0") + 1),
        assignee_id=ticket.assignee, created=ticket.created or iso(0), updated=ticket.updated or iso(0),
    )  # fmt: skip


def _typed(plain: Any, kind: Any, name: str) -> Any:
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise TicketsError(f"{name} is no ticket: {error}.", error="bad_arguments") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fenced(text: str) -> str:
    return _COMMENT.sub(lambda match: _FENCED + match[0], text)


def _unfenced(text: str) -> str:
    return re.sub(rf"^{_FENCED}(?=## Comment by )", "", text, flags=re.MULTILINE)
