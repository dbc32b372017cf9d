"""What a session has spent, folded from its events, and whether a limit is near, reached, or would be passed.

A limit is looked at before each request to the model and before each call of a tool. Before a request an
estimate of what it costs at the least (its prompt, no answer) counts too, so that a budget is not passed
by one large prompt. A limit in dollars is reached where a price is not known: nobody could say that it is
kept. What is used up to 80 % is told once for each limit, and the work goes on.

The clock is the one limit that also cuts what has begun (``time_left``; the session sets the alarm).
"""

import time
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from devagent.core.events import Event
from devagent.core.events.calls import ServiceToolUsed, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import BudgetStopped, BudgetWarned, TurnStarted
from devagent.core.limits import Budget, Limits, Spent
from devagent.core.ports import SharedSpending
from devagent.core.usage import Usage

WARN_AT = 0.8
SLACK_USD_MICROS, SLACK_TOKENS = 50_000, 50_000
"""By so much the estimate of a turn's first request may pass a limit: it is rough, and without that request
there would be no result at all, not even a partial one."""


class Nothing:
    """No session but this one uses anything up (``core.ports.SharedSpending``)."""

    def spent(self) -> Mapping[str, Spent]:
        return {}


SUBAGENT_TURNS, SUBAGENT_TOKENS = 20, 400_000
"""A sub-agent's budget, where its caller's leaves so much."""


