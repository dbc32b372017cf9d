"""The model service's own tools: judged before they are offered, and on record when they were used."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from devagent.agent.gate import Gate
from devagent.agent.loop import Agent
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.agent.service_tools import WithServiceTools
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ServiceToolUsed,
    ToolCalled,
    ToolFinished,
    ToolJudged,
)
from devagent.core.events.model import ContextEdited, ModelReplied
from devagent.core.events.turns import BudgetStopped, TurnEnded
from devagent.core.limits import Budget, Limits
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.core.tools import ServiceTool, ToolResult
from devagent.core.usage import Usage
from devagent.core.verdicts import Decision, Effect, Request
from tests.support.agent_parts import (
    UNATTENDED,
    FakeApprover,
    FakeJudge,
    FakeModel,
    FakeToolbox,
    decision,
    gate_of,
    kinds,
    reply,
    said,
    the_only,
    turn_of,
    use,
)

SEARCH = ServiceTool("web_search", "web_search_20250305", {"allowed_domains": ["docs.example/py"]})
RUN = ServiceTool("code_execution", "code_execution_20250825")
ASKED = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srv_1",
    "content": [{"type": "web_search_result", "title": "X", "url": "https://docs.example/x"}],
}


class Noting(FakeModel):
    """Notes what was offered with each request."""

    def __init__(self, *replies: ModelReplied) -> None:
        super().__init__(*replies)
        self.offered: list[list[str]] = []
        self.containers: list[str] = []

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.offered.append([one.name for one in request.service_tools])
        self.containers.append(request.container)
        async for event in super().reply(request):
            yield event


class ByTaint(FakeJudge):
    """Lets nothing out once something private was read."""

    def decide(self, request: Request) -> Decision:
        super().decide(request)
        private = "private" in request.context.get("taint", ())
        return decision("deny" if private and request.extension == "service" else "allow")


def agent(
    model: FakeModel,
    judge: FakeJudge,
    *,
    tools: Sequence[ServiceTool] = (SEARCH,),
    toolbox: FakeToolbox | None = None,
    limits: Limits | None = None,
) -> Agent:
    own = WithServiceTools(toolbox or FakeToolbox())
    gate: Gate = gate_of(judge, own, FakeApprover(UNATTENDED))  # pyright: ignore[reportArgumentType]
    return Agent(
        model,
        gate,
        own,
        system="Be exact.",
        limits=limits or Limits(),
        safeguards=Safeguards(OwnFiles(())),
        service_tools=tools,
    )


def of(events: Sequence[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_tool_of_the_services_is_judged_and_on_record_before_it_is_offered() -> None:
    model, judge = Noting(reply(said("Done."))), FakeJudge("allow")
    events = await turn_of(agent(model, judge))
    assert kinds(events)[:5] == [
        "turn.started", "prompt", "tool.called", "tool.judged", "model.requested",
    ]  # fmt: skip
    called, judged = the_only(events, ToolCalled), the_only(events, ToolJudged)
    assert (called.asked_by, judged.full_name, judged.tool_class) == (
        "house", "service.web_search", "net",
    )  # fmt: skip
    assert [one.id for one in judged.resources] == ["host:docs.example"]
    assert judged.args == {"allowed_domains": ["docs.example/py"]}
    assert model.offered == [["web_search"]]


async def test_one_that_policy_does_not_grant_is_not_offered_and_the_turn_goes_on() -> None:
    answers: tuple[Effect, ...] = ("deny", "ask")
    for effect in answers:
        model = Noting(reply(said("Done.")))
        events = await turn_of(agent(model, FakeJudge(effect), tools=(SEARCH, RUN)))
        assert model.offered == [[]]
        assert len(of(events, ToolJudged)) == 2
        assert the_only(events, TurnEnded).stop == "done"
        if effect == "ask":
            assert {one.approval.answer for one in of(events, ApprovalAnswered)} == {"no"}


async def test_without_a_domain_it_may_reach_any_host() -> None:
    judge = FakeJudge()
    anywhere = ServiceTool("web_fetch", "web_fetch_20250910")
    await turn_of(agent(Noting(reply(said("Done."))), judge, tools=(anywhere, RUN)))
    assert [[r.id for r in one.resources] for one in judge.requests] == [
        ["host:*"], ["mcp:service/code_execution"],
    ]  # fmt: skip
    assert [one.tool_class for one in judge.requests] == ["net", "exec"]


async def test_it_is_judged_anew_once_something_else_was_read_and_then_withdrawn() -> None:
    model = Noting(reply(use("c1", "git__log")), reply(said("Done.")))
    toolbox = FakeToolbox(ToolResult("secret", taint=("private",)))
    events = await turn_of(agent(model, ByTaint(), toolbox=toolbox))
    assert model.offered == [["web_search"], []]
    offers = [one for one in of(events, ToolJudged) if one.ext.name == "service"]
    assert [one.decision.effect for one in offers] == ["allow", "deny"]


async def test_what_the_service_did_is_on_record_and_taints_what_follows() -> None:
    model = Noting(reply(ASKED, FOUND, said("Found."), use("c1")), reply(said("Done.")))
    judge = FakeJudge()
    events = await turn_of(agent(model, judge))
    used = the_only(events, ServiceToolUsed)
    assert (used.tool, used.call, used.outcome) == ("web_search", "srv_1", "ok")
    assert (used.args, used.sources) == ({"query": "x"}, ("https://docs.example/x",))
    push = next(one for one in judge.requests if one.tool == "push")
    assert push.context["taint"] == ["web"]


async def test_the_record_of_a_cut_turn_taints_a_session_that_goes_on() -> None:
    judge = FakeJudge()
    later = agent(Noting(reply(use("c2")), reply(said("Done."))), judge)
    later.apply(reply(ASKED, FOUND, said("Found.")))  # the use itself never came to be written
    await turn_of(later)
    push = next(one for one in judge.requests if one.tool == "push")
    assert push.context["taint"] == ["web"]


async def test_a_failed_use_and_a_run_of_code_are_told_as_what_they_are() -> None:
    code = {**ASKED, "id": "srv_2", "name": "bash_code_execution", "input": {"command": "ls"}}
    ran = {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "srv_2",
        "content": {"type": "bash_code_execution_result", "stdout": "a\n", "stderr": ""},
    }
    failed = {**FOUND, "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}}  # fmt: skip
    model = Noting(reply(ASKED, failed, code, ran, said("Done.")))
    events = await turn_of(agent(model, FakeJudge()))
    first, second = of(events, ServiceToolUsed)
    assert (first.outcome, first.err) == ("failed", "max_uses_exceeded")
    assert (second.tool, second.outcome, second.text.strip(), second.taint) == (
        "code_execution", "ok", "a", (),
    )  # fmt: skip


async def test_a_paused_turn_goes_on_with_what_it_had_and_in_its_container() -> None:
    paused = reply(ASKED, stop="pause_turn")
    model = Noting(
        ModelReplied(turn=0, model="m", stop="pause_turn", content=paused.content, container="box"),
        reply(FOUND, said("Found.")),
    )
    events = await turn_of(agent(model, FakeJudge()))
    assert model.offered == [["web_search"], ["web_search"]]
    assert model.containers == ["", "box"]
    assert [one.outcome for one in of(events, ServiceToolUsed)] == ["cut", "ok"]


async def test_its_uses_count_as_calls_and_its_offers_do_not() -> None:
    model = Noting(reply(ASKED, FOUND, use("c1")), reply(said("Done.")))
    limits = Limits(turn=Budget(calls=1))
    events = await turn_of(agent(model, FakeJudge(), limits=limits))
    assert the_only(events, BudgetStopped).limit == "calls"
    assert len([one for one in of(events, ToolJudged) if one.ext.name != "service"]) == 0


async def test_what_the_service_left_out_is_told() -> None:
    left = ModelReplied(
        turn=0, model="m", stop="end_turn", content=[said("Done.")], usage=Usage(1, 1), left_out=(7, 9000)
    )  # fmt: skip
    events = await turn_of(agent(Noting(left), FakeJudge()))
    edited = the_only(events, ContextEdited)
    assert (edited.results, edited.tokens) == (7, 9000)
    assert the_only(events, ModelReplied).left_out == (0, 0)  # it is told once


async def test_a_revocation_takes_it_away_within_the_turn_and_each_turn_is_judged_by_itself() -> (
    None
):
    model = Noting(
        reply(said("One.")), reply(use("c1", "git__log")), reply(said("Two.")), reply(said("Three."))
    )  # fmt: skip
    one = agent(model, FakeJudge())
    first = await turn_of(one)
    revoked: list[Decision] = []

    def withdrawn(_: Any) -> Decision | None:
        return revoked[0] if revoked else None

    one._folds._gate._withdrawn = withdrawn  # pyright: ignore[reportPrivateUsage]
    second: list[Event] = []
    async with aclosing(one.turn("again")) as events:
        async for event in events:
            second.append(event)
            if isinstance(event, ToolFinished):
                revoked.append(decision("deny"))
    assert model.offered == [["web_search"], ["web_search"], []]
    offers = [e for e in (*first, *second) if isinstance(e, ToolJudged) and e.ext.name == "service"]
    assert [e.decision.effect for e in offers] == ["allow", "allow", "deny"]
