"""One turn: how it ends, by limits, by stop reasons and by failures of the service."""

from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.agent.spending import Spending
from devagent.core.errors import ModelError, Stop
from devagent.core.events.model import ModelFailed, ModelRequested, TextDelta
from devagent.core.events.turns import BudgetStopped, TurnEnded, TurnStarted
from devagent.core.limits import Budget, Limits
from tests.support.agent_parts import (
    FakeModel,
    FakeToolbox,
    agent_of,
    kinds,
    reply,
    said,
    the_only,
    turn_of,
    use,
)


async def test_a_turn_without_calls_is_a_prompt_and_a_reply() -> None:
    model = FakeModel(reply(said("Hello.")))
    events = await turn_of(agent_of(model), "hi")
    assert kinds(events) == [
        "turn.started",
        "prompt",
        "model.requested",
        "model.replied",
        "turn.ended",
    ]
    assert model.requests == [[{"role": "user", "content": [said("hi")]}]]


async def test_the_end_of_a_turn_sums_up_its_replies() -> None:
    model = FakeModel(reply(use("c1")), reply(said("So.")))
    ended = the_only(await turn_of(agent_of(model)), TurnEnded)
    assert (ended.stop, ended.usage.input, ended.usage.output) == ("done", 20, 4)


async def test_a_request_is_on_record_with_its_counts_before_it_is_sent() -> None:
    model = FakeModel(reply(said("Hello.")))
    async with aclosing(agent_of(model).turn("hi")) as events:
        async for event in events:
            if isinstance(event, ModelRequested):
                assert model.requests == []
                assert (event.model, event.messages, event.tools) == ("fake", 1, 2)
                return
    raise AssertionError("no request was announced")


async def test_deltas_and_failed_attempts_are_handed_on_as_they_come() -> None:
    attempt = ModelFailed(turn=1, model="fake", err="overloaded", attempt=1, retry_in_ms=5)
    model = FakeModel([TextDelta(turn=1, text="He"), attempt, reply(said("Hello."))])
    events = await turn_of(agent_of(model))
    assert kinds(events)[2:] == [
        "model.requested",
        "text.delta",
        "model.failed",
        "model.replied",
        "turn.ended",
    ]


async def test_max_turns_counts_replies_and_leaves_no_call_without_a_result() -> None:
    model = FakeModel(reply(use("c1")), reply(use("c2")), reply(said("never asked for")))
    toolbox = FakeToolbox()
    agent = agent_of(model, toolbox=toolbox, limits=Limits(max_turns=2))
    events = await turn_of(agent)
    assert kinds(events)[-3:] == ["tool.finished", "budget.stopped", "turn.ended"]
    assert the_only(events, BudgetStopped).limit == "max_turns"
    ended = the_only(events, TurnEnded)
    assert (ended.stop, ended.reason) == ("limit", "max_turns: 2 of 2 replies")
    assert len(model.requests) == 2
    assert len(toolbox.ran) == 2


async def test_a_turn_that_ends_on_its_last_reply_was_not_stopped() -> None:
    model = FakeModel(reply(use("c1")), reply(said("So.")))
    events = await turn_of(agent_of(model, limits=Limits(max_turns=2)))
    assert the_only(events, TurnEnded).stop == "done"


async def test_max_cost_ends_the_turn_before_the_next_request() -> None:
    model = FakeModel(reply(use("c1"), cost=30), reply(use("c2"), cost=30), reply(said("never")))
    events = await turn_of(agent_of(model, limits=Limits(run=Budget(usd_micros=50))))
    stopped = the_only(events, BudgetStopped)
    assert stopped.limit == "max_cost"
    assert stopped.reason == "max_cost: $0.0001 of $0.0001 spent"
    assert len(model.requests) == 2


async def test_a_runs_limits_hold_over_all_its_turns() -> None:
    model = FakeModel(*(reply(said("Hello.")) for _ in range(3)))
    agent = agent_of(model, limits=Limits(max_turns=1))
    stops = [the_only(await turn_of(agent), TurnEnded).stop for _ in range(3)]
    assert stops == ["done", "limit", "limit"]
    assert agent.turns == 3


