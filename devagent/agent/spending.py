"""What a session has spent, folded from its events, and whether a limit is reached.

A limit is looked at before each request to the model and before each call of a tool: what has begun
is never cut by it. A limit in dollars is reached where a reply's price is not known: nobody could say
that it is kept.
"""

import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.events import (
    BudgetStopped,
    Event,
    ModelReplied,
    ToolJudged,
    TurnStarted,
    Usage,
)
from devagent.core.limits import Budget, Limits


class _Spent(Struct):
    usd_micros: int = 0
    tokens: int = 0
    calls: int = 0
    replies: int = 0
    unpriced: str = ""
    """A model that answered at a price which is not known."""


class Spending:
    """Counts of the turn, of this process and of the session (with what was before a resume)."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._turn, self._run, self._session = _Spent(), _Spent(), _Spent()
        self._turn_began = self._began = clock()

    def begin(self) -> None:
        """What was counted so far was an earlier process's: it counts for the session alone."""
        self._run = _Spent()

    def apply(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case TurnStarted():
                self._turn = _Spent()
                self._turn_began = self._clock()
            case ModelReplied(usage=usage, cost=cost, model=model):
                for spent in (self._turn, self._run, self._session):
                    spent.replies += 1
                    spent.tokens += (
                        usage.input + usage.output + usage.cache_read + usage.cache_write
                    )
                    spent.usd_micros += cost.usd_micros if cost else 0
                    if cost is None and usage != Usage():
                        spent.unpriced = model or "the model"
            case ToolJudged():
                for spent in (self._turn, self._run, self._session):
                    spent.calls += 1
            case _:
                pass  # costs nothing

    def reached(self, turn: int, *, before_call: bool = False) -> BudgetStopped | None:
        """The first limit that is reached, where one is. Before a call of a tool that is the calls that
        were made, before a request to the model its replies."""
        limits, run = self._limits, self._run
        if not before_call and limits.max_turns is not None and run.replies >= limits.max_turns:
            reason = f"max_turns: {run.replies} of {limits.max_turns} replies"
            return BudgetStopped(turn=turn, limit="max_turns", reason=reason)
        if limits.max_cost_micros is not None and run.unpriced:
            return BudgetStopped(turn=turn, limit="max_cost", reason=_unpriced(run))
        if limits.max_cost_micros is not None and run.usd_micros >= limits.max_cost_micros:
            reason = f"max_cost: {_usd(run.usd_micros)} of {_usd(limits.max_cost_micros)} spent"
            return BudgetStopped(turn=turn, limit="max_cost", reason=reason)
        now = self._clock()
        scopes = (
            ("turn", limits.turn, self._turn, now - self._turn_began),
            ("session", limits.session, self._session, now - self._began),
        )
        for scope, budget, spent, seconds in scopes:
            calls = spent.calls if before_call else -1
            if stopped := _over(scope, turn, budget, replace(spent, calls=calls), seconds):
                return stopped
        return None


def _over(
    scope: str, turn: int, budget: Budget, spent: _Spent, seconds: float
) -> BudgetStopped | None:
    if budget.usd_micros is not None and spent.unpriced:
        reason = f"{_unpriced(spent)} ([budget.{scope}] in policy)"
        return BudgetStopped(turn=turn, limit="max_cost", reason=reason)
    amounts = (
        ("max_cost", spent.usd_micros, budget.usd_micros),
        ("tokens", spent.tokens, budget.tokens),
        ("calls", spent.calls, budget.calls),
        ("time_limit", seconds, budget.seconds),
    )
    for limit, used, most in amounts:
        if most is not None and used >= most:
            amount = _usd(most) if limit == "max_cost" else f"{most:,}"
            unit = {"tokens": " tokens", "calls": " calls", "time_limit": " s"}.get(limit, "")
            what = f"the {scope}'s budget of {amount}{unit} is used up"
            reason = f"{limit}: {what} ([budget.{scope}] in policy)"
            return BudgetStopped(turn=turn, limit=limit, reason=reason)
    return None


def _unpriced(spent: _Spent) -> str:
    return (
        f"max_cost: the price of {spent.unpriced} is not known, so no limit in dollars can be kept"
    )


def _usd(micros: float) -> str:
    return f"${micros / 1e6:.4f}"
