"""One call through the gate: what is asked of whom, in which order, and what the model reads of it."""

from typing import Any

import pytest

from devagent.agent.gate import granted
from devagent.core.codec import digest, sha256
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.model import ModelReplied
from devagent.core.ports import ToolFailure
from devagent.core.resources import Resource
from devagent.core.tools import ToolCall, ToolResult
from devagent.core.verdicts import Decision
from tests.support.agent_parts import (
    NO,
    UNATTENDED,
    FakeApprover,
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    gate_of,
    kinds,
    reply,
    said,
    the_only,
    turn_of,
    use,
)

BEFORE = ["turn.started", "prompt", "model.requested", "model.replied"]
AFTER = ["model.requested", "model.replied", "turn.ended"]


class Call:
    """A turn with one call in it: its parts, and afterwards what happened."""

    def __init__(
        self,
        judge: FakeJudge | None = None,
        toolbox: FakeToolbox | None = None,
        approver: FakeApprover | None = None,
        *,
        own: tuple[str, ...] = (),
        call: dict[str, Any] | None = None,
    ) -> None:
        self.judge, self.approver = judge or FakeJudge(), approver or FakeApprover()
        self.toolbox = toolbox or FakeToolbox()
        block = call or use("c1", branch="main")
        self.model = FakeModel(reply(said("Pushing."), block), reply(said("So.")))
        self.agent = agent_of(self.model, self.judge, self.toolbox, self.approver, own=own)
        self.events: list[Event] = []

    async def happens(self) -> list[str]:
        """The kinds of the call's own events."""
        self.events = await turn_of(self.agent)
        seen = kinds(self.events)
        assert seen[:4] == BEFORE
        assert seen[-3:] == AFTER
        return seen[4:-3]

    def told(self) -> dict[str, Any]:
        """The result block that the model reads in its next request."""
        (block,) = self.model.requests[1][-1]["content"]
        assert (block["type"], block["tool_use_id"]) == ("tool_result", "c1")
        return block


async def test_an_allowed_call_is_judged_started_run_and_told() -> None:
    call = Call()
    assert await call.happens() == ["tool.called", "tool.judged", "tool.started", "tool.finished"]
    assert call.told() == {"type": "tool_result", "tool_use_id": "c1", "content": "done"}
    assert call.approver.asked == []


async def test_the_record_tells_what_the_model_wrote_and_what_was_judged() -> None:
    call = Call()
    await call.happens()
    called, judged = the_only(call.events, ToolCalled), the_only(call.events, ToolJudged)
    assert (called.ext, called.tool, called.args) == ("git", "push", {"branch": "main"})
    completed = {"force": False, "branch": "main"}
    assert judged.args == completed
    assert judged.args_digest == digest(completed)
    assert judged.resources == (Resource("branch:main", "write"),)
    assert judged.decision == call.judge.decide(call.judge.requests[0])
    assert judged.context == call.judge.requests[0].context
    known = ("mode", "interactive", "today")
    assert [judged.context[name] for name in known] == ["run", False, "2026-11-20"]


async def test_policy_judges_the_completed_arguments_and_all_resources() -> None:
    named = (Resource("branch:main", "write"), Resource("remote:origin", "write"))
    call = Call(toolbox=FakeToolbox(named=named))
    await call.happens()
    asked, afterwards = call.judge.requests
    assert (asked.extension, asked.tool, asked.tool_class) == ("git", "push", "write")
    assert asked.args == {"force": False, "branch": "main"}
    assert asked.resources == named
    assert (asked.phase, afterwards.phase) == ("call", "result")


async def test_what_runs_is_what_was_judged_with_the_obligations() -> None:
    call = Call(FakeJudge("allow", obligations={"limit_rows": 10}))
    await call.happens()
    assert call.toolbox.ran == [
        ("git.push", {"force": False, "branch": "main"}, {"limit_rows": 10})
    ]


async def test_an_ask_that_is_answered_yes_runs_with_the_obligations() -> None:
    call = Call(FakeJudge("ask", obligations={"limit_rows": 10}))
    assert await call.happens() == [
        "tool.called",
        "tool.judged",
        "approval.asked",
        "approval.answered",
        "tool.started",
        "tool.finished",
    ]
    assert [obligations for _, _, obligations in call.toolbox.ran] == [{"limit_rows": 10}]
    assert call.told()["content"] == "done"


