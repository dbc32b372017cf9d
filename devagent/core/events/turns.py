"""Turns: what they begin with, what limits them and how they end."""

from typing import Any, ClassVar

from msgspec import field

from devagent.core.errors import Stop
from devagent.core.events.base import BaseEvent
from devagent.core.usage import Usage


class TurnStarted(BaseEvent, frozen=True, kw_only=True, tag="turn.started"):
    turn: int


class Prompt(BaseEvent, frozen=True, kw_only=True, tag="prompt"):
    """What a turn begins with, or what was said to the model while it ran. ``of_the_house``: devagent wrote it (a request to mend an answer), nobody typed it.
    ``attachments`` are images and documents as blocks of the Messages API."""

    turn: int
    text: str
    of_the_house: bool = False
    attachments: list[dict[str, Any]] = field(default_factory=list)
    BODY: ClassVar[frozenset[str]] = frozenset({"text", "attachments"})


class BudgetWarned(BaseEvent, frozen=True, kw_only=True, tag="budget.warned"):
    """A limit is near, and still holds. ``limit`` and ``scope`` as in ``BudgetStopped``; ``told`` is what the
    model reads of it, where it is told at all (it goes in circles and can do otherwise)."""

    turn: int
    limit: str
    scope: str = ""
    reason: str = ""
    told: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason", "told"})


class BudgetStopped(BaseEvent, frozen=True, kw_only=True, tag="budget.stopped"):
    """A limit ended the turn. ``limit``: max_turns, max_cost, time_limit, tokens, calls, repeated_calls or
    refusals. ``scope`` is whose it is: run (the command line's), turn, session, day, ``team:NAME`` or loop."""

    turn: int
    limit: str
    scope: str = ""
    reason: str = ""
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})


class TurnCut(BaseEvent, frozen=True, kw_only=True, tag="turn.cut"):
    """The turn ended from outside: interrupted, a closed reader, a failure of the house."""

    turn: int
    err: str


class TurnEnded(BaseEvent, frozen=True, kw_only=True, tag="turn.ended"):
    turn: int
    stop: Stop
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd_micros: int = 0
    dur_us: int = 0
    BODY: ClassVar[frozenset[str]] = frozenset({"reason"})
