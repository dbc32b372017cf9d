"""What host and extension give each other: surroundings in, result or resources out, one error."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Required, TypedDict


class ResourceDict(TypedDict):
    """One thing that a call would touch, in its canonical name (``ticket:PAY/PAY-123``)."""

    id: str
    access: Literal["read", "write"]
    tags: list[str]


class Surroundings(Protocol):
    """What a call may know of the place it runs in.

    A host may also give ``may_read``: a function that answers, for a list of resources, which of them the very
    call in hand may touch by policy; and ``cancelled``, a ``threading.Event`` that is set when nobody waits.
    """

    @property
    def folder(self) -> str:
        """Real path of the workspace."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """``trackers``, ``personal_data`` and ``data`` (see ``settings``)."""
        ...

    @property
    def obligations(self) -> Mapping[str, Any]:
        """What the policy's answer asks of the call: ``limit_bytes``, ``limit_rows``, ``timeout_s``."""
        ...

    @property
    def time_limit_s(self) -> float:
        """Seconds that the call may take, however many requests it needs."""
        ...

    def secret(self, name: str) -> str | None:
        """A secret by its handle."""
        ...


class Result(TypedDict, total=False):
    """What a call gives back. ``text`` is for the model, ``view`` for the person where it differs."""

    text: Required[str]
    view: str
    rows: int
    structured: dict[str, Any]
    taint: list[str]
    failed: bool
    error: str


class TicketsError(Exception):
    """A failure that the model should read: a safe text, and a class that rules and logs can count.

    Classes: bad_arguments, bad_settings, unknown_tool, no_such_tracker, no_such_project, no_such_ticket,
    no_such_person, no_such_status, not_allowed, unsupported, secret, personal_data, redacted_text, no_secret,
    unauthorized, forbidden, conflict, rejected, rate_limited, server_error, unreachable, unexpected_answer,
    unknown_outcome, being_sent, damaged, busy, timeout, cancelled.
    """

    def __init__(self, text: str, *, error: str) -> None:
        super().__init__(text)
        self.error = error


class UncertainError(TicketsError):
    """A change was sent and no answer came: whether it was made is not known yet."""

    def __init__(self, text: str) -> None:
        super().__init__(text, error="unknown_outcome")


def may_touch(here: Surroundings, resources: Sequence[ResourceDict]) -> list[bool]:
    """Which of these the call in hand may touch; all of them where no house stands around it."""
    ask = getattr(here, "may_read", None)
    return [True] * len(resources) if ask is None else list(ask(resources))
