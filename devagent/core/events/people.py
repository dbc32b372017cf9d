"""What people do with an answer or a session afterwards: feedback, a reviewer's mark, an undo."""

from typing import ClassVar, Literal

from devagent.core.events.base import BaseEvent
from devagent.core.principal import Principal

Mark = Literal["seen", "noted", "escalated"]
Rating = Literal["good", "bad", "edit"]


class UndoDone(BaseEvent, frozen=True, kw_only=True, tag="undo.done"):
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


class FeedbackGiven(BaseEvent, frozen=True, kw_only=True, tag="feedback.given"):
    """What the person says of the answer of ``turn``: good, bad (``note``: why), or how it should have been
    (``text``, of an edit)."""

    turn: int
    principal: Principal
    agent: str
    rating: Rating
    note: str = ""
    text: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"note", "text"})


class ReviewMarked(BaseEvent, frozen=True, kw_only=True, tag="review.marked"):
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
