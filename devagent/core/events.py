"""Events: the spine. One closed union, consumed by the log, the screen, stream-json, resume and tests.

Events hold plain data. Each names in ``BODY`` the fields that are *content* (prompts, arguments,
results): the log keeps those apart, salted, and everything else in the chained header. ``TextDelta``,
``ThinkingDelta`` and ``ToolProgress`` are for screens only and are never logged: the whole reply and the
result are.

Adding an event: add it here and to ``Event``; the type checker then points at each consumer.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from devagent.core.errors import Stop
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolCall, ToolClass
from devagent.core.verdicts import Decision

Outcome = Literal["ok", "failed", "denied", "cut", "timeout"]
AskedBy = Literal["", "person", "screen", "server", "house"]
"""Whose call it is: the model's (or client's), the person's own, their screen's (a completion, which the model never
sees), one that a third party's server asks for, or the house's: before it offers a tool that the model service
carries out itself."""
Mark = Literal["seen", "noted", "escalated"]
Rating = Literal["good", "bad", "edit"]
Purpose = Literal["", "compaction", "task", "sampling"]
"""What a model is asked for besides the conversation's next reply: a summary of it, a sub-agent's reply, or a reply
that a third party's server asks for."""
CompactionReason = Literal["window", "overflow", "asked"]


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply, as the service counted them, and how often it used those of its own tools that cost."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    web_searches: int = 0
    code_runs: int = 0

    @property
    def cache_hit_percent(self) -> int:
        """How much of what was read came from the service's prompt cache, 0 to 100."""
        read = self.input + self.cache_read + self.cache_write
        return 100 * self.cache_read // read if read else 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.web_searches + other.web_searches,
            self.code_runs + other.code_runs,
        )


class Cost(Struct, frozen=True, omit_defaults=True):
    """Micro-dollars by a dated price table; ``prices`` is that table's digest."""

    usd_micros: int
    prices: str


class Approval(Struct, frozen=True, omit_defaults=True):
    """How an ask was answered. ``shown`` is the digest of what the person saw."""

    answer: Literal["yes", "no"]
    by: str
    method: Literal["terminal", "file", "unattended", "elicitation"]
    scope: Literal["once", "session", "project", "always"] = "once"
    shown: str = ""
    latency_us: int = 0
    approval_id: str = ""


class ExtensionReference(Struct, frozen=True):
    """Which code would run a call. ``digest`` covers the manifest and the tool definitions."""

    name: str
    version: str
    digest: str


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    BODY: ClassVar[frozenset[str]] = frozenset()


class SessionStarted(_Event, frozen=True, kw_only=True, tag="session.started"):
    """The session's first event. ``versions``: of devagent, Python and the log format; ``dry_run``: nothing
    that it judges is carried out; ``ticket``: the key of the ticket that it works on."""

    principal: Principal
    agent: str
    mode: str
    model: str
    versions: dict[str, str]
    policy: str
    folder: str = ""
    previous: str = ""
    count: int = 0
    dry_run: bool = False
    ticket: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"folder"})


class SessionResumed(_Event, frozen=True, kw_only=True, tag="session.resumed"):
    """The same log goes on in another process; ``changed`` says what is different since."""

    principal: Principal
    mode: str
    model: str
    versions: dict[str, str]
    policy: str
    changed: tuple[str, ...] = ()
    dry_run: bool = False
    ticket: str = ""


class SessionForked(_Event, frozen=True, kw_only=True, tag="session.forked"):
    """A fork's first event: its conversation so far is that of session ``origin`` up to and with event
    ``at``, whose line has the leaf hash ``leaf``."""

    origin: str
    at: int
    leaf: str


class SessionEnded(_Event, frozen=True, kw_only=True, tag="session.ended"):
    stop: Stop
    exit_code: int
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class PolicyLoaded(_Event, frozen=True, kw_only=True, tag="policy.loaded"):
    """One layer's file as it was read. ``digest`` is of the file's bytes."""

    layer: str
    name: str
    digest: str
    rules: int
    file: str = ""