async def test_a_turns_budget_is_fresh_in_the_next_turn_and_a_sessions_is_not() -> None:
    for limits, stops in (
        (Limits(turn=Budget(calls=1)), ["done", "done"]),
        (Limits(session=Budget(calls=2)), ["done", "done"]),
        (Limits(session=Budget(calls=1)), ["done", "limit"]),
    ):
        replies = [reply(use(f"c{n}")) if n % 2 else reply(said("So.")) for n in range(1, 5)]
        toolbox = FakeToolbox()
        agent = agent_of(FakeModel(*replies), toolbox=toolbox, limits=limits)
        seen = [the_only(await turn_of(agent), TurnEnded) for _ in range(2)]
        assert [one.stop for one in seen] == stops, limits


async def test_calls_over_the_budget_do_not_run_and_the_reason_names_the_budget() -> None:
    model = FakeModel(reply(use("c1"), use("c2"), use("c3")), reply(said("never")))
    toolbox = FakeToolbox()
    agent = agent_of(model, toolbox=toolbox, limits=Limits(turn=Budget(calls=2)))
    events = await turn_of(agent)
    assert len(toolbox.ran) == 2
    stopped = the_only(events, BudgetStopped)
    assert stopped.limit == "calls"
    assert stopped.reason == (
        "calls: the turn's budget of 2 calls is used up ([budget.turn] in policy)"
    )


async def test_tokens_and_dollars_of_a_budget_stop_before_the_next_request() -> None:
    for budget, limit in ((Budget(usd_micros=30), "max_cost"), (Budget(tokens=1), "tokens")):
        model = FakeModel(reply(use("c1"), cost=30), reply(said("never")))
        events = await turn_of(agent_of(model, limits=Limits(session=budget)))
        assert the_only(events, BudgetStopped).limit == limit
        assert len(model.requests) == 1


async def test_what_an_earlier_process_spent_counts_for_the_session_alone() -> None:
    spending = Spending(Limits(max_turns=1, session=Budget(calls=5)), clock=lambda: 0.0)
    spending.apply(reply(use("c1")))
    assert [one.limit for one in spending.check(1)] == ["max_turns"]
    spending.begin()
    assert list(spending.check(2)) == []


async def test_seconds_of_a_budget_are_counted_from_the_turns_start() -> None:
    now = [0.0]
    spending = Spending(Limits(turn=Budget(seconds=10)), clock=lambda: now[0])
    spending.apply(TurnStarted(turn=1))
    now[0] = 7.0
    assert list(spending.check(1)) == []
    now[0] = 10.0
    (stopped,) = spending.check(1)
    assert isinstance(stopped, BudgetStopped)
    assert stopped.limit == "time_limit"
    spending.apply(TurnStarted(turn=2))
    assert list(spending.check(2)) == []


@pytest.mark.parametrize(
    ("reason", "text", "stop", "said_why"),
    [
        ("end_turn", "So.", "done", ""),
        ("stop_sequence", "So.", "done", ""),
        ("max_tokens", "So", "done", "cut off at max_tokens"),
        ("max_tokens", "", "failed", "cut off at max_tokens"),
        ("refusal", "No.", "failed", "refused"),
        ("model_context_window_exceeded", "So", "failed", "context window"),
        ("something_new", "So.", "done", "'something_new'"),
    ],
)
async def test_each_stop_reason_ends_the_turn_its_own_way(
    reason: str, text: str, stop: Stop, said_why: str
) -> None:
    content = [said(text)] if text else []
    events = await turn_of(agent_of(FakeModel(reply(*content, stop=reason))))
    ended = the_only(events, TurnEnded)
    assert ended.stop == stop
    assert said_why in ended.reason
    assert bool(ended.reason) == bool(said_why)


@pytest.mark.parametrize(
    ("reason", "left"),
    [("refusal", []), ("model_context_window_exceeded", [said("push it")])],
)
async def test_a_reply_that_was_taken_back_or_cut_anywhere_is_not_read_again(
    reason: str, left: list[dict[str, Any]]
) -> None:
    """What was refused would be refused again as long as it stands there."""
    model = FakeModel(reply(said("I"), use("c1"), stop=reason), reply(said("Hello.")))
    toolbox = FakeToolbox()
    agent = agent_of(model, toolbox=toolbox)
    events = await turn_of(agent)
    assert kinds(events)[-2:] == ["model.replied", "turn.ended"]
    assert toolbox.ran == []
    await turn_of(agent, "and now?")
    assert model.requests[1] == [{"role": "user", "content": [*left, said("and now?")]}]