class Left(Struct, frozen=True):
    """What limits leave; None = no limit."""

    replies: int | None = None
    usd_micros: int | None = None
    tokens: int | None = None
    calls: int | None = None

    def share(self, among: int) -> Limits:
        """The limits of one of so many sub-agents."""

        def part(number: int | None, most: int) -> int:
            return most if number is None else min(max(number, 0) // among, most)

        return Limits(
            max_turns=part(self.replies, SUBAGENT_TURNS),
            run=Budget(
                usd_micros=None if self.usd_micros is None else max(self.usd_micros, 0) // among,
                tokens=part(self.tokens, SUBAGENT_TOKENS),
                calls=None if self.calls is None else max(self.calls, 0) // among,
            ),
        )


class _Scope(Struct):
    name: str
    budget: Budget
    spent: Spent
    seconds: float = 0.0

    @property
    def source(self) -> str:
        """Where the limit was set."""
        if self.name == "run":
            return ""
        table, _, name = self.name.partition(":")
        return f" ([budget.{table}{f'.{name}' if name else ''}] in policy)"


class Spending:
    """Counts of the turn, of this process and of the session (with what was before a resume)."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        shared: SharedSpending | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._shared = shared or Nothing()
        self._turn, self._run, self._session = Spent(), Spent(), Spent()
        self._turn_began = self._began = clock()
        self._warned: set[tuple[str, str]] = set()

    @property
    def estimates(self) -> bool:
        """Whether a limit is set that a request's estimate could pass."""
        limits = self._limits
        budgets = (limits.run, limits.turn, limits.session, *limits.shared.values())
        return any(b.usd_micros is not None or b.tokens is not None for b in budgets)

    @property
    def turn_usd_micros(self) -> int:
        """What the turn has cost so far, as far as prices are known."""
        return self._turn.usd_micros

    def begin(self) -> None:
        """What was counted so far was an earlier process's: it counts for the session alone."""
        self._run = Spent()

    def apply(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case TurnStarted():
                self._turn = Spent()
                self._turn_began = self._clock()
                self._warned = {one for one in self._warned if one[0] != "turn"}
            case ModelReplied(usage=usage, cost=cost, model=model, purpose=purpose):
                for spent in (self._turn, self._run, self._session):
                    spent.replies += purpose != "compaction"
                    spent.tokens += tokens(usage)
                    spent.usd_micros += cost.usd_micros if cost else 0
                    if cost is None and usage != Usage():
                        spent.unpriced = model or "the model"
            case ToolJudged() if event.is_offer:
                pass
            case ToolJudged() | ServiceToolUsed():
                for spent in (self._turn, self._run, self._session):
                    spent.calls += 1
            case BudgetWarned(scope=scope, limit=limit):
                self._warned.add((scope, limit))
            case _:
                pass  # costs nothing

    def check(
        self, turn: int, *, calls: int = 0, estimate: Spent | None = None
    ) -> Iterator[BudgetWarned | BudgetStopped]:
        """What is near its limit for the first time, and last the first limit that is reached, if one is.

        Before so many ``calls`` of tools those that were made count with them; before a request to the model (none)
        its replies, and the ``estimate`` of what it costs at the least.
        """
        run, most = self._run, self._limits.max_turns
        if not calls and most is not None and run.replies >= most:
            reason = f"max_turns: {run.replies} of {most} replies"
            yield BudgetStopped(turn=turn, limit="max_turns", scope="run", reason=reason)
            return
        ahead = estimate or Spent(calls=calls)
        for scope in self._scopes():
            if scope.budget.usd_micros is not None and (scope.spent.unpriced or ahead.unpriced):
                reason = f"{_unpriced(scope.spent.unpriced or ahead.unpriced)}{scope.source}"
                yield BudgetStopped(turn=turn, limit="max_cost", scope=scope.name, reason=reason)
                return
            for limit, used, most, next_use, slack in _amounts(scope, ahead):
                if most is None or (limit == "calls" and not calls):
                    continue
                allowed = slack if not self._turn.replies else 0
                over = used >= most or used + next_use > most + allowed
                if not over and (used < WARN_AT * most or (scope.name, limit) in self._warned):
                    continue
                reason = f"{limit}: {_in_words(limit, used, most, next_use, scope)}{scope.source}"
                kind = BudgetStopped if over else BudgetWarned
                yield kind(turn=turn, limit=limit, scope=scope.name, reason=reason)
                if over:
                    return

    def time_left(self, turn: int) -> tuple[float, BudgetStopped] | None:
        """The seconds until the first limit of time, were the turn to begin now, and what then is to be
        said; None where no limit is set."""
        now, found = self._clock(), list[tuple[float, BudgetStopped]]()
        for scope in self._scopes():
            if scope.budget.seconds is None:
                continue
            began = now if scope.name == "turn" else self._began
            reason = f"time_limit: {scope.budget.seconds:g} s are over{scope.source}"
            stopped = BudgetStopped(turn=turn, limit="time_limit", scope=scope.name, reason=reason)
            found.append((began + scope.budget.seconds - now, stopped))
        return min(found, key=lambda one: one[0]) if found else None

    def left(self) -> Left:
        """What all limits leave, the least of each."""

        def least(name: str) -> int | None:
            found = [
                most - getattr(scope.spent, name)
                for scope in self._scopes()
                if (most := getattr(scope.budget, name)) is not None
            ]
            return min(found, default=None)

        most = self._limits.max_turns
        return Left(
            replies=None if most is None else most - self._run.replies,
            usd_micros=least("usd_micros"),
            tokens=least("tokens"),
            calls=least("calls"),
        )

    def _scopes(self) -> Iterator[_Scope]:
        limits, now = self._limits, self._clock()
        yield _Scope("run", limits.run, self._run, now - self._began)
        yield _Scope("turn", limits.turn, self._turn, now - self._turn_began)
        yield _Scope("session", limits.session, self._session, now - self._began)
        if limits.shared:
            spent = self._shared.spent()
            for name, budget in limits.shared.items():
                yield _Scope(name, budget, spent.get(name, Spent()))


def tokens(usage: Usage) -> int:
    """All tokens of one reply, cached ones too."""
    return usage.input + usage.output + usage.cache_read + usage.cache_write


def _amounts(
    scope: _Scope, ahead: Spent
) -> Iterator[tuple[str, float, float | None, float, float]]:
    """Limit, what is used, the most, what the next request needs at the least, the slack of a first one."""
    spent, budget = scope.spent, scope.budget
    yield "max_cost", spent.usd_micros, budget.usd_micros, ahead.usd_micros, SLACK_USD_MICROS
    yield "tokens", spent.tokens, budget.tokens, ahead.tokens, SLACK_TOKENS
    yield "calls", spent.calls, budget.calls, ahead.calls, 0
    yield "time_limit", scope.seconds, budget.seconds, 0, 0


def _in_words(limit: str, used: float, most: float, next_use: float, scope: _Scope) -> str:
    def amount(number: float) -> str:
        if limit == "max_cost":
            return usd(number)
        return f"{number:,.0f} {'s' if limit == 'time_limit' else limit}"

    if used < most and used + next_use > most:
        return (
            f"{amount(used)} of {amount(most)} spent, and what comes next would take about "
            f"{amount(next_use)} more"
        )
    if scope.name == "run" or used < most:
        return f"{amount(used)} of {amount(most)} spent"
    whose = scope.name.replace(":", " ")
    return f"the {whose}'s budget of {amount(most)} is used up"


def _unpriced(model: str) -> str:
    return f"max_cost: the price of {model} is not known, so no limit in dollars can be kept"


def usd(micros: float) -> str:
    return f"${micros / 1e6:.4f}"
