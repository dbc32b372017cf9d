"""Approvals that outlive a call: what they answer, and what they never answer."""

from msgspec.structs import replace

from devagent.agent.gate import granted
from devagent.core.approvals import SCOPES, ApprovalBounds, Scope, StandingApproval
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ApprovalAsked, ToolJudged
from devagent.core.ports import Answer, Question, ToolFailure
from devagent.core.resources import Resource
from devagent.core.tools import ToolCall
from devagent.core.verdicts import MOST_DETERMINING, RuleReference
from tests.support.agent_parts import (
    UNATTENDED,
    FakeApprovals,
    FakeApprover,
    FakeJudge,
    FakeToolbox,
    gate_of,
    the_only,
)

LOOK = RuleReference("local/mine#look", "ask", "local", "mine.toml", 3)
BRANCH = Resource("branch:origin/x", "write")


def yes(scope: Scope) -> Approval:
    return Approval("yes", "user:ana", "terminal", scope=scope)


async def asked(
    approval: Approval,
    *,
    on_file: FakeApprovals | None = None,
    sticky: bool = False,
    resources: tuple[Resource, ...] = (BRANCH,),
    bounds: ApprovalBounds = ApprovalBounds(),  # noqa: B008 - frozen
    calls: int = 1,
) -> tuple[list[ApprovalAnswered], FakeApprover, FakeApprovals]:
    """Judge the same call so many times in one session."""
    approver, on_file = FakeApprover(approval), on_file or FakeApprovals()
    gate = gate_of(
        FakeJudge("ask", determining=(LOOK,), sticky=sticky),
        FakeToolbox(named=list(resources)),
        approver,
        approvals=on_file,
        bounds=bounds,
    )
    answers: list[ApprovalAnswered] = []
    for number in range(calls):
        async for event in gate.judge(1, ToolCall(f"c{number}", "git__push", {})):
            answers += [event] if isinstance(event, ApprovalAnswered) else []
            gate.apply(event)
    return answers, approver, on_file


async def given(scope: Scope = "always") -> StandingApproval:
    _, _, on_file = await asked(yes(scope))
    return on_file.kept[0]


async def test_a_yes_once_is_asked_again() -> None:
    answers, approver, on_file = await asked(yes("once"), calls=2)
    assert len(approver.asked) == 2
    assert [one.approval.approval_id for one in answers] == ["", ""]
    assert on_file.kept == []


async def test_a_yes_for_the_session_answers_the_next_such_ask_and_is_not_kept() -> None:
    answers, approver, on_file = await asked(yes("session"), calls=3)
    assert len(approver.asked) == 1
    assert [one.approval.method for one in answers] == ["terminal", "file", "file"]
    assert answers[1].approval.approval_id == answers[0].approval.approval_id != ""
    assert on_file.kept == []


async def test_a_yes_for_always_is_kept_with_an_end_and_answers_in_the_next_session() -> None:
    _, _, on_file = await asked(yes("always"))
    kept = on_file.kept[0]
    assert (kept.given, kept.expires) == ("2026-11-20", "2026-12-20")
    assert kept.rules == ("local/mine#look",)
    answers, approver, _ = await asked(UNATTENDED, on_file=on_file)
    assert approver.asked == []
    assert answers[0].approval.answer == "yes"
    assert (answers[0].approval.method, answers[0].approval.by) == ("file", "user:ana")


async def test_a_sticky_ask_is_put_to_a_person_each_time() -> None:
    on_file = FakeApprovals(await given())
    answers, approver, on_file = await asked(yes("always"), on_file=on_file, sticky=True)
    assert approver.asked[0].scopes == ("once",)
    assert answers[0].approval.scope == "once"
    assert len(on_file.kept) == 1


async def test_policy_bounds_what_may_be_given_and_what_still_answers() -> None:
    on_file = FakeApprovals(await given())
    bounds = ApprovalBounds(scope="session", days=7)
    answers, approver, on_file = await asked(yes("always"), on_file=on_file, bounds=bounds)
    assert approver.asked[0].scopes == ("once", "session")
    assert answers[0].approval.scope == "once"
    assert len(on_file.kept) == 1


