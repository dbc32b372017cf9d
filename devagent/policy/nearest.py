"""Near misses: the grants that came nearest to a refused call, and what each of them lacks.

Only silence has near misses. Where a deny or an ask spoke, no other rule would have helped.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from devagent.core.resources import Resource
from devagent.core.verdicts import RANK, Effect
from devagent.policy.compile import (
    Call,
    CompiledRule,
    Gap,
    Gaps,
    Grant,
    Layer,
    NearRule,
    remembered,
)
from devagent.policy.describe import among, condition_in_words
from devagent.policy.outcome import Outcome
from devagent.policy.syntax import LayerName

KEPT = 3

_FAR = {"who": 6, "kind": 7, "resource": 4, "expired": 3, "class": 3, "access": 2, "when": 1}
_OTHER_CALLS = frozenset(("class", "access", "kind"))
_Compared = tuple[int, bool, str, tuple[int, int], list[Gap], CompiledRule]
"""How far a rule is from the call, whether it only asks, its name and place, and what the call lacks of it.

Sorted as they are: no two rules have one place.
"""


class Nearest(Struct, frozen=True):
    """The nearest grants, best first, and the layers that the org leaves this call to.

    ``hint`` is what the nearest of them says about being granted, where it is about calls of this kind.
    """

    grants: tuple[Grant, ...] = ()
    left_to: tuple[LayerName, ...] = ()
    hint: str = ""


def find_nearest(
    layers: Sequence[Layer], outcome: Outcome, ceilings: Mapping[LayerName, Effect]
) -> Nearest:
    """What would have granted the call; ``ceilings`` are those of the refused resource."""
    refused = outcome.deciding()[0]
    spoke = [v.rule for v in refused.voices if v.effect == outcome.effect]
    if outcome.beyond or outcome.effect == "allow":
        return Nearest()
    if any(rule.rule.effect != "allow" for rule in spoke):
        return Nearest()
    if refused.delegated and not spoke:
        return Nearest()  # an envelope's own limit: no rule below it can say more
    open_to: tuple[LayerName, ...] = tuple(
        layer for layer, most in ceilings.items() if most != "deny" and not spoke
    )
    call, resource = outcome.call, refused.resource
    if spoke:
        near = [_near(rule, call) for rule in spoke]
    else:
        near = [
            one
            for layer in layers
            if not layer.position or layer.name in open_to
            for one in _candidates(layer, refused.keys, call)
        ]
    # Conditions cost most to compare and weigh least: only the nearest few are asked for theirs.
    by_scope = _compared(near, call, resource, -1 if spoke else RANK[outcome.effect])
    by_scope.sort()
    compared = [_with_conditions(one, call) for one in by_scope[:KEPT]]
    compared = [one for one in compared if one[4]]
    compared.sort()
    hints = (
        rule.rule.grant
        for *_, gaps, rule in compared
        if rule.rule.grant and not any(what in _OTHER_CALLS for what, _ in gaps)
    )
    return Nearest(
        grants=tuple([_grant(rule, tuple(gaps)) for *_, gaps, rule in compared[:KEPT]]),
        left_to=open_to,
        hint=next(hints, ""),
    )


def _candidates(layer: Layer, keys: Sequence[str], call: Call) -> list[NearRule]:
    key = call.names, call.tool, call.request.tool_class
    own = layer.near.get(key)
    if own is None:
        # A rule about several kinds of resources is filed under each.
        rules = [layer.rule(number) for number in dict.fromkeys(layer.own_numbers(call))]
        own = remembered(layer.near, key, [_near(one, call) for one in rules if _meant(one, call)])
    at_resource = dict.fromkeys(layer.numbers_at(keys, call))
    if not at_resource:
        return own
    known = {rule for rule, _, _ in own}
    rules = [layer.rule(number) for number in at_resource]
    return own + [_near(one, call) for one in rules if one not in known and _meant(one, call)]


def _meant(rule: CompiledRule, call: Call) -> bool:
    return not rule.shadow and (rule.scope.tools is None or rule.scope.tools.match(call.tool))


def _near(rule: CompiledRule, call: Call) -> NearRule:
    """The rule with what the principal and the tool lack of it."""
    scope = rule.scope
    gaps: list[Gap] = []
    if scope.principals is not None and not scope.principals.match_any(call.names):
        gaps.append(("who", 0))
    if scope.classes is not None and call.request.tool_class not in scope.classes:
        gaps.append(("class", 0))
    return rule, sum(_FAR[what] for what, _ in gaps), tuple(gaps)


def _compared(
    near: Sequence[NearRule], call: Call, resource: Resource, least: int
) -> list[_Compared]:
    """The rules that say more than ``least``, with what the call lacks of each, conditions aside."""
    phase, access, kind, day = call.request.phase, resource.access, resource.kind, call.day
    found: list[_Compared] = []
    for rule, far, known in near:
        source, scope = rule.rule, rule.scope
        if RANK[source.effect] <= least or phase not in source.phase:
            continue
        gaps = list(known)
        if scope.access is not None and access not in scope.access:
            gaps.append(("access", 0))
            far += _FAR["access"]
        if scope.resources is not None and not scope.resources.match(resource):
            what = "resource" if kind in scope.resources.kinds else "kind"
            gaps.append((what, 0))
            far += _FAR[what]
        if source.expires and (not day or day >= source.expires):
            gaps.append(("expired", 0))
            far += _FAR["expired"]
        found.append((far, source.effect != "allow", rule.name, rule.place, gaps, rule))
    return found


def _with_conditions(compared: _Compared, call: Call) -> _Compared:
    far, asks, name, place, gaps, rule = compared
    for number, condition in enumerate(rule.scope.conditions):
        if condition(call.subject) is not True:
            gaps.append(("when", number))
            far += _FAR["when"]
    return far, asks, name, place, gaps, rule


def _grant(rule: CompiledRule, gaps: Gaps) -> Grant:
    known = rule.missing.get(gaps)
    if known is not None:
        return known
    source = rule.rule
    missing = tuple(_in_words(rule, what, number) for what, number in gaps)
    grant = Grant(
        rule=rule.name,
        effect=source.effect,
        missing=missing,
        file=rule.layer.file.file,
        line=source.line,
        why=source.why,
        grant=source.grant,
        shown=f"{rule.name} ({'; '.join(missing)})",
    )
    return remembered(rule.missing, gaps, grant)


def _in_words(rule: CompiledRule, what: str, number: int) -> str:
    source = rule.rule
    match what:
        case "who":
            return f"it is for {among(source.principals or ())}"
        case "class":
            return f"the class must be {among(source.classes or ())}"
        case "access":
            return f"access must be {among(source.access or ())}"
        case "resource" | "kind":
            return f"it covers {among(source.resources or ())}"
        case "expired":
            return f"it expired on {source.expires}"
        case _:
            return condition_in_words(*list(source.when.items())[number])
