"""What a batch costs: before it is sent, and what came of it."""

from collections.abc import Sequence

from msgspec.structs import replace

from devagent.agent.spending import Left, Spending, usd
from devagent.core.errors import LimitError
from devagent.core.events.turns import BudgetStopped
from devagent.core.limits import Spent
from devagent.core.ports import ModelRequest
from devagent.core.usage import Cost
from devagent.models.batches import Result
from devagent.models.estimate import Estimate
from devagent.session.gating import limits_of, shared_spending
from devagent.session.ground import Ground
from devagent.session.model_access import ModelAccess
from devagent.session.options import Options

HALF = 2
"""What is asked in a batch costs half."""


class BatchCosts:
    """By the price table in force, for the main model."""

    def __init__(self, access: ModelAccess) -> None:
        self._access = access

    def of(self, result: Result) -> Cost | None:
        """What one answer cost; None where its price is not known."""
        prices = self._access.prices()
        cost = prices.cost(result.model, result.usage) or prices.cost(
            self._access.main, result.usage
        )
        return replace(cost, usd_micros=cost.usd_micros // HALF) if cost else None

    def within_budget(
        self, ground: Ground, options: Options, requests: Sequence[ModelRequest]
    ) -> str:
        """What is about to be sent, and what it costs, in a sentence. Raises LimitError where the prompts alone
        would pass a budget."""
        estimate = Estimate(self._access.main, self._access.prices)
        ahead = Spent()
        for request in requests:
            one = estimate(request, None)
            ahead.tokens += one.tokens
            ahead.usd_micros += one.usd_micros
            ahead.unpriced = ahead.unpriced or one.unpriced
        ahead.usd_micros //= HALF
        limits = limits_of(ground, options)
        spending = Spending(limits, shared=shared_spending(ground, limits))
        left = spending.left()
        for limit in spending.check(1, estimate=ahead):
            if isinstance(limit, BudgetStopped):
                raise LimitError(f"{limit.reason}; nothing was sent", limit=limit.limit)
        if _over(left, ahead):  # a turn's first request may pass a limit a little, a batch may not
            raise LimitError(
                f"the prompts alone take about {ahead.tokens:,} tokens and {usd(ahead.usd_micros)}, "
                "more than is left; nothing was sent",
                limit="max_cost",
            )
        cost = (
            "at a price that is not known"
            if ahead.unpriced
            else f"{usd(ahead.usd_micros)} at batch prices"
        )
        return f"{len(requests)} prompts, about {ahead.tokens:,} tokens: {cost}, and the answers besides."


def _over(left: Left, ahead: Spent) -> bool:
    pairs = ((left.usd_micros, ahead.usd_micros), (left.tokens, ahead.tokens))
    return any(most is not None and used > most for most, used in pairs)