async def test_an_approval_ends_on_its_day_also_within_a_session_that_goes_on() -> None:
    day, approver = "2026-11-20", FakeApprover(yes("session"))
    judge = FakeJudge("ask", determining=(LOOK,))
    gate = gate_of(judge, approver=approver, bounds=ApprovalBounds(days=2), today=lambda: day)
    for later in ("2026-11-20", "2026-11-22", "2026-11-23", "2026-11-24"):
        day = later
        async for event in gate.judge(1, ToolCall(later, "git__push", {})):
            gate.apply(event)
    assert len(approver.asked) == 2


async def test_of_more_asking_rules_than_a_record_names_every_one_must_have_been_shown() -> None:
    many = [RuleReference(f"local/mine#r{n}", "ask", "local") for n in range(MOST_DETERMINING)]
    names = tuple(rule.rule for rule in many)

    async def answered(*beyond: str, on_file: FakeApprovals, approval: Approval) -> str:
        judge = FakeJudge("ask", determining=tuple(many), matching=(*names, *beyond))
        gate = gate_of(judge, approver=FakeApprover(approval), approvals=on_file)
        events = [one async for one in gate.judge(1, ToolCall("c", "git__push", {}))]
        return the_only(events, ApprovalAnswered).approval.method

    on_file = FakeApprovals()
    assert await answered("local/mine#x", on_file=on_file, approval=yes("always")) == "terminal"
    assert await answered("local/mine#x", on_file=on_file, approval=UNATTENDED) == "file"
    assert await answered("local/mine#y", on_file=on_file, approval=UNATTENDED) == "unattended"


async def test_an_approval_does_not_answer_what_was_not_shown() -> None:
    kept = await given()
    for other in (
        replace(kept, user="bo"),
        replace(kept, tool="git.fetch"),
        replace(kept, definition="cd" * 32),
        replace(kept, expires="2026-11-19"),
        replace(kept, rules=()),
        replace(kept, scope="project", folder="/code/other"),
        replace(kept, resources=(Resource("branch:origin/y", "write"),)),
        replace(kept, resources=(Resource("branch:origin/x", "read"),)),
        replace(kept, arguments="ef" * 32),
    ):
        _, approver, _ = await asked(UNATTENDED, on_file=FakeApprovals(other))
        assert len(approver.asked) == 1, other


async def test_a_force_push_is_not_answered_by_the_approval_of_a_push() -> None:
    forced = (Resource("branch:origin/x", "write", ("git.force",)),)
    _, approver, _ = await asked(UNATTENDED, on_file=FakeApprovals(await given()), resources=forced)
    assert len(approver.asked) == 1


async def test_where_a_tool_names_no_resources_the_exact_arguments_are_approved() -> None:
    _, _, on_file = await asked(yes("always"), resources=())
    assert on_file.kept[0].arguments != ""


async def test_the_approval_is_on_record_before_it_is_on_file() -> None:
    on_file = FakeApprovals()
    gate = gate_of(
        FakeJudge("ask", determining=(LOOK,)),
        FakeToolbox(named=[BRANCH]),
        FakeApprover(yes("always")),
        approvals=on_file,
    )
    seen: list[Event] = []
    async for event in gate.judge(1, ToolCall("c1", "git__push", {})):
        seen.append(event)
        assert on_file.kept == []
    assert [type(event) for event in seen] == [ToolJudged, ApprovalAsked, ApprovalAnswered]
    assert len(on_file.kept) == 1


async def test_an_approval_lives_no_longer_than_policy_lets_it_whatever_its_file_says() -> None:
    kept = await given()
    for other, bounds in (
        (replace(kept, given="2026-11-12"), ApprovalBounds(days=7)),
        (replace(kept, given="2026-01-01", expires="9999-12-31"), ApprovalBounds()),
        (replace(kept, given="2999-01-01", expires="9999-12-31"), ApprovalBounds()),
        (replace(kept, given="once upon a time"), ApprovalBounds()),
    ):
        _, approver, _ = await asked(UNATTENDED, on_file=FakeApprovals(other), bounds=bounds)
        assert len(approver.asked) == 1, other


