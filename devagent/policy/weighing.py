"""One call weighed against the layers: rules 1 to 3 of ``decide``, and the join of rule 6."""

from collections.abc import Sequence

from devagent.core.resources import Resource
from devagent.core.verdicts import RANK, Effect
from devagent.policy.compile import Bucket, Call, CompiledRule, Layer
from devagent.policy.index import resource_keys
from devagent.policy.obligations import beyond, join
from devagent.policy.outcome import Answer, Outcome, Voice
from devagent.policy.syntax import LayerName

NAMELESS = {
    "read": Resource(id="", access="read"),
    "write": Resource(id="", access="write"),
}
"""What a call is judged as that touches nothing, by the access of its class."""


class Weighing:
    """``filed``: for each layer, where its rules about the call's principal and tool are filed.

    ``silence``: what the org's silence is, where that is neither its envelopes' nor its default's matter (the result
    phase). With ``shadow`` rules in shadow mode are heard like the others.
    """

    __slots__ = ("_call", "_filed", "_layers", "_said", "_shadow", "_silence")

    def __init__(
        self,
        layers: Sequence[Layer],
        call: Call,
        filed: Sequence[Sequence[Bucket]],
        *,
        shadow: bool,
        silence: Effect | None,
    ) -> None:
        self._layers = layers
        self._call = call
        self._filed = filed
        self._shadow = shadow
        self._silence: Effect | None = silence
        self._said: dict[CompiledRule, Effect | None] = {}  # what does not depend on the resource

    def outcome(self) -> Outcome:
        """The least answer over all resources, and what was heard on the way."""
        request = self._call.request
        access = "read" if request.tool_class == "read" else "write"
        answers = [self._answer(one) for one in request.resources or (NAMELESS[access],)]
        effect: Effect = min([a.effect for a in answers], key=RANK.__getitem__)
        heard = {v.rule: v for a in answers for v in a.voices}
        obligations = join(rule.rule.obligations for rule in heard if rule.rule.obligations)
        lacking = beyond(obligations, request.can) if effect != "deny" else []
        return Outcome(self._call, effect, answers, heard, obligations, lacking)

    def _answer(self, resource: Resource) -> Answer:
        """The answer for one resource."""
        keys = resource_keys(resource)
        voices = self._voices(resource, keys)
        least: dict[int, Effect] = {}  # by the layer's position
        for voice in voices:
            position = voice.rule.layer.position
            before = least.get(position)
            if before is None or RANK[voice.effect] < RANK[before]:
                least[position] = voice.effect
        delegated: dict[int, Effect] = {}
        effect = least.pop(0, None) or self._silence
        if effect is None:
            delegated = self._delegated(resource, least)
            effect = min(delegated.values(), key=RANK.__getitem__) if delegated else self._default()
        for lower in least.values():
            if RANK[lower] < RANK[effect]:
                effect = lower
        return Answer(resource, keys, effect, voices, delegated)

    def _voices(self, resource: Resource, keys: Sequence[str]) -> list[Voice]:
        """The rules that speak of this resource."""
        said = self._said
        voices: list[Voice] = []
        for layer, filed in zip(self._layers, self._filed, strict=True):
            seen: set[int] = set()
            for bucket in filed:
                for key in keys:
                    numbers = bucket.get(key)
                    if numbers is None:
                        continue
                    for number in numbers:
                        if number in seen:
                            continue
                        seen.add(number)
                        rule = layer.rule(number)
                        if rule.shadow and not self._shadow:
                            continue
                        if rule in said:
                            effect = said[rule]
                        else:
                            effect = said[rule] = rule.says(self._call)
                        if effect is not None and rule.scope.covers(resource):
                            voices.append(Voice(rule, effect))
        return voices

    def _delegated(self, resource: Resource, lower: dict[int, Effect]) -> dict[int, Effect]:
        """The org's silence as the delegated layers fill it: their answers, each at most its envelope's."""
        if not lower:
            return {}
        ceiling = ceilings(self._layers[0], self._call, resource, shadow=self._shadow)
        out: dict[int, Effect] = {}
        for position, effect in lower.items():
            most = ceiling.get(self._layers[position].name)
            if most is not None:
                out[position] = effect if RANK[effect] < RANK[most] else most
        return out

    def _default(self) -> Effect:
        return self._layers[0].file.default.get(self._call.request.tool_class, "deny")


def ceilings(
    org: Layer, call: Call, resource: Resource, *, shadow: bool = False
) -> dict[LayerName, Effect]:
    """The strongest effect that the org's envelopes leave to each layer for this resource."""
    ceiling: dict[LayerName, Effect] = {}
    if org.file.shadow and not shadow:
        return ceiling
    for compiled in org.envelopes:
        if compiled.scope.covers(resource) and compiled.opens(call):
            effect = compiled.envelope.effect
            for layer in compiled.envelope.to:
                if RANK[effect] >= RANK[ceiling.get(layer, "deny")]:
                    ceiling[layer] = effect
    return ceiling
