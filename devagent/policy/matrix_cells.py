"""One cell of the matrix: what every rule may say of a call, and what follows from that.

Rules are weighed as if independent of each other, so that nothing possible is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any, Literal

from msgspec import Struct

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import RANK, Effect, Request
from devagent.policy.compile import CompiledEnvelope, CompiledRule, Layer, Scope
from devagent.policy.concerning import concerning
from devagent.policy.conditions import Truth
from devagent.policy.decide import CompiledPolicy
from devagent.policy.describe import among, condition_in_words
from devagent.policy.obligations import beyond
from devagent.policy.syntax import ACCESSES, Envelope, LayerName, Rule

Answer = Literal["allow", "ask", "never", "depends"]
ANSWERS: tuple[Answer, ...] = ("allow", "ask", "depends", "never")
ANYTHING = ""
"""The resource of a row that is about every resource."""

Voice = Effect | None
Said = frozenset[Voice]
"""Everything that a rule (or a layer, or an envelope) may say of a call; None is silence."""
SILENT: Said = frozenset([None])


class Reason(Struct, frozen=True):
    """A rule or an envelope behind a cell; ``needs``: what has to hold for it, empty where it always does."""

    rule: str
    effect: Effect
    needs: tuple[str, ...]
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.rule} ({'; '.join(self.needs)})" if self.needs else self.rule


class Cell(Struct, frozen=True):
    """One answer. ``possible``: no call gets any other effect; no ``reasons`` = the org's default."""

    tool: str
    answer: Answer
    possible: tuple[Effect, ...]
    reasons: tuple[Reason, ...] = ()


Sources = list[tuple[Said, CompiledRule | CompiledEnvelope]]