class PolicyLocked(_Event, frozen=True, kw_only=True, tag="policy.locked"):
    """A required policy is missing or unusable: only the read-only baseline is in force."""

    reason: str


class BundleInForce(_Event, frozen=True, kw_only=True, tag="bundle.in_force"):
    """The organisation's signed bundle that governs from here on: its revision and archive's digest, the machine's ring,
    how long ago the state was signed (``age_s``) and when (``issued``, seconds since 1970). ``state`` is ``fresh`` or
    ``stale``, then with ``why``. ``versions`` and ``keys`` by role: what this machine must not fall behind again."""

    org: str
    environment: str
    ring: str
    revision: int
    bundle: str
    state: Literal["fresh", "stale"]
    age_s: int
    issued: int
    approved_by: tuple[str, ...]
    versions: dict[str, int]
    keys: dict[str, str]
    shadow: str = ""
    why: str = ""


class BundleSynced(_Event, frozen=True, kw_only=True, tag="bundle.synced"):
    """The organisation's server was asked for what is new. ``before`` and ``after`` are revisions (0: none). What was
    ``refused`` (``err``, and ``reason``) has changed nothing."""

    org: str
    environment: str
    outcome: Literal["updated", "renewed", "unchanged", "refused"]
    before: int
    after: int
    err: str = ""
    reason: str = ""


class BundleRevoked(_Event, frozen=True, kw_only=True, tag="bundle.revoked"):
    """A revocation reached this session: from here on it denies all calls, or those of the extensions named."""

    reason: str
    extensions: tuple[str, ...] = ()


class ApprovalsLoaded(_Event, frozen=True, kw_only=True, tag="approvals.loaded"):
    """A signed file of approvals may answer asks. ``digest`` is of the file's bytes, ``key`` names who signed,
    ``ids`` are its approvals, ``expires`` is the ISO date that the file holds up to and with."""

    key: str
    digest: str
    ids: tuple[str, ...]
    expires: str
    file: str = ""


class ExtensionLoaded(_Event, frozen=True, kw_only=True, tag="extension.loaded"):
    ext: ExtensionReference
    tools: tuple[str, ...]


class ExtensionRefused(_Event, frozen=True, kw_only=True, tag="extension.refused"):
    ext: ExtensionReference
    err: str


class ExtensionChanged(_Event, frozen=True, kw_only=True, tag="extension.changed"):
    """Tools whose definition is not the approved one any more: withheld until somebody approves."""

    ext: ExtensionReference
    tools: tuple[str, ...]


class ResourceChanged(_Event, frozen=True, kw_only=True, tag="resource.changed"):
    """Resources that were read with ``watch`` have changed since, says their server."""

    ext: ExtensionReference
    uris: tuple[str, ...]
    BODY: ClassVar[frozenset[str]] = frozenset({"uris"})


class TurnStarted(_Event, frozen=True, kw_only=True, tag="turn.started"):
    turn: int


class Prompt(_Event, frozen=True, kw_only=True, tag="prompt"):
    """What a turn begins with, or what was said to the model while it ran. ``of_the_house``: devagent wrote it (a request to mend an answer), nobody typed it.
    ``attachments`` are images and documents as blocks of the Messages API."""

    turn: int
    text: str
    of_the_house: bool = False
    attachments: list[dict[str, Any]] = field(default_factory=list)
    BODY: ClassVar[frozenset[str]] = frozenset({"text", "attachments"})


class ModelRequested(_Event, frozen=True, kw_only=True, tag="model.requested"):
    """A request is about to be sent. ``messages`` and ``tools`` are counts. ``purpose``: what for, where it is
    not the conversation's next reply; ``task``: the call whose sub-agent asks."""

    turn: int
    model: str
    messages: int
    tools: int
    purpose: Purpose = ""
    task: str = ""


class TextDelta(_Event, frozen=True, kw_only=True, tag="text.delta"):
    turn: int
    text: str


class ThinkingDelta(_Event, frozen=True, kw_only=True, tag="thinking.delta"):
    turn: int
    text: str


