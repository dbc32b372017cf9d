"""What of an event is looked for by its words: one text, and a word for what it is."""

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from devagent.audit.record import Unknown
from devagent.core import events
from devagent.core.codec import canonical


def spoken(event: events.Event | Unknown) -> tuple[str, str]:
    """(what it is, its text); the text is empty where there is nothing to look for."""
    match event:
        case events.SessionStarted():
            return (
                "session",
                f"{event.principal} {event.mode} {event.model} {event.ticket}\n{event.folder}",
            )
        case events.SessionResumed():
            return "session", f"{event.principal} {event.mode} {event.model}\n" + "\n".join(
                event.changed
            )
        case events.SessionForked():
            return "session", f"forked from {event.origin}"
        case events.BatchNoted():
            return "batch", f"{event.step} {event.batch} {event.model}"
        case events.SubagentStarted():
            return "agent", f"{event.agent} {event.model}"
        case events.SubagentEnded():
            return "agent", f"{event.agent} {event.stop} {event.reason}"
        case (
            events.SessionEnded()
            | events.TurnEnded()
            | events.BudgetStopped()
            | events.PolicyLocked()
        ):
            return "end" if event.reason else "", event.reason
        case events.BudgetWarned():
            return "limit", event.reason
        case events.ApprovalsLoaded():
            return "approval", f"{event.key} {event.file} {' '.join(event.ids)}"
        case events.BundleInForce():
            return (
                "policy",
                f"bundle {event.org} {event.revision} {event.environment} {event.ring} {event.bundle}",
            )
        case events.BundleSynced():
            return (
                "policy",
                f"bundle {event.org} {event.outcome} {event.after} {event.err}\n{event.reason}",
            )
        case events.BundleRevoked():
            return "policy", f"revoked {event.reason}"
        case events.PolicyLoaded():
            return "policy", f"{event.layer}/{event.name} {event.file}"
        case events.ExtensionLoaded():
            return "extension", f"{event.ext.name} {event.ext.version}"
        case events.ExtensionRefused():
            return "extension", f"{event.ext.name} {event.ext.version} refused: {event.err}"
        case events.ExtensionChanged():
            return "extension", f"{event.ext.name} changed: {' '.join(event.tools)}"
        case events.ResourceChanged():
            return "extension", f"{event.ext.name}\n" + "\n".join(event.uris)
        case events.Prompt():
            return "prompt", event.text
        case events.ModelReplied():
            return "reply", event.text
        case events.ModelFailed() | events.ErrorRaised():
            return "error", f"{event.err}\n{event.reason}"
        case events.TurnCut():
            return "error", event.err
        case events.Compacted():
            return "compaction", event.text
        case events.ServiceToolUsed():
            said = [f"service.{event.tool}", *named_lines(event.args), *event.sources, event.text]
            return "result", "\n".join(said)
        case events.ToolCalled():
            name = f"{event.ext}.{event.tool}" if event.ext else event.tool
            return "call", "\n".join([name, *named_lines(event.args)])
        case events.ToolJudged():
            return "decision", "\n".join(_judged(event))
        case events.ApprovalAnswered():
            approval = event.approval
            return "approval", f"{approval.answer} {approval.by} {event.comment}"
        case events.ReviewMarked():
            flags = " ".join(event.flags)
            return "review", f"{event.mark} {event.reviewed} {flags} {event.to}\n{event.note}"
        case events.ToolFinished():
            texts = dict.fromkeys([event.whole or event.text, event.view, event.err])
            return "result", "\n".join(text for text in texts if text)
        case events.LogErased():
            return "erased", f"{event.principal}\n{event.reason}"
        case events.SnapshotMade():
            return "snapshot", " ".join([event.snapshot, *event.left_out])
        case events.SnapshotFailed():
            return "snapshot", f"{event.err}\n{event.reason}"
        case events.UndoDone():
            return "undo", "\n".join(
                [event.snapshot, event.kept, *event.changed, *event.repository, *event.left]
            )
        case events.FeedbackGiven():
            return "feedback", "\n".join([event.rating, event.note, event.text])
        case Unknown():
            return event.type, "\n".join(named_lines(event.fields))
        case (
            events.TurnStarted()
            | events.ModelRequested()
            | events.TextDelta()
            | events.ThinkingDelta()
            | events.ApprovalAsked()  # shows the call and the decision, which stand by themselves
            | events.ToolStarted()
            | events.ToolProgress()
            | events.CompactionUndone()
            | events.ContextEdited()
            | events.LogRecovered()
        ):
            return "", ""
        case _:
            assert_never(event)


def named_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """``name: value`` for each, text as it is and everything else as JSON."""
    for name, value in sorted(values.items()):
        yield f"{name}: {value if isinstance(value, str) else canonical(value).decode()}"


def _judged(event: events.ToolJudged) -> Iterator[str]:
    decision = event.decision
    yield f"{decision.effect} {event.full_name} {' '.join(decision.rules)}"
    yield decision.reason
    for one in event.resources:
        yield " ".join([one.access, one.id, *(f"tag:{tag}" for tag in one.tags)])
