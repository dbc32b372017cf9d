"""What the terms of signed metadata mean for whoever is offline.

    fresh     up to the timestamp's end                  everything as policy says
    stale     after it, up to the snapshot's end         reading as before; whatever does more is asked about
    (over)    after the snapshot's end, or any other's   locked

The organisation sets the terms by signing them. Time runs from the latest moment that is known here: a clock that was set back
makes nothing fresh again, and one that is behind the own record is stale by itself.
"""

from typing import Literal

from msgspec import Struct

from devagent.org.refusals import Refused
from devagent.org.times import days, told
from devagent.org.trusted import Trusted

CLOCK_SLACK_S = 600
"""By so much clocks of honest machines differ."""


class Standing(Struct, frozen=True):
    """``why`` is empty while it is fresh. Moments in seconds since 1970."""

    state: Literal["fresh", "stale"]
    why: str
    age_s: int
    fresh_until: int
    usable_until: int


def standing(trusted: Trusted, *, now: float, known: int) -> Standing:
    """How a verified state stands at ``now``; ``known`` is the latest moment on record. Raises Refused where its term is over."""
    latest = max(now, trusted.issued)
    # A team's term is its own: what it allows ends with it, and nothing else does (``layers``).
    lasting = [
        one
        for one in trusted.every()
        if one.role.name != "timestamp" and not one.role.name.startswith("team-")
    ]
    first = min(lasting, key=lambda one: one.expires)
    if latest >= first.expires:
        raise Refused("expired", f"{first.role.name} was signed until {told(first.expires)}")
    age = int(latest - trusted.issued) if trusted.issued else 0
    fresh_until = trusted.timestamp.expires

    def stands(state: Literal["fresh", "stale"], why: str = "") -> Standing:
        return Standing(state, why, age, min(fresh_until, first.expires), first.expires)

    if now + CLOCK_SLACK_S < max(known, trusted.issued):
        return stands(
            "stale",
            f"this machine's clock is behind what is on record ({told(max(known, trusted.issued))})",
        )
    if latest >= fresh_until:
        return stands(
            "stale",
            f"the policy was last renewed {days(age)} ago and was to be by {told(fresh_until)}",
        )
    return stands("fresh")
