"""An event as lines for a person: the same live and, later, from the log.

Plain text, no colours, no width: a call is a head with its resources, its verdict below, its result
below that. Whatever came from a tool, a model or a repository is stripped of control sequences,
bidi overrides and zero-width characters first. Deltas render as nothing: the whole reply follows them.
"""

from typing import assert_never

from devagent.core import events
from devagent.repl.render_call import (
    answered_text,
    finished_text,
    judged_text,
    progress_text,
    service_tool_text,
)
from devagent.repl.render_reply import (
    compacted_text,
    model_failed_text,
    reply_text,
    turn_ended_text,
)
from devagent.repl.words import (
    FULL,
    Signs,
    block,
    counted,
    listed,
    plain,
)


def render(event: events.Event, signs: Signs = FULL, *, full: bool = False) -> str:
    """The event's lines, without a newline at the end; empty where there is nothing to show.

    ``full`` shows arguments and results whole, not their first line.
    """
    s = signs
    match event:
        case events.SessionStarted():
            mode = f"{event.mode}, dry run" if event.dry_run else event.mode
            model = f"{event.model} {s.dot} " if event.model else ""  # a served client has its own
            ticket = f" {s.dot} ticket {event.ticket}" if event.ticket else ""
            who = f"{model}{mode} {s.dot} as {event.principal}{ticket}"
            return plain(f"session {s.dot} {who} {s.dot} policy {event.policy[:12] or 'none'}")
        case events.SessionResumed():
            dry = f" {s.dot} dry run" if event.dry_run else ""
            changed = f"{dry} {s.dot} changed: {', '.join(event.changed)}" if event.changed else dry
            return plain(
                f"session resumed {s.dot} {event.model} {s.dot} as {event.principal}{changed}"
            )
        case events.SessionForked():
            return plain(f"session forked from {event.origin}, after its event {event.at}")
        case events.SessionEnded():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"session ended {s.dot} {event.stop} (exit {event.exit_code}){reason}")
        case events.PolicyLoaded():
            where = f" from {event.file}" if event.file else ""
            return plain(
                f"policy {event.layer}/{event.name} {s.dot} {counted(event.rules, 'rule')}{where}"
            )
        case events.PolicyLocked():
            return plain(f"{s.alert} locked to reading: {event.reason}")
        case events.BundleInForce():
            why = f" {s.dot} STALE: {event.why}" if event.why else ""
            return plain(
                f"bundle {event.org} {event.revision} {s.dot} {event.environment}, ring {event.ring}{why}"
            )
        case events.BundleSynced():
            return _bundle_synced(event, s)
        case events.BundleRevoked():
            return plain(f"{s.alert} revoked: {event.reason}")
        case events.ExtensionLoaded():
            return plain(
                f"extension {event.ext.name} {event.ext.version} {s.dot} {counted(len(event.tools), 'tool')}"
            )
        case events.ExtensionRefused():
            return plain(
                f"{s.alert} extension {event.ext.name} {event.ext.version} refused: {event.err}"
            )
        case events.ExtensionChanged():
            return plain(
                f"{s.alert} extension {event.ext.name}: withheld until approved, as they have changed: "
                f"{', '.join(event.tools)}"
            )
        case events.ResourceChanged():
            return plain(
                f"{s.dot} {event.ext.name}: changed since it was read: {', '.join(event.uris)}"
            )
        case events.ToolProgress():
            return progress_text(event, s)
        case events.Prompt():
            return block(event.text, f"{s.prompt} ", "  ")
        case events.BatchNoted():
            failed = f" {s.dot} {event.failed} failed" if event.failed else ""
            return plain(
                f"batch {event.batch} {s.dot} {event.step} {s.dot} {counted(event.requests, 'request')}{failed}"
            )
        case events.SubagentStarted():
            return plain(f"{s.dot} sub-agent {event.agent} {s.dot} {event.model} {s.more}")
        case events.SubagentEnded():
            how = "" if event.stop == "done" else f" {s.dot} {event.stop} {event.reason}".rstrip()
            return plain(
                f"{s.dot} sub-agent {event.agent} ended {s.dot} {counted(event.replies, 'turn')}{how}"
            )
        case events.ModelRequested(purpose="sampling"):
            return f"  {s.dot} a server asks the model {s.more}"
        case events.ModelRequested() if event.purpose == "compaction":
            return f"{s.dot} the conversation is being compacted {s.more}"
        case events.ModelReplied():
            return "" if event.purpose else reply_text(event, s)
        case events.Compacted():
            return compacted_text(event, s)
        case events.CompactionUndone():
            return f"{s.alert} compaction undone: the model reads {counted(event.back, 'message')} again"
        case events.ContextEdited():
            what = f"{counted(event.results, 'old result')} (about {event.tokens:,} tokens)"
            return f"{s.alert} the service left {what} out of what the model reads; the record has them"
        case events.ServiceToolUsed():
            return service_tool_text(event, s, full)
        case events.ModelFailed():
            return model_failed_text(event, s)
        case events.ToolJudged():
            return judged_text(event, s, full)
        case events.ApprovalAnswered():
            return answered_text(event.approval, event.comment, s)
        case events.ToolFinished():
            return finished_text(event, s, full)
        case events.SnapshotMade():
            return (
                plain(f"{s.alert} not in the snapshot: {listed(event.left_out)}")
                if event.left_out
                else ""
            )
        case events.SnapshotFailed():
            what = "nothing was run" if event.refused else "what follows cannot be undone"
            return plain(f"{s.alert} no snapshot, so {what}: {event.reason or event.err}")
        case events.UndoDone():
            return _undone(event, s)
        case events.FeedbackGiven():
            note = f": {event.note}" if event.note else ""
            how = f"\n{block(event.text, '  ', '  ')}" if event.text else ""
            return plain(f"{s.dot} feedback on the answer: {event.rating}{note}") + how
        case events.BudgetStopped():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"{s.alert} stopped by {event.limit}{reason}")
        case events.BudgetWarned():
            return plain(f"{s.alert} {event.reason or event.limit}")
        case events.ApprovalsLoaded():
            many = counted(len(event.ids), "approval")
            return plain(f"{many} of {event.file}, signed by {event.key}, until {event.expires}")
        case events.TurnCut():
            return plain(f"{s.alert} cut: {event.err}")
        case events.TurnEnded():
            return turn_ended_text(event, s)
        case events.ReviewMarked():
            return _marked(event, s)
        case events.LogRecovered():
            return f"{s.alert} the log was recovered: a torn end of {counted(event.bytes, 'byte')} was set aside"
        case events.LogErased():
            first, last = event.range
            return plain(
                f"{s.alert} the content of events {first} to {last} was erased by {event.principal}: {event.reason}"
            )
        case events.ErrorRaised():
            reason = f": {event.reason}" if event.reason else ""
            return plain(f"{s.alert} {event.err}{reason}")
        case (
            events.TextDelta()
            | events.ThinkingDelta()
            | events.TurnStarted()
            | events.ModelRequested()
            | events.ToolCalled()
            | events.ApprovalAsked()
            | events.ToolStarted()
        ):
            return ""  # a line of theirs would say what the next event's says better
        case _:
            assert_never(event)


