"""An entry of a session as a reviewer reads it: one for each thing that happened, all that belongs to a call in one.

All text in it is harmless to show (``reveal``), and cut at a length where the reader wants that.
"""

from typing import Literal

from msgspec import Struct, field

from devagent.audit.record import Record
from devagent.audit.reveal import revealed
from devagent.core.resources import Resource
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import RuleReference

Kind = Literal[
    "session",
    "policy",
    "extension",
    "prompt",
    "reply",
    "call",
    "failure",
    "turn",
    "review",
    "log",
    "other",
]
Status = Literal[
    "allowed", "approved", "declined", "unattended", "denied", "refused", "dry run", "open"
]
"""allowed by policy; approved or declined by a person; unattended: nobody could be asked; denied by policy; refused:
it could not be judged; dry run: judged only, and not denied; open: no verdict or no answer was recorded."""


class Answered(Struct, omit_defaults=True):
    """An approval: what was answered (nothing, where nobody did), how fast, and the text that was on the screen, with
    the ``digest`` of all of it as it was. ``matches`` says whether that is the one that the answer bears; of a text
    that was redacted that is not known, and its digest is empty."""

    answer: str
    by: str
    method: str
    scope: str
    latency_us: int
    shown: str = ""
    digest: str = ""
    matches: bool = True
    redacted: bool = False
    comment: str = ""
    approval_id: str = ""
    seq: int = 0


class Called(Struct, omit_defaults=True, kw_only=True):
    """A call and all that became of it. ``outcome`` is empty where it never ran."""

    id: str
    tool: str
    tool_class: str = field(name="class", default="")
    extension: str = ""
    digest: str = ""
    who: str = ""
    on_behalf_of: str = ""
    agent: str = ""
    args: list[tuple[str, str]] = field(default_factory=list)
    resources: tuple[Resource, ...] = ()
    status: Status = "open"
    effect: str = ""
    reason: str = ""
    rules: tuple[str, ...] = ()
    determining: tuple[RuleReference, ...] = ()
    obligations: str = ""
    policy: str = ""
    nearest: tuple[str, ...] = ()
    grant: str = ""
    shadow: str = ""
    taint: tuple[str, ...] = ()
    error: str = ""
    judged: int = 0
    approval: Answered | None = None
    started: bool = False
    outcome: str = ""
    err: str = ""
    rows: int = 0
    bytes: int = 0
    dur_us: int = 0
    finished: int = 0
    result: str = ""
    view: str = ""
    structured: str = ""
    diff: bool = False
    withheld: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more of it can follow."""
        ends = ("denied", "refused", "declined", "unattended", "dry run")
        return bool(self.outcome) or self.status in ends


class Entry(Struct, omit_defaults=True, kw_only=True):
    """``seq`` and ``ts`` (microseconds since 1970, UTC) are the first event's. ``title`` is one line, ``text`` the
    rest; ``hidden`` counts characters that no screen shows, ``cut`` those that were left out for length, ``redacted``
    what was replaced before it was recorded; ``gone`` says what became of content that is not there."""

    seq: int
    ts: int
    kind: Kind
    type: str
    turn: int = 0
    title: str = ""
    text: str = ""
    thinking: str = ""
    usage: Usage | None = None
    cost: Cost | None = None
    model: str = ""
    call: Called | None = None
    hidden: int = 0
    cut: int = 0
    redacted: int = 0
    gone: str = ""


def entry_of(
    record: Record,
    kind: Kind,
    turn: int,
    title: str = "",
    text: str = "",
    call: Called | None = None,
) -> Entry:
    """The entry that begins with this record."""
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
