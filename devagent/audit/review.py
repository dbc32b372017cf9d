"""A session as a reviewer reads it: one entry for each thing that happened, all that belongs to a call in one.

Entries come in the order that they ended, in memory that does not grow with the log. All text in them has been
made harmless to show (``reveal``) and is cut at a length; the log holds the rest, under the entry's numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

from msgspec.structs import replace

from devagent.audit.contentless import without_content
from devagent.audit.entry import Answered, Called, Entry, Kind
from devagent.audit.record import Record, Unknown
from devagent.audit.reveal import revealed
from devagent.core import events
from devagent.core.codec import canonical, sha256
from devagent.core.resources import Resource
from devagent.core.usage import Cost
from devagent.core.verdicts import Decision, RuleReference

MOST_TEXT = 20_000
"""Characters of one text in an entry, unless the reader asks for all."""

_MOST_OPEN = 1_000

_CallEvent = (
    events.ToolCalled
    | events.ToolJudged
    | events.ApprovalAsked
    | events.ApprovalAnswered
    | events.ToolStarted
    | events.ToolFinished
)


def entries(records: Iterable[Record], *, most_text: int = MOST_TEXT) -> Iterator[Entry]:
    """The session's entries. ``most_text`` 0 cuts nothing."""
    calls: dict[str, Entry] = {}
    for record in records:
        event = without_content(record.event)
        gone = "" if record.content in ("none", "open") else record.content
        texts = _Texts(most_text)
        if isinstance(event, events.ToolCalled) and event.call in calls:
            yield calls.pop(event.call)  # begun anew
        entry = _call(calls, record, event, texts)
        if entry is None:
            entry = _other(record, event, texts)
            if isinstance(event, events.TurnEnded | events.TurnCut):
                yield from calls.values()
                calls.clear()
        if entry is None:
            continue
        entry.hidden += texts.hidden
        entry.cut += texts.cut
        entry.redacted += sum(redactions(record).values())
        entry.gone = entry.gone or gone
        if entry.call is None:
            yield entry
        elif isinstance(event, _CallEvent) and not _is_over(entry.call):
            calls[event.call] = entry
            if len(calls) > _MOST_OPEN:  # no session has so many: a forged log
                yield calls.pop(next(iter(calls)))
        else:
            if isinstance(event, _CallEvent):
                calls.pop(event.call, None)
            yield entry
    yield from calls.values()


def redactions(record: Record) -> dict[str, int]:
    """What was replaced in an event before it was recorded: how often, by kind."""
    found = record.header.get("redacted")
    if not isinstance(found, dict):
        return {}
    return {kind: n for kind, n in found.items() if isinstance(kind, str) and isinstance(n, int)}  # pyright: ignore[reportUnknownVariableType]


class _Texts:
    """Makes text fit to show, and counts what was hidden or left out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.hidden = 0
        self.cut = 0

    def __call__(self, text: str) -> str:
        if self._most and len(text) > self._most:
            self.cut += len(text) - self._most
            text = text[: self._most]
        shown, hidden = revealed(text)
        self.hidden += hidden
        return shown

    def each(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self(text) for text in texts)

    def json(self, value: Any) -> str:
        return self(canonical(value).decode()) if value else ""

    def pairs(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            (self(name), self(value if isinstance(value, str) else canonical(value).decode()))
            for name, value in values.items()
        ]

    def rules(self, rules: Iterable[RuleReference]) -> tuple[RuleReference, ...]:
        return tuple(
            replace(
                one,
                rule=self(one.rule),
                layer=self(one.layer),
                file=self(one.file),
                why=self(one.why),
                grant=self(one.grant),
                resource=self(one.resource),
            )
            for one in rules
        )

    def resources(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        return tuple(replace(r, id=self(r.id), tags=self.each(r.tags)) for r in resources)


def _call(
    calls: dict[str, Entry], record: Record, event: events.Event | Unknown, texts: _Texts
) -> Entry | None:
    """The call's entry, with this event taken in; None where the event is no part of one."""
    match event:
        case events.ToolCalled():
            name = f"{event.ext}.{event.tool}" if event.ext else event.tool
            called = Called(id=texts(event.call), tool=texts(name), args=texts.pairs(event.args))
            return _entry(record, "call", event.turn, called.tool, call=called)
        case (
            events.ToolJudged()
            | events.ApprovalAsked()
            | events.ApprovalAnswered()
            | events.ToolStarted()
            | events.ToolFinished()
        ):
            entry = calls.get(event.call) or _entry(
                record, "call", event.turn, call=Called(id=texts(event.call), tool="")
            )
        case _:
            return None
    call = entry.call
    assert call is not None  # noqa: S101  (entries under way are calls)
    match event:
        case events.ToolJudged():
            _judged(call, event, record.seq, texts)
            entry.title = call.tool
        case events.ApprovalAsked():
            redacted = bool(redactions(record))
            call.approval = Answered("", "", "", "", 0, event.shown, redacted=redacted)
        case events.ApprovalAnswered():
            _answered(call, event, record.seq, texts)
        case events.ToolStarted():
            call.started = True
        case events.ToolFinished():
            _finished(call, event, record.seq, texts)
        case _:
            assert_never(event)
    return entry


