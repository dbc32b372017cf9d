"""The person while a turn runs, and calls of their own: on record and through the same gate."""

from contextlib import aclosing

from devagent.agent.history import OWN_CALL
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.core.events.turns import Prompt, TurnEnded
from devagent.core.limits import Budget, Limits
from devagent.core.tools import ToolCall, ToolResult
from tests.support.agent_parts import (
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


async def test_what_is_said_meanwhile_is_read_before_the_next_reply() -> None:
    model = FakeModel(reply(use("c1")), reply(said("as you wish")))
    agent = agent_of(model)
    events: list[Event] = []
    async with aclosing(agent.turn("push it")) as turn:
        async for event in turn:
            events.append(event)
            if isinstance(event, ToolJudged):
                agent.steer("not to main")
    assert [one.text for one in events if isinstance(one, Prompt)] == ["push it", "not to main"]
    last = model.requests[-1][-1]
    assert [block["type"] for block in last["content"]] == ["tool_result", "text"]
    assert last["content"][1]["text"] == "not to main"
    assert agent.unsaid() == []


async def test_what_is_said_while_the_last_reply_comes_is_answered_in_the_same_turn() -> None:
    model = FakeModel(reply(said("one")), reply(said("two")))
    agent = agent_of(model)
    async with aclosing(agent.turn("go")) as turn:
        async for event in turn:
            if str(event.__struct_config__.tag) == "model.requested" and len(model.requests) == 0:
                agent.steer("and this")
    assert len(model.requests) == 2


async def test_what_no_model_has_read_is_given_back() -> None:
    agent = agent_of(FakeModel(reply(said("x" * 5), stop="max_tokens")))
    agent_events = agent.turn("go")
    async with aclosing(agent_events) as turn:
        async for event in turn:
            if str(event.__struct_config__.tag) == "model.replied":
                agent.steer("late")
    assert agent.unsaid() == ["late"]
    assert agent.unsaid() == []


async def test_a_call_of_the_persons_own_passes_the_gate_and_the_model_reads_of_it() -> None:
    model = FakeModel(reply(said("I see")))
    agent = agent_of(model, toolbox=FakeToolbox(ToolResult("pushed")))
    async with aclosing(agent.own_call(ToolCall(f"{OWN_CALL}1", "git__push", {}), "!push")) as own:
        events = [event async for event in own]
    assert kinds(events) == [
        "turn.started", "prompt", "tool.called", "tool.judged", "tool.started", "tool.finished", "turn.ended",
    ]  # fmt: skip
    await turn_of(agent, "and now?")
    texts = [block["text"] for block in model.requests[0][0]["content"]]
    assert texts[0] == "!push"
    assert texts[1].endswith("\npushed")
    assert texts[2] == "and now?"


async def test_a_call_of_the_persons_own_that_policy_denies_does_not_run() -> None:
    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(), FakeJudge("deny"), toolbox)
    async with aclosing(agent.own_call(ToolCall(f"{OWN_CALL}1", "git__push", {}), "!push")) as own:
        events = [event async for event in own]
    assert the_only(events, ToolJudged).decision.effect == "deny"
    assert toolbox.ran == []


async def test_a_call_of_the_persons_own_counts_in_the_budget_and_ends_with_it() -> None:
    toolbox = FakeToolbox()
    agent = agent_of(FakeModel(), toolbox=toolbox, limits=Limits(session=Budget(calls=1)))
    stops: list[str] = []
    for number in (1, 2):
        call = ToolCall(f"{OWN_CALL}{number}", "git__push", {})
        async with aclosing(agent.own_call(call, "!push")) as own:
            stops += [event.stop async for event in own if isinstance(event, TurnEnded)]
    assert (stops, len(toolbox.ran)) == (["done", "limit"], 1)


async def test_asking_what_would_be_judged_runs_and_records_nothing() -> None:
    toolbox = FakeToolbox()
    gate = gate_of(FakeJudge("ask"), toolbox)
    call = ToolCall("c1", "git__push", {})
    assert (await gate.would(call)).decision.effect == "ask"
    assert (await gate.would(call)).decision.effect == "ask"
    assert toolbox.ran == []
