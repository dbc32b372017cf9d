"""The conversation, whatever order events come in: what the Messages API asks of it always holds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devagent.agent.history import History
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolStarted
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from tests.support.agent_parts import ANA, GIT, reply, said, use
from tests.support.log_events import judged

IDS = st.sampled_from(["c1", "c2", "c3", "c1_2"])
NO = Approval("no", "user:ana", "terminal")

EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Prompt, turn=st.integers(1, 3), text=st.sampled_from(["a", "b"])),
    st.lists(st.one_of(IDS.map(use), st.just(said("x"))), max_size=4).map(lambda c: reply(*c)),
    st.builds(judged, st.sampled_from(["allow", "deny"]), IDS),
    st.builds(
        ApprovalAnswered,
        turn=st.just(1),
        call=IDS,
        principal=st.just(ANA),
        agent=st.just("main"),
        approval=st.just(NO),
        reply=st.sampled_from(["", "Not done."]),
    ),
    st.builds(
        ToolStarted,
        turn=st.just(1),
        call=IDS,
        ext=st.just(GIT),
        tool=st.just("push"),
        tool_class=st.just("write"),
    ),
    st.builds(
        ToolFinished,
        turn=st.just(1),
        call=IDS,
        outcome=st.sampled_from(["ok", "failed", "denied", "cut"]),
        text=st.sampled_from(["", "done"]),
    ),
    st.builds(TurnCut, turn=st.just(1), err=st.just("cancelled")),
    st.builds(TurnStarted, turn=st.just(1)),
    st.builds(TurnEnded, turn=st.just(1), stop=st.just("done")),
)
SEQUENCES = st.lists(EVENTS, max_size=30)


def folded(events: list[Event]) -> list[dict[str, Any]]:
    """The messages of the request that a last prompt leads to."""
    history = History()
    for event in [Prompt(turn=1, text="first"), *events, Prompt(turn=9, text="last")]:
        history.apply(event)
    return history.messages


def blocks(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in message["content"] if block["type"] == kind]


@given(SEQUENCES)
def test_roles_alternate_from_a_person_to_a_person(events: list[Event]) -> None:
    roles = [message["role"] for message in folded(events)]
    assert roles == [("user", "assistant")[n % 2] for n in range(len(roles))]
    assert len(roles) % 2 == 1


@given(SEQUENCES)
def test_each_call_has_exactly_one_result_in_the_message_after_it(events: list[Event]) -> None:
    messages = folded(events)
    for position, message in enumerate(messages):
        asked = [block["id"] for block in blocks(message, "tool_use")]
        following: dict[str, Any] = {"content": []}
        if position + 1 < len(messages):
            following = messages[position + 1]
        told = [block["tool_use_id"] for block in blocks(following, "tool_result")]
        assert sorted(told) == sorted(asked)


@given(SEQUENCES)
def test_no_call_id_stands_twice(events: list[Event]) -> None:
    ids = [b["id"] for message in folded(events) for b in blocks(message, "tool_use")]
    assert len(ids) == len(set(ids))


@given(SEQUENCES)
def test_results_stand_before_anything_else_a_message_says(events: list[Event]) -> None:
    for message in folded(events):
        kinds = [block["type"] for block in message["content"]]
        if "tool_result" in kinds:
            assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")


@given(SEQUENCES)
def test_the_same_events_give_the_same_conversation(events: list[Event]) -> None:
    assert folded(events) == folded(events)
