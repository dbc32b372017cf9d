"""What an export tells of a session: its turns, replies, calls, every event, and where the session stands.

An item belongs to the event that completes it (``closed``), so that an export may end at any event and the next
goes on there. ``seq`` is the event that names it: ``<session>/<seq>`` is its id in every target, for good.
"""

from typing import Any, Literal

from msgspec import Struct, field

from devagent.audit.entry import Status
from devagent.core.events.model import Purpose
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import Decision

State = Literal["open", "ended", "left"]
"""open: a process writes to it; left: none does, and it was never ended."""


MOST = 2**63 - 1
"""No target holds a larger number. A log may: its numbers have no end, and a log that was changed is told too."""
LATEST = MOST // 1000
"""The latest moment that all targets hold (microseconds; some keep nanoseconds): in the year 2262."""


def bounded(number: int) -> int:
    """The nearest number that every target holds."""
    return max(-MOST, min(number, MOST))


class About(Struct, frozen=True, kw_only=True):
    """Whose session it is. ``team`` is the one of the ``groups`` that it is counted for; ``device`` the name of the
    computer's key; ``folder`` is content and empty without it."""

    sid: str
    who: Principal = Principal()
    groups: tuple[str, ...] = ()
    team: str = ""
    agent: str = ""
    mode: str = ""
    model: str = ""
    policy: str = ""
    version: str = ""
    device: str = ""
    folder: str = ""
    dry_run: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """What verifying the log came to. ``events`` of it hold; ``signed`` so many stand under a checkpoint; ``root``
    is the tree head over them (base64); ``problem`` is the first bad line; ``torn`` is in bytes."""

    ok: bool
    problem: str = ""
    events: int = 0
    signed: int = 0
    root: str = ""
    torn: int = 0
    removed: bool = False


class Item(Struct, kw_only=True):
    """``began`` and ``ended`` are microseconds since 1970, UTC. ``opened`` is the first of its events. ``turn`` 0 and
    ``trace`` -1: outside a turn; ``trace`` is the event that the turn began with."""

    about: About
    seq: int
    opened: int
    closed: int = -1
    turn: int = 0
    trace: int = -1
    began: int = 0
    ended: int = 0

    @property
    def id(self) -> str:
        return f"{self.about.sid}/{self.seq}"


class Happened(Item, kw_only=True):
    """Any event: the fields of its header (without the envelope), and of its content where that goes along.
    ``content`` says what became of it: ``left`` where it was not asked for."""

    type: str
    fields: dict[str, Any]
    body: dict[str, Any] = field(default_factory=dict)
    content: str = "none"


class Reply(Item, kw_only=True):
    """A request to a model and what came of it. ``err`` is a class of error, ``cut`` where nothing came."""

    model: str
    stop: str = ""
    usage: Usage = Usage()
    cost: Cost | None = None
    request_id: str = ""
    purpose: Purpose = ""
    err: str = ""
    status: int = 0
    blocks: list[dict[str, Any]] = field(default_factory=list)


class Asked(Struct, frozen=True, kw_only=True):
    """An approval: who answered and how. ``seq`` and ``at`` are the answer's."""

    seq: int
    at: int
    answer: str
    by: str
    method: str
    scope: str
    latency_us: int
    approval_id: str = ""
    shown: str = ""


class Call(Item, kw_only=True):
    """A tool call with its decision. ``seq`` is its ``tool.called``; ``judged`` the event of its decision (-1: none).
    ``withheld`` is a decision over its result that kept it back. ``outcome`` is empty where it never ran.
    ``args`` (None), ``result`` and the decisions' reasons are content."""

    id_of_call: str
    tool: str = ""
    tool_class: str = ""
    extension: str = ""
    extension_version: str = ""
    extension_digest: str = ""
    who: Principal | None = None
    resources: tuple[Resource, ...] = ()
    args_digest: str = ""
    status: Status = "open"
    decision: Decision | None = None
    judged: int = -1
    judged_at: int = 0
    err_judging: str = ""
    asked: Asked | None = None
    withheld: Decision | None = None
    started: bool = False
    outcome: str = ""
    err: str = ""
    rows: int = 0
    bytes: int = 0
    dur_us: int = 0
    taint: tuple[str, ...] = ()
    args: dict[str, Any] | None = None
    result: str | None = None


class Turn(Item, kw_only=True):
    """A turn: from the prompt to its end. ``cut`` says what ended it from outside. ``prompt`` and ``answer`` are
    content."""

    stop: str = ""
    cut: str = ""
    usage: Usage = Usage()
    usd_micros: int = 0
    replies: int = 0
    calls: int = 0
    denied: int = 0
    model: str = ""
    prompt: str | None = None
    answer: str | None = None


class Standing(Item, kw_only=True):
    """The session as it stands after the events that are exported: sums are over all of it so far. ``seq`` is the
    last event, ``since`` the first that came new. That it was left may be found without a new event.
    ``first_trace`` is the event that its first turn began with."""

    since: int
    state: State
    verdict: Verdict
    stop: str = ""
    exit_code: int = -1
    events: int = 0
    turns: int = 0
    replies: int = 0
    calls: int = 0
    denied: int = 0
    approved: int = 0
    usage: Usage = Usage()
    usd_micros: int = 0
    unpriced: int = 0
    first_trace: int = -1

    @property
    def id(self) -> str:
        # Not the bare number: that is the id of the event itself.
        return f"{self.about.sid}/{self.seq}/{'left' if self.state == 'left' else 'stands'}"


AnyItem = Happened | Reply | Call | Turn | Standing
