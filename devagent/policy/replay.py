"""Recorded requests judged again: what would change under another policy, by whom, with which tool.

Each request is judged as it stood on its day, in its context, with its session's taint: the same policy
gives the same answers. What can not be judged again exactly as it was is set aside and counted by its
reason, never guessed: content that is gone, and answers that no policy gave (the floor below every
policy, a call that was none).
"""

from collections.abc import Iterable
from typing import Protocol

from devagent.core.verdicts import Decision, Request
from devagent.policy.changes import Aside, Recorded, Report, Tally


class Decides(Protocol):
    """What gives answers: ``CompiledPolicy``."""

    @property
    def digest(self) -> str: ...

    def decide(self, request: Request) -> Decision: ...


def replay(
    recorded: Iterable[Recorded],
    after: Decides,
    *,
    before: Decides | None = None,
    examples: int = 3,
) -> Report:
    """Judge each request again; the change is from the recorded answer, or from ``before``'s."""
    tally = Tally(examples)
    for one in recorded:
        now = judge_again(one, after)
        if one.request is None or not isinstance(now, Decision):
            tally.set_aside(str(now))
            continue
        then = before.decide(one.request) if before else one.decision
        tally.compare(one, then, now)
    return tally.report(after.digest, before.digest if before else "")


def judge_again(one: Recorded, policy: Decides) -> Decision | Aside:
    """The policy's answer to the recorded request; where it is not to be judged again, why."""
    if one.request is None:
        return one.aside
    now = policy.decide(one.request)
    if one.decision.request and now.request != one.decision.request:
        # Its digest is not that of what was judged: redaction, or a record of an older version.
        return "differs"
    return now


def shadowed(recorded: Iterable[Recorded], *, examples: int = 3) -> Report:
    """What the rules in shadow mode would have changed, as the record has it. Nothing is judged again."""
    tally = Tally(examples)
    policy = ""
    for one in recorded:
        if one.aside:
            tally.set_aside(one.aside)
            continue
        policy = policy or one.decision.policy
        tally.compare(one, one.decision, one.shadow or one.decision)
    return tally.report(policy, "")
