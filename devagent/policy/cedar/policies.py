"""Rules as Cedar policies. A call is one Cedar request for each resource; it is granted where every one is.

``least`` is the question that the set answers: with ``allow``, Cedar's Allow means that the call is allowed,
with ``ask`` that it is allowed or a person is to be asked. Where no rule says less than ``least``, the
answer for a resource is at least that exactly where the org says so, or the org is silent and its default
or the delegated layers say so. So there come

* a ``forbid`` for whatever may say less, in whatever layer, and for each obligation that can not be kept;
* a ``permit`` for whatever the org surely grants, and for its default;
* a ``permit`` for each rule of a lower layer together with each envelope that is wide enough;
* a ``forbid`` where a lower layer fills the org's silence through envelopes that are too narrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from devagent.core.tools import ToolClass, ToolSpec
from devagent.core.verdicts import RANK, Effect
from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import ALWAYS, Reach, Truths, every, exactly, some
from devagent.policy.cedar.conditions import Conditions
from devagent.policy.cedar.patterns import resources
from devagent.policy.cedar.principals import principals
from devagent.policy.cedar.shapes import Shape
from devagent.policy.cedar.text import FALSE, TRUE
from devagent.policy.cedar.values import Keys
from devagent.policy.cedar.written import Note, Policy, Spoken, annotations
from devagent.policy.compile import CompiledEnvelope, CompiledRule, Layer, Scope
from devagent.policy.decide import CompiledPolicy
from devagent.policy.describe import among
from devagent.policy.obligations import HOUSE
from devagent.policy.reasons import base_name
from devagent.policy.syntax import ACCESSES, Envelope, LayerName, Rule


class Exporter:
    """One policy and the tools that it is exported for."""

    def __init__(
        self,
        policy: CompiledPolicy,
        tools: Sequence[ToolSpec],
        shapes: Mapping[str, Shape],
        context: Mapping[str, Shape],
        facts: frozenset[str],
        least: Effect,
    ) -> None:
        self._layers = policy.layers
        self._org = policy.layers[0]
        self._groups = self._org.file.groups
        self._tools = {tool.qualified: tool for tool in tools}
        self._keys = {name: Keys(shapes[name], context, facts) for name in self._tools}
        self._least: Effect = least
        self.notes: dict[tuple[str, int, str], Note] = {}
        """By file, line and what."""

    def policies(self) -> list[Policy]:
        """All of them, the defaults first, then rule by rule."""
        spoken = [self._layer(layer) for layer in self._layers]
        found = self._defaults()
        for position, rules in enumerate(spoken):
            for by_tool in rules:
                found += self._of_rule(by_tool, position)
        return found + self._too_narrow(spoken)

    # --- what rules say ---

    def _layer(self, layer: Layer) -> list[dict[str, Spoken]]:
        """For each rule that judges calls, what it says of each tool that it is about."""
        found: list[dict[str, Spoken]] = []
        for number, rule in enumerate(layer.file.rules):
            if layer.file.shadow or rule.shadow:
                self._leave_out(layer, rule, "in shadow mode: it judges nothing")
            elif "call" not in rule.phase:
                self._leave_out(layer, rule, "it judges results, which are not exported")
            else:
                if "result" in rule.phase:
                    self._leave_out(layer, rule, "what it says of results is not exported")
                found.append(self._rule(layer.rule(number)))
        return found

    def _rule(self, compiled: CompiledRule) -> dict[str, Spoken]:
        rule, layer = compiled.rule, compiled.layer
        scope = self._scope(rule)
        alive, dated = ALWAYS, ALWAYS
        if rule.expires:
            there = text.has("context", "day")
            dated = exactly(there)
            over = text.all_of([there, f"(context.day >= datetime({text.text(rule.expires)}))"])
            alive = exactly(text.negated(over))
        spoken: dict[str, Spoken] = {}
        for tool in self._concerned(compiled.scope, rule):
            when = self._when(tool, rule.when, layer)
            voices: list[tuple[Effect, Reach]] = []
            if rule.effect != "allow":
                voices.append((rule.effect, every([scope, alive, when.false.opposite])))
            else:
                voices.append(("allow", every([scope, alive, dated, when.true])))
                if rule.otherwise:
                    other = every([scope, alive, when.true.opposite])
                    voices.append((rule.otherwise, other))
            spoken[tool] = Spoken(compiled, tuple(voices))
        if not all(fact.is_exact for one in spoken.values() for _, fact in one.voices):
            self._note_bounds(compiled.name, rule, layer, spoken)
        return spoken

    def _scope(self, source: Rule | Envelope) -> Reach:
        """Principals, resources and access; tools and classes are settled tool by tool."""
        access = ALWAYS
        if source.access is not None and not set(ACCESSES) <= set(source.access):
            named = [exactly(f"(resource.access == {text.text(one)})") for one in source.access]
            access = some(named)
        return every(
            [principals(source.principals, self._groups), access, resources(source.resources)]
        )

    def _concerned(self, scope: Scope, source: Rule | Envelope) -> list[str]:
        return [
            name
            for name, tool in self._tools.items()
            if (source.classes is None or tool.tool_class in source.classes)
            and (scope.tools is None or scope.tools.match(name))
        ]

    def _when(self, tool: str, when: Mapping[str, Any], layer: Layer) -> Truths:
        return Conditions(self._keys[tool], layer.file.lists, self._groups).when(when)

    # --- policies ---

    def _defaults(self) -> list[Policy]:
        """The org's silence, where it is no less than what is asked for."""
        default = self._org.file.default
        classes: set[ToolClass] = {t.tool_class for t in self._tools.values()}
        return [
            Policy(
                "permit",
                (
                    ("id", f"{self._org.title} default {tool_class}"),
                    ("effect", default[tool_class]),
                ),
                tuple(n for n, t in self._tools.items() if t.tool_class == tool_class),
                TRUE,
            )
            for tool_class in sorted(classes)
            if RANK[default.get(tool_class, "deny")] >= RANK[self._least]
        ]

    def _of_rule(self, by_tool: Mapping[str, Spoken], position: int) -> list[Policy]:
        least = self._least
        found: list[Policy] = []
        for spoken in list(by_tool.values())[:1]:
            rule = spoken.rule
            less = {tool: one.less_than(least).may for tool, one in by_tool.items()}
            suffix = " otherwise" if rule.rule.effect == "allow" else ""
            found += self._forbid(rule, suffix, self._refusal(rule.rule), less)
            lacking = sorted(set(rule.rule.obligations) - HOUSE)
            if lacking:
                can = text.all_of(
                    [
                        text.has("context", "can"),
                        f"!(context.can.containsAll({text.listed(map(text.text, lacking))}))",
                    ]
                )
                heard = {
                    tool: text.all_of([one.anything().may, can]) for tool, one in by_tool.items()
                }
                found += self._forbid(rule, " obligations", "deny", heard)
            granted = {tool: one.at_least(least) for tool, one in by_tool.items()}
            if not position:
                found += self._permit(rule, "", granted, ())
            else:
                found += self._delegated(rule, granted)
        return found

    def _delegated(self, rule: CompiledRule, granted: Mapping[str, Reach]) -> list[Policy]:
        """A lower layer's grants, each inside an envelope that is wide enough."""
        found: list[Policy] = []
        for number, (envelope, opened) in enumerate(self._envelopes(rule.layer.name), 1):
            if RANK[envelope.envelope.effect] >= RANK[self._least]:
                both = {t: every([granted[t], opened[t]]) for t in granted if t in opened}
                source = f"{base_name(self._org.file.file)}:{envelope.envelope.line}"
                found += self._permit(rule, f" envelope {number}", both, (("envelope", source),))
        return found

    def _too_narrow(self, spoken: Sequence[Sequence[Mapping[str, Spoken]]]) -> list[Policy]:
        """Where a lower layer's grant fills the org's silence through envelopes that grant less."""
        found: list[Policy] = []
        names: dict[LayerName, None] = dict.fromkeys(layer.name for layer in self._layers[1:])
        for name in names:
            narrow = [
                e for e in self._envelopes(name) if RANK[e[0].envelope.effect] < RANK[self._least]
            ]
            wide = [
                e for e in self._envelopes(name) if RANK[e[0].envelope.effect] >= RANK[self._least]
            ]
            own = [
                by_tool
                for layer, rules in zip(self._layers[1:], spoken[1:], strict=True)
                if layer.name == name
                for by_tool in rules
            ]
            for envelope, opened in narrow:
                conditions = {
                    tool: every(
                        [
                            inside,
                            some(w[tool] for _, w in wide if tool in w).opposite,
                            some(r[tool].at_least(self._least) for r in own if tool in r),
                            some(
                                r[tool].at_least(self._least) for r in spoken[0] if tool in r
                            ).opposite,
                        ]
                    ).may
                    for tool, inside in opened.items()
                }
                source = f"{base_name(self._org.file.file)}:{envelope.envelope.line}"
                about = (
                    ("id", f"{self._org.title} envelope {envelope.envelope.line} of {name}"),
                    ("effect", envelope.envelope.effect),
                    ("envelope", source),
                )
                found += self._by_condition("forbid", about, conditions)
        return found

    def _envelopes(self, name: LayerName) -> list[tuple[CompiledEnvelope, dict[str, Reach]]]:
        """The org's envelopes to a layer, with the calls of each tool that lie inside."""
        if self._org.file.shadow:
            return []
        found: list[tuple[CompiledEnvelope, dict[str, Reach]]] = []
        for compiled in self._org.envelopes:
            envelope = compiled.envelope
            if name not in envelope.to:
                continue
            scope = self._scope(envelope)
            opened = {
                tool: every([scope, self._when(tool, envelope.when, self._org).true])
                for tool in self._concerned(compiled.scope, envelope)
            }
            if not all(fact.is_exact for fact in opened.values()):
                self._note_bounds(f"{self._org.title} [[delegate]]", envelope, self._org, opened)
            found.append((compiled, opened))
        return found

    def _permit(
        self,
        rule: CompiledRule,
        suffix: str,
        facts: Mapping[str, Reach],
        more: tuple[tuple[str, str], ...],
    ) -> list[Policy]:
        conditions = {tool: fact.sure for tool, fact in facts.items()}
        effect = rule.rule.effect if rule.rule.effect != "deny" else "ask"
        return self._by_condition("permit", (*annotations(rule, suffix, effect), *more), conditions)

    def _forbid(
        self, rule: CompiledRule, suffix: str, effect: Effect, conditions: Mapping[str, str]
    ) -> list[Policy]:
        return self._by_condition("forbid", annotations(rule, suffix, effect), conditions)

    def _refusal(self, rule: Rule) -> Effect:
        return rule.effect if rule.effect != "allow" else rule.otherwise or "deny"

    def _by_condition(
        self, effect: str, annotations: tuple[tuple[str, str], ...], conditions: Mapping[str, str]
    ) -> list[Policy]:
        """One policy for the tools of which the same condition holds."""
        alike: dict[str, list[str]] = {}
        for tool, condition in conditions.items():
            if condition != FALSE:
                alike.setdefault(condition, []).append(tool)
        name, *others = annotations
        return [
            Policy(
                effect,
                (("id", f"{name[1]}{f' {number}' if len(alike) > 1 else ''}"), *others),
                tuple(tools) if len(tools) < len(self._tools) else (),
                condition,
            )
            for number, (condition, tools) in enumerate(alike.items(), 1)
        ]

    # --- notes ---

    def _note_bounds(
        self, name: str, source: Rule | Envelope, layer: Layer, tools: Iterable[str]
    ) -> None:
        """Name the parts of a rule that are not said exactly, with the tools of which that is so."""
        parts: dict[str, list[str]] = {}
        tools = list(tools)
        for part, fact in (
            ("principals", principals(source.principals, self._groups)),
            ("resources", resources(source.resources)),
        ):
            if fact.sure != fact.may:
                parts[part] = tools
        for key, spec in source.when.items():
            for tool in tools:
                condition = self._when(tool, {key: spec}, layer)
                if not (condition.true.is_exact and condition.false.is_exact):
                    parts.setdefault(key, []).append(tool)
        for part, of in parts.items():
            about = "" if len(of) == len(self._tools) else f" of {among(of)}"
            what = f"{part}{about} can only be judged more strictly"
            self._note(Note(name, layer.file.file, source.line, what))

    def _leave_out(self, layer: Layer, rule: Rule, what: str) -> None:
        name = f"{layer.title}#{rule.id}"
        self._note(Note(name, layer.file.file, rule.line, what, stricter=False))

    def _note(self, note: Note) -> None:
        self.notes[note.file, note.line, note.what] = note
