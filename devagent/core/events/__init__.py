"""Events: the spine. One closed union, consumed by the log, the screen, stream-json, resume and tests.

Events hold plain data. Each names in ``BODY`` the fields that are *content* (prompts, arguments,
results): the log keeps those apart, salted, and everything else in the chained header. ``TextDelta``,
``ThinkingDelta`` and ``ToolProgress`` are for screens only and are never logged: the whole reply and the
result are.

Adding an event: add it to the module of its subject and to ``Event``; the type checker then points at each consumer.
"""

from devagent.core.events.calls import (
    ApprovalAnswered,
    ApprovalAsked,
    ServiceToolUsed,
    SnapshotFailed,
    SnapshotMade,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolProgress,
    ToolStarted,
)
from devagent.core.events.ground import (
    ApprovalsLoaded,
    BundleInForce,
    BundleRevoked,
    BundleSynced,
    ExtensionChanged,
    ExtensionLoaded,
    ExtensionRefused,
    PolicyLoaded,
    PolicyLocked,
    ResourceChanged,
)
from devagent.core.events.model import (
    BatchNoted,
    Compacted,
    CompactionUndone,
    ContextEdited,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    SubagentEnded,
    SubagentStarted,
    TextDelta,
    ThinkingDelta,
)
from devagent.core.events.people import FeedbackGiven, ReviewMarked, UndoDone
from devagent.core.events.session import (
    ErrorRaised,
    LogErased,
    LogRecovered,
    SessionEnded,
    SessionForked,
    SessionResumed,
    SessionStarted,
)
from devagent.core.events.turns import (
    BudgetStopped,
    BudgetWarned,
    Prompt,
    TurnCut,
    TurnEnded,
    TurnStarted,
)

Event = (
    SessionStarted
    | SessionResumed
    | SessionForked
    | SessionEnded
    | PolicyLoaded
    | PolicyLocked
    | BundleInForce
    | BundleSynced
    | BundleRevoked
    | ApprovalsLoaded
    | ExtensionLoaded
    | ExtensionRefused
    | ExtensionChanged
    | ResourceChanged
    | TurnStarted
    | Prompt
    | ModelRequested
    | TextDelta
    | ThinkingDelta
    | ModelReplied
    | ModelFailed
    | SubagentStarted
    | SubagentEnded
    | BatchNoted
    | Compacted
    | CompactionUndone
    | ContextEdited
    | ServiceToolUsed
    | ToolCalled
    | ToolJudged
    | ApprovalAsked
    | ApprovalAnswered
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | SnapshotMade
    | SnapshotFailed
    | UndoDone
    | FeedbackGiven
    | BudgetWarned
    | BudgetStopped
    | TurnCut
    | TurnEnded
    | ReviewMarked
    | LogRecovered
    | LogErased
    | ErrorRaised
)

Unlogged = TextDelta | ThinkingDelta | ToolProgress
"""Shown as they come, never written: ``ModelReplied`` and ``ToolFinished`` hold what stays."""