async def test_an_approval_is_bound_to_what_was_shown() -> None:
    call = Call(FakeJudge("ask"))
    await call.happens()
    asked = the_only(call.events, ApprovalAsked)
    answered = the_only(call.events, ApprovalAnswered)
    (question,) = call.approver.asked
    assert question.shown == asked.shown
    assert answered.approval.shown == sha256(asked.shown.encode())
    for part in ("git.push (write)", "write branch:main", 'branch = "main"', "force = false"):
        assert part in asked.shown


async def test_an_ask_that_is_answered_no_runs_nothing_and_tells_the_comment() -> None:
    call = Call(FakeJudge("ask"), approver=FakeApprover(NO, comment="not on a Friday"))
    assert (await call.happens())[-2:] == ["approval.asked", "approval.answered"]
    assert call.toolbox.ran == []
    told = call.told()
    assert told["is_error"]
    assert told["content"].startswith("Not done. The person said no: not on a Friday.")


async def test_an_ask_that_nobody_can_answer_says_so() -> None:
    call = Call(FakeJudge("ask"), approver=FakeApprover(UNATTENDED))
    await call.happens()
    assert call.toolbox.ran == []
    assert "Nobody is here to approve it" in call.told()["content"]
    assert "org/acme#push says ask" in call.told()["content"]


async def test_an_approver_that_fails_is_no_approval() -> None:
    call = Call(FakeJudge("ask"), approver=FakeApprover(RuntimeError("the screen is gone")))
    with pytest.raises(RuntimeError, match="the screen is gone"):
        await call.happens()
    assert call.toolbox.ran == []


async def test_a_denied_call_runs_nothing_and_tells_why_and_how_to_be_granted_it() -> None:
    call = Call(FakeJudge("deny", grant="Ask #platform"))
    assert await call.happens() == ["tool.called", "tool.judged"]
    assert call.toolbox.ran == []
    assert call.approver.asked == []
    told = call.told()
    assert told["is_error"]
    assert told["content"].startswith("Not allowed: org/acme#push says deny.")
    assert "Ask #platform" in told["content"]


async def test_a_tool_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    call = Call(call=use("c1", "git__burn"))
    assert await call.happens() == ["tool.called", "tool.judged"]
    judged = the_only(call.events, ToolJudged)
    assert (judged.err, judged.decision.effect, judged.tool) == (
        "no_such_tool",
        "deny",
        "git__burn",
    )
    assert "git__log, git__push" in call.told()["content"]
    assert call.judge.requests == []


async def test_a_hidden_tool_is_neither_listed_nor_named_but_still_judged_when_called() -> None:
    judge = FakeJudge("deny", hidden=["git.push"])
    call = Call(judge)
    await call.happens()
    assert call.model.tools == [["git__log"], ["git__log"]]
    assert the_only(call.events, ToolJudged).err == ""
    assert len(judge.requests) == 1
    unknown = Call(FakeJudge(hidden=["git.push"]), call=use("c1", "git__burn"))
    await unknown.happens()
    assert "git__push" not in unknown.told()["content"]


async def test_arguments_that_do_not_fit_are_a_tool_error_and_are_not_judged() -> None:
    unfit = ToolFailure("branch: 5 is not a string", error="bad_arguments")
    call = Call(toolbox=FakeToolbox(unfit=unfit))
    assert await call.happens() == ["tool.called", "tool.judged"]
    assert the_only(call.events, ToolJudged).err == "bad_arguments"
    assert call.told()["content"] == "branch: 5 is not a string"
    assert call.judge.requests == []
    assert call.toolbox.ran == []


async def test_a_call_whose_resources_cannot_be_named_is_a_deny() -> None:
    unknown = ToolFailure("no repository here", error="not_found")
    call = Call(toolbox=FakeToolbox(named=unknown))
    assert await call.happens() == ["tool.called", "tool.judged"]
    judged = the_only(call.events, ToolJudged)
    assert (judged.err, judged.decision.effect) == ("not_found", "deny")
    assert call.judge.requests == []
    assert call.toolbox.ran == []


async def test_the_floor_speaks_before_policy_is_asked() -> None:
    toolbox = FakeToolbox(named=[Resource("path:/home/ana/.devagent/policy.toml", "write")])
    call = Call(FakeJudge("allow"), toolbox, own=("/home/ana/.devagent",))
    assert await call.happens() == ["tool.called", "tool.judged"]
    judged = the_only(call.events, ToolJudged)
    assert judged.decision.rules == ("floor#own-files",)
    assert judged.decision.policy == "the policy"
    assert call.judge.requests == []
    assert toolbox.ran == []


