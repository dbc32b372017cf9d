"""A ticket, whichever tracker it is from, and what a backend can do.

Texts are Markdown, times ISO 8601 in UTC. ``project`` and ``key`` are the tracker's own words: ``PAY`` and
``PAY-123``, ``acme/shop`` and ``17``.
"""

from typing import Any, Literal, Protocol

from msgspec import Struct, field

Visibility = Literal["", "public", "internal", "confidential"]
"""Who may see a ticket, as far as the tracker says: everybody, whoever sees the project, fewer than these."""

LINK_KINDS = ("relates", "blocks", "blocked_by", "duplicates", "parent", "child", "url")
MIRRORED = {"blocks": "blocked_by", "blocked_by": "blocks", "parent": "child", "child": "parent"}
"""What a link is called at its other end, where that is not the same."""


class Person(Struct, frozen=True):
    """Somebody: as the tracker knows them, and as people do."""

    id: str
    name: str


class Link(Struct, frozen=True, omit_defaults=True):
    """``kind`` as seen from the ticket that has it; ``to`` is a key as the tools take it, or an address."""

    kind: str
    to: str
    title: str = ""


class Attachment(Struct, frozen=True, omit_defaults=True):
    """A file at the tracker; its content is never fetched."""

    name: str
    url: str
    size: int = 0
    media: str = ""


class Comment(Struct, frozen=True, omit_defaults=True):
    id: str
    author: str
    created: str
    body: str
    url: str = ""
    token: str = ""
    """The client's token that it was posted with, where the tracker tells it."""


class Ticket(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``id`` is what the tracker's interface wants to be told, ``version`` what guards against lost updates."""

    project: str
    key: str
    title: str
    status: str
    closed: bool = False
    type: str = ""
    priority: str = ""
    assignee: str = ""
    assignee_id: str = ""
    author: str = ""
    labels: tuple[str, ...] = ()
    visibility: Visibility = ""
    created: str = ""
    updated: str = ""
    body: str = ""
    url: str = ""
    milestone: str = ""
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    version: str = ""


class Query(Struct, frozen=True, kw_only=True):
    """``status``: open, closed, a status by name, or empty; ``assignee``: me, none, a name, or empty."""

    project: str
    text: str = ""
    status: str = ""
    assignee: str = ""
    label: str = ""
    jql: str = ""
    limit: int = 10
    cursor: str = ""


class Page(Struct, frozen=True):
    """``cursor`` asks for what follows; empty = nothing does."""

    tickets: tuple[Ticket, ...]
    cursor: str = ""
    total: int | None = None


class CommentPage(Struct, frozen=True):
    comments: tuple[Comment, ...]
    cursor: str = ""


class Draft(Struct, frozen=True, kw_only=True):
    title: str
    body: str = ""
    type: str = ""
    labels: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)


class Changes(Struct, frozen=True, kw_only=True):
    """None and empty: stays as it is."""

    title: str | None = None
    body: str | None = None
    priority: str | None = None
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)


class Written(Struct, frozen=True):
    """What a change made: the ticket's key, where it is seen, and the comment's id."""

    key: str
    url: str
    id: str = ""


class Backend(Protocol):
    """One tracker. Every method raises TicketsError; what changes something may raise UncertainError."""

    native: str
    """The query language of its own that ``Query.jql`` may be in; empty = none."""

    async def search(self, query: Query) -> Page: ...

    async def get(self, project: str, key: str, *, etag: str = "") -> tuple[Ticket | None, str]:
        """The ticket and its ETag; None where it is as it was at ``etag``."""
        ...

    async def comments(self, project: str, key: str, *, cursor: str, limit: int) -> CommentPage:
        """Oldest first."""
        ...

    async def me(self) -> Person: ...

    async def person(self, project: str, name: str) -> Person:
        """Whoever is meant, if exactly one is."""
        ...

    async def comment(self, ticket: Ticket, body: str, token: str) -> Written: ...

    async def find_comment(
        self, ticket: Ticket, body: str, token: str, since: str
    ) -> Written | None:
        """The comment that was posted with this token, no earlier than ``since``."""
        ...

    async def create(self, project: str, draft: Draft, token: str) -> Written: ...

    async def find_created(
        self, project: str, draft: Draft, token: str, since: str
    ) -> Written | None:
        """The ticket that was created with this token, no earlier than ``since``."""
        ...

    async def update(self, ticket: Ticket, changes: Changes) -> None: ...

    async def transition(self, ticket: Ticket, status: str) -> None: ...

    async def assign(self, ticket: Ticket, person: Person | None) -> None: ...

    async def link(self, ticket: Ticket, kind: str, to: Ticket | str) -> None:
        """``to``: another ticket of this tracker, or an address (kind ``url``)."""
        ...

    async def aclose(self) -> None: ...


def offset_of(cursor: str) -> int | None:
    """The number that a cursor is; None where it is none, or none that a page can have."""
    return int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 10 else None
