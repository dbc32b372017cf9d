"""The model: requests, replies, sub-agents and batches, and what of the conversation it reads."""

from typing import Any, ClassVar, Literal

from msgspec import field

from devagent.core.errors import Stop
from devagent.core.events.base import BaseEvent
from devagent.core.tools import ToolCall
from devagent.core.usage import Cost, Usage

Purpose = Literal["", "compaction", "task", "sampling"]
"""What a model is asked for besides the conversation's next reply: a summary of it, a sub-agent's reply, or a reply
that a third party's server asks for."""
CompactionReason = Literal["window", "overflow", "asked"]


class ModelRequested(BaseEvent, frozen=True, kw_only=True, tag="model.requested"):
    """A request is about to be sent. ``messages`` and ``tools`` are counts. ``purpose``: what for, where it is
    not the conversation's next reply; ``task``: the call whose sub-agent asks."""

    turn: int
    model: str
    messages: int
    tools: int
    purpose: Purpose = ""
    task: str = ""


class TextDelta(BaseEvent, frozen=True, kw_only=True, tag="text.delta"):
    turn: int
    text: str


class ThinkingDelta(BaseEvent, frozen=True, kw_only=True, tag="thinking.delta"):
    turn: int
    text: str


class ModelReplied(BaseEvent, frozen=True, kw_only=True, tag="model.replied"):
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
        return "".join(
            text
            for block in self.content
            if block.get("type") == "text" and isinstance(text := block.get("text"), str)
        )

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The reply's tool calls, in order."""
        return tuple(
            ToolCall(id=b["id"], name=b["name"], args=b["input"])
            for b in self.content
            if b.get("type") == "tool_use"
        )


class ModelFailed(BaseEvent, frozen=True, kw_only=True, tag="model.failed"):
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


class SubagentStarted(BaseEvent, frozen=True, kw_only=True, tag="subagent.started"):
    """A sub-agent begins with what call ``call`` asks of it. ``agent`` is its name as policy sees it, the caller's
    first; ``max_turns`` and ``tokens`` are its budget. Its calls' ids begin with ``call`` and a slash, its model
    events have it as their ``task``."""

    turn: int
    call: str
    agent: str
    model: str
    max_turns: int
    tokens: int


class SubagentEnded(BaseEvent, frozen=True, kw_only=True, tag="subagent.ended"):
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


class BatchNoted(BaseEvent, frozen=True, kw_only=True, tag="batch.noted"):
    """Many requests are sent at once, or their answers are here. ``step``: about to be ``sending``; ``created`` as the
    service's ``batch``; ``found`` again after the answer to its creation was lost; ``ended``. ``digest`` is of what is
    asked."""

    step: Literal["sending", "created", "found", "ended"]
    model: str
    requests: int
    digest: str
    batch: str = ""
    failed: int = 0


class Compacted(BaseEvent, frozen=True, kw_only=True, tag="compaction.done"):
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


class CompactionUndone(BaseEvent, frozen=True, kw_only=True, tag="compaction.undone"):
    """The model reads the messages again that the last compaction had put in short: ``back`` of them."""

    turn: int
    back: int


class ContextEdited(BaseEvent, frozen=True, kw_only=True, tag="context.edited"):
    """The service left ``results`` old results of tools (``tokens``) out of what the model read for this reply. The
    conversation here has them still, and so has the record."""

    turn: int
    results: int
    tokens: int
