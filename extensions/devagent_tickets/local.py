"""The tracker for those who have none: tickets in one SQLite file.

It is a backend as any other, and needs no network. Keys are ``PROJECT-1``, ``PROJECT-2`` …; a number is never given twice. The
last of the tracker's statuses is the closed one, the first that of a new ticket.
"""

import getpass
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from devagent_tickets.contract import TicketsError
from devagent_tickets.ledger import iso
from devagent_tickets.model import (
    MIRRORED,
    Changes,
    Comment,
    CommentPage,
    Draft,
    Link,
    Page,
    Person,
    Query,
    Ticket,
    Written,
    offset_of,
)
from devagent_tickets.settings import Tracker
from devagent_tickets.store import Store


class LocalBackend:
    """``model.Backend`` over a store."""

    native = ""

    def __init__(self, tracker: Tracker, store: Store) -> None:
        self._tracker = tracker
        self._store = store

    async def aclose(self) -> None:
        """The store is whoever's who opened it."""

    async def me(self) -> Person:
        name = self._tracker.user or _login()
        return Person(name, name)

    async def person(self, project: str, name: str) -> Person:
        del project
        return await self.me() if name == "me" else Person(name, name)

    async def search(self, query: Query) -> Page:
        if query.assignee == "me":
            query = replace(query, assignee=(await self.me()).id)
        offset = offset_of(query.cursor) or 0
        found, more = self._store.search(query, offset)
        cursor = str(offset + query.limit) if more else ""
        return Page(tuple(one.ticket for one in found), cursor)

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        del etag
        return self._get(project, key), ""

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        self._get(project, key)
        every = self._store.comments(project, key)
        first = offset_of(cursor) or 0
        following = str(first + limit) if len(every) > first + limit else ""
        return CommentPage(tuple(every[first : first + limit]), following)

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written:
        author = (await self.me()).name
        with self._store.change() as connection:
            kept = self._get(ticket.project, ticket.key)
            (number,) = connection.execute(
                "select coalesce(max(number), -1) + 1 from comments where project = ? and key = ?",
                (ticket.project, ticket.key),
            ).fetchone()
            one = Comment(str(number + 1), author, _now(), body, f"{kept.url}#{number + 1}", token)
            connection.execute(
                "insert into comments values (?, ?, ?, ?)",
                (ticket.project, ticket.key, number, msgspec.json.encode(one)),
            )
            self._store.put(replace(kept, updated=_now()))
        return Written(ticket.key, one.url, one.id)

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        del body, since
        for one in self._store.comments(ticket.project, ticket.key):
            if one.token == token:
                return Written(ticket.key, one.url, one.id)
        return None

    async def create(self, project: str, draft: Draft, token: str) -> Written:
        author = (await self.me()).name
        with self._store.change() as connection:
            key = next_key(self._store, project)
            ticket = Ticket(
                project=project, key=key, title=draft.title, body=draft.body, status=self._tracker.statuses[0],
                type=draft.type or "task", labels=tuple(dict.fromkeys(draft.labels)), custom=dict(draft.custom),
                author=author, created=_now(), updated=_now(), url=local_url(self._tracker, key), id=key, version="1",
            )  # fmt: skip
            self._store.put(ticket)
            connection.execute(
                "update sent set key = ?, url = ? where token = ?", (key, ticket.url, token)
            )
        return Written(key, ticket.url)

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        del project, draft, since
        row = self._store.connection.execute(
            "select key, url from sent where token = ? and key <> ''", (token,)
        ).fetchone()
        return Written(row[0], row[1]) if row else None

    async def update(self, ticket: Ticket, changes: Changes) -> None:
        def changed(now: Ticket) -> Ticket:
            labels = [one for one in now.labels if one not in changes.remove_labels]
            return replace(
                now,
                title=now.title if changes.title is None else changes.title,
                body=now.body if changes.body is None else changes.body,
                priority=now.priority if changes.priority is None else changes.priority,
                labels=tuple(dict.fromkeys([*labels, *changes.add_labels])),
                custom={**now.custom, **changes.custom},
            )

        self._change(ticket, changed)

    async def transition(self, ticket: Ticket, status: str) -> None:
        known = {one.lower(): one for one in self._tracker.statuses}
        if status.lower() not in known:
            raise TicketsError(
                f"There is no status {status!r}; there are: {', '.join(self._tracker.statuses)}.",
                error="no_such_status",
            )
        to = known[status.lower()]
        closed = to == self._tracker.statuses[-1]
        self._change(ticket, lambda now: replace(now, status=to, closed=closed))

    async def assign(self, ticket: Ticket, person: Person | None) -> None:
        name = person.name if person else ""
        self._change(ticket, lambda now: replace(now, assignee=name, assignee_id=name))

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        if isinstance(to, str):
            self._change(ticket, lambda now: replace(now, links=(*now.links, Link(kind, to))))
            return
        back = Link(MIRRORED.get(kind, kind), ticket.key, ticket.title)
        there = Link(kind, to.key, to.title)
        with self._store.change():
            for one, link in ((ticket, there), (to, back)):
                now = self._get(one.project, one.key)
                links = [old for old in now.links if (old.kind, old.to) != (link.kind, link.to)]
                self._store.put(_touched(replace(now, links=(*links, link))))

    def _get(self, project: str, key: str) -> Ticket:
        kept = self._store.get(project, key)
        if kept is None:
            raise TicketsError(f"There is no ticket {key}.", error="no_such_ticket")
        return kept.ticket

    def _change(self, ticket: Ticket, changed: Callable[[Ticket], Ticket]) -> None:
        """Change a ticket that is as it was read. Raises TicketsError conflict."""
        with self._store.change():
            now = self._get(ticket.project, ticket.key)
            if now.version != ticket.version:
                raise TicketsError(
                    f"{ticket.key} was changed meanwhile: read it again.", error="conflict"
                )
            self._store.put(_touched(changed(now)))


def next_key(store: Store, project: str) -> str:
    """A key that no ticket of the project ever had; within ``change``."""
    row = store.connection.execute(
        "insert into counters values (?, 1) on conflict (project) do update set last = last + 1 returning last",
        (project,),
    ).fetchone()
    return f"{project}-{row[0]}"


def local_url(tracker: Tracker, key: str) -> str:
    """An address that says where the ticket is, though no browser opens it."""
    return f"devagent-tickets:{tracker.name}/{key}"


def _touched(ticket: Ticket) -> Ticket:
    return replace(ticket, updated=_now(), version=str(int(ticket.version or "0") + 1))


def _now() -> str:
    return iso(time.time())


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"
