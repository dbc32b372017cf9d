"""What of an event is looked for by its words: one text, and a word for what it is."""

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from devagent.audit.record import Unknown
from devagent.core.codec import canonical
from devagent.core.events import (
    ApprovalAnswered,
    ApprovalAsked,
    ApprovalsLoaded,
    BatchNoted,
    BudgetStopped,
    BudgetWarned,
    BundleInForce,
    BundleRevoked,
    BundleSynced,
    Compacted,
    CompactionUndone,
    ContextEdited,
    ErrorRaised,
    Event,
    ExtensionChanged,
    ExtensionLoaded,
    ExtensionRefused,
    FeedbackGiven,
    LogErased,
    LogRecovered,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    PolicyLoaded,
    PolicyLocked,
    Prompt,
    ResourceChanged,
    ReviewMarked,
    ServiceToolUsed,
    SessionEnded,
    SessionForked,
    SessionResumed,
    SessionStarted,
    SnapshotFailed,
    SnapshotMade,
    SubagentEnded,
    SubagentStarted,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolProgress,
    ToolStarted,
    TurnCut,
    TurnEnded,
    TurnStarted,
    UndoDone,
)


def spoken(event: Event | Unknown) -> tuple[str, str]:
    """(what it is, its text); the text is empty where there is nothing to look for."""
    match event:
        case SessionStarted():
            return (
                "session",
                f"{event.principal} {event.mode} {event.model} {event.ticket}\n{event.folder}",
            )
        case SessionResumed():
            return "session", f"{event.principal} {event.mode} {event.model}\n" + "\n".join(
                event.changed
            )
        case SessionForked():
            return "session", f"forked from {event.origin}"
        case BatchNoted():
            return "batch", f"{event.step} {event.batch} {event.model}"
        case SubagentStarted():
            return "agent", f"{event.agent} {event.model}"
        case SubagentEnded():
            return "agent", f"{event.agent} {event.stop} {event.reason}"
        case SessionEnded() | TurnEnded() | BudgetStopped() | PolicyLocked():
            return "end" if event.reason else "", event.reason
        case BudgetWarned():
            return "limit", event.reason
        case ApprovalsLoaded():
            return "approval", f"{event.key} {event.file} {' '.join(event.ids)}"
        case BundleInForce():
            return (
                "policy",
                f"bundle {event.org} {event.revision} {event.environment} {event.ring} {event.bundle}",
            )
        case BundleSynced():
            return (
                "policy",
                f"bundle {event.org} {event.outcome} {event.after} {event.err}\n{event.reason}",
            )
        case BundleRevoked():
            return "policy", f"revoked {event.reason}"
        case PolicyLoaded():
            return "policy", f"{event.layer}/{event.name} {event.file}"
        case ExtensionLoaded():
            return "extension", f"{event.ext.name} {event.ext.version}"
        case ExtensionRefused():
            return "extension", f"{event.ext.name} {event.ext.version} refused: {event.err}"
        case ExtensionChanged():
            return "extension", f"{event.ext.name} changed: {' '.join(event.tools)}"
        case ResourceChanged():
            return "extension", f"{event.ext.name}\n" + "\n".join(event.uris)
        case Prompt():
            return "prompt", event.text
        case ModelReplied():
            return "reply", event.text
        case ModelFailed() | ErrorRaised():
            return "error", f"{event.err}\n{event.reason}"
        case TurnCut():
            return "error", event.err
        case Compacted():
            return "compaction", event.text
        case ServiceToolUsed():
            said = [f"service.{event.tool}", *named_lines(event.args), *event.sources, event.text]
            return "result", "\n".join(said)
        case ToolCalled():
            name = f"{event.ext}.{event.tool}" if event.ext else event.tool
            return "call", "\n".join([name, *named_lines(event.args)])
        case ToolJudged():
            return "decision", "\n".join(_judged(event))
        case ApprovalAnswered():
            approval = event.approval
            return "approval", f"{approval.answer} {approval.by} {event.comment}"
        case ReviewMarked():
            flags = " ".join(event.flags)
            return "review", f"{event.mark} {event.reviewed} {flags} {event.to}\n{event.note}"
        case ToolFinished():
            texts = dict.fromkeys([event.whole or event.text, event.view, event.err])
            return "result", "\n".join(text for text in texts if text)
        case LogErased():
            return "erased", f"{event.principal}\n{event.reason}"
        case SnapshotMade():
            return "snapshot", " ".join([event.snapshot, *event.left_out])
        case SnapshotFailed():
            return "snapshot", f"{event.err}\n{event.reason}"
        case UndoDone():
            return "undo", "\n".join(
                [event.snapshot, event.kept, *event.changed, *event.repository, *event.left]
            )
        case FeedbackGiven():
            return "feedback", "\n".join([event.rating, event.note, event.text])
        case Unknown():
            return event.type, "\n".join(named_lines(event.fields))
        case (
            TurnStarted()
            | ModelRequested()
            | TextDelta()
            | ThinkingDelta()
            | ApprovalAsked()  # shows the call and the decision, which stand by themselves
            | ToolStarted()
            | ToolProgress()
            | CompactionUndone()
            | ContextEdited()
            | LogRecovered()
        ):
            return "", ""
        case _:
            assert_never(event)


def named_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """``name: value`` for each, text as it is and everything else as JSON."""
    for name, value in sorted(values.items()):
        yield f"{name}: {value if isinstance(value, str) else canonical(value).decode()}"


def _judged(event: ToolJudged) -> Iterator[str]:
    decision = event.decision
    yield f"{decision.effect} {event.full_name} {' '.join(decision.rules)}"
    yield decision.reason
    for one in event.resources:
        yield " ".join([one.access, one.id, *(f"tag:{tag}" for tag in one.tags)])
