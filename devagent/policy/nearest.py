"""Near misses: the grants that came nearest to a refused call, and what each of them lacks.

Only silence has near misses. Where a deny or an ask spoke, no other rule would have helped.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from devagent.core.resources import Resource
from devagent.core.verdicts import RANK, Effect
from devagent.policy.compile import Call, CompiledRule, Layer
from devagent.policy.describe import among, condition_in_words
from devagent.policy.outcome import Outcome
from devagent.policy.syntax import LayerName

LOOKED_AT = 8
"""How many of the principal's rules and how many of the resource's are compared, in each layer."""
CONDITIONS_OF = 5
KEPT = 3

_FAR = {"who": 6, "kind": 7, "resource": 4, "expired": 3, "class": 3, "access": 2, "when": 1}


Gap = tuple[str, int]
"""What a call lacks of a rule: a key of ``_FAR``, and for ``when`` the number of the condition."""


class Grant(Struct, frozen=True):
    """A rule that would have granted the call, had it had what is ``missing``."""

    rule: str
    effect: Effect
    missing: tuple[str, ...]
    file: str
    line: int
    why: str = ""
    grant: str = ""

    def __str__(self) -> str:
        return f"{self.rule} ({'; '.join(self.missing)})"


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
    rules = spoke or [
        rule
        for layer in layers
        for rule in _candidates(layer, open_to, outcome.call, refused.resource, outcome.effect)
    ]
    # Conditions cost most to compare and weigh least: only the nearest few are asked for theirs.
    by_scope = sorted(
        ((_gaps(rule, outcome.call, refused.resource), rule) for rule in rules), key=_distance
    )
    compared = [
        (gaps + _open_conditions(rule, outcome.call), rule)
        for gaps, rule in by_scope[:CONDITIONS_OF]
    ]
    compared = sorted((one for one in compared if one[0]), key=_distance)
    hints = (
        rule.rule.grant
        for gaps, rule in compared
        if rule.rule.grant and not any(what in ("class", "access", "kind") for what, _ in gaps)
    )
    return Nearest(
        grants=tuple(_grant(rule, gaps) for gaps, rule in compared[:KEPT]),
        left_to=open_to,
        hint=next(hints, ""),
    )


def _distance(compared: tuple[list[Gap], CompiledRule]) -> tuple[int, bool, str]:
    gaps, rule = compared
    return sum(_FAR[what] for what, _ in gaps), rule.rule.effect != "allow", rule.name


def _candidates(
    layer: Layer, open_to: Sequence[LayerName], call: Call, resource: Resource, least: Effect
) -> list[CompiledRule]:
    if layer.position and layer.name not in open_to:
        return []
    numbers = layer.near_numbers(call, resource, LOOKED_AT)
    rules = [layer.rule(number) for number in dict.fromkeys(numbers)]
    return [
        rule
        for rule in rules
        if not rule.shadow
        and RANK[rule.rule.effect] > RANK[least]
        and call.request.phase in rule.rule.phase
        and (rule.scope.tools is None or rule.scope.tools.match(call.tool))
    ]


def _gaps(rule: CompiledRule, call: Call, resource: Resource) -> list[Gap]:
    source, scope = rule.rule, rule.scope
    gaps: list[Gap] = []
    if scope.principals is not None and not scope.principals.match_any(call.names):
        gaps.append(("who", 0))
    if scope.classes is not None and call.request.tool_class not in scope.classes:
        gaps.append(("class", 0))
    if scope.access is not None and resource.access not in scope.access:
        gaps.append(("access", 0))
    if scope.resources is not None and not scope.resources.match(resource):
        same_kind = any(p.startswith(f"{resource.kind}:") for p in rule.rule.resources or ())
        gaps.append(("resource" if same_kind else "kind", 0))
    if source.expires and (not call.day or call.day >= source.expires):
        gaps.append(("expired", 0))
    return gaps


def _open_conditions(rule: CompiledRule, call: Call) -> list[Gap]:
    return [
        ("when", number)
        for number, condition in enumerate(rule.scope.conditions)
        if condition(call.subject) is not True
    ]


def _grant(rule: CompiledRule, gaps: list[Gap]) -> Grant:
    source = rule.rule
    return Grant(
        rule=rule.name,
        effect=source.effect,
        missing=tuple(_in_words(rule, what, number) for what, number in gaps),
        file=rule.layer.file.file,
        line=source.line,
        why=source.why,
        grant=source.grant,
    )


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
