"""The house's own obligations: carried out, or the call is refused."""

import pytest

from devagent.core.events import Approval, ApprovalAnswered, ToolJudged
from devagent.core.tools import ToolCall
from tests.support.agent_parts import UNATTENDED, FakeApprover, FakeJudge, FakeToolbox, gate_of


async def judged(
    obligations: dict[str, object], approver: FakeApprover
) -> tuple[ToolJudged, ApprovalAnswered | None]:
    gate = gate_of(FakeJudge("allow", obligations=obligations), FakeToolbox(), approver)
    events = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(events[0], ToolJudged)
    return events[0], next((e for e in events if isinstance(e, ApprovalAnswered)), None)


async def test_a_reason_that_is_required_is_asked_for_each_time_and_kept_on_record() -> None:
    approver = FakeApprover(Approval("yes", "user:ana", "terminal", scope="always"), "incident 12")
    event, answered = await judged({"require_reason": True}, approver)
    assert event.decision.effect == "allow"
    assert approver.asked[0].needs_reason
    assert approver.asked[0].scopes == ("once",)
    assert answered is not None
    assert (answered.approval.answer, answered.comment) == ("yes", "incident 12")


@pytest.mark.parametrize("comment", ["", "   "])
async def test_a_yes_without_the_reason_is_a_no(comment: str) -> None:
    approver = FakeApprover(Approval("yes", "user:ana", "terminal"), comment)
    _, answered = await judged({"require_reason": True}, approver)
    assert answered is not None
    assert answered.approval.answer == "no"
    assert answered.reply.startswith("Not done.")


async def test_where_nobody_can_give_a_reason_nothing_runs() -> None:
    _, answered = await judged({"require_reason": True}, FakeApprover(UNATTENDED))
    assert answered is not None
    assert answered.approval.answer == "no"


@pytest.mark.parametrize(
    ("obligations", "said"),
    [
        ({"two_person": True}, "requires two_person"),
        ({"redact": ["starlight"]}, "starlight cannot be redacted here"),
    ],
)
async def test_what_the_house_cannot_do_is_a_deny_that_says_so(
    obligations: dict[str, object], said: str
) -> None:
    event, _ = await judged(obligations, FakeApprover())
    assert event.decision.effect == "deny"
    assert said in event.decision.reason
    assert event.decision.obligations == {}


async def test_a_full_log_asks_for_nothing_more() -> None:
    approver = FakeApprover()
    event, answered = await judged({"log_full": True}, approver)
    assert event.decision.effect == "allow"
    assert (answered, approver.asked) == (None, [])
