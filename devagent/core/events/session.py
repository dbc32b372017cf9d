"""A session's own course: how it began, went on and ended, and what happened to its log."""

from typing import ClassVar

from devagent.core.errors import Stop
from devagent.core.events.base import BaseEvent
from devagent.core.principal import Principal


class SessionStarted(BaseEvent, frozen=True, kw_only=True, tag="session.started"):
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


class SessionResumed(BaseEvent, frozen=True, kw_only=True, tag="session.resumed"):
    """The same log goes on in another process; ``changed`` says what is different since."""

    principal: Principal
    mode: str
    model: str
    versions: dict[str, str]
    policy: str
    changed: tuple[str, ...] = ()
    dry_run: bool = False
    ticket: str = ""


class SessionForked(BaseEvent, frozen=True, kw_only=True, tag="session.forked"):
    """A fork's first event: its conversation so far is that of session ``origin`` up to and with event
    ``at``, whose line has the leaf hash ``leaf``."""

    origin: str
    at: int
    leaf: str


class SessionEnded(BaseEvent, frozen=True, kw_only=True, tag="session.ended"):
    stop: Stop
    exit_code: int
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class LogRecovered(BaseEvent, frozen=True, kw_only=True, tag="log.recovered"):
    """A torn tail of ``bytes`` was set aside when the log was opened again."""

    bytes: int


class LogErased(BaseEvent, frozen=True, kw_only=True, tag="log.erased"):
    """The content of the events ``range`` (first and last) is gone, by whom and why. ``policy`` names the file
    whose retention asked for it, where one did."""

    range: tuple[int, int]
    principal: Principal
    reason: str
    policy: str = ""


class ErrorRaised(BaseEvent, frozen=True, kw_only=True, tag="error"):
    """A failure of the house, by class; the text is in the body."""

    err: str
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})