class ModelReplied(_Event, frozen=True, kw_only=True, tag="model.replied"):
    """A whole reply. ``content`` is the provider's blocks, echoed back untouched (signed thinking).

    ``detail`` is what the service says of the stop reason. ``purpose`` is set where the reply is not part of
    the conversation, as ``task``: see ``ModelRequested``. ``left_out``: see ``ContextEdited`` (results, tokens).
    ``container``: where the service runs code, for the request that goes on with a paused turn.
    """

    turn: int
    model: str
    stop: str
    content: list[dict[str, Any]]
    detail: str = ""
    purpose: Purpose = ""
    task: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: Cost | None = None
    request_id: str = ""
    dur_us: int = 0
    left_out: tuple[int, int] = (0, 0)
    container: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"content", "detail"})

    @property
    def text(self) -> str:
        """The reply's text blocks, joined."""
        return "".join(b.get("text", "") for b in self.content if b.get("type") == "text")

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The reply's tool calls, in order."""
        return tuple(
            ToolCall(id=b["id"], name=b["name"], args=b["input"])
            for b in self.content
            if b.get("type") == "tool_use"
        )


class ModelFailed(_Event, frozen=True, kw_only=True, tag="model.failed"):
    """An attempt failed. ``retry_in_ms`` is set where another follows; text shown so far is void."""

    turn: int
    model: str
    err: str
    attempt: int
    status: int = 0
    retry_in_ms: int | None = None
    request_id: str = ""
    reason: str = ""
    task: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class SubagentStarted(_Event, frozen=True, kw_only=True, tag="subagent.started"):
    """A sub-agent begins with what call ``call`` asks of it. ``agent`` is its name as policy sees it, the caller's
    first; ``max_turns`` and ``tokens`` are its budget. Its calls' ids begin with ``call`` and a slash, its model
    events have it as their ``task``."""

    turn: int
    call: str
    agent: str
    model: str
    max_turns: int
    tokens: int


class SubagentEnded(_Event, frozen=True, kw_only=True, tag="subagent.ended"):
    """How the sub-agent of a call ended, and what it used. A cut turn has none."""

    turn: int
    call: str
    agent: str
    stop: Stop
    reason: str = ""
    replies: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd_micros: int = 0
    taint: tuple[str, ...] = ()
    dur_us: int = 0
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class BatchNoted(_Event, frozen=True, kw_only=True, tag="batch.noted"):
    """Many requests are sent at once, or their answers are here. ``step``: about to be ``sending``; ``created`` as the
    service's ``batch``; ``found`` again after the answer to its creation was lost; ``ended``. ``digest`` is of what is
    asked."""

    step: Literal["sending", "created", "found", "ended"]
    model: str
    requests: int
    digest: str
    batch: str = ""
    failed: int = 0


class Compacted(_Event, frozen=True, kw_only=True, tag="compaction.done"):
    """The model reads the conversation in short from here on: ``text`` stands in the place of the first ``gone``
    messages, ``kept`` follow as they were. ``before`` and ``after`` are tokens, estimated. ``model`` wrote the
    summary in it; empty: it is a list. ``block`` is the service's own signed summary, which then stands before the
    text. Why: the ``window`` was filling, the service said ``overflow``, somebody ``asked``. The events before stay what
    they are."""

    turn: int
    gone: int
    kept: int
    before: int
    after: int
    why: CompactionReason
    model: str = ""
    text: str = ""
    block: dict[str, Any] = field(default_factory=dict)
    BODY: ClassVar[frozenset[str]] = frozenset({"text", "block"})


class CompactionUndone(_Event, frozen=True, kw_only=True, tag="compaction.undone"):
    """The model reads the messages again that the last compaction had put in short: ``back`` of them."""

    turn: int
    back: int


class ContextEdited(_Event, frozen=True, kw_only=True, tag="context.edited"):
    """The service left ``results`` old results of tools (``tokens``) out of what the model read for this reply. The
    conversation here has them still, and so has the record."""

    turn: int
    results: int
    tokens: int


