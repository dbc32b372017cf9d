"""The answer to a request. These rules, in this order:

1. A request is who, which tool of which class, with which arguments, on which resources, in which
   context and phase. *Every* resource must be covered: the answer is the least of its resources'
   answers, in the order deny < ask < allow. A call that touches none is judged as one nameless
   resource, which only rules without ``resources`` match.
2. Within a layer: any matching deny → deny; else any ask → ask; else any allow → allow; else silence.
3. The org is never silent: inside an envelope (``[[delegate]]``) of which a delegated layer speaks, its
   silence becomes the least of those layers' answers, at most the envelope's effect; else the default
   for the tool's class. Every lower layer that speaks can only narrow the answer: it is the least of
   all that speak. So outside an envelope no added file ever widens anything.
4. Nobody enrolled: the shipped baseline is the org's file, under these same rules.
5. What is absent is unknown: an allow or an envelope matches where its conditions are true, an ask or
   a deny where they are not false. An allow with ``otherwise`` says that where it is not true.
6. Obligations are joined over all matching allow and ask rules of all layers and resources. One that
   the extension can not carry out turns the answer into deny. A deny carries none.
7. An ask is for a person (or an approval on file) to answer; that is not decided here. ``sticky`` says
   that no approval on file may.
8. Patterns are globs over canonical names, never over raw text (``globs``, ``core.resources``).
9. Other decision points come in as one more layer's answer: they can only narrow.
10. Every answer is a record: effect, every matching rule, those that determined it with file and line,
    obligations, digests, and for a refusal what would have granted it. What can not be judged is a
    deny that says so: nothing raises.

Expiry is judged by ``context.today``. Without it an allow that expires counts as expired, and a deny or
ask that expires as in force. A rule or file in shadow mode is left out of all of this.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec.structs import replace

from devagent.core.codec import canonical, digest, sha256, to_plain, well_formed_value
from devagent.core.errors import PolicyError
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Decision, Effect, Needs, Request
from devagent.policy.compile import NO_DATE, Bucket, Call, Layer, Patterns, remembered
from devagent.policy.concerning import is_hidden, needs_for
from devagent.policy.index import EVERY
from devagent.policy.nearest import Nearest, find_nearest
from devagent.policy.needs import asks_for_origin, needs_of
from devagent.policy.outcome import Outcome
from devagent.policy.reasons import determining, grant_of, makers, reason_of
from devagent.policy.syntax import LayerName, PolicyFile
from devagent.policy.weighing import Weighing, ceilings


class CompiledPolicy:
    """The policy in force: satisfies ``core.ports.Judge``. The first layer stands in the org's place.

    What it keeps beside the files is memory of its own work (compiled rules, principals seen); the same
    request always gets the same answer.
    """

    def __init__(self, files: Sequence[PolicyFile]) -> None:
        self.layers = [Layer(file, position) for position, file in enumerate(files)]
        org, *lower = (file.digest for file in files)
        self._digest = digest([org, sorted(lower)])
        self._has_shadow: bool | None = None
        self._asks_for_origins: bool | None = None
        self._of_results: tuple[bool, Needs] | None = None
        self._groups = [
            (group, Patterns(members, separator="")) for group, members in files[0].groups.items()
        ]
        self._names: dict[Principal, frozenset[str]] = {}
        self._buckets: dict[tuple[Principal, str, str], list[list[Bucket]]] = {}
        self._days: dict[str, str] = {}
        self._hidden: dict[tuple[Principal, str, str], bool] = {}
        self._needs: dict[tuple[Principal, str, str], Needs] = {}

    @property
    def files(self) -> tuple[PolicyFile, ...]:
        """The files, the org's first."""
        return tuple(layer.file for layer in self.layers)

    @property
    def digest(self) -> str:
        """Of the files' contents; where they lie and in which order the lower ones stand is not in it."""
        return self._digest

    def decide(self, request: Request) -> Decision:
        """The answer and its record. What can not be judged is a deny (``error = "not_judged"``)."""
        return self._decision(request, shadow=False, silence=None)

    def decide_result(self, request: Request) -> Decision:
        """The result phase: the call was granted, so silence keeps it; rules that speak may narrow."""
        if request.phase != "result":
            request = replace(request, phase="result")
        return self._decision(request, shadow=False, silence="allow")

    def shadow_decide(self, request: Request) -> Decision:
        """What the answer would be if every rule in shadow mode were enforced."""
        return self._decision(request, shadow=True, silence=None)

    def shadow(self, request: Request, decision: Decision) -> Decision | None:
        """``shadow_decide``'s answer, where its effect or obligations differ from the decision's."""
        if self._has_shadow is None:  # not looked for at load: that must stay fast with many rules
            files = [layer.file for layer in self.layers]
            self._has_shadow = any(f.shadow or any(r.shadow for r in f.rules) for f in files)
        if not self._has_shadow:
            return None
        would = self.shadow_decide(request)
        same = would.effect == decision.effect and would.obligations == decision.obligations
        return None if same else would

    def outcome(self, request: Request, *, shadow: bool = False) -> Outcome:
        """The answer with every voice that was heard, for explaining. Raises for what can not be judged."""
        return self._weighed(request, shadow=shadow, silence=None)

    def nearest(self, outcome: Outcome) -> Nearest:
        """What would have granted a call that silence refused."""
        refused = outcome.deciding()[0].resource
        return find_nearest(self.layers, outcome, self.ceilings(outcome.call, refused))

    def ceilings(self, call: Call, resource: Resource) -> dict[LayerName, Effect]:
        """The strongest effect that the org's envelopes leave to each layer for this resource."""
        return ceilings(self.layers[0], call, resource)

    def is_hidden(self, principal: Principal, tool: ToolSpec) -> bool:
        """Whether no call of this tool can get better than deny; False wherever that is not certain."""
        key = (principal, tool.qualified, tool.tool_class)
        known = self._hidden.get(key)
        if known is None:
            hidden = is_hidden(self.layers, self.names(principal), tool)
            known = remembered(self._hidden, key, hidden)
        return known

    def asks_for_origins(self) -> bool:
        """Whether any rule or envelope asks where a value came from."""
        if self._asks_for_origins is None:
            whens = [e.when for e in self.layers[0].file.envelopes]
            whens += [rule.when for layer in self.layers for rule in layer.file.rules]
            self._asks_for_origins = any(when and asks_for_origin(when) for when in whens)
        return self._asks_for_origins

    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        """What rules and envelopes that may concern a call of this tool look at beside its arguments."""
        key = (principal, tool.extension, tool.name)
        known = self._needs.get(key)
        if known is None:
            needs = needs_for(self.layers, self.names(principal), tool)
            known = remembered(self._needs, key, needs)
        return known

    @property
    def of_results(self) -> Needs | None:
        """What rules of the result phase look at; None where there is no such rule. Walks all rules, once."""
        if self._of_results is None:
            rules = [r for layer in self.layers for r in layer.file.rules if "result" in r.phase]
            self._of_results = bool(rules), needs_of(r.when for r in rules if r.when)
        any_rule, needs = self._of_results
        return needs if any_rule else None

    def call(self, request: Request) -> Call:
        """The request made ready. Raises ValueError for a ``context.today`` that is no date."""
        return Call(request, self.names(request.principal), self._day(request.context.get("today")))

    def names(self, principal: Principal) -> frozenset[str]:
        """The principal's names, with the groups that the org puts it in."""
        known = self._names.get(principal)
        if known is None:
            own = principal.names()
            groups = (g for g, patterns in self._groups if patterns.match_any(own))
            names = own | {f"group:{group}" for group in groups}
            known = remembered(self._names, principal, names)
        return known

    def _weighed(self, request: Request, *, shadow: bool, silence: Effect | None) -> Outcome:
        call = self.call(request)
        filed = self._filed(request, call.names)
        return Weighing(self.layers, call, filed, shadow=shadow, silence=silence).outcome()

    def _decision(self, request: Request, *, shadow: bool, silence: Effect | None) -> Decision:
        try:
            return self._record(request, self._weighed(request, shadow=shadow, silence=silence))
        except Exception as error:  # the last stop before a tool would run: fail closed, say why
            return Decision(
                effect="deny",
                reason=f"denied because the call can not be judged: {_what(error)}",
                policy=self._digest,
                error="not_judged",
            )

    def _record(self, request: Request, outcome: Outcome) -> Decision:
        effect: Effect = "deny" if outcome.beyond else outcome.effect
        made = makers(outcome)
        near = self.nearest(outcome) if effect != "allow" else Nearest()
        return Decision(
            effect=effect,
            reason=reason_of(outcome, made, self.layers[0]),
            rules=tuple(sorted({rule.name for rule in outcome.heard})),
            obligations=outcome.obligations if effect != "deny" else {},
            policy=self._digest,
            request=_request_digest(request),
            determining=determining(made),
            nearest=tuple([one.shown for one in near.grants]),
            grant=grant_of(outcome, made, near, self.layers[0]) if effect != "allow" else "",
            sticky=effect == "ask"
            and any(v.effect == "ask" and v.rule.rule.sticky for v in outcome.heard.values()),
        )

    def _filed(self, request: Request, names: frozenset[str]) -> list[list[Bucket]]:
        """For each layer, where its rules about this principal and tool are filed."""
        key = (request.principal, request.extension, request.tool)
        known = self._buckets.get(key)
        if known is None:
            everyone = (EVERY, *names)
            filed = [
                layer.buckets(everyone, request.extension, request.tool) for layer in self.layers
            ]
            known = remembered(self._buckets, key, filed)
        return known

    def _day(self, today: Any) -> str:
        """``context.today`` as YYYY-MM-DD. Raises ValueError for what is no date."""
        if not today:
            return NO_DATE
        known = self._days.get(today) if isinstance(today, str) else None
        if known is None:
            known = remembered(self._days, today, date.fromisoformat(today).isoformat())
        return known


def compile_policy(files: Sequence[PolicyFile]) -> CompiledPolicy:
    """The files as one policy: the first stands in the org's place, the others below it.

    Raises PolicyError where there is no file, or where a lower one was read for the org's place.
    """
    if not files:
        raise PolicyError("there is no policy file", hint="Name at least one.")
    for lower in files[1:]:
        if lower.org:
            raise PolicyError(
                "this file was read for the org's place but stands below it", file=lower.file
            )
    if not files[0].org:
        raise PolicyError("this file was not read for the org's place", file=files[0].file)
    return CompiledPolicy(files)


def _what(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return f"{type(error).__name__}: {error}"


def _request_digest(request: Request) -> str:
    try:
        return digest(request)
    except UnicodeEncodeError:
        # Lone surrogates, from odd file names: the digest is of the text that can be written down.
        return sha256(canonical(well_formed_value(to_plain(request))))
