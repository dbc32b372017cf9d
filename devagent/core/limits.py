"""Hard limits of a session's work: what the command line asks for, and what policy's budgets give."""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct, field

N = TypeVar("N", int, float)


class Budget(Struct, frozen=True):
    """What may be spent; None = no limit. ``tokens`` are input and output, ``calls`` those of tools."""

    usd_micros: int | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def least(self, other: "Budget") -> "Budget":
        """The smaller of each."""
        return Budget(
            _least(self.usd_micros, other.usd_micros),
            _least(self.tokens, other.tokens),
            _least(self.calls, other.calls),
            _least(self.seconds, other.seconds),
        )


class Spent(Struct):
    """What was spent. ``unpriced`` names a model that answered at a price which is not known."""

    usd_micros: int = 0
    tokens: int = 0
    calls: int = 0
    replies: int = 0
    unpriced: str = ""


class Limits(Struct, frozen=True):
    """None = no limit. ``max_turns`` counts the model's replies in one process, ``run`` is what that process
    may spend (the command line's word); ``turn`` and ``session`` are the budgets of policy, ``shared``
    those that other sessions use up too, by scope (``day``, ``team:NAME``).

    ``identical_calls``: so many calls with the same arguments and the same result in a row are going in
    circles, as are ``refusals`` in a row; the model is told first, then the turn ends.
    """

    max_turns: int | None = None
    run: Budget = Budget()
    turn: Budget = Budget()
    session: Budget = Budget()
    shared: Mapping[str, Budget] = field(default_factory=dict[str, Budget])
    identical_calls: int | None = 3
    refusals: int | None = 5

    @property
    def in_dollars(self) -> bool:
        """Whether any of them is about money: then what is spent must be known."""
        budgets = (self.run, self.turn, self.session, *self.shared.values())
        return any(budget.usd_micros is not None for budget in budgets)


class SamplingBounds(Struct, frozen=True):
    """What policy lets a model be asked for; None = no bound."""

    max_tokens: int | None = None
    temperature: float | None = None
    thinking_tokens: int | None = None

    def least(self, other: "SamplingBounds") -> "SamplingBounds":
        """The smaller of each."""
        return SamplingBounds(
            _least(self.max_tokens, other.max_tokens),
            _least(self.temperature, other.temperature),
            _least(self.thinking_tokens, other.thinking_tokens),
        )


def _least(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
