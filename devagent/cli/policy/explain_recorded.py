"""A recorded decision explained: what was answered then, by which rules, and what it would be now."""

import time
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from devagent.audit.layout import newest_first
from devagent.audit.requests import recorded
from devagent.cli.policy.diff_text import ASIDE
from devagent.cli.policy.explain_text import answer_lines, rule_lines, shadow_line
from devagent.cli.session.shared import folder_of
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import LogError, UsageError
from devagent.core.text import one_line
from devagent.policy import CompiledPolicy, Explanation, explain
from devagent.policy.changes import Recorded
from devagent.settings.places import places

SHOWN = 12


def find_event(name: str) -> Recorded:
    """The judged call that ``SESSION:SEQ`` names. Raises UsageError where there is none."""
    session, _, number = name.rpartition(":")
    if not session or not number.isdecimal():
        raise UsageError(
            f"{name!r} names no event", hint="Write SESSION:SEQ, as last:12 or 01M7…:12."
        )
    seen: list[int] = []
    for one in recorded(folder_of(session)):
        if one.seq == int(number):
            return one
        seen.append(one.seq)
    some = ", ".join(str(seq) for seq in sorted(seen)[:SHOWN]) + (
        ", …" if len(seen) > SHOWN else ""
    )
    raise UsageError(
        f"Event {number} of that session is no judged call.",
        hint=f"Its judged calls are {some}." if seen else "No call was judged in it.",
    )


def find_last_denial() -> Recorded:
    """The last call that was not carried out by policy or a person's no, of the newest session with one.

    Raises UsageError where there is none; sessions that cannot be read are told on stderr and passed over.
    """
    for folder in newest_first(places().sessions):
        last: Recorded | None = None
        try:
            for one in recorded(folder):
                if is_denial(one):
                    last = one
        except LogError as error:
            click.echo(f"devagent: {error.what}", err=True)
        if last is not None:
            return last
    raise UsageError(
        "No recorded session has a denial.", hint="`devagent session list` shows them."
    )


def is_denial(one: Recorded) -> bool:
    """Whether policy, the floor, a person or nobody's being there kept the call from running."""
    if one.decision.effect == "ask":
        return one.approval is not None and one.approval.answer == "no"
    return one.decision.effect == "deny" and one.aside != "error"


def explain_record(one: Recorded, policy: CompiledPolicy, output_format: str) -> None:
    """Print the record and the answer that ``policy`` gives today's eyes on that day's request."""
    now, why_not = _again(one, policy)
    differs = now is not None and _differs(one, now)
    if output_format == "json":
        result: dict[str, Any] = {
            "session": one.session,
            "seq": one.seq,
            "principal": to_plain(one.principal),
            "tool": one.tool,
            "resources": to_plain(one.resources),
            "decision": to_plain(one.decision),
        }
        if one.approval is not None:
            result["approval"] = to_plain(one.approval)
        if one.shadow is not None:
            result["shadow"] = to_plain(one.shadow)
        if now is None:
            result["not_judged_again"] = why_not
        else:
            result |= {"now": to_plain(now), "differs": differs}
        click.echo(canonical(result))
        return
    click.echo("\n".join([*_record(one), "", *_now(one, now, why_not, differs)]))


def _again(one: Recorded, policy: CompiledPolicy) -> tuple[Explanation | None, str]:
    if one.request is None:
        return None, ASIDE[one.aside]
    now = explain(policy, one.request)
    if one.decision.request and now.decision.request != one.decision.request:
        return None, ASIDE["differs"]
    return now, ""


def _differs(one: Recorded, now: Explanation) -> bool:
    same_effect = now.decision.effect == one.decision.effect
    return not same_effect or now.decision.obligations != one.decision.obligations


def _record(one: Recorded) -> Iterator[str]:
    decision = one.decision
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.at // 1_000_000))
    yield one_line(f"Recorded {moment} UTC, session {one.session}, event {one.seq}", 400)
    yield one_line(f"{decision.effect} {one.tool} for {one.principal}", 400)
    if decision.reason:
        yield f"  {one_line(decision.reason, 400)}"
    for resource in one.resources:
        tags = f" ({one_line(', '.join(resource.tags))})" if resource.tags else ""
        yield f"  {resource.access:5} {one_line(resource.id)}{tags}"
    yield from rule_lines("Rules that determined it:", decision.determining)
    named = {rule.rule for rule in decision.determining}
    if others := [rule for rule in decision.rules if rule not in named]:
        yield f"Rules that matched too: {one_line(', '.join(others), 400)}"
    if decision.obligations:
        yield f"Obligations: {msgspec.json.encode(decision.obligations).decode()}"
    if decision.nearest:
        yield "Nearest grants:"
    yield from (f"  {one_line(near, 400)}" for near in decision.nearest)
    if decision.grant:
        yield f"To be granted: {one_line(decision.grant, 400)}"
    if one.shadow is not None:
        yield shadow_line(one.shadow)
    if one.approval is not None:
        by = f" by {one.approval.by}" if one.approval.by else ""
        yield one_line(f"Answered {one.approval.answer}{by} ({one.approval.method})")
    yield f"Policy {decision.policy}"


def _now(one: Recorded, now: Explanation | None, why_not: str, differs: bool) -> Iterator[str]:
    if now is None:
        yield f"It is not judged again: {why_not}."
        return
    then, effect = one.decision.effect, now.decision.effect
    if not differs:
        others = "" if one.decision.rules == now.decision.rules else ", by other rules"
        yield f"Judged again now: the same, {effect}{others}"
        if now.decision.policy == one.decision.policy:  # and so for the same reasons
            yield from (f"  {near.rule}  ({near.file}:{near.line})" for near in now.nearest)
            return
    elif then != effect:
        yield f"Judged again now: it differs, {then} → {effect}"
    else:
        yield f"Judged again now: {effect} with other obligations"
    yield from answer_lines(now)