async def test_what_is_asked_about_writes_no_lines_of_the_question() -> None:
    named = Resource("path:a\n  because allowed by org/acme#safe", "write", ("x\ny",))
    approver = FakeApprover(yes("once"))
    gate = gate_of(FakeJudge("ask"), FakeToolbox(named=[named]), approver)
    message = "fix\u2028  because allowed by org/acme#safe\u2029\x85\x0b\x0c"
    async for _ in gate.judge(1, ToolCall("c", "git__push", {"message": message})):
        pass
    (question,) = approver.asked
    assert [line.split()[0] for line in question.shown.splitlines()] == [
        *("git.push", "write", "force", "message", "because"),
    ]
    assert "path:a\\u000a  because allowed" in question.shown
    assert "fix\\u2028  because allowed" in question.shown


async def test_no_file_answers_what_is_asked_each_time_whatever_scope_it_claims() -> None:
    for scope in SCOPES:
        on_file = FakeApprovals(replace(await given(), scope=scope))
        _, approver, _ = await asked(UNATTENDED, on_file=on_file, sticky=True)
        assert len(approver.asked) == 1, scope
        _, approver, _ = await asked(
            UNATTENDED, on_file=on_file, bounds=ApprovalBounds(scope="once")
        )
        assert len(approver.asked) == 1, scope


async def test_an_approval_for_one_call_or_one_session_is_worth_nothing_on_file() -> None:
    for scope in ("once", "session"):
        on_file = FakeApprovals(replace(await given(), scope=scope))
        _, approver, _ = await asked(UNATTENDED, on_file=on_file)
        assert len(approver.asked) == 1, scope


async def test_an_approval_may_be_made_narrower_and_never_wider() -> None:
    class Narrowing(FakeApprover):
        days = 0

        async def ask(self, question: Question) -> Answer:
            answer = await super().ask(question)
            return Answer(answer.approval, days=self.days, exact=True)

    for days, expires in ((7, "2026-11-27"), (900, "2026-12-20"), (-3, "2026-11-20")):
        on_file = FakeApprovals()
        approver = Narrowing(yes("always"))
        approver.days = days
        gate = gate_of(
            FakeJudge("ask", determining=(LOOK,)),
            FakeToolbox(named=[BRANCH]),
            approver,
            approvals=on_file,
        )
        async for event in gate.judge(1, ToolCall("c1", "git__push", {})):
            gate.apply(event)
        (kept,) = on_file.kept
        assert (kept.expires, bool(kept.arguments)) == (expires, True)


async def test_a_question_says_what_a_yes_of_the_widest_scope_would_file() -> None:
    _, approver, _ = await asked(yes("once"))
    standing = approver.asked[0].standing
    assert standing is not None
    assert (standing.scope, standing.expires) == ("always", "2026-12-20")
    _, approver, _ = await asked(yes("once"), sticky=True)
    assert approver.asked[0].standing is None


async def foreseen(failure: ToolFailure) -> tuple[list[Event], FakeApprover]:
    approver = FakeApprover(yes("once"))
    gate = gate_of(FakeJudge("ask"), FakeToolbox(unforeseen=failure), approver)
    return [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))], approver


async def test_nobody_is_asked_about_a_call_that_could_only_fail() -> None:
    stale = ToolFailure("a.txt was not read in this session; read it first", error="conflict")
    (judged,), approver = await foreseen(stale)
    assert isinstance(judged, ToolJudged)
    assert not granted(judged)
    assert (judged.err, judged.reply) == ("conflict", stale.text)
    assert judged.resources
    assert not approver.asked


async def test_what_an_extension_cannot_foresee_is_asked_about_and_said() -> None:
    events, approver = await foreseen(ToolFailure("no answer", error="unreachable"))
    assert granted(events[-1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert approver.asked[0].preview == "(no preview: no answer)"
