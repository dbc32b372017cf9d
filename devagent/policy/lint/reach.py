"""Rules that change no answer: they never match, a stricter or wider one always speaks, or nobody asks them."""

from collections.abc import Iterator
from typing import Any

from devagent.core.verdicts import RANK
from devagent.policy.describe import among
from devagent.policy.lint.alike import candidates
from devagent.policy.lint.finding import Finding
from devagent.policy.lint.scopes import Extent, classes_of_tools, covers, may_meet
from devagent.policy.lint.subject import Subject, operators
from devagent.policy.reasons import base_name
from devagent.policy.syntax import Envelope, PolicyFile, Rule
from devagent.policy.tool_types import Catalogue

MOST_COMPARISONS = 2_000_000
"""Pairs of rules that are looked at in one file: some seconds."""


def reach_findings(subject: Subject) -> Iterator[Finding]:
    """Rules that never match, are unreachable or redundant, dead under the org, or outside its envelopes."""
    dead = {number: why for number, _ in enumerate(subject.rules) if (why := _never(subject, number))}  # fmt: skip
    for number, (path, why, suggestion) in dead.items():
        rule = subject.file.rules[number]
        yield subject.finding("never-matches", path, f'"{rule.id}" matches no call: {why}', suggestion)  # fmt: skip
    for scoped in subject.envelopes:
        never = _impossible(scoped.of, scoped.path, subject.catalogue)
        if never:
            path, why, suggestion = never
            yield subject.finding("never-matches", path, f"the envelope opens nothing: {why}", suggestion)  # fmt: skip
    yield from _contradictions(subject)
    yield from _shadowed(subject, set(dead))
    if not subject.file.org and subject.orgs:
        yield from _under_org(subject, set(dead))


# --- rules that match nothing ---

Never = tuple[tuple[str | int, ...], str, str]


def _never(subject: Subject, number: int) -> Never | None:
    rule = subject.file.rules[number]
    path = ("rule", number)
    if not rule.phase:
        return (*path, "phase"), "its phase is empty", 'Write phase = ["call"] or leave it out.'
    return _impossible(rule, path, subject.catalogue)


def _impossible(
    scoped: Rule | Envelope, path: tuple[str | int, ...], catalogue: Catalogue
) -> Never | None:
    for key in ("principals", "tools", "classes", "access", "resources"):
        if getattr(scoped, key) == ():
            return (*path, key), f"its {key} are empty", f"Leave {key} out to mean every one."
    if scoped.tools is not None and scoped.classes is not None:
        has = classes_of_tools(scoped, catalogue)
        if not has & set(scoped.classes):
            meant = catalogue.meant(scoped.tools)
            names = among(t.qualified for t in meant.tools)
            what = (
                f"{names} {'is' if len(meant.tools) == 1 else 'are'} of class {among(sorted(has))}"
            )
            return (*path, "classes"), what, f"Write classes = {sorted(has)}, or leave it out.".replace("'", '"')  # fmt: skip
    return None


def _contradictions(subject: Subject) -> Iterator[Finding]:
    """Bounds that no value keeps. An ask or a deny still matches where the value is absent."""
    for scoped in subject.scoped:
        grants = not isinstance(scoped.of, Rule) or scoped.of.effect == "allow"
        for key, spec in scoped.of.when.items():
            why = "" if key.startswith("taint_") else _contradiction(spec)
            if why:
                yield subject.finding(
                    "never-matches",
                    (*scoped.path, "when", key),
                    f"{scoped.title} matches {'no call' if grants else f'only calls without {key}'}: {key} {why}",
                    "Correct the bounds.",
                )


def _contradiction(spec: Any) -> str:
    if not isinstance(spec, dict):
        return ""
    bounds: dict[str, Any] = {n: want for n, want, _, around in operators(spec, ()) if not around}
    for least, most in (("min", "max"), ("len_min", "len_max")):
        if least in bounds and most in bounds and bounds[least] > bounds[most]:
            return f"can not be at least {bounds[least]} and at most {bounds[most]}"
    return ""


# --- rules beside stricter or wider ones of the same file ---


def _shadowed(subject: Subject, dead: set[int]) -> Iterator[Finding]:
    rules = subject.file.rules
    extents = [Extent(rule, subject.file.lists, subject.catalogue) for rule in rules]
    left = MOST_COMPARISONS
    for number, rule in enumerate(rules):
        if number in dead or _is_over(rule, subject):
            continue
        found: tuple[str, Rule] | None = None
        for other in candidates(subject.file, rule):
            left -= 1
            if other == number or other in dead or (found and found[0] == "unreachable"):
                continue
            if _always_with(extents[other], extents[number], rule):
                code = _shadow(rules[other], rule, later=other > number)
                found = (code, rules[other]) if code else found
        if found:
            yield _beside(subject, number, found[1], found[0])
        if left < 0:
            yield subject.finding(
                "not-compared",
                ("rule", number),
                f"{len(rules) - number - 1:,} rules from here on are not compared with the others for being shadowed",
                "Give rules narrower principals, tools or resources, or share them out over several files.",
            )
            return


