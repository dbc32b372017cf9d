"""What verifying a session's log comes to: the first bad line, or how far it stands and where one goes on from there."""

from msgspec import Struct, field

from devagent.audit.merkle import Tree
from devagent.audit.order import Unfinished
from devagent.audit.record import NO_LEAF


class Problem(Struct, frozen=True):
    """The first bad line: its file's name, its number (from 1; 0 for the file itself), and why."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Tail(Struct):
    """Where the whole lines end: what a writer needs to go on."""

    seq: int = 0
    prev: str = NO_LEAF
    events_size: int = 0
    bodies_size: int = 0
    checkpoints_size: int = 0
    signed: int = 0
    tree: Tree = field(default_factory=Tree)
    unfinished: Unfinished = field(default_factory=Unfinished)


class Verification(Struct):
    """What was found. ``torn`` is in bytes; ``closed`` is whether the last event ends the session.

    ``witnessed`` is how many lines the witness has cosigned, where one was named.
    ``removed`` says that only its tombstone is left. ``count`` is the device's counter and ``previous`` the last checkpoint of the session before, as
    ``<sid> <size> <root>`` (0 and "" where the session does not say); ``notes`` are sentences that do not
    make the log wrong but that a reader must know.
    """

    folder: str
    sid: str = ""
    problem: Problem | None = None
    events: int = 0
    bodies: int = 0
    sealed: int = 0
    erased: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    removed: bool = False
    torn: int = 0
    closed: bool = False
    count: int = 0
    previous: str = ""
    notes: list[str] = field(default_factory=list)
    tail: Tail = field(default_factory=Tail)

    @property
    def ok(self) -> bool:
        return self.problem is None

    @property
    def summary(self) -> str:
        """In a few words: ``verify: ok``, or ``verify: FAILED`` with the first bad line."""
        return f"verify: FAILED {self.problem}" if self.problem else "verify: ok"

    @property
    def headline(self) -> str:
        """The first line of output: the summary, and what it is of."""
        if self.problem:
            return f"{self.summary} (session {self.sid or 'unknown'})"
        if self.removed:
            return f"{self.summary} {self.sid} removed, as its tombstone says"
        torn = f", torn: {self.torn} bytes after the last whole line" if self.torn else ""
        return f"{self.summary} {self.sid} {self.events} events, {self.bodies} bodies{torn}"
