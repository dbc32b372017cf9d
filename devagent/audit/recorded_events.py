"""Events of a record as requests that can be judged again, and what of that its faster reading shares (``requests``)."""

from typing import Any

from msgspec.structs import replace

from devagent.audit.record import Record
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.verdicts import Decision, Request
from devagent.policy.changes import Aside, Recorded

FLOOR = "floor#"
"""How the rules below every policy are named; those of policy files have a layer before a slash."""


def as_recorded(sid: str, record: Record) -> Recorded | None:
    """The judged call that the record of it holds; None where its content is gone. That the content is what its
    header commits to is not looked at here."""
    event = record.event
    if not isinstance(event, ToolJudged):
        return None
    decision = event.decision
    if event.err and not decision.error:
        decision = replace(decision, error=event.err)
    aside = not_policy(decision)
    request = Request(
        principal=event.principal,
        extension=event.ext.name,
        tool=event.tool,
        tool_class=event.tool_class,
        args=event.args,
        resources=event.resources,
        context=event.context,
        facts=event.facts,
        can=event.can,
    )
    return Recorded(
        session=sid,
        seq=record.seq,
        principal=event.principal,
        tool=f"{event.ext.name}.{event.tool}",
        resources=event.resources,
        decision=decision,
        request=None if aside else request,
        at=record.ts,
        aside=aside,
        shadow=event.shadow,
    )


def result_as_recorded(call: Recorded, record: Record) -> Recorded | None:
    """What came back of the call, as the result phase judged it; None where nothing did, or its content is gone."""
    event = record.event
    if not isinstance(event, ToolFinished) or not event.about:
        return None
    redacted = "redacted" in record.header
    return result_of(
        call,
        seq=record.seq,
        at=record.ts,
        decision=event.decision or silence(call),
        about=event.about,
        content=None if redacted else (event.text, event.view, event.structured),
        aside="",
    )


def result_of(
    call: Recorded,
    *,
    seq: int,
    at: int,
    decision: Decision,
    about: dict[str, Any] | None,
    content: tuple[Any, ...] | None,
    aside: Aside,
) -> Recorded:
    """The call's result. ``about`` is what its rules looked at (None: gone), ``content`` what is on record of it."""
    aside = call.aside or not_policy(decision) or aside
    request = None
    if about is not None and call.request is not None and not aside:
        request = replace(
            call.request, context={**call.request.context, "result": about}, phase="result"
        )
    owed = call.decision.obligations | decision.obligations
    as_it_came = decision.effect == "allow" and "redact" not in owed
    return replace(
        call,
        seq=seq,
        tool=f"{call.tool} (result)",
        decision=decision,
        request=request,
        at=at,
        aside=aside,
        shadow=None,
        approval=None,
        content=content if as_it_came else None,
    )


def silence(call: Recorded) -> Decision:
    """The answer about a result that no rule spoke about: the call was granted, so it is kept."""
    return Decision("allow", "no rule speaks about the result", policy=call.decision.policy)


def not_policy(decision: Decision) -> Aside:
    """Why an answer is none that a policy gave; empty where one did."""
    if any(rule.startswith(FLOOR) for rule in decision.rules):
        return "floor"
    return "error" if decision.error else ""