def _bundle_synced(event: events.BundleSynced, s: Signs) -> str:
    if event.outcome == "refused":
        stays = f"revision {event.after} stays" if event.after else "nothing is in force"
        return plain(
            f"{s.alert} policy of {event.org} refused ({event.err}), {stays}: {event.reason}"
        )
    return plain(f"policy of {event.org}: {event.outcome}, revision {event.after}")


def _undone(event: events.UndoDone, s: Signs) -> str:
    lines = [
        f"undone: {counted(event.files, 'file')} as in snapshot {event.snapshot} {s.dot} `undo {event.kept}` takes it back"
    ]
    if event.repository:
        lines.append(f"  repository: {listed(event.repository)}")
    lines += [f"  {s.alert} left alone: {one}" for one in event.left]
    return block("\n".join(lines), "", "")


def _marked(event: events.ReviewMarked, s: Signs) -> str:
    to = f" to {event.to}" if event.to else ""
    flags = f" {s.dot} {', '.join(event.flags)}" if event.flags else ""
    failed = "" if event.verified == "ok" else f" {s.dot} its log did not verify"
    note = f": {event.note}" if event.note else ""
    head = f"{event.mark}{to} {s.dot} session {event.reviewed}, {counted(event.size, 'event')}"
    return plain(f"{head}{flags}{failed}{note}")
