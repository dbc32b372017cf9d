"""Which rules may concern a tool, whatever the call: what can never be granted, and what a request must tell."""

from collections.abc import Sequence

from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Needs
from devagent.policy.compile import CompiledRule, Layer
from devagent.policy.index import EVERY
from devagent.policy.needs import needs_of
from devagent.policy.syntax import LayerName


def concerning(layer: Layer, names: frozenset[str], tool: ToolSpec) -> list[CompiledRule]:
    """The layer's rules about the principal of these names and this tool, whatever the resources and conditions."""
    rules = map(layer.rule, _numbers(layer, names, tool))
    return [r for r in rules if r.scope.concerns(tool.tool_class, tool.qualified, names)]


def is_hidden(layers: Sequence[Layer], names: frozenset[str], tool: ToolSpec) -> bool:
    """Whether no call of the tool can get better than deny; False wherever that is not certain."""
    granting: set[LayerName] = set()
    for layer in layers:
        for rule in concerning(layer, names, tool):
            if rule.shadow or "call" not in rule.rule.phase:
                continue
            if rule.rule.effect != "deny":
                granting.add(layer.name)
            elif _always(rule):
                return True
    org = layers[0]
    if "org" in granting or org.file.default.get(tool.tool_class, "deny") != "deny":
        return False
    return org.file.shadow or not any(
        e.envelope.effect != "deny"
        and not granting.isdisjoint(e.envelope.to)
        and e.scope.concerns(tool.tool_class, tool.qualified, names)
        for e in org.envelopes
    )


def needs_for(layers: Sequence[Layer], names: frozenset[str], tool: ToolSpec) -> Needs:
    """What rules and envelopes that may concern a call of the tool look at beside its arguments."""
    whens = [envelope.when for envelope in layers[0].file.envelopes]
    for layer in layers:
        whens += [layer.file.rules[number].when for number in _numbers(layer, names, tool)]
    return needs_of(when for when in whens if when)


def _numbers(layer: Layer, names: frozenset[str], tool: ToolSpec) -> set[int]:
    """The numbers of the rules that are filed where the principal and the tool look."""
    buckets = layer.buckets((EVERY, *names), tool.extension, tool.name)
    return {number for bucket in buckets for filed in bucket.values() for number in filed}


def _always(deny: CompiledRule) -> bool:
    """Whether a deny that concerns a tool denies every call of it, on every day."""
    rule = deny.rule
    return (
        not rule.when
        and not rule.expires
        and rule.resources is None
        and (rule.access is None or {"read", "write"} <= set(rule.access))
    )