async def test_a_call_id_runs_once() -> None:
    call = Call()
    call.model = FakeModel(
        reply(use("c1", branch="main")), reply(use("c1", branch="main")), reply(said("So."))
    )
    call.agent = agent_of(call.model, call.judge, call.toolbox, call.approver)
    events = await turn_of(call.agent)
    assert len(call.toolbox.ran) == 1
    first, second = [event for event in events if isinstance(event, ToolJudged)]
    assert (first.err, second.err) == ("", "repeated_call_id")
    assert call.model.requests[2][-1]["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "c1_2",
            "content": "The call id c1 was used before",
            "is_error": True,
        }
    ]


async def test_a_call_id_of_an_earlier_process_runs_no_second_time() -> None:
    first = Call()
    await first.happens()
    second = Call()
    for event in first.events:
        second.agent.apply(event)
    events = await turn_of(second.agent)
    assert second.toolbox.ran == []
    assert the_only(events, ToolJudged).err == "repeated_call_id"


async def test_a_tool_that_ran_out_of_time_is_recorded_as_that() -> None:
    call = Call(FakeJudge(), FakeToolbox(ToolResult("too slow", failed=True, error="timeout")))
    await call.happens()
    assert the_only(call.events, ToolFinished).outcome == "timeout"
    assert call.told()["is_error"] is True


@pytest.mark.parametrize("effect", ["deny", "ask"])
async def test_a_result_that_policy_withholds_reaches_neither_model_nor_person(effect: Any) -> None:
    result = ToolResult("4111 1111", view="card", rows=3, taint=("db",), structured={"n": 4111})
    withheld = Decision(
        effect=effect,
        reason="org/acme#cards says no",
        rules=("org/acme#cards",),
        grant="Ask #cards",
    )
    call = Call(FakeJudge(afterwards=withheld), FakeToolbox(result))
    await call.happens()
    finished = the_only(call.events, ToolFinished)
    assert (finished.outcome, finished.err, finished.decision) == ("denied", "withheld", withheld)
    assert (finished.view, finished.structured, finished.rows, finished.taint) == ("", {}, 0, ())
    assert call.told() == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": "The result is withheld by policy: org/acme#cards says no. To be granted: Ask #cards.",
        "is_error": True,
    }


async def test_the_result_phase_knows_size_rows_and_labels() -> None:
    call = Call(toolbox=FakeToolbox(ToolResult("äö", rows=2, taint=("web",))))
    await call.happens()
    assert call.judge.requests[1].context["result"] == {"bytes": 4, "rows": 2, "labels": ["web"]}


async def test_a_rule_that_lets_a_result_pass_is_on_record() -> None:
    passed = Decision(effect="allow", reason="org/acme#seen", rules=("org/acme#seen",))
    call = Call(FakeJudge(afterwards=passed))
    await call.happens()
    finished = the_only(call.events, ToolFinished)
    assert (finished.decision, finished.text) == (passed, "done")


async def test_a_failed_tool_is_a_result_that_the_model_reads() -> None:
    call = Call(toolbox=FakeToolbox(ToolResult("no such branch", failed=True, error="not_found")))
    await call.happens()
    finished = the_only(call.events, ToolFinished)
    assert (finished.outcome, finished.err) == ("failed", "not_found")
    assert call.told() == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": "no such branch",
        "is_error": True,
    }


async def test_a_fault_of_the_house_under_a_tool_goes_on_up() -> None:
    def full() -> ToolResult:
        raise LogError("no space left")

    call = Call(toolbox=FakeToolbox(full))
    with pytest.raises(LogError, match="no space left"):
        await call.happens()


async def test_what_a_result_was_labelled_taints_the_calls_after_it() -> None:
    call = Call(toolbox=FakeToolbox(ToolResult("hello", taint=("web",))))
    call.model = FakeModel(reply(use("c1"), use("c2")), reply(said("So.")))
    agent = agent_of(call.model, call.judge, call.toolbox)
    events = await turn_of(agent)
    first, second = [event for event in events if isinstance(event, ToolJudged)]
    assert (first.taint, second.taint) == ((), ("web",))
    assert "taint" not in first.context
    assert second.context["taint"] == ["web"]


