"""What is no part of a call as a reviewer reads it: one entry for each event that says something by itself."""

from collections.abc import Mapping
from typing import assert_never

from devagent.audit.entry import Entry, entry_of
from devagent.audit.record import Record, Unknown
from devagent.audit.reviewed_text import Texts
from devagent.core import events
from devagent.core.codec import canonical
from devagent.core.usage import Cost


def event_entry(record: Record, event: events.Event | Unknown, texts: Texts) -> Entry | None:
    """The event's entry; None where those around it say what it would."""
    match event:
        case events.SessionStarted():
            dry = ", dry run" if event.dry_run else ""
            title = f"Session started: {event.principal}, {event.mode}, {event.model}{dry}"
            text = f"folder {event.folder}\npolicy {event.policy}\n{_versions(event.versions)}"
            return entry_of(record, "session", 0, texts(title), texts(text))
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
            return entry_of(record, "session", 0, texts(title), texts(text))
        case events.SessionForked():
            title = f"Forked from session {event.origin}, after its event {event.at}"
            return entry_of(record, "session", 0, texts(title), texts(f"leaf hash {event.leaf}"))
        case events.SessionEnded():
            title = f"Session ended: {event.stop}, exit code {event.exit_code}"
            return entry_of(record, "session", 0, title, texts(event.reason))
        case events.PolicyLoaded():
            title = f"Policy {event.layer}/{event.name}: {event.rules} rules"
            return entry_of(
                record, "policy", 0, texts(title), texts(f"{event.file}\n{event.digest}")
            )
        case events.PolicyLocked():
            return entry_of(record, "policy", 0, "Locked to reading", texts(event.reason))
        case events.BundleInForce():
            title = f"Bundle {event.org} {event.revision}, {event.environment}, ring {event.ring}: {event.state}"
            text = f"approved by {', '.join(event.approved_by)}\n{event.bundle}\n{event.why}"
            return entry_of(record, "policy", 0, texts(title), texts(text))
        case events.BundleSynced():
            title = f"Bundle of {event.org}: {event.outcome} {event.err}, revision {event.before} to {event.after}"
            return entry_of(record, "policy", 0, texts(title), texts(event.reason))
        case events.BundleRevoked():
            return entry_of(record, "policy", 0, "Revoked", texts(event.reason))
        case events.ExtensionLoaded():
            title = f"Extension {event.ext.name} {event.ext.version}"
            text = f"{', '.join(event.tools)}\n{event.ext.digest}"
            return entry_of(record, "extension", 0, texts(title), texts(text))
        case events.ExtensionRefused():
            title = f"Extension {event.ext.name} {event.ext.version} refused"
            return entry_of(record, "extension", 0, texts(title), texts(event.err))
        case events.ResourceChanged():
            return None  # the model's next prompt says so
        case events.ExtensionChanged():
            title = f"Extension {event.ext.name}: tools changed, withheld until approved"
            return entry_of(record, "extension", 0, texts(title), texts(", ".join(event.tools)))
        case events.Prompt():
            return entry_of(record, "prompt", event.turn, "", texts(event.text))
        case events.ModelReplied():
            thinking = "\n".join(
                str(block.get("thinking", ""))
                for block in event.content
                if block.get("type") == "thinking"
            )
            title = _purpose(event)
            entry = entry_of(record, "reply", event.turn, texts(title), texts(event.text))
            entry.thinking, entry.model = texts(thinking), texts(event.model)
            entry.usage = event.usage
            if event.cost:
                entry.cost = Cost(event.cost.usd_micros, texts(event.cost.prices))
            return entry
        case events.ModelFailed():
            title = f"The model service failed: {event.err} {event.status or ''}".rstrip()
            return entry_of(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.BatchNoted():
            title = f"Batch {event.batch} {event.step}: {event.requests} requests of {event.model}"
            return entry_of(record, "other", 0, texts(title), texts(event.digest))
        case events.SubagentStarted():
            title = f"Sub-agent {event.agent} of call {event.call} started with {event.model}"
            text = f"at most {event.max_turns} replies and {event.tokens} tokens"
            return entry_of(record, "turn", event.turn, texts(title), text)
        case events.SubagentEnded():
            title = f"Sub-agent {event.agent} of call {event.call} ended: {event.stop}, {event.replies} replies"
            return entry_of(record, "turn", event.turn, texts(title), texts(event.reason))
        case events.SnapshotMade():
            title = f"Snapshot {event.snapshot}: what was there before the call"
            left = f"not in it: {', '.join(event.left_out)}" if event.left_out else ""
            return entry_of(record, "other", event.turn, texts(title), texts(left))
        case events.SnapshotFailed():
            what = "the call was refused" if event.refused else "the call ran all the same"
            title = f"No snapshot ({event.err}): {what}"
            return entry_of(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.UndoDone():
            title = f"Undone by {event.principal.user}: back to snapshot {event.snapshot}, {event.files} files"
            text = "\n".join(
                [f"before it: {event.kept}", *event.changed, *event.repository, *event.left]
            )
            return entry_of(record, "other", 0, texts(title), texts(text))
        case events.FeedbackGiven():
            title = f"{event.principal.user} on the answer of turn {event.turn}: {event.rating}"
            text = "\n".join(filter(None, [event.note, event.text]))
            return entry_of(record, "other", event.turn, texts(title), texts(text))
        case events.BudgetStopped():
            title = f"Stopped by {event.limit}"
            return entry_of(record, "failure", event.turn, texts(title), texts(event.reason))
        case events.BudgetWarned():
            title = f"Near a limit: {event.limit}"
            return entry_of(record, "turn", event.turn, texts(title), texts(event.reason))
        case events.ApprovalsLoaded():
            title = f"Approvals signed by {event.key}, until {event.expires}: {len(event.ids)}"
            text = f"{event.file}\n{', '.join(event.ids)}\n{event.digest}"
            return entry_of(record, "policy", 0, texts(title), texts(text))
        case events.Compacted():
            title = f"Conversation compacted ({event.why}): {event.gone} messages in short, {event.kept} kept"
            return entry_of(record, "turn", event.turn, title, texts(event.text))
        case events.CompactionUndone():
            title = f"Compaction undone: {event.back} messages are read again"
            return entry_of(record, "turn", event.turn, title)
        case events.ContextEdited():
            title = f"The service left {event.results} old results ({event.tokens} tokens) out"
            return entry_of(record, "turn", event.turn, title)
        case events.ServiceToolUsed():
            failed = f" failed ({event.err})" if event.err else ""
            title = f"The model service used its own {event.tool}{failed}"
            said = "\n".join([canonical(event.args).decode(), *event.sources, event.text])
            return entry_of(record, "call", event.turn, texts(title), texts(said))
        case events.TurnCut():
            return entry_of(
                record, "failure", event.turn, texts(f"Turn {event.turn} cut: {event.err}")
            )
        case events.TurnEnded():
            title = f"Turn {event.turn} ended: {event.stop}"
            return entry_of(record, "turn", event.turn, title, texts(event.reason))
        case events.ReviewMarked():
            to = f" to {event.to}" if event.to else ""
            title = f"{event.mark}{to}: session {event.reviewed}, {event.size} events, verify {event.verified}"
            text = "\n".join(part for part in (", ".join(event.flags), event.note) if part)
            return entry_of(record, "review", 0, texts(title), texts(text))
        case events.LogRecovered():
            return entry_of(
                record, "log", 0, f"The log was recovered: {event.bytes} bytes set aside"
            )
        case events.LogErased():
            first, last = event.range
            who = f"by {event.principal}" + (f", as {event.policy} says" if event.policy else "")
            title = f"The content of events {first} to {last} was erased {who}"
            return entry_of(record, "log", 0, texts(title), texts(event.reason))
        case events.ErrorRaised():
            return entry_of(record, "failure", 0, texts(event.err), texts(event.reason))
        case Unknown():
            return entry_of(record, "other", 0, texts(event.type), texts.json(event.fields))
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


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
