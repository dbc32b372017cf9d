"""Changed answers counted: by principal, tool and kind of change, and by the rule that makes them.

What is kept does not grow with the calls: so many examples of each kind of change, so many kinds.
"""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct, field

from devagent.core.codec import canonical
from devagent.core.events.calls import Approval
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.verdicts import RANK, Decision, Effect, Request

Aside = Literal["", "erased", "sealed", "missing", "altered", "differs", "unseen", "floor", "error"]
"""Why a record is not judged again: its content is erased, sealed, missing or not what its header commits
to; what is kept of the request is not all that was judged (redacted, or of an older version); whether personal
data was in a result that is not on record as it came; the floor's answer; or a call that was none (no such tool,
bad arguments)."""

Results = Literal["none", "spoken", "all"]
"""Which results are looked at beside the calls: those that a rule of the result phase spoke about, or all."""

GROUPS = 10_000
"""How many kinds of change are told apart; further ones are only counted."""
RESOURCES_SHOWN = 8


class Recorded(Struct, frozen=True, kw_only=True):
    """One judged call of a record. ``request`` is None where ``aside`` says why.

    ``session`` and ``seq`` name the record; for a rule's example the rule, and the example's number. ``at`` is in
    UTC microseconds since 1970, 0 where there was no such moment. ``approval`` answers an ask. Of a result (its request is
    of that phase), ``content`` is what came back, or None where the record has it only redacted or withheld.
    """

    session: str
    seq: int
    principal: Principal
    tool: str
    resources: tuple[Resource, ...]
    decision: Decision
    request: Request | None
    at: int = 0
    aside: Aside = ""
    shadow: Decision | None = None
    approval: Approval | None = None
    content: tuple[Any, ...] | None = None


class Example(Struct, frozen=True):
    """One changed call: where it is recorded, what it touched, the rules of both answers, the new reason."""

    session: str
    seq: int
    at: int
    resources: tuple[str, ...]
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]
    reason: str


class Change(Struct, frozen=True):
    """Calls of one principal and tool whose answer changes in the same way.

    Obligations are told where the effect stays the same and they are what changes. ``rules`` are those
    that make the new answer, with how often.
    """

    principal: str
    tool: str
    before: Effect
    after: Effect
    count: int
    first: int
    last: int
    rules: dict[str, int]
    examples: tuple[Example, ...]
    obligations_before: dict[str, Any] | None = None
    obligations_after: dict[str, Any] | None = None


class RuleChange(Struct, frozen=True):
    """The changes that one rule makes, or the default where no rule makes them (``rule`` empty)."""

    rule: str
    before: Effect
    after: Effect
    count: int
    principals: int
    tools: tuple[str, ...]


