"""Hard limits of a session's work: what the command line asks for, and what policy's budgets give."""

from typing import TypeVar

from msgspec import Struct

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


class Limits(Struct, frozen=True):
    """None = no limit. ``max_turns`` counts the model's replies, ``max_cost_micros`` what one process
    spends; ``turn`` and ``session`` are the budgets of policy."""

    max_turns: int | None = None
    max_cost_micros: int | None = None
    turn: Budget = Budget()
    session: Budget = Budget()


def _least(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
