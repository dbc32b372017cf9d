"""The list of what is to be done: the model writes it, the person adds to it, and it outlives process and window."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from devagent.agent.fitting import Window
from devagent.agent.history import KEPT, OWN_CALL
from devagent.agent.loop import Agent
from devagent.agent.todo import TODO, Todo, WithTodo
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.model import Compacted
from devagent.core.todo import MOST, Item, after, as_arguments, in_full, in_short
from devagent.core.tools import ToolCall
from tests.support.agent_parts import (
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    reply,
    said,
    the_only,
    turn_of,
    use,
)

STEPS = [
    {"text": "read the code", "state": "done"},
    {"text": "change the fee", "state": "doing"},
    {"text": "run the tests", "state": "open"},
]


def writes(call: str, items: Sequence[dict[str, Any]] = STEPS) -> dict[str, Any]:
    return use(call, TODO.api_name, items=list(items))


def agent_with(model: FakeModel, judge: FakeJudge | None = None, window: Window | None = None) -> Agent:  # fmt: skip
    todo = Todo()
    return agent_of(model, judge, WithTodo(FakeToolbox(), todo), todo=todo, window=window)


async def adds(agent: Agent, items: Sequence[Item]) -> list[Event]:
    """The person makes this the list."""
    call = ToolCall(f"{OWN_CALL}{agent.turns + 1}", TODO.api_name, as_arguments(items))
    async with aclosing(agent.own_call(call, "/todo …")) as events:
        return [event async for event in events]


async def test_the_models_list_is_a_call_that_is_judged_and_read_back_from_the_record() -> None:
    agent = agent_with(FakeModel(reply(writes("c1")), reply(said("So."))))
    events = await turn_of(agent)
    judged = the_only(events, ToolJudged)
    assert (judged.full_name, judged.tool_class) == ("agent.todo", "read")
    assert [(one.id, one.access) for one in judged.resources] == [("mcp:agent/todo", "read")]
    finished = the_only(events, ToolFinished)
    assert finished.text == "1. [x] read the code\n2. [>] change the fee\n3. [ ] run the tests"
    assert finished.view == "1/3 done, now: change the fee"
    assert [one["text"] for one in finished.structured["items"]] == [one["text"] for one in STEPS]
    resumed = Todo()
    for event in events:
        resumed.apply(event)
    assert resumed.items == agent.todo.items
    assert [(one.text, one.state) for one in resumed.items] == [(one["text"], one["state"]) for one in STEPS]  # fmt: skip


async def test_what_policy_denies_changes_no_list() -> None:
    agent = agent_with(FakeModel(reply(writes("c1")), reply(said("So."))), FakeJudge("deny"))
    await turn_of(agent)
    assert agent.todo.items == ()
    await adds(agent, [Item("mine")])
    assert agent.todo.items == ()


async def test_what_the_person_put_there_stays_until_they_take_it_away() -> None:
    model = FakeModel(reply(writes("c1")), reply(said("One.")), reply(writes("c2", STEPS[:1])), reply(said("Two.")))  # fmt: skip
    agent = agent_with(model)
    await turn_of(agent)
    await adds(agent, [*agent.todo.items, Item("tell Bo")])
    assert agent.todo.items[-1] == Item("tell Bo", by_person=True)
    assert [one.by_person for one in agent.todo.items[:-1]] == [False] * 3
    await turn_of(agent, "go on")
    spoken = str(model.requests[2])
    assert "[The person ran this command themselves; what it gave:]" in spoken
    assert "4. [ ] tell Bo (the person put this on the list)" in spoken
    assert [one.text for one in agent.todo.items] == ["read the code", "tell Bo"]
    await adds(agent, agent.todo.items[:1])
    assert [one.text for one in agent.todo.items] == ["read the code"]


def test_the_model_may_tick_off_what_the_person_put_there() -> None:
    theirs = (Item("tell Bo", by_person=True),)
    given = {"items": [{"text": "tell  Bo\n", "state": "done"}]}
    assert after(theirs, given) == (Item("tell Bo", "done", by_person=True),)


async def test_a_list_that_is_full_with_the_persons_entries_is_not_cut() -> None:
    many = [{"text": f"step {number}", "state": "open"} for number in range(MOST)]
    agent = agent_with(FakeModel(reply(writes("c1", many)), reply(said("So."))))
    await adds(agent, [Item("mine")])
    finished = the_only(await turn_of(agent), ToolFinished)
    assert (finished.outcome, finished.err) == ("failed", "too_many")
    assert [one.text for one in agent.todo.items] == ["mine"]


@pytest.mark.parametrize("given", [None, "all", [1], [{"state": "open"}], [{"text": "x", "state": "?"}]])  # fmt: skip
def test_arguments_of_a_damaged_record_are_no_list(given: Any) -> None:
    assert after((Item("mine", by_person=True),), {"items": given})[0].text == "mine"
    assert after((), {"items": given}) == ()


def test_an_entry_is_one_line_without_anything_that_moves_a_cursor() -> None:
    hostile = "up\x1b[2J\nand \u202edown\u200b " + "x" * 300
    (item,) = after((), {"items": [{"text": hostile, "state": "open"}]})
    assert item.text.startswith("up and down x")
    assert item.text.isprintable()
    assert len(item.text) == 200
    assert in_full([item]).count("\n") == 0


def test_a_list_is_told_in_a_few_words() -> None:
    assert in_short([]) == ""
    assert in_short([Item("a", "done"), Item("b"), Item("c")]) == "1/3 done, next: b"
    assert in_short([Item("a", "done")]) == "1/1 done"


async def test_a_compaction_takes_the_list_along() -> None:
    summary = FakeModel(reply(said("What was done.")))
    model = FakeModel(reply(writes("c1")), reply(said("One. " * 500)), reply(said("Two.")))
    agent = agent_with(model, window=Window(summariser=lambda: summary))
    await turn_of(agent, "first")
    await turn_of(agent, "second")
    async with aclosing(agent.compact()) as events:
        done = the_only([event async for event in events], Compacted)
    assert "<todo>\n1. [x] read the code\n2. [>] change the fee" in done.text


async def test_the_last_few_compactions_can_be_undone_and_no_more_is_kept() -> None:
    agent = agent_with(FakeModel(*[reply(said("So. " * 400))] * 20), window=Window())
    for number in range(KEPT + 2):
        for _ in range(2):
            await turn_of(agent, f"turn {number}")
        async with aclosing(agent.compact()) as events:
            the_only([event async for event in events], Compacted)
    assert agent.compactions == KEPT
    for left in reversed(range(KEPT)):
        async with aclosing(agent.undo_compaction()) as events:
            assert len([event async for event in events]) == 1
        assert agent.compactions == left
    async with aclosing(agent.undo_compaction()) as events:
        assert [event async for event in events] == []
