"""Recorded requests judged again: what would change under another policy, by whom, with which tool.

Each request is judged as it stood on its day, in its context, with its session's taint: the same policy
gives the same answers. What can not be judged again exactly as it was is set aside and counted by its
reason, never guessed: content that is gone, and answers that no policy gave (the floor below every
policy, a call that was none).
"""

from collections.abc import Iterable
from typing import Protocol

from msgspec.structs import replace

from devagent.core.verdicts import Decision, Needs, Request
from devagent.policy.changes import Aside, Recorded, Report, Results, Tally
from devagent.policy.needs import ASKS_FOR_PERSONAL_DATA
from devagent.policy.personal_data import personal_data


class Decides(Protocol):
    """What gives answers: ``CompiledPolicy``."""

    @property
    def digest(self) -> str: ...

    def decide(self, request: Request) -> Decision: ...

    def decide_result(self, request: Request) -> Decision: ...

    @property
    def of_results(self) -> Needs | None: ...


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
        then = judge_again(one, before) if before else one.decision
        if not isinstance(then, Decision):
            tally.set_aside(then)
        elif one.request.phase == "call" or then.rules or now.rules:
            tally.compare(
                one, then, now
            )  # a result that no rule speaks about is none that anyone judged
    return tally.report(after.digest, before.digest if before else "")


def judge_again(one: Recorded, policy: Decides) -> Decision | Aside:
    """The policy's answer to the recorded request; where it is not to be judged again, why."""
    request = one.request
    if request is None:
        return one.aside
    of_result = request.phase == "result"
    now = policy.decide_result(request) if of_result else policy.decide(request)
    if one.decision.request and now.request != one.decision.request:
        # Its digest is not that of what was judged: redaction, or a record of an older version.
        return "differs"
    if of_result and _asks_what_is_not_on_record(request, policy):
        if one.content is None:
            return "unseen"
        about = {**request.context["result"], "personal_data": personal_data(list(one.content))}
        return policy.decide_result(replace(request, context={**request.context, "result": about}))
    return now


def results_for(*policies: Decides) -> Results:
    """Which results these policies want looked at: all where one of them has rules about results."""
    return "all" if any(policy.of_results is not None for policy in policies) else "spoken"


def _asks_what_is_not_on_record(request: Request, policy: Decides) -> bool:
    """Personal data is looked for only where a rule of the day asked for it."""
    needs = policy.of_results
    return (
        needs is not None
        and not needs.context.isdisjoint(ASKS_FOR_PERSONAL_DATA)
        and "personal_data" not in request.context["result"]
    )


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
