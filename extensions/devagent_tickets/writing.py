"""Changing tickets, each change once.

What adds something (a comment, a ticket) is claimed by its token in the ledger before it is sent. Where no answer came,
the tracker is asked for what the token made before anything is sent again, and the token stays claimed until that is
known. What sets something is read first (it may be so already), sent, and read again: that a try was lost does no harm.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from devagent_tickets import ledger
from devagent_tickets.calling import Call
from devagent_tickets.contract import TicketsError, UncertainError, may_touch
from devagent_tickets.keys import Reference, facts, project_resource
from devagent_tickets.model import Draft, Ticket, Written
from devagent_tickets.reading import missing, named_alike

RESERVE = 0.3
"""The part of a call's time that is kept for finding out what became of a post."""


class Done(Struct, frozen=True):
    """``how``: done, or why nothing was sent: it was so already, or posted before."""

    written: Written
    how: str
    ticket: Ticket | None = None


async def fresh(call: Call, reference: Reference, changes: Iterable[str]) -> Ticket:
    """The ticket as it is now, if policy lets the call change it. Raises TicketsError."""
    ticket, _ = await call.backend.get(reference.project, reference.key)
    if ticket is None:
        raise TicketsError("The tracker gave no ticket.", error="unexpected_answer")
    ticket = named_alike(reference, ticket)
    if ticket is None:
        raise missing(reference)
    tags = {*changes, *facts(ticket)}
    if not may_touch(call.here, [reference.resource("write", tags)])[0]:
        if not may_touch(call.here, [reference.resource("read", facts(ticket))])[0]:
            raise missing(reference)
        raise TicketsError(
            f"Policy does not let this call change {reference.name} as it is now ({', '.join(facts(ticket))}).",
            error="not_allowed",
        )
    return ticket


async def comment(
    call: Call, reference: Reference, body: str, token: str, changes: Iterable[str]
) -> Done:
    """Post a comment, once."""
    call.guard.check("body", body)
    ticket = await fresh(call, reference, changes)
    what = {"key": reference.name, "body": body}

    async def find(claim: ledger.Claim) -> Written | None:
        return await call.backend.find_comment(ticket, body, claim.token, claim.since)

    return await _once(
        call, "comment", token, what, lambda mark: call.backend.comment(ticket, body, mark), find
    )


async def create(
    call: Call, project: str, draft: Draft, token: str, changes: Iterable[str]
) -> Done:
    """Create a ticket, once."""
    call.guard.check("body", f"{draft.title}\n{draft.body}")
    if not may_touch(call.here, [project_resource(project, "write", changes)])[0]:
        raise TicketsError(f"There is no project {project!r} for you.", error="no_such_project")
    what = {"project": project, "title": draft.title, "body": draft.body, "type": draft.type,
            "labels": list(draft.labels), "custom": dict(draft.custom)}  # fmt: skip

    async def find(claim: ledger.Claim) -> Written | None:
        return await call.backend.find_created(project, draft, claim.token, claim.since)

    return await _once(
        call, "create", token, what, lambda mark: call.backend.create(project, draft, mark), find
    )


async def settled(
    call: Call,
    reference: Reference,
    changes: Iterable[str],
    is_so: Callable[[Ticket], bool],
    send: Callable[[Ticket], Awaitable[None]],
) -> Done:
    """Bring a ticket to where ``is_so`` holds."""
    ticket = await fresh(call, reference, changes)
    if is_so(ticket):
        return Done(
            Written(ticket.key, ticket.url),
            "is so already; nothing was sent",
            call.guard.ticket(ticket),
        )
    lost = False
    try:
        async with asyncio.timeout(call.left_s * (1 - RESERVE)):
            await send(ticket)
    except (UncertainError, TimeoutError):
        lost = True
    except TicketsError as error:
        if error.error != "unexpected_answer":
            raise
        lost = True
    try:
        now, _ = await call.backend.get(reference.project, reference.key)
    except TicketsError as error:
        if lost:
            raise _unknown(f"{reference.name} could not be read again: {error}") from error
        return Done(Written(ticket.key, ticket.url), "done")
    if now is None or (lost and not is_so(now)):
        raise _unknown(f"{reference.name} does not show the change yet")
    if not call.tracker.is_local:
        with call.store.change():
            call.store.put(call.guard.ticket(now))
    return Done(Written(now.key, now.url), "done", call.guard.ticket(now))


async def _once(
    call: Call,
    tool: str,
    token: str,
    what: Mapping[str, Any],
    send: Callable[[str], Awaitable[Written]],
    find: Callable[[ledger.Claim], Awaitable[Written | None]],
) -> Done:
    claim = ledger.claim(call.store, tool, token, ledger.digest_of(tool, what))
    if claim.state == "sent" and claim.written is not None:
        return Done(claim.written, "was posted before; nothing was sent")
    if claim.state == "unknown":
        written = await find(claim)
        if written is not None:
            ledger.keep(call.store, claim.token, written)
            return Done(written, "was posted by an earlier try; nothing was sent")
        quiet = 2 * call.tracker.timeout_s
        wait = claim.at + quiet - time.time()
        if wait > 0 or not ledger.again(call.store, claim):
            raise TicketsError(
                f"An earlier try of the same may still be on its way: it is not seen yet. Call again with the same "
                f"token in {max(1, round(wait))} s; nothing was sent now.",
                error="being_sent",
            )
    try:
        async with asyncio.timeout(call.left_s * (1 - RESERVE)):
            written = await send(claim.token)
    except (UncertainError, TimeoutError) as error:
        written = await _looked_for(claim, find, error)
    except TicketsError as error:
        # An answer that cannot be read is an answer: what was sent may well have been taken.
        if error.error != "unexpected_answer":
            ledger.release(call.store, claim.token)
            raise
        written = await _looked_for(claim, find, error)
    ledger.keep(call.store, claim.token, written)
    return Done(written, "done")


async def _looked_for(
    claim: ledger.Claim,
    find: Callable[[ledger.Claim], Awaitable[Written | None]],
    lost: BaseException,
) -> Written:
    try:
        written = await find(claim)
    except TicketsError as error:
        raise _unknown(
            f"no answer that can be read came, and the tracker could not be asked: {error}",
            claim.token,
        ) from lost
    if written is None:
        raise _unknown(
            "no answer that can be read came, and it is not seen there yet", claim.token
        ) from lost
    return written


def _unknown(why: str, token: str = "") -> UncertainError:
    again = f" with token {token!r}" if token else ""
    return UncertainError(
        f"Whether it was done is not known: {why}. Call again{again}, which looks before it sends."
    )