class Weighing:
    """One cell: what every rule may say, and what follows from that."""

    def __init__(
        self,
        policy: CompiledPolicy,
        principal: Principal,
        tool: ToolSpec,
        resource: str,
        mode: str,
        today: str,
        can: tuple[str, ...] | None,
    ) -> None:
        self._policy = policy
        self._tool = tool
        self._can = can
        self._mode = mode
        self._call = policy.call(
            Request(
                principal=principal,
                extension=tool.extension,
                tool=tool.name,
                tool_class=tool.tool_class,
                context={"mode": mode, "today": today} if mode else {"today": today},
            )
        )
        access = "read" if tool.tool_class == "read" else "write"
        self._resource = None if resource == ANYTHING else Resource(id=resource, access=access)

    def cell(self) -> Cell:
        rules = [self._rules(layer) for layer in self._policy.layers]
        envelopes = self._envelopes()
        possible = self._effects([_distinct(one) for one in rules], envelopes)
        if len(possible) > 1:
            answer: Answer = "depends"
            reasons = self._deciding(rules, envelopes, possible)
        else:
            only = next(iter(possible))
            answer = "never" if only == "deny" else only
            reasons = [rule for layer in rules for said, rule in layer if said == frozenset([only])]
        return Cell(
            tool=self._tool.qualified,
            answer=answer,
            possible=tuple(sorted(possible, key=RANK.__getitem__, reverse=True)),
            reasons=tuple(map(self._reason, reasons)),
        )

    def _effects(self, layers: list[set[Said]], envelopes: Sources) -> frozenset[Effect]:
        """The answers that calls can get, by what the layers' rules and the envelopes may say."""
        org, *lower = (_joined(said, _lesser) for said in layers)
        names: list[LayerName] = [layer.name for layer in self._policy.layers[1:]]
        most = self._ceilings(envelopes)
        found: set[Effect] = set()
        for chosen in product(*(most[name] for name in most)):
            ceiling: dict[LayerName, Voice] = dict(zip(most, chosen, strict=True))
            states: set[tuple[Voice, Voice]] = {(None, None)}  # (delegated, lower)
            for name, said in zip(names, lower, strict=True):
                states = {
                    (_lesser(given, _delegated(voice, ceiling.get(name))), _lesser(least, voice))
                    for given, least in states
                    for voice in said
                }
            for voice, (given, least) in product(org, states):
                base = voice or given or self._default()
                found.add(_lesser(base, least) or base)
        return frozenset(found)

    def _deciding(
        self, rules: list[Sources], envelopes: Sources, possible: frozenset[Effect]
    ) -> list[CompiledRule | CompiledEnvelope]:
        """Those whose speaking or silence changes what the others leave possible.

        Rules of a layer that may say the same are alike here: all of them decide or none.
        """
        layers = [_distinct(one) for one in rules]
        out: list[CompiledRule | CompiledEnvelope] = []
        for position, own in enumerate(rules):
            for said in [one for one in layers[position] if len(one) > 1]:
                settled = (
                    [
                        *layers[:position],
                        _settled(layers[position], said, v),
                        *layers[position + 1 :],
                    ]
                    for v in said
                )
                if any(self._effects(one, envelopes) != possible for one in settled):
                    out += [rule for its, rule in own if its == said]
        for said, envelope in envelopes:
            if len(said) == 1:
                continue
            for v in said:
                fixed: Sources = [
                    (frozenset([v]) if one is envelope else its, one) for its, one in envelopes
                ]
                if self._effects(layers, fixed) != possible:
                    out.append(envelope)
                    break
        return out

    def _rules(self, layer: Layer) -> Sources:
        rules = concerning(layer, self._call.names, self._tool)
        said = [(self._said(rule), rule) for rule in sorted(rules, key=_line)]
        return [one for one in said if one[0] != SILENT]

    def _said(self, compiled: CompiledRule) -> Said:
        """What the rule may say. Obligations that the tool can not carry out make any grant a deny."""
        rule, day = compiled.rule, self._call.day
        expired = bool(rule.expires and day) and day >= rule.expires
        if compiled.shadow or expired or "call" not in rule.phase:
            return SILENT
        covers = self._covers(compiled.scope, rule)
        if covers == frozenset([False]):
            return SILENT
        said: set[Voice] = set() if covers == frozenset([True]) else {None}
        for truth in self._truths(compiled.scope, rule):
            if rule.effect != "allow":
                said.add(None if truth is False else rule.effect)
            elif truth is not True:
                said.add(rule.otherwise)
            else:
                said.add(None if rule.expires and not day else "allow")
        if beyond(rule.obligations, self._can):
            said = {v and "deny" for v in said}
        return frozenset(said)

    def _envelopes(self) -> Sources:
        org = self._policy.layers[0]
        if org.file.shadow:
            return []
        found: Sources = []
        for compiled in org.envelopes:
            scope, call = compiled.scope, self._call
            if not scope.concerns(call.request.tool_class, call.tool, call.names):
                continue
            opens = {
                covers and truth is True
                for covers in self._covers(scope, compiled.envelope)
                for truth in self._truths(scope, compiled.envelope)
            }
            effect: Effect = compiled.envelope.effect
            said: Said = frozenset(effect if one else None for one in opens)
            if said != SILENT:
                found.append((said, compiled))
        return found

    def _ceilings(self, envelopes: Sources) -> dict[LayerName, Said]:
        """The strongest effects that the envelopes may leave to each layer; None is no envelope."""
        most: dict[LayerName, Said] = {}
        for said, compiled in envelopes:
            if isinstance(compiled, CompiledEnvelope):
                for layer in compiled.envelope.to:
                    most[layer] = _joined([most.get(layer, SILENT), said], _greater)
        return most

    def _covers(self, scope: Scope, source: Rule | Envelope) -> frozenset[bool]:
        if self._resource is None:
            if scope.resources is None and (
                source.access is None or set(ACCESSES) <= set(source.access)
            ):
                return frozenset([True])
            nothing = source.resources == () or source.access == ()
            return frozenset([False]) if nothing else frozenset([True, False])
        if scope.covers(self._resource):
            return frozenset([True])
        by_tag = any(p.startswith("tag:") for p in source.resources or ())
        reachable = source.access is None or self._resource.access in source.access
        return frozenset([True, False]) if by_tag and reachable else frozenset([False])

    def _truths(self, scope: Scope, source: Rule | Envelope) -> frozenset[Truth]:
        """The values that the conditions as a whole can have."""
        certain: Truth = True
        is_open = False
        for key, condition in zip(source.when, scope.conditions, strict=True):
            if not self._is_known(key):
                is_open = True
                continue
            held = condition(self._call.subject)
            if held is False:
                return frozenset([False])
            certain = None if held is None else certain
        return frozenset([certain, False, None]) if is_open else frozenset([certain])

    def _is_known(self, key: str) -> bool:
        return all(
            part.startswith("principal.") or (bool(self._mode) and part in ("mode", "context.mode"))
            for part in key.split("|")
        )

    def _default(self) -> Effect:
        default: Mapping[Any, Effect] = self._policy.layers[0].file.default
        return default.get(self._tool.tool_class, "deny")

    def _reason(self, compiled: CompiledRule | CompiledEnvelope) -> Reason:
        org = self._policy.layers[0]
        if isinstance(compiled, CompiledRule):
            source, name, file = compiled.rule, compiled.name, compiled.layer.file.file
        else:
            source, name, file = compiled.envelope, f"{org.title} [[delegate]]", org.file.file
        needs = [
            condition_in_words(key, spec)
            for key, spec in source.when.items()
            if not self._is_known(key)
        ]
        if len(self._covers(compiled.scope, source)) > 1:
            if source.access is not None and self._resource is None:
                needs.insert(0, f"access is {among(source.access)}")
            if source.resources is not None:
                needs.insert(0, f"on {among(source.resources)}")
        if isinstance(source, Rule) and (lacking := beyond(source.obligations, self._can)):
            needs.append(f"denies, as {self._tool.extension} can not carry out {among(lacking)}")
        return Reason(name, source.effect, tuple(needs), file, source.line)


def _line(rule: CompiledRule) -> int:
    return rule.rule.line


def _distinct(sources: Sources) -> set[Said]:
    return {said for said, _ in sources}


def _settled(layer: set[Said], said: Said, voice: Voice) -> set[Said]:
    """The layer, where those who may say ``said`` say ``voice``."""
    return {frozenset([voice]) if one == said else one for one in layer}


def _joined(all_said: Iterable[Said], join: Callable[[Voice, Voice], Voice]) -> Said:
    """What several may say together."""
    out: Said = SILENT
    for said in all_said:
        out = frozenset(join(one, other) for one in out for other in said)
    return out


def _lesser(one: Voice, other: Voice) -> Voice:
    if one is None or other is None:
        return one or other
    return one if RANK[one] <= RANK[other] else other


def _greater(one: Voice, other: Voice) -> Voice:
    if one is None or other is None:
        return one or other
    return one if RANK[one] >= RANK[other] else other


def _delegated(voice: Voice, most: Voice) -> Voice:
    """What a layer's voice counts in the org's silence: nothing without an envelope."""
    return None if voice is None or most is None else _lesser(voice, most)