async def test_a_withheld_result_taints_nothing() -> None:
    withheld = Decision(effect="deny", reason="no", rules=("org/acme#cards",))
    judge = FakeJudge(afterwards=withheld)
    model = FakeModel(reply(use("c1")), reply(use("c2")), reply(said("So.")))
    agent = agent_of(model, judge, FakeToolbox(ToolResult("4111", taint=("db",))))
    events = await turn_of(agent)
    assert [event.taint for event in events if isinstance(event, ToolJudged)] == [(), ()]


async def test_several_calls_of_one_reply_run_one_after_another_each_by_its_own_verdict() -> None:
    model = FakeModel(
        reply(use("c1", "git__log"), use("c2", "git__burn"), use("c3", "git__push")),
        reply(said("So.")),
    )
    toolbox = FakeToolbox()
    events = await turn_of(agent_of(model, toolbox=toolbox))
    assert kinds(events)[4:-3] == [
        *("tool.called", "tool.judged", "tool.started", "tool.finished"),
        *("tool.called", "tool.judged"),
        *("tool.called", "tool.judged", "tool.started", "tool.finished"),
    ]
    assert [name for name, _, _ in toolbox.ran] == ["git.log", "git.push"]
    told = model.requests[1][-1]["content"]
    assert [block["tool_use_id"] for block in told] == ["c1", "c2", "c3"]
    assert [block.get("is_error", False) for block in told] == [False, True, False]


async def test_two_calls_of_one_reply_with_one_id_run_once_and_stay_apart() -> None:
    model = FakeModel(reply(use("c1"), use("c1")), reply(said("So.")))
    toolbox = FakeToolbox()
    await turn_of(agent_of(model, toolbox=toolbox))
    assert len(toolbox.ran) == 1
    assistant, told = model.requests[1][-2:]
    assert [block["id"] for block in assistant["content"]] == ["c1", "c1_2"]
    assert [block["tool_use_id"] for block in told["content"]] == ["c1", "c1_2"]
    assert [block.get("is_error", False) for block in told["content"]] == [False, True]


async def test_the_record_keeps_a_reply_as_the_service_sent_it() -> None:
    model = FakeModel(reply(use("c1"), use("c1")), reply(said("So.")))
    events = await turn_of(agent_of(model))
    first = next(event for event in events if isinstance(event, ModelReplied))
    assert [block["id"] for block in first.content] == ["c1", "c1"]


async def test_a_started_tool_is_named_with_its_class_and_its_code() -> None:
    call = Call()
    await call.happens()
    started = the_only(call.events, ToolStarted)
    assert (started.ext.name, started.tool, started.tool_class) == ("git", "push", "write")


def test_what_is_hidden_is_not_offered() -> None:
    gate = gate_of(FakeJudge(hidden=["git.push"]))
    assert [tool.qualified for tool in gate.offered] == ["git.log"]
    assert [tool.qualified for tool in gate.hidden] == ["git.push"]


async def test_an_approval_says_who_gave_it_and_how_long_it_took() -> None:
    given = Approval("yes", "user:ana", "terminal", latency_us=7)
    call = Call(FakeJudge("ask"), approver=FakeApprover(given))
    await call.happens()
    approval = the_only(call.events, ApprovalAnswered).approval
    assert (approval.by, approval.method, approval.latency_us) == ("user:ana", "terminal", 7)


@pytest.mark.parametrize(
    "parts",
    [
        {"named": ToolFailure("there is no remote evil", error="no_such_remote")},
        {"unfit": ToolFailure("ref: 5 is no text", error="bad_arguments")},
    ],
)
async def test_of_a_hidden_tool_nothing_is_found_out_and_its_call_is_a_denial(
    parts: dict[str, ToolFailure],
) -> None:
    gate = gate_of(FakeJudge("deny", hidden=["git.push"]), FakeToolbox(**parts))  # pyright: ignore[reportArgumentType]
    (judged,) = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(judged, ToolJudged)
    assert (judged.decision.effect, judged.err, judged.resources) == ("deny", "", ())
    assert "org/acme#push" in judged.reply


async def test_a_hidden_tool_is_never_granted_whatever_its_arguments_alone_would_get() -> None:
    gate = gate_of(FakeJudge("allow", hidden=["git.push"]))
    (judged,) = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(judged, ToolJudged)
    assert judged.decision.effect == "deny"
    assert not granted(judged)
