"""Limits before they are reached and beyond them: warnings, estimates, time, rows of the same and of refusals."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.agent.calls import Calls
from devagent.agent.circles import Circles
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.agent.spending import SLACK_USD_MICROS, Spending
from devagent.core.codec import digest
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import BudgetStopped, BudgetWarned, TurnEnded, TurnStarted
from devagent.core.limits import Budget, Limits, Spent
from devagent.core.ports import MayRead, Meanwhile, ModelRequest, Progress
from devagent.core.resources import Resource
from devagent.core.tools import ToolCall, ToolResult, ToolSpec
from devagent.core.usage import Cost, Usage
from devagent.models.estimate import Estimate
from devagent.models.prices import PriceTable, Rates
from tests.support.agent_parts import (
    ANA,
    GIT,
    LOG,
    PUSH,
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    decision,
    gate_of,
    kinds,
    reply,
    said,
    the_only,
    turn_of,
    use,
)


def spent(micros: int, tokens: int = 0) -> ModelReplied:
    return ModelReplied(
        turn=1, model="m", stop="", content=[], usage=Usage(tokens), cost=Cost(micros, "p")
    )


def spending(limits: Limits, *replies: ModelReplied) -> Spending:
    folded = Spending(limits, clock=lambda: 0.0)
    folded.apply(TurnStarted(turn=1))
    for one in replies:
        folded.apply(one)
    return folded


def check(folded: Spending, **named: Any) -> list[tuple[str, str, str]]:
    """What is near or over, as it is applied."""
    found: list[tuple[str, str, str]] = []
    for event in folded.check(1, **named):
        folded.apply(event)
        kind = "stopped" if isinstance(event, BudgetStopped) else "warned"
        found.append((kind, event.scope, event.limit))
    return found


def test_each_limit_warns_once_at_80_percent_and_a_turns_anew_in_each_turn() -> None:
    folded = spending(Limits(turn=Budget(tokens=100), session=Budget(tokens=1000)), spent(1, 79))
    assert check(folded) == []
    folded.apply(spent(1, 1))
    assert check(folded) == [("warned", "turn", "tokens")]
    assert check(folded) == []
    folded.apply(TurnStarted(turn=2))
    folded.apply(spent(1, 90))
    assert check(folded) == [("warned", "turn", "tokens")]


def test_a_request_that_would_pass_a_limit_is_over_it_before_it_is_sent() -> None:
    limits = Limits(run=Budget(usd_micros=1_000_000))
    folded = spending(limits, spent(700_000))
    assert check(folded, estimate=Spent(usd_micros=300_000)) == []
    assert check(folded, estimate=Spent(usd_micros=300_001)) == [("stopped", "run", "max_cost")]


def test_a_turns_first_request_may_pass_it_by_a_little() -> None:
    limits = Limits(run=Budget(usd_micros=10))
    assert check(spending(limits), estimate=Spent(usd_micros=SLACK_USD_MICROS)) == []
    over = Spent(usd_micros=SLACK_USD_MICROS + 11)
    assert check(spending(limits), estimate=over) == [("stopped", "run", "max_cost")]


def test_with_a_budget_in_dollars_a_model_without_a_price_is_not_asked() -> None:
    limits = Limits(session=Budget(usd_micros=10))
    found = check(spending(limits), estimate=Spent(tokens=5, unpriced="m"))
    assert found == [("stopped", "session", "max_cost")]
    assert check(spending(Limits()), estimate=Spent(unpriced="m")) == []


def test_several_calls_at_once_must_all_fit() -> None:
    folded = spending(Limits(session=Budget(calls=3)))
    assert check(folded, calls=3) == []
    assert check(folded, calls=4) == [("stopped", "session", "calls")]


class Slow(FakeToolbox):
    """Takes a while to say what a call would touch."""

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        await asyncio.sleep(0)
        return await super().resources(tool, args, may_read)


async def test_a_clients_calls_side_by_side_are_no_more_than_the_budget() -> None:
    toolbox = Slow()
    gate = gate_of(FakeJudge(), toolbox)
    calls = Calls(gate, toolbox, Limits(session=Budget(calls=3)), Safeguards(OwnFiles(())))

    async def called(number: int) -> str:
        async with aclosing(calls.call(1, ToolCall(f"c{number}", PUSH.api_name, {}))) as events:
            return kinds([event async for event in events])[-1]

    ends = await asyncio.gather(*(called(number) for number in range(8)))
    assert sorted(ends) == ["budget.stopped"] * 5 + ["tool.finished"] * 3
    assert len(toolbox.ran) == 3


class Asks(FakeToolbox):
    """Has the session's model answer a server, while its call runs."""

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        assert meanwhile is not None
        await meanwhile.tell(replace(spent(40, tokens=70), purpose="sampling"))
        return await super().run(tool, args, obligations, may_read, progress, meanwhile)


async def test_what_a_server_has_the_model_answer_counts_in_the_budget_at_once() -> None:
    model = FakeModel(reply(use("c1")), reply(said("never")))
    agent = agent_of(model, toolbox=Asks(), limits=Limits(session=Budget(tokens=80)))
    events = await turn_of(agent)
    assert the_only(events, BudgetStopped).limit == "tokens"
    ended = the_only(events, TurnEnded)
    assert (ended.usage.input, ended.cost_usd_micros) == (80, 40)


class Together:
    """A day of which others have used up something."""

    def spent(self) -> Mapping[str, Spent]:
        return {"day": Spent(calls=7)}