class ServiceToolUsed(_Event, frozen=True, kw_only=True, tag="service_tool.used"):
    """The model service carried out one of its own tools while it answered; that it was offered was judged before
    (``tool.judged`` of ``service``). ``call`` is the service's id, ``text`` what came back in words, ``sources`` its
    addresses. The blocks as they came are in the reply."""

    turn: int
    call: str
    tool: str
    outcome: Outcome
    err: str = ""
    taint: tuple[str, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    sources: tuple[str, ...] = ()
    BODY: ClassVar[frozenset[str]] = frozenset({"args", "text", "sources"})


class ToolCalled(_Event, frozen=True, kw_only=True, tag="tool.called"):
    """The model asks for a tool. ``args`` as it wrote them; the judged ones are digested below. ``asked_by``: where
    not the model asks, but the person (what they mention is read) or a server that carries out another call."""

    turn: int
    call: str
    ext: str
    tool: str
    args: dict[str, Any]
    asked_by: AskedBy = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"args"})


class ToolJudged(_Event, frozen=True, kw_only=True, tag="tool.judged"):
    """The decision, on disk before anything runs.

    Header: who, what, on which resources, the answer. Body (``detail``): the request's context, facts
    and completed arguments and what its extension ``can`` carry out, so that a replay can judge it
    again, the determining rules with file and line, the reason, ``reply``: what the model is told where
    the call ends here, and ``shadow``: what it would be with the rules in shadow mode, where that differs.
    ``dry_run``: whatever the answer, nothing was carried out.
    """

    turn: int
    call: str
    principal: Principal
    agent: str
    ext: ExtensionReference
    tool: str
    tool_class: ToolClass = field(name="class")
    resources: tuple[Resource, ...]
    args_digest: str
    decision: Decision
    taint: tuple[str, ...] = ()
    err: str = ""
    dry_run: bool = False
    args: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    can: tuple[str, ...] | None = None
    shadow: Decision | None = None
    reply: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset(
        {"args", "context", "facts", "can", "shadow", "reply"}
    )

    @property
    def full_name(self) -> str:
        """``git.push``; of a tool that no extension has, what the model called it."""
        return f"{self.ext.name}.{self.tool}" if self.ext.name else self.tool


class ApprovalAsked(_Event, frozen=True, kw_only=True, tag="approval.asked"):
    """A person is being asked; ``shown`` is the text on their screen."""

    turn: int
    call: str
    shown: str
    BODY: ClassVar[frozenset[str]] = frozenset({"shown"})


class ApprovalAnswered(_Event, frozen=True, kw_only=True, tag="approval.answered"):
    turn: int
    call: str
    principal: Principal
    agent: str
    approval: Approval
    comment: str = ""
    reply: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"comment", "reply"})


class ToolStarted(_Event, frozen=True, kw_only=True, tag="tool.started"):
    turn: int
    call: str
    ext: ExtensionReference
    tool: str
    tool_class: ToolClass = field(name="class")


class ToolProgress(_Event, frozen=True, kw_only=True, tag="tool.progress"):
    """What a call under way has printed since the last one of these: new lines, the last of them where
    they came too fast. For a person's eyes; what the model reads is the result. A server of a third party says how far
    it is: ``done`` of ``total`` (0: nobody knows) in units of its own, or with a ``level`` a line of its log, from its
    ``logger``."""

    turn: int
    call: str
    text: str = ""
    done: float = 0.0
    total: float = 0.0
    level: str = ""
    logger: str = ""


class ToolFinished(_Event, frozen=True, kw_only=True, tag="tool.finished"):
    """How it ended. ``text`` is what the model reads, ``view`` what the person reads where it differs, ``content``
    the blocks of a result that has more than text (see ``ToolResult``). ``about`` is what rules of the result phase
    could look at (``context.result``), where there was a result. ``whole`` is the text before it was cut for the model,
    where it was: no model reads it, and no stream or client has it, the record alone."""

    turn: int
    call: str
    outcome: Outcome
    bytes: int = 0
    rows: int = 0
    dur_us: int = 0
    err: str = ""
    taint: tuple[str, ...] = ()
    decision: Decision | None = None
    text: str = ""
    view: str = ""
    structured: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    content: list[dict[str, Any]] = field(default_factory=list)
    whole: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset(
        {"text", "view", "structured", "about", "content", "whole"}
    )