async def test_a_refusal_after_calls_leaves_them_in_the_conversation() -> None:
    model = FakeModel(reply(use("c1")), reply(said("No."), stop="refusal"), reply(said("Hello.")))
    agent = agent_of(model)
    await turn_of(agent)
    await turn_of(agent, "and now?")
    assert [m["role"] for m in model.requests[2]] == ["user", "assistant", "user"]
    assert [b["type"] for b in model.requests[2][2]["content"]] == ["tool_result", "text"]


async def test_what_the_service_says_of_a_refusal_is_told() -> None:
    refusal = replace(reply(said("No."), stop="refusal"), detail="cyber: It could do harm.")
    ended = the_only(await turn_of(agent_of(FakeModel(refusal))), TurnEnded)
    assert ended.reason == "the model refused to answer (cyber: It could do harm.)"


async def test_a_turn_that_the_service_pauses_goes_on_with_what_it_has_said() -> None:
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "a"}}
    model = FakeModel(reply(search, stop="pause_turn"), reply(said("Found it.")))
    events = await turn_of(agent_of(model))
    assert the_only(events, TurnEnded).stop == "done"
    assert model.requests[1][-1] == {"role": "assistant", "content": [search]}


async def test_a_turn_that_is_paused_without_end_ends() -> None:
    model = FakeModel(*[reply(said("Wait."), stop="pause_turn")] * 20)
    events = await turn_of(agent_of(model))
    assert the_only(events, TurnEnded).stop == "done"
    assert len(model.requests) == 11


@pytest.mark.parametrize("reason", ["max_tokens"])
async def test_no_call_of_a_reply_that_broke_off_runs(reason: str) -> None:
    model = FakeModel(reply(said("I"), use("c1"), stop=reason), reply(said("Hello.")))
    toolbox = FakeToolbox()
    agent = agent_of(model, toolbox=toolbox)
    events = await turn_of(agent)
    assert kinds(events)[-2:] == ["model.replied", "turn.ended"]
    assert toolbox.ran == []
    await turn_of(agent, "and now?")
    paired, prompt = model.requests[1][-1]["content"]
    assert (paired["type"], paired["tool_use_id"]) == ("tool_result", "c1")
    assert paired["content"] == "This call was not run: the turn ended before it."
    assert prompt == said("and now?")


@pytest.mark.parametrize("at", [0, 1])
async def test_a_service_that_failed_ends_the_turn_and_not_the_conversation(at: int) -> None:
    failure = ModelError("The service is overloaded", kind="overloaded", hint="Try later.")
    replies = [reply(use("c1")), failure, reply(said("Here again."))][1 - at :]
    agent = agent_of(FakeModel(*replies))
    ended = the_only(await turn_of(agent), TurnEnded)
    assert (ended.stop, ended.reason) == ("service", "The service is overloaded")
    assert the_only(await turn_of(agent, "again"), TurnEnded).stop == "done"


async def test_a_model_that_says_nothing_at_all_is_a_failed_service() -> None:
    events = await turn_of(agent_of(FakeModel([TextDelta(turn=1, text="He")])))
    ended = the_only(events, TurnEnded)
    assert (ended.stop, ended.reason) == ("service", "the model gave no reply")


async def test_a_fault_in_the_model_client_goes_on_up() -> None:
    with pytest.raises(ZeroDivisionError):
        await turn_of(agent_of(FakeModel(ZeroDivisionError("a bug"))))


async def test_a_limit_in_dollars_does_not_trust_a_price_that_is_not_known() -> None:
    for limits in (
        Limits(run=Budget(usd_micros=1_000_000)),
        Limits(turn=Budget(usd_micros=1_000_000)),
        Limits(session=Budget(usd_micros=1_000_000)),
    ):
        model, toolbox = FakeModel(reply(use("c1")), reply(said("never"))), FakeToolbox()
        events = await turn_of(agent_of(model, toolbox=toolbox, limits=limits))
        stopped = the_only(events, BudgetStopped)
        assert stopped.limit == "max_cost"
        assert "the price of fake is not known" in stopped.reason
        assert toolbox.ran == []
