"""Why a reviewer should look at a session: facts that are taken from its events, and rules over them.

Facts are few and stand in headers alone, so they are there for sealed and erased content too: which rules
denied or granted something, tags and sources of the data that was granted, quick approvals. Which of them make a
session worth a look is said by ``FlagRules``, afterwards: other rules need no other reading.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from devagent.audit.contentless import without_content
from devagent.audit.record import Unknown
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.ground import BundleRevoked, PolicyLocked
from devagent.core.resources import Resource
from devagent.policy.globs import compile_glob

Flag = Literal["break-glass", "production", "quick-yes", "denied", "locked"]
FLAGS: Mapping[Flag, str] = {
    "break-glass": "a break-glass rule spoke",
    "production": "production data was granted",
    "quick-yes": "a person said yes in under a second",
    "denied": "a call was denied, or its result withheld",
    "locked": "policy was missing or broken: locked to reading",
}
"""What each flag says, the gravest first."""

QUICK_US = 1_000_000
"""A yes faster than this was hardly read."""

FactKind = Literal["deny", "rule", "tag", "source", "quick", "locked"]
Fact = tuple[FactKind, str]

_NO_DENIALS = frozenset({"no_such_tool", "bad_arguments", "not_judged"})
"""Calls that were none: nobody was kept from anything."""


class FlagRules(Struct, frozen=True):
    """``break_glass``: globs over rules (``layer/name#id``). ``production``: ``tag:`` and ``source:`` globs."""

    break_glass: tuple[str, ...] = ("*/break-glass#*",)
    production: tuple[str, ...] = ("tag:env.prod", "tag:env.production")


class Spotted(Struct, frozen=True):
    """How often something stands in a session (at least, where several facts raise one flag), and the first and
    last event that has it."""

    count: int
    first: int
    last: int


def facts(event: Event | Unknown) -> Iterator[Fact]:
    """What is worth knowing of an event, each thing once."""
    match without_content(event):
        case ToolJudged(decision=decision) as judged:
            if decision.effect == "deny":
                if (judged.err or decision.error) not in _NO_DENIALS:
                    yield "deny", ""
                return
            for rule in decision.rules:
                yield "rule", rule
            yield from _reached(judged.resources)
        case ApprovalAnswered(approval=approval):
            if approval.method == "unattended" and approval.answer == "no":
                yield "deny", ""
            elif _is_quick(approval):
                yield "quick", approval.by
        case ToolFinished(outcome="denied"):
            yield "deny", ""
        case PolicyLocked() | BundleRevoked(extensions=()):
            yield "locked", ""
        case _:
            pass


def _is_quick(approval: Approval) -> bool:
    in_person = approval.method in ("terminal", "elicitation")
    return in_person and approval.answer == "yes" and approval.latency_us < QUICK_US


def _reached(resources: Iterable[Resource]) -> Iterator[Fact]:
    found: dict[Fact, None] = {}
    for one in resources:
        for tag in one.tags:
            found["tag", tag] = None
        kind, _, name = one.id.partition(":")
        if kind in ("source", "table", "column"):
            found["source", name.partition(".")[0]] = None
    yield from found


def flags_of(known: Mapping[Fact, Spotted], rules: FlagRules) -> dict[Flag, Spotted]:
    """The flags that a session's facts raise, the gravest first."""
    raised: dict[Flag, Spotted] = {}
    glass = [compile_glob(one) for one in rules.break_glass]
    production = {
        kind: [
            compile_glob(p.partition(":")[2]) for p in rules.production if p.startswith(f"{kind}:")
        ]
        for kind in ("tag", "source")
    }
    for (kind, value), spotted in known.items():
        match kind:
            case "deny":
                flag: Flag | None = "denied"
            case "quick":
                flag = "quick-yes"
            case "locked":
                flag = "locked"
            case "rule":
                flag = "break-glass" if any(matches(value) for matches in glass) else None
            case "tag" | "source":
                flag = "production" if any(m(value) for m in production[kind]) else None
        if flag is not None:
            raised[flag] = _either(raised.get(flag), spotted)
    return {flag: raised[flag] for flag in FLAGS if flag in raised}


def _either(one: Spotted | None, other: Spotted) -> Spotted:
    """Facts that raise the same flag: one event may have several of them, so the counts are no sum."""
    if one is None:
        return other
    return Spotted(
        max(one.count, other.count), min(one.first, other.first), max(one.last, other.last)
    )


def flagged(event: Event | Unknown, rules: FlagRules) -> tuple[Flag, ...]:
    """The flags that one event raises."""
    once = Spotted(1, 0, 0)
    return tuple(flags_of(dict.fromkeys(facts(event), once), rules))


def joined(one: Spotted | None, other: Spotted) -> Spotted:
    """Two lots of the same fact together."""
    if one is None:
        return other
    return Spotted(one.count + other.count, min(one.first, other.first), max(one.last, other.last))
