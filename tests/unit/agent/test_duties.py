"""The house's own obligations: carried out, or the call is refused."""

import pytest

from devagent.core.events.calls import Approval, ApprovalAnswered, ToolJudged
from devagent.core.tools import ToolCall, ToolResult
from devagent.core.verdicts import Decision, RuleReference
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


async def test_what_the_house_cannot_do_names_the_rule_its_place_and_whom_to_ask() -> None:
    rule = RuleReference("org/acme#push", "allow", "org", "/etc/devagent/policy.toml", 7)
    judge = FakeJudge("allow", obligations={"two_person": True}, determining=(rule,))
    async for event in gate_of(judge).judge(1, ToolCall("c1", "git__push", {})):
        assert isinstance(event, ToolJudged)
        assert "org/acme#push (policy.toml:7) requires two_person" in event.reply
        assert "To be granted: Ask whoever keeps org/acme." in event.reply


@pytest.mark.parametrize("phase", ["call", "result"])
async def test_what_a_rule_redacts_is_seen_by_nobody(phase: str) -> None:
    result = ToolResult(
        text="pin 4711", view="PIN 4711", structured={"pin": 4711}, whole="the pin 4711"
    )
    duty = {"redact": ["pii"]}
    afterwards = Decision("allow", "", obligations=duty if phase == "result" else {})
    judge = FakeJudge("allow", obligations=duty if phase == "call" else {}, afterwards=afterwards)
    toolbox = FakeToolbox()
    gate = gate_of(judge, toolbox)
    events = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(events[0], ToolJudged)
    tool = toolbox.find("git__push")
    assert tool is not None
    finished = gate.result(events[0], tool, result)
    assert (finished.text, finished.view, finished.structured) == ("pin [pii]", "PIN [pii]", {})
    assert finished.whole == "the pin [pii]"


async def test_a_result_that_cannot_be_redacted_is_withheld() -> None:
    afterwards = Decision("allow", "", obligations={"redact": ["starlight"]})
    toolbox = FakeToolbox()
    gate = gate_of(FakeJudge("allow", afterwards=afterwards), toolbox)
    events = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(events[0], ToolJudged)
    tool = toolbox.find("git__push")
    assert tool is not None
    finished = gate.result(events[0], tool, ToolResult(text="starlight", whole="starlight"))
    assert (finished.outcome, finished.whole) == ("denied", "")
    assert "starlight" in finished.text.partition("redact")[2]
