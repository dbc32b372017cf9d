"""How long a failing service is borne with. Pure: no clock, no sleep.

A failed attempt is tried again while ``give_up_s`` seconds of trouble are not used up. Trouble is
waiting and silence; time in which a reply was arriving does not count. What the service asks to wait
(Retry-After) is honoured exactly, or the end at once where it is longer than what is left.
"""

from msgspec import Struct

from devagent.models.failures import Failure


class RetryPolicy(Struct, frozen=True):
    """Waits where the service names none: ``first_s``, doubled up to ``longest_s``, less up to a
    quarter by chance. ``damaged``: how often a reply that breaks the protocol is asked for again."""

    first_s: float = 0.5
    longest_s: float = 8.0
    damaged: int = 1


class Patience:
    """The account of one request's attempts."""

    def __init__(self, give_up_s: float, policy: RetryPolicy) -> None:
        self._give_up_s = give_up_s
        self._policy = policy
        self._trouble_s = 0.0
        self._damaged = 0
        self.attempt = 1

    @property
    def left_s(self) -> float | None:
        """What a further attempt may take until its first byte; None for the first, which may be
        silent as long as ``stall_s`` says."""
        if self.attempt == 1:
            return None
        return max(self._give_up_s - self._trouble_s, 0.1)

    def wait_s(self, failure: Failure, chance: float) -> float:
        """The wait before another attempt; ``chance`` is in [0, 1)."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        doubled = self._policy.first_s * 2 ** min(self.attempt - 1, 30)
        return min(self._policy.longest_s, doubled) * (1 - 0.25 * chance)

    def after(self, failure: Failure, silent_s: float, wait_s: float) -> Failure:
        """Book a failed attempt with its silence, and the wait that would follow. The failure as it
        is told: with ``again`` where another attempt follows, else final and saying why."""
        self._trouble_s += silent_s
        if failure.kind == "protocol":
            self._damaged += 1
        if not failure.again or self._damaged > self._policy.damaged:
            return failure.final()
        if self._trouble_s + wait_s > self._give_up_s:
            return failure.final(self._why(failure.retry_after_s))
        self._trouble_s += wait_s
        self.attempt += 1
        return failure

    def _why(self, asked_s: float | None) -> str:
        limit = f"{self._give_up_s:g} s of `give_up_s`"
        if asked_s is not None and asked_s > self._give_up_s:
            return f"it asks to wait {asked_s:.0f} s, longer than the {limit}"
        tries = "1 attempt" if self.attempt == 1 else f"{self.attempt} attempts"
        return f"given up after {tries} within the {limit}"