def _is_over(call: Called) -> bool:
    return bool(call.outcome) or call.status in (
        *("denied", "refused", "declined", "unattended", "dry run"),
    )


def _judged(call: Called, event: events.ToolJudged, seq: int, texts: _Texts) -> None:
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


def _answered(call: Called, event: events.ApprovalAnswered, seq: int, texts: _Texts) -> None:
    approval = event.approval
    asked = call.approval or Answered("", "", "", "", 0)
    shown, known = asked.shown, not asked.redacted
    call.approval = Answered(
        answer=approval.answer,
        by=texts(approval.by),
        method=approval.method,
        scope=approval.scope,
        latency_us=approval.latency_us,
        shown=texts(shown),
        matches=not (shown and known and approval.shown)
        or sha256(shown.encode()) == approval.shown,
        redacted=asked.redacted,
        comment=texts(event.comment),
        approval_id=texts(approval.approval_id),
        seq=seq,
    )
    if approval.answer == "yes":
        call.status = "approved"
    else:
        call.status = "unattended" if approval.method == "unattended" else "declined"


def _finished(call: Called, event: events.ToolFinished, seq: int, texts: _Texts) -> None:
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


def _other(record: Record, event: events.Event | Unknown, texts: _Texts) -> Entry | None:
    match event:
        case events.SessionStarted():
            dry = ", dry run" if event.dry_run else ""
            title = f"Session started: {event.principal}, {event.mode}, {event.model}{dry}"
            text = f"folder {event.folder}\npolicy {event.policy}\n{_versions(event.versions)}"
            return _entry(record, "session", 0, texts(title), texts(text))
        case events.SessionResumed():
            dry = ", dry run" if event.dry_run else ""
            title = f"Session resumed: {event.principal}, {event.mode}, {event.model}{dry}"
            text = "\n".join(
                [
                    *(f"changed: {one}" for one in event.changed),
                    f"policy {event.policy}",
                    _versions(event.versions),
                ]
            )
            return _entry(record, "session", 0, texts(title), texts(text))
        case events.SessionForked():
            title = f"Forked from session {event.origin}, after its event {event.at}"
            return _entry(record, "session", 0, texts(title), texts(f"leaf hash {event.leaf}"))
        case events.SessionEnded():
            title = f"Session ended: {event.stop}, exit code {event.exit_code}"
            return _entry(record, "session", 0, title, texts(event.reason))
        case events.PolicyLoaded():
            title = f"Policy {event.layer}/{event.name}: {event.rules} rules"
            return _entry(record, "policy", 0, texts(title), texts(f"{event.file}\n{event.digest}"))
        case events.PolicyLocked():
            return _entry(record, "policy", 0, "Locked to reading", texts(event.reason))
        case events.BundleInForce():
            title = f"Bundle {event.org} {event.revision}, {event.environment}, ring {event.ring}: {event.state}"
            text = f"approved by {', '.join(event.approved_by)}\n{event.bundle}\n{event.why}"
            return _entry(record, "policy", 0, texts(title), texts(text))
        case events.BundleSynced():
            title = f"Bundle of {event.org}: {event.outcome} {event.err}, revision {event.before} to {event.after}"
            return _entry(record, "policy", 0, texts(title), texts(event.reason))
        case events.BundleRevoked():
            return _entry(record, "policy", 0, "Revoked", texts(event.reason))
        case events.ExtensionLoaded():
            title = f"Extension {event.ext.name} {event.ext.version}"
            text = f"{', '.join(event.tools)}\n{event.ext.digest}"
            return _entry(record, "extension", 0, texts(title), texts(text))
        case events.ExtensionRefused():
            title = f"Extension {event.ext.name} {event.ext.version} refused"
            return _entry(record, "extension", 0, texts(title), texts(event.err))
        case events.ResourceChanged():
            return None  # the model's next prompt says so
        case events.ExtensionChanged():
            title = f"Extension {event.ext.name}: tools changed, withheld until approved"
            return _entry(record, "extension", 0, texts(title), texts(", ".join(event.tools)))
        case events.Prompt():
            return _entry(record, "prompt", event.turn, "", texts(event.text))
        case events.ModelReplied():
            thinking = "\n".join(
                str(block.get("thinking", ""))
                for block in event.content
                if block.get("type") == "thinking"
            )
            title = _purpose(event)
            entry = _entry(record, "reply", event.turn, texts(title), texts(event.text))
            entry.thinking, entry.model = texts(thinking), texts(event.model)
            entry.usage = event.usage
            if event.cost:
                entry.cost = Cost(event.cost.usd_micros, texts(event.cost.prices))
            return entry
        case events.ModelFailed():
            title = f"The model service failed: {event.err} {event.status or ''}".rstrip()
            return _entry(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.BatchNoted():
            title = f"Batch {event.batch} {event.step}: {event.requests} requests of {event.model}"
            return _entry(record, "other", 0, texts(title), texts(event.digest))
        case events.SubagentStarted():
            title = f"Sub-agent {event.agent} of call {event.call} started with {event.model}"
            text = f"at most {event.max_turns} replies and {event.tokens} tokens"
            return _entry(record, "turn", event.turn, texts(title), text)
        case events.SubagentEnded():
            title = f"Sub-agent {event.agent} of call {event.call} ended: {event.stop}, {event.replies} replies"
            return _entry(record, "turn", event.turn, texts(title), texts(event.reason))
        case events.SnapshotMade():
            title = f"Snapshot {event.snapshot}: what was there before the call"
            left = f"not in it: {', '.join(event.left_out)}" if event.left_out else ""
            return _entry(record, "other", event.turn, texts(title), texts(left))
        case events.SnapshotFailed():
            what = "the call was refused" if event.refused else "the call ran all the same"
            title = f"No snapshot ({event.err}): {what}"
            return _entry(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.UndoDone():
            title = f"Undone by {event.principal.user}: back to snapshot {event.snapshot}, {event.files} files"
            text = "\n".join(
                [f"before it: {event.kept}", *event.changed, *event.repository, *event.left]
            )
            return _entry(record, "other", 0, texts(title), texts(text))
        case events.FeedbackGiven():
            title = f"{event.principal.user} on the answer of turn {event.turn}: {event.rating}"
            text = "\n".join(filter(None, [event.note, event.text]))
            return _entry(record, "other", event.turn, texts(title), texts(text))
        case events.BudgetStopped():
            title = f"Stopped by {event.limit}"
            return _entry(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.BudgetWarned():
            title = f"Near a limit: {event.limit}"
            return _entry(record, "turn", event.turn, texts(title), texts(event.reason))
        case events.ApprovalsLoaded():
            title = f"Approvals signed by {event.key}, until {event.expires}: {len(event.ids)}"
            text = f"{event.file}\n{', '.join(event.ids)}\n{event.digest}"
            return _entry(record, "policy", 0, texts(title), texts(text))
        case events.Compacted():
            title = f"Conversation compacted ({event.why}): {event.gone} messages in short, {event.kept} kept"
            return _entry(record, "turn", event.turn, title, texts(event.text))
        case events.CompactionUndone():
            title = f"Compaction undone: {event.back} messages are read again"
            return _entry(record, "turn", event.turn, title)
        case events.ContextEdited():
            title = f"The service left {event.results} old results ({event.tokens} tokens) out"
            return _entry(record, "turn", event.turn, title)
        case events.ServiceToolUsed():
            failed = f" failed ({event.err})" if event.err else ""
            title = f"The model service used its own {event.tool}{failed}"
            said = "\n".join([canonical(event.args).decode(), *event.sources, event.text])
            return _entry(record, "call", event.turn, texts(title), texts(said))
        case events.TurnCut():
            return _entry(
                record, "failure", event.turn, texts(f"Turn {event.turn} cut: {event.err}")
            )
        case events.TurnEnded():
            title = f"Turn {event.turn} ended: {event.stop}"
            return _entry(record, "turn", event.turn, title, texts(event.reason))
        case events.ReviewMarked():
            to = f" to {event.to}" if event.to else ""
            title = f"{event.mark}{to}: session {event.reviewed}, {event.size} events, verify {event.verified}"
            text = "\n".join(part for part in (", ".join(event.flags), event.note) if part)
            return _entry(record, "review", 0, texts(title), texts(text))
        case events.LogRecovered():
            return _entry(record, "log", 0, f"The log was recovered: {event.bytes} bytes set aside")
        case events.LogErased():
            first, last = event.range
            who = f"by {event.principal}" + (f", as {event.policy} says" if event.policy else "")
            title = f"The content of events {first} to {last} was erased {who}"
            return _entry(record, "log", 0, texts(title), texts(event.reason))
        case events.ErrorRaised():
            return _entry(record, "failure", 0, texts(event.err), texts(event.reason))
        case Unknown():
            return _entry(record, "other", 0, texts(event.type), texts.json(event.fields))
        case (
            events.TurnStarted()
            | events.ModelRequested()
            | events.TextDelta()
            | events.ThinkingDelta()
            | events.ToolCalled()
            | events.ToolJudged()
            | events.ApprovalAsked()
            | events.ApprovalAnswered()
            | events.ToolStarted()
            | events.ToolProgress()
            | events.ToolFinished()
        ):
            return None  # a line of theirs would say what the entries around it say
        case _:
            assert_never(event)


def _purpose(event: events.ModelReplied) -> str:
    match event.purpose:
        case "compaction":
            return "A summary, to compact the conversation"
        case "task":
            return f"Of the sub-agent of call {event.task}"
        case "sampling":
            return "A reply to a third party's server"
        case "":
            return ""


def _entry(
    record: Record,
    kind: Kind,
    turn: int,
    title: str = "",
    text: str = "",
    call: Called | None = None,
) -> Entry:
    return Entry(
        seq=record.seq,
        ts=record.ts,
        kind=kind,
        type=revealed(record.header["type"])[0],
        turn=turn,
        title=" ".join(title.split()),
        text=text,
        call=call,
    )


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
