"""An explained answer in words: every rule that spoke, where it stands, and how to be granted."""

from collections.abc import Iterator, Sequence

import msgspec

from devagent.core.text import one_line
from devagent.core.verdicts import Decision, Request, RuleReference
from devagent.policy import Explanation


def in_text(request: Request, explanation: Explanation) -> Iterator[str]:
    """The answer to a call, line by line."""
    decision = explanation.decision
    yield f"{decision.effect}  {request.extension}.{request.tool} ({request.tool_class}) for {request.principal}"
    yield from answer_lines(explanation)


def answer_lines(explanation: Explanation) -> Iterator[str]:
    """The answer without the call."""
    decision = explanation.decision
    yield f"  {one_line(decision.reason, 400)}"
    yield from rule_lines("Rules that spoke:", explanation.spoke)
    if decision.obligations:
        yield f"Obligations: {msgspec.json.encode(decision.obligations).decode()}"
    if explanation.nearest:
        yield "Nearest grants:"
    for near in explanation.nearest:
        yield f"  {near.rule}  ({near.file}:{near.line})"
        for missing in near.missing:
            yield f"         {missing}"
    if decision.grant:
        yield f"To be granted: {one_line(decision.grant, 400)}"
    if explanation.shadow is not None:
        yield shadow_line(explanation.shadow)
    yield f"Policy {decision.policy}"


def rule_lines(heading: str, rules: Sequence[RuleReference]) -> Iterator[str]:
    """Each rule with what it said of which resource, its file and line, and its why."""
    if rules:
        yield heading
    for rule in rules:
        touched = f" on {one_line(rule.resource)}" if rule.resource else ""
        place = f"  ({rule.file}:{rule.line})" if rule.file else ""
        yield f"  {rule.effect:5}  {rule.rule}{touched}{place}"
        if rule.why:
            yield f"         {one_line(rule.why)}"


def shadow_line(shadow: Decision) -> str:
    """What the rules in shadow mode would make of it."""
    owed = f" with {msgspec.json.encode(shadow.obligations).decode()}" if shadow.obligations else ""
    return f"Rules in shadow mode would make this {shadow.effect}{owed}: {one_line(shadow.reason, 400)}"
