"""Reading tickets: from the tracker, and from the copies kept here where it cannot be reached.

What was found is asked about, ticket by ticket, so that nothing is shown that policy withholds; then it is redacted,
kept, and shown. A copy is said to be one.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from devagent_tickets.calling import Call
from devagent_tickets.contract import ResourceDict, TicketsError, may_touch
from devagent_tickets.keys import Reference, facts
from devagent_tickets.ledger import iso
from devagent_tickets.model import Comment, CommentPage, Person, Query, Ticket, offset_of

OUT_OF_REACH = frozenset({"unreachable", "server_error", "rate_limited", "timeout"})
"""Failures that a copy helps over."""
_ME = "me"


class Found(Struct, frozen=True):
    """``as_of``: from the copies kept here, the newest of this time; empty = from the tracker itself."""

    tickets: tuple[Ticket, ...]
    cursor: str = ""
    as_of: str = ""
    why: str = ""


def may_read(call: Call, ticket: Ticket) -> bool:
    """Whether policy lets the call in hand read the ticket, by what is known of it now."""
    return may_touch(call.here, [_resource(call, ticket)])[0]


def _resource(call: Call, ticket: Ticket) -> ResourceDict:
    return Reference(call.tracker, ticket.project, ticket.key).resource("read", facts(ticket))


async def search(call: Call, query: Query) -> Found:
    """The tickets of a project that fit and may be read."""
    try:
        page = await call.backend.search(query)
    except TicketsError as error:
        if call.tracker.is_local or error.error not in OUT_OF_REACH:
            raise
        return _kept(call, query, error)
    if query.assignee == _ME and not call.tracker.is_local:
        await _remember_me(call)
    # Whatever a query in the tracker's own language finds: nothing of another project is shown.
    found = [
        replace(one, project=query.project)
        for one in page.tickets
        if one.project.lower() == query.project.lower()
    ]
    allowed = may_touch(call.here, [_resource(call, one) for one in found])
    shown = [call.guard.ticket(one) for one, may in zip(found, allowed, strict=True) if may]
    if not call.tracker.is_local:
        with call.store.change():
            for one in shown:
                # A list tells less of a ticket than the ticket itself: what is known in whole stays.
                known = call.store.get(one.project, one.key)
                if known is None:
                    call.store.put(one)
                elif known.ticket.updated != one.updated:
                    more = {"links": known.ticket.links, "attachments": known.ticket.attachments}
                    call.store.put(replace(one, **more))
    return Found(tuple(shown), page.cursor)


async def get(call: Call, reference: Reference) -> tuple[Ticket, Found]:
    """One ticket, redacted. Raises TicketsError no_such_ticket, also where it may not be read."""
    kept = None if call.tracker.is_local else call.store.get(reference.project, reference.key)
    try:
        ticket, etag = await call.backend.get(
            reference.project, reference.key, etag=kept.etag if kept else ""
        )
    except TicketsError as error:
        if error.error == "no_such_ticket" and kept is not None:
            call.store.forget(reference.project, reference.key)
        if kept is None or error.error not in OUT_OF_REACH:
            raise
        if not may_read(call, kept.ticket):
            raise missing(reference) from None
        return kept.ticket, Found((kept.ticket,), "", iso(kept.fetched), str(error))
    if ticket is None:
        if kept is None:
            raise TicketsError(
                "The tracker says that nothing changed since never.", error="unexpected_answer"
            )
        ticket, etag = kept.ticket, kept.etag
    ticket = named_alike(reference, ticket)
    if ticket is None or not may_read(call, ticket):
        raise missing(reference)
    ticket = call.guard.ticket(ticket)
    if not call.tracker.is_local:
        with call.store.change():
            call.store.put(ticket, etag=etag)
    return ticket, Found((ticket,))


async def comments(
    call: Call, reference: Reference, cursor: str, limit: int
) -> tuple[CommentPage, Found]:
    """A page of a ticket's comments, oldest first; the ticket itself is asked about first."""
    _, found = await get(call, reference)
    if found.as_of:
        return _kept_comments(call, reference, cursor, limit), found
    try:
        page = await call.backend.comments(
            reference.project, reference.key, cursor=cursor, limit=limit
        )
    except TicketsError as error:
        when = call.store.comments_read(reference.project, reference.key)
        if call.tracker.is_local or not when or error.error not in OUT_OF_REACH:
            raise
        page = _kept_comments(call, reference, cursor, limit)
        return page, replace(found, as_of=iso(when), why=str(error))
    page = replace(page, comments=tuple(call.guard.comment(one) for one in page.comments))
    if not call.tracker.is_local:
        _keep_comments(call, reference, page.comments, is_first=not cursor)
    return page, found


async def myself(call: Call) -> Person:
    """Who is logged in at the tracker."""
    return await call.backend.me()


def named_alike(reference: Reference, ticket: Ticket) -> Ticket | None:
    """The ticket by the names of the settings, which are policy's, however the tracker spells them; None where it is
    another one: a ticket that was moved to another project is under other rules."""
    given = (ticket.project.lower(), ticket.key.lower())
    if given != (reference.project.lower(), reference.key.lower()):
        return None
    return replace(ticket, project=reference.project, key=reference.key)


def missing(reference: Reference) -> TicketsError:
    """The same words whether a ticket is not there or may not be read."""
    return TicketsError(f"There is no ticket {reference.name} for you.", error="no_such_ticket")


def _kept(call: Call, query: Query, error: TicketsError) -> Found:
    """The search over the copies; what the tracker's own language says cannot be asked of them."""
    offset = offset_of(query.cursor)
    if query.jql or (query.cursor and offset is None):
        raise error
    if query.assignee == _ME:
        query = replace(query, assignee=_known_me(call, error))
    offset = offset or 0
    rows, more = call.store.search(query, offset)
    allowed = may_touch(call.here, [_resource(call, row.ticket) for row in rows])
    shown = [row for row, may in zip(rows, allowed, strict=True) if may]
    newest = max((row.fetched for row in shown), default=0.0)
    return Found(
        tuple(row.ticket for row in shown),
        str(offset + query.limit) if more else "",
        iso(newest) if newest else "never",
        str(error),
    )


async def _remember_me(call: Call) -> None:
    if call.store.known_as():
        return
    try:
        me = await call.backend.me()
    except TicketsError as error:
        if error.error in OUT_OF_REACH:
            return  # it is asked again with the next search
        raise
    call.store.remember(me.name or me.id)


def _known_me(call: Call, error: TicketsError) -> str:
    known = call.store.known_as()
    if not known:
        raise error
    return known


def _keep_comments(
    call: Call, reference: Reference, page: Sequence[Comment], *, is_first: bool
) -> None:
    before = [] if is_first else call.store.comments(reference.project, reference.key)
    ids = {one.id for one in page}
    first = len([one for one in before if one.id not in ids])
    call.store.put_comments(reference.project, reference.key, page, first)


def _kept_comments(call: Call, reference: Reference, cursor: str, limit: int) -> CommentPage:
    every = call.store.comments(reference.project, reference.key)
    first = offset_of(cursor) or 0
    following = str(first + limit) if len(every) > first + limit else ""
    return CommentPage(tuple(every[first : first + limit]), following)