def test_what_others_used_up_counts_for_what_is_shared() -> None:
    folded = Spending(Limits(shared={"day": Budget(calls=7)}), lambda: 0.0, Together())
    assert check(folded, calls=1) == [("stopped", "day", "calls")]
    (stopped,) = folded.check(1, calls=1)
    assert (
        stopped.reason == "calls: the day's budget of 7 calls is used up ([budget.day] in policy)"
    )


def test_the_first_limit_of_time_is_the_one_that_counts() -> None:
    now = [100.0]
    limits = Limits(run=Budget(seconds=30), turn=Budget(seconds=20), session=Budget(seconds=60))
    folded = Spending(limits, clock=lambda: now[0])
    left = folded.time_left(1)
    assert left is not None
    assert (left[0], left[1].scope) == (20, "turn")
    now[0] += 15
    later = folded.time_left(2)
    assert later is not None
    assert (later[0], later[1].scope) == (15, "run")
    assert later[1].reason == "time_limit: 30 s are over"
    assert Spending(Limits()).time_left(1) is None


def test_an_estimate_counts_the_prompt_alone_and_what_was_read_before_at_the_cached_price() -> None:
    table = PriceTable("", {"m": Rates(input=4, output=100, cache_write=5, cache_read=1)}, "")
    messages = [{"role": "user", "content": "x" * 4000}]
    request = ModelRequest(turn=1, system="s" * 400, messages=messages, tools=[LOG])
    first = Estimate("m", lambda: table)(request, None)
    assert 1100 <= first.tokens <= 1150
    assert first.usd_micros == first.tokens * 4
    messages += [{"role": "assistant", "content": "y" * 99}, {"role": "user", "content": "z" * 400}]
    second = Estimate("m", lambda: table)(request, Usage(input=1000, output=50, cache_read=200))
    assert 1350 <= second.tokens <= 1370
    assert second.usd_micros == 1250 + (second.tokens - 1250) * 4
    assert Estimate("other", lambda: table)(request, None).unpriced == "other"
    assert Estimate("rehearsal:x", lambda: table)(request, None) == Spent()


async def test_a_turn_says_what_it_cost() -> None:
    model = FakeModel(
        reply(use("c1"), cost=30), reply(said("So."), cost=12), reply(said("Hm."), cost=5)
    )
    agent = agent_of(model)
    ends = [the_only(await turn_of(agent), TurnEnded).cost_usd_micros for _ in range(2)]
    assert ends == [42, 5]


def judged(call: str, effect: Any = "allow", **args: Any) -> ToolJudged:
    return ToolJudged(
        turn=1, call=call, principal=ANA, agent="main", ext=GIT, tool="log", tool_class="read",
        resources=(), args_digest=digest(args), decision=decision(effect),
        reply="no" if effect == "deny" else "",
    )  # fmt: skip


def finished(call: str, text: str = "same") -> ToolFinished:
    return ToolFinished(turn=1, call=call, outcome="ok", text=text)


def circles(*events: Any) -> list[str]:
    folded = Circles(Limits())
    found: list[str] = []
    for event in events:
        folded.apply(event)
        for said_of in folded.check(1):
            folded.apply(said_of)
            found.append(f"{type(said_of).__name__} {said_of.limit}")
    return found


def same(number: int, **args: Any) -> list[Any]:
    return [event for n in range(number) for event in (judged(f"c{n}", **args), finished(f"c{n}"))]


def test_the_third_equal_call_is_told_and_the_fourth_ends_the_turn() -> None:
    assert circles(*same(2)) == []
    assert circles(*same(3)) == ["BudgetWarned repeated_calls"]
    assert circles(*same(4)) == ["BudgetWarned repeated_calls", "BudgetStopped repeated_calls"]


@pytest.mark.parametrize(
    "between",
    [[judged("x", path="b"), finished("x")], [TurnStarted(turn=2)], [judged("x"), finished("x", "other")]],
)  # fmt: skip
def test_anything_else_between_begins_the_row_anew(between: list[Any]) -> None:
    assert circles(*same(2), *between, *same(2)) == []


def test_a_call_that_is_waited_for_is_no_circle() -> None:
    events = [e for n in range(9) for e in (judged(f"c{n}"), finished(f"c{n}", f"{n} %"))]
    assert circles(*events) == []


def test_refusals_of_any_kind_add_up_until_a_call_is_carried_out() -> None:
    no = ApprovalAnswered(
        turn=1, call="a", principal=ANA, agent="main",
        approval=Approval("no", "nobody", "unattended"), reply="no",
    )  # fmt: skip
    four = [judged(f"d{n}", "deny", n=n) for n in range(4)]
    row = [*four, judged("a", "ask"), no]
    assert circles(*row) == ["BudgetWarned refusals"]
    assert circles(*row, judged("e", "deny", n=9))[-1] == "BudgetStopped refusals"
    assert circles(*four, judged("ok"), finished("ok"), *four) == []


async def test_the_model_reads_what_it_is_told_after_all_results() -> None:
    model = FakeModel(
        reply(use("c1", "git__log"), use("c2", "git__log"), use("c3", "git__log")),
        reply(said("I stop.")),
    )
    events = await turn_of(agent_of(model, toolbox=FakeToolbox()))
    assert the_only(events, BudgetWarned).limit == "repeated_calls"
    content = model.requests[1][-1]["content"]
    assert [block["type"] for block in content] == ["tool_result"] * 3 + ["text"]
    assert the_only(events, TurnEnded).stop == "done"
