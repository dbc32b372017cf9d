"""What a call may read of what it would find: policy's answer for one resource at a time.

A search names the collections it looks through; which documents it meets is known only while it runs. So the
extension may ask, for the very call in hand, which of some resources it may read, and leaves the others out:
a hit never shows what a rule forbids, and nobody is told that something was left out.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from devagent.agent.floor import Floor
from devagent.core.ports import Judge, MayRead
from devagent.core.resources import Resource
from devagent.core.verdicts import RANK, Decision, Request


def nameable(judge: Judge, floor: Floor, request: Request) -> MayRead:
    """Before the call is judged: those that policy allows; where it allows none, those that it asks about."""

    def may_read(resources: Sequence[Resource]) -> Sequence[bool]:
        ranks = [RANK[_decision(judge, floor, request, one).effect] for one in resources]
        best = max(ranks, default=0)
        return [best > 0 and rank == best for rank in ranks]

    return may_read


def readable(judge: Judge, floor: Floor, request: Request, granted: Decision) -> MayRead:
    """While the call runs: those that policy allows, and those that only the rules ask about which were answered.

    One that is owed more than the call was granted with (a redaction, a reason) is not among them: it would
    go without.
    """
    answered = set(granted.rules) if granted.effect == "ask" else None

    def may(resource: Resource) -> bool:
        decision = _decision(judge, floor, request, resource)
        if any(
            granted.obligations.get(name) != owed for name, owed in decision.obligations.items()
        ):
            return False
        if decision.effect == "ask":
            return answered is not None and answered.issuperset(decision.rules)
        return decision.effect == "allow"

    return lambda resources: [may(one) for one in resources]


def _decision(judge: Judge, floor: Floor, request: Request, resource: Resource) -> Decision:
    return floor.refusal((resource,)) or judge.decide(replace(request, resources=(resource,)))
