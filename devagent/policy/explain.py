"""An answer explained: every rule that spoke and what it said, and for a refusal what would have granted it."""

from msgspec import Struct

from devagent.core.verdicts import Decision, Request, RuleReference
from devagent.policy.decide import CompiledPolicy
from devagent.policy.nearest import Grant, Nearest


class Explanation(Struct, frozen=True):
    """``spoke``: each rule with each resource it spoke of, layer by layer and in the order of lines."""

    decision: Decision
    spoke: tuple[RuleReference, ...] = ()
    nearest: tuple[Grant, ...] = ()
    left_to: tuple[str, ...] = ()
    shadow: Decision | None = None
    """What the answer would be if rules in shadow mode were enforced, where it would differ."""


def explain(policy: CompiledPolicy, request: Request) -> Explanation:
    """The answer to a request with all that was heard. Never raises for a request, as ``decide``."""
    decision = policy.decide(request)
    if decision.error:
        return Explanation(decision)
    outcome = policy.outcome(request)
    spoke = sorted(
        ((v, a.resource.id) for a in outcome.answers for v in a.voices),
        key=lambda one: (one[0].rule.place, one[1]),
    )
    near = policy.nearest(outcome) if decision.effect != "allow" else Nearest()
    return Explanation(
        decision=decision,
        spoke=tuple(voice.rule.reference(voice.effect, resource) for voice, resource in spoke),
        nearest=near.grants,
        left_to=near.left_to,
        shadow=policy.shadow(request, decision),
    )