class Report(Struct, frozen=True):
    """What a replay found. ``judged`` = ``same`` + ``changed``; ``other_rules`` of the same by other rules.

    ``aside`` counts what was not judged, by its reason. ``policy`` is the digest of the one that judged,
    ``against`` of the one before where that is not the record. ``more`` counts changed calls whose kind
    is not told apart any more.
    """

    policy: str
    against: str = ""
    judged: int = 0
    same: int = 0
    other_rules: int = 0
    changed: int = 0
    more: int = 0
    aside: dict[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    by_rule: tuple[RuleChange, ...] = ()


def made_by(before: Decision, after: Decision) -> tuple[str, ...]:
    """The rules that make the new answer: those that determined it and did not speak before, else all of them."""
    made = tuple(dict.fromkeys(rule.rule for rule in after.determining))
    new = tuple(rule for rule in made if rule not in before.rules)
    if before.effect == after.effect:
        # The obligations differ: what brings them need not be what determined the effect.
        new = tuple(sorted(set(after.rules) ^ set(before.rules)))
    return new or made


class _Group:
    """One kind of change while it is counted."""

    __slots__ = ("count", "examples", "first", "last", "owed", "rules")

    def __init__(self, owed: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
        self.owed = owed
        self.count, self.first, self.last = 0, 0, 0
        self.rules: dict[str, int] = {}
        self.examples: list[Example] = []


class Tally:
    """Takes one comparison after the other; ``examples`` of each kind of change are kept."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._same, self._other_rules, self._changed, self._more = 0, 0, 0, 0
        self._aside: dict[str, int] = {}
        self._groups: dict[tuple[str, str, Effect, Effect, bytes], _Group] = {}
        self._by_rule: dict[tuple[str, Effect, Effect], tuple[list[int], set[str], set[str]]] = {}

    def set_aside(self, aside: str) -> None:
        self._aside[aside] = self._aside.get(aside, 0) + 1

    def compare(self, one: Recorded, before: Decision, after: Decision) -> None:
        owed = None
        if before.effect == after.effect:
            if before.obligations == after.obligations:
                self._same += 1
                self._other_rules += before.rules != after.rules
                return
            owed = before.obligations, after.obligations
        self._changed += 1
        rules = made_by(before, after)
        self._count_by_rule(one, before.effect, after.effect, rules)
        key = str(one.principal), one.tool, before.effect, after.effect, canonical(owed)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= GROUPS:
                self._more += 1
                return
            group = self._groups[key] = _Group(owed)
        group.count += 1
        group.first = min(group.first or one.at, one.at)
        group.last = max(group.last, one.at)
        for rule in rules or ("",):
            if rule in group.rules or len(group.rules) < GROUPS:
                group.rules[rule] = group.rules.get(rule, 0) + 1
        if len(group.examples) < self._examples:
            group.examples.append(_example(one, before, after))

    def report(self, policy: str, against: str) -> Report:
        return Report(
            policy=policy,
            against=against,
            judged=self._same + self._changed,
            same=self._same,
            other_rules=self._other_rules,
            changed=self._changed,
            more=self._more,
            aside=dict(sorted(self._aside.items())),
            changes=tuple(sorted(self._changes(), key=_by_weight)),
            by_rule=tuple(
                RuleChange(rule, before, after, count[0], len(principals), tuple(sorted(tools)))
                for (rule, before, after), (count, principals, tools) in sorted(
                    self._by_rule.items(), key=lambda one: (-one[1][0][0], one[0])
                )
            ),
        )

    def _changes(self) -> Iterator[Change]:
        for (principal, tool, before, after, _), group in self._groups.items():
            yield Change(
                principal=principal,
                tool=tool,
                before=before,
                after=after,
                count=group.count,
                first=group.first,
                last=group.last,
                rules=dict(sorted(group.rules.items(), key=lambda one: (-one[1], one[0]))),
                examples=tuple(group.examples),
                obligations_before=group.owed[0] if group.owed else None,
                obligations_after=group.owed[1] if group.owed else None,
            )

    def _count_by_rule(
        self, one: Recorded, before: Effect, after: Effect, rules: tuple[str, ...]
    ) -> None:
        for rule in rules or ("",):
            key = rule, before, after
            counted = self._by_rule.get(key)
            if counted is None:
                if len(self._by_rule) >= GROUPS:
                    continue
                counted = self._by_rule[key] = [0], set(), set()
            counted[0][0] += 1
            counted[1].add(str(one.principal))
            counted[2].add(one.tool)


def _by_weight(change: Change) -> tuple[int, int, str, str, str]:
    """What an admin looks for first: what is widened, then the most frequent."""
    widened = RANK[change.after] > RANK[change.before]
    return -widened, -change.count, change.principal, change.tool, change.after


def _example(one: Recorded, before: Decision, after: Decision) -> Example:
    ids = [resource.id for resource in one.resources]
    more = [f"… and {len(ids) - RESOURCES_SHOWN} more"] if len(ids) > RESOURCES_SHOWN else []
    return Example(
        session=one.session,
        seq=one.seq,
        at=one.at,
        resources=(*ids[:RESOURCES_SHOWN], *more),
        rules_before=before.rules,
        rules_after=after.rules,
        reason=after.reason,
    )