def _shadow(by: Rule, rule: Rule, *, later: bool) -> str:
    """How ``by`` would take all effect from ``rule`` where it covers it; empty for not at all."""
    if by.shadow or by.expires or not set(rule.phase) <= set(by.phase):
        return ""
    if RANK[by.effect] < RANK[rule.effect]:
        strict = rule.otherwise is not None and RANK[rule.otherwise] < RANK[by.effect]
        keeps = by.effect == "ask" and (rule.obligations or strict)
        return "" if keeps else "unreachable"
    if by.effect != rule.effect or rule.shadow or rule.otherwise is not None or by.otherwise is not None:  # fmt: skip
        return ""
    if rule.sticky and not by.sticky:
        return ""
    if any(by.obligations.get(name) != want for name, want in rule.obligations.items()):
        return ""
    if rule.effect != "allow" and (rule.why, rule.grant) != (by.why, by.grant) and (rule.why or rule.grant):  # fmt: skip
        return ""  # it says more precisely why, or how to be granted
    same = (by.principals, by.tools, by.classes, by.access, by.resources, by.when) == (
        rule.principals,
        rule.tools,
        rule.classes,
        rule.access,
        rule.resources,
        rule.when,
    )
    return "" if same and later else "redundant"  # of two alike the later one is too much


def _always_with(by: Extent, extent: Extent, rule: Rule) -> bool:
    """Whether ``by`` matches wherever ``rule`` says anything; ``extent`` is the rule's."""
    if rule.otherwise is not None and by.of.when:
        return False  # it also speaks where its conditions do not hold
    return covers(by, extent)


def _beside(subject: Subject, number: int, by: Rule, code: str) -> Finding:
    rule = subject.file.rules[number]
    if code == "unreachable":
        verb = "is denied" if by.effect == "deny" else "needs approval"
        what = f'what "{rule.id}" {rule.effect}s {verb} by "{by.id}" (line {by.line}) in every case'
        way = f'Narrow "{by.id}", or take "{rule.id}" out; order does not matter.'
    else:
        what = f'"{by.id}" (line {by.line}) says all that "{rule.id}" says'
        way = f'Take "{rule.id}" out.'
    return subject.finding(code, ("rule", number), what, way)


def _is_over(rule: Rule, subject: Subject) -> bool:
    return bool(rule.expires) and rule.expires <= subject.today


# --- rules below the org ---


def _under_org(subject: Subject, dead: set[int]) -> Iterator[Finding]:
    orgs = [_Org(org, subject) for org in subject.orgs]
    for number, rule in enumerate(subject.file.rules):
        if number in dead or _is_over(rule, subject) or rule.effect == "deny":
            continue
        extent = Extent(rule, subject.file.lists, subject.catalogue)
        deniers = [org.denier(rule, extent) for org in orgs]
        by = deniers[0]
        if by is not None and all(deniers):
            org = subject.orgs[0]
            yield subject.finding(
                "dead-under-org",
                ("rule", number),
                f'org/{org.name}#{by.id} ({base_name(org.file)}:{by.line}) denies all that "{rule.id}" {rule.effect}s',
                by.grant or "Take it out, or ask whoever keeps the organisation's file.",
            )
        elif rule.effect == "allow" and not any(org.leaves(rule, extent) for org in orgs):
            layer = subject.file.layer
            yield subject.finding(
                "outside-envelopes",
                ("rule", number),
                f'"{rule.id}" allows nothing: the organisation leaves none of this to the {layer} layer',
                "Ask for a [[delegate]] that covers it, or take it out.",
            )


class _Org:
    """The org's file as seen from below."""

    def __init__(self, file: PolicyFile, subject: Subject) -> None:
        self._file = file
        self._catalogue = subject.catalogue
        self._extents: dict[int, Extent] = {}
        self._envelopes = [
            Extent(one, file.lists, subject.catalogue)
            for one in file.envelopes
            if subject.file.layer in one.to and one.effect != "deny"
        ]

    def denier(self, rule: Rule, extent: Extent) -> Rule | None:
        """The org's deny that always speaks where the rule does."""
        if self._file.shadow:
            return None
        for number in candidates(self._file, rule):
            by = self._file.rules[number]
            if by.effect != "deny" or by.shadow or by.expires or not {*rule.phase} <= {*by.phase}:
                continue
            if number not in self._extents:
                self._extents[number] = Extent(by, self._file.lists, self._catalogue)
            if _always_with(self._extents[number], extent, rule):
                return by
        return None

    def leaves(self, rule: Rule, extent: Extent) -> bool:
        """Whether an allow of a lower layer can have any effect under this file."""
        if rule.obligations or rule.otherwise is not None or rule.shadow or "call" not in rule.phase:  # fmt: skip
            return True  # it narrows, or is not meant to allow
        return any(may_meet(extent, envelope) for envelope in self._envelopes)