class SnapshotMade(_Event, frozen=True, kw_only=True, tag="snapshot.made"):
    """What the workspace was before a call: ``devagent undo`` goes back to ``snapshot``. ``files``: how many were
    not as in the snapshot before; ``left_out``: what is not in it although git would see it."""

    turn: int
    call: str
    snapshot: str
    files: int = 0
    left_out: tuple[str, ...] = ()
    dur_us: int = 0
    BODY: ClassVar[frozenset[str]] = frozenset({"left_out"})


class SnapshotFailed(_Event, frozen=True, kw_only=True, tag="snapshot.failed"):
    """No snapshot could be taken before a call, which was ``refused`` or ran all the same."""

    turn: int
    call: str
    err: str
    refused: bool
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class UndoDone(_Event, frozen=True, kw_only=True, tag="undo.done"):
    """A person went back to ``snapshot``; what was there before is the snapshot ``kept``. ``changed``: files;
    ``repository``: what of the repository was set back; ``left``: what was left alone, and why."""

    principal: Principal
    agent: str
    snapshot: str
    kept: str
    files: int
    changed: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    BODY: ClassVar[frozenset[str]] = frozenset({"changed", "repository", "left"})


class FeedbackGiven(_Event, frozen=True, kw_only=True, tag="feedback.given"):
    """What the person says of the answer of ``turn``: good, bad (``note``: why), or how it should have been
    (``text``, of an edit)."""

    turn: int
    principal: Principal
    agent: str
    rating: Rating
    note: str = ""
    text: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"note", "text"})


class BudgetWarned(_Event, frozen=True, kw_only=True, tag="budget.warned"):
    """A limit is near, and still holds. ``limit`` and ``scope`` as in ``BudgetStopped``; ``told`` is what the
    model reads of it, where it is told at all (it goes in circles and can do otherwise)."""

    turn: int
    limit: str
    scope: str = ""
    reason: str = ""
    told: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason", "told"})


class BudgetStopped(_Event, frozen=True, kw_only=True, tag="budget.stopped"):
    """A limit ended the turn. ``limit``: max_turns, max_cost, time_limit, tokens, calls, repeated_calls or
    refusals. ``scope`` is whose it is: run (the command line's), turn, session, day, ``team:NAME`` or loop."""

    turn: int
    limit: str
    scope: str = ""
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class TurnCut(_Event, frozen=True, kw_only=True, tag="turn.cut"):
    """The turn ended from outside: interrupted, a closed reader, a failure of the house."""

    turn: int
    err: str


class TurnEnded(_Event, frozen=True, kw_only=True, tag="turn.ended"):
    turn: int
    stop: Stop
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd_micros: int = 0
    dur_us: int = 0
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class ReviewMarked(_Event, frozen=True, kw_only=True, tag="review.marked"):
    """A reviewer's mark on another session, in a log of the reviewer's own (mode ``review``).

    ``reviewed`` is that session; ``size`` and ``root`` (base64) are its number of events and tree head when it was
    looked at, ``flags`` why it was in the queue, ``verified`` what verifying it came to then. ``to`` is whom it is
    escalated to.
    """

    reviewed: str
    size: int
    root: str
    mark: Mark
    verified: Literal["ok", "failed"]
    flags: tuple[str, ...] = ()
    to: str = ""
    note: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"to", "note"})


class LogRecovered(_Event, frozen=True, kw_only=True, tag="log.recovered"):
    """A torn tail of ``bytes`` was set aside when the log was opened again."""

    bytes: int


class LogErased(_Event, frozen=True, kw_only=True, tag="log.erased"):
    """The content of the events ``range`` (first and last) is gone, by whom and why. ``policy`` names the file
    whose retention asked for it, where one did."""

    range: tuple[int, int]
    principal: Principal
    reason: str
    policy: str = ""


class ErrorRaised(_Event, frozen=True, kw_only=True, tag="error"):
    """A failure of the house, by class; the text is in the body."""

    err: str
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


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
