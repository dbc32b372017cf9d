"""A tool call, from the asking to its result."""

from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from devagent.core.events.base import BaseEvent
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import SERVICE, ExtensionReference, ToolClass
from devagent.core.verdicts import Decision

Outcome = Literal["ok", "failed", "denied", "cut", "timeout"]
AskedBy = Literal["", "person", "screen", "server", "house"]
"""Whose call it is: the model's (or client's), the person's own, their screen's (a completion, which the model never
sees), one that a third party's server asks for, or the house's: before it offers a tool that the model service
carries out itself."""


class Approval(Struct, frozen=True, omit_defaults=True):
    """How an ask was answered. ``shown`` is the digest of what the person saw."""

    answer: Literal["yes", "no"]
    by: str
    method: Literal["terminal", "file", "unattended", "elicitation"]
    scope: Literal["once", "session", "project", "always"] = "once"
    shown: str = ""
    latency_us: int = 0
    approval_id: str = ""


class ServiceToolUsed(BaseEvent, frozen=True, kw_only=True, tag="service_tool.used"):
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


class ToolCalled(BaseEvent, frozen=True, kw_only=True, tag="tool.called"):
    """The model asks for a tool. ``args`` as it wrote them; the judged ones are digested below. ``asked_by``: where
    not the model asks, but the person (what they mention is read) or a server that carries out another call."""

    turn: int
    call: str
    ext: str
    tool: str
    args: dict[str, Any]
    asked_by: AskedBy = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"args"})


class ToolJudged(BaseEvent, frozen=True, kw_only=True, tag="tool.judged"):
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

    @property
    def is_offer(self) -> bool:
        """Whether a tool of the model service is to be offered: no call, its uses are calls."""
        return self.ext.name == SERVICE


class ApprovalAsked(BaseEvent, frozen=True, kw_only=True, tag="approval.asked"):
    """A person is being asked; ``shown`` is the text on their screen."""

    turn: int
    call: str
    shown: str
    BODY: ClassVar[frozenset[str]] = frozenset({"shown"})


class ApprovalAnswered(BaseEvent, frozen=True, kw_only=True, tag="approval.answered"):
    turn: int
    call: str
    principal: Principal
    agent: str
    approval: Approval
    comment: str = ""
    reply: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"comment", "reply"})


class ToolStarted(BaseEvent, frozen=True, kw_only=True, tag="tool.started"):
    turn: int
    call: str
    ext: ExtensionReference
    tool: str
    tool_class: ToolClass = field(name="class")


class ToolProgress(BaseEvent, frozen=True, kw_only=True, tag="tool.progress"):
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


class ToolFinished(BaseEvent, frozen=True, kw_only=True, tag="tool.finished"):
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


class SnapshotMade(BaseEvent, frozen=True, kw_only=True, tag="snapshot.made"):
    """What the workspace was before a call: ``devagent undo`` goes back to ``snapshot``. ``files``: how many were
    not as in the snapshot before; ``left_out``: what is not in it although git would see it."""

    turn: int
    call: str
    snapshot: str
    files: int = 0
    left_out: tuple[str, ...] = ()
    dur_us: int = 0
    BODY: ClassVar[frozenset[str]] = frozenset({"left_out"})


class SnapshotFailed(BaseEvent, frozen=True, kw_only=True, tag="snapshot.failed"):
    """No snapshot could be taken before a call, which was ``refused`` or ran all the same."""

    turn: int
    call: str
    err: str
    refused: bool
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})
