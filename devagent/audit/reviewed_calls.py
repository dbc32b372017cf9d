"""A call as a reviewer reads it: what was asked for, the verdict, the answer and the result, in one entry."""

from typing import assert_never

from devagent.audit.entry import Answered, Called, Entry, entry_of
from devagent.audit.record import Record, Unknown
from devagent.audit.reviewed_text import Texts
from devagent.core.codec import sha256
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.verdicts import Decision

CallEvent = ToolCalled | ToolJudged | ApprovalAsked | ApprovalAnswered | ToolStarted | ToolFinished


def call_entry(
    calls: dict[str, Entry], record: Record, event: Event | Unknown, texts: Texts
) -> Entry | None:
    """The call's entry, with this event taken in; None where the event is no part of one."""
    match event:
        case ToolCalled():
            name = f"{event.ext}.{event.tool}" if event.ext else event.tool
            called = Called(id=texts(event.call), tool=texts(name), args=texts.pairs(event.args))
            return entry_of(record, "call", event.turn, called.tool, call=called)
        case ToolJudged() | ApprovalAsked() | ApprovalAnswered() | ToolStarted() | ToolFinished():
            entry = calls.get(event.call) or entry_of(
                record, "call", event.turn, call=Called(id=texts(event.call), tool="")
            )
        case _:
            return None
    call = entry.call
    assert call is not None  # noqa: S101  (entries under way are calls)
    match event:
        case ToolJudged():
            _judged(call, event, record.seq, texts)
            entry.title = call.tool
        case ApprovalAsked():
            redacted = bool(record.redactions)
            digest = "" if redacted or not event.shown else sha256(event.shown.encode())
            call.approval = Answered(
                "", "", "", "", 0, texts(event.shown), digest=digest, redacted=redacted
            )
        case ApprovalAnswered():
            _answered(call, event, record.seq, texts)
        case ToolStarted():
            call.started = True
        case ToolFinished():
            _finished(call, event, record.seq, texts)
        case _:
            assert_never(event)
    return entry


def _judged(call: Called, event: ToolJudged, seq: int, texts: Texts) -> None:
    decision = event.decision
    call.tool = texts(event.full_name)
    call.tool_class = event.tool_class
    call.extension = texts(f"{event.ext.name} {event.ext.version}")
    call.digest = texts(event.ext.digest)
    call.who, call.agent = texts(str(event.principal)), texts(event.agent)
    call.on_behalf_of = texts(event.principal.on_behalf_of)
    if event.args:
        call.args = texts.pairs(event.args)
    call.resources = texts.resources(event.resources)
    call.effect, call.reason = decision.effect, texts(decision.reason)
    call.rules, call.determining = texts.each(decision.rules), texts.rules(decision.determining)
    call.obligations, call.policy = texts.json(decision.obligations), texts(decision.policy)
    call.nearest, call.grant = texts.each(decision.nearest), texts(decision.grant)
    call.shadow = texts(_shadow(event.shadow)) if event.shadow else ""
    call.taint, call.error = texts.each(event.taint), texts(decision.error or event.err)
    call.judged = seq
    if decision.effect == "deny":
        call.status = "refused" if call.error else "denied"
    elif event.dry_run:
        call.status = "dry run"
    else:
        call.status = "allowed" if decision.effect == "allow" else "open"


def _answered(call: Called, event: ApprovalAnswered, seq: int, texts: Texts) -> None:
    approval = event.approval
    asked = call.approval or Answered("", "", "", "", 0)
    call.approval = Answered(
        answer=approval.answer,
        by=texts(approval.by),
        method=approval.method,
        scope=approval.scope,
        latency_us=approval.latency_us,
        shown=asked.shown,
        digest=asked.digest,
        matches=not (asked.digest and approval.shown) or asked.digest == approval.shown,
        redacted=asked.redacted,
        comment=texts(event.comment),
        approval_id=texts(approval.approval_id),
        seq=seq,
    )
    if approval.answer == "yes":
        call.status = "approved"
    else:
        call.status = "unattended" if approval.method == "unattended" else "declined"


def _finished(call: Called, event: ToolFinished, seq: int, texts: Texts) -> None:
    call.outcome, call.err = event.outcome, texts(event.err)
    call.rows, call.bytes, call.dur_us, call.finished = event.rows, event.bytes, event.dur_us, seq
    call.result = texts(event.text)
    call.view = texts(event.view) if event.view != event.text else ""
    call.structured = texts.json(event.structured)
    call.diff = is_diff(event.view or event.text)
    if event.decision is not None and event.outcome == "denied":
        rules = ", ".join(event.decision.rules)
        call.withheld = texts(
            f"{event.decision.reason} ({rules})" if rules else event.decision.reason
        )


def is_diff(text: str) -> bool:
    """Whether a text reads as a unified diff: a file's two names, and a hunk."""
    at = 0 if text.startswith("--- ") else text.find("\n--- ") + 1
    if not at and not text.startswith("--- "):
        return False
    hunk = text.find("\n@@ ", at)
    return "\n+++ " in text[at : hunk + 1] if hunk >= 0 else False


def _shadow(shadow: Decision) -> str:
    rules = f" by {', '.join(shadow.rules)}" if shadow.rules else ""
    return f"{shadow.effect}{rules}: {shadow.reason}"
