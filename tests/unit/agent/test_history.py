"""The conversation as the model reads it: roles in turn, each call with its one result."""

from devagent.agent.history import CUT, NOT_RUN, History
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolStarted
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import Prompt, TurnCut
from tests.support.agent_parts import ANA, GIT, reply, said, use
from tests.support.log_events import judged


def history(*events: Event) -> History:
    folded = History()
    for event in events:
        folded.apply(event)
    return folded


def prompt(text: str = "push it", turn: int = 1) -> Prompt:
    return Prompt(turn=turn, text=text)


def begun(call: str = "c1") -> ToolStarted:
    return ToolStarted(turn=1, call=call, ext=GIT, tool="push", tool_class="write")


def done(call: str = "c1", text: str = "done") -> ToolFinished:
    return ToolFinished(turn=1, call=call, outcome="ok", text=text)


def result(call: str, text: str, *, failed: bool = False) -> dict[str, object]:
    block: dict[str, object] = {"type": "tool_result", "tool_use_id": call, "content": text}
    return {**block, "is_error": True} if failed else block


def test_prompt_reply_call_and_result_are_messages_in_turn() -> None:
    messages = history(
        prompt(), reply(said("I"), use("c1")), begun(), done(), reply(said("So."))
    ).messages
    assert messages == [
        {"role": "user", "content": [said("push it")]},
        {"role": "assistant", "content": [said("I"), use("c1")]},
        {"role": "user", "content": [result("c1", "done")]},
        {"role": "assistant", "content": [said("So.")]},
    ]


def test_the_model_never_reads_what_the_record_alone_has() -> None:
    finished = ToolFinished(turn=1, call="c1", outcome="ok", text="short", whole="the whole")
    folded = history(prompt(), reply(use("c1")), begun(), finished, reply(said("So.")))
    assert folded.messages[2] == {"role": "user", "content": [result("c1", "short")]}
    assert "the whole" not in str(folded.messages)


def test_blocks_of_the_service_are_echoed_untouched() -> None:
    thinking = {"type": "thinking", "thinking": "…", "signature": "EqQB", "odd": {"a": [1]}}
    content = [thinking, said("So.")]
    (_, message) = history(prompt(), reply(*content)).messages
    assert message["content"] == content
    assert message["content"][0] is thinking


def test_what_only_a_screen_shows_is_no_part_of_it() -> None:
    assert history(begun(), TurnCut(turn=1, err="cancelled")).messages == []


def test_a_reply_without_content_is_no_message() -> None:
    messages = history(prompt(), reply(), prompt("hello?", 2)).messages
    assert messages == [{"role": "user", "content": [said("push it"), said("hello?")]}]


def test_a_refused_call_is_paired_with_the_refusal() -> None:
    refusal = judged("deny", "c1")
    told = History()
    told.apply(prompt())
    told.apply(reply(use("c1")))
    told.apply(type(refusal)(**{f: getattr(refusal, f) for f in _fields(refusal)}, reply="No."))
    assert told.messages[-1]["content"] == [result("c1", "No.", failed=True)]


def _fields(event: Event) -> list[str]:
    return [name for name in event.__struct_fields__ if name != "reply"]


def test_an_ask_that_is_answered_no_is_paired_with_the_answer() -> None:
    no = Approval("no", "user:ana", "terminal")
    answered = ApprovalAnswered(
        turn=1, call="c1", principal=ANA, agent="main", approval=no, reply="Not done."
    )
    messages = history(prompt(), reply(use("c1")), answered).messages
    assert messages[-1]["content"] == [result("c1", "Not done.", failed=True)]


def test_a_cut_turn_tells_apart_what_was_started_and_what_was_not() -> None:
    messages = history(
        prompt(),
        reply(use("c1"), use("c2"), use("c3")),
        begun("c1"),
        done("c1"),
        begun("c2"),
        TurnCut(turn=1, err="cancelled"),
    ).messages
    assert messages[-1]["content"] == [
        result("c1", "done"),
        result("c2", CUT, failed=True),
        result("c3", NOT_RUN, failed=True),
    ]


def test_results_of_a_cut_turn_stand_before_the_next_prompt() -> None:
    messages = history(prompt(), reply(use("c1")), begun(), prompt("and now?", 2)).messages
    assert messages[-1] == {
        "role": "user",
        "content": [result("c1", CUT, failed=True), said("and now?")],
    }


def test_the_record_of_a_cut_call_says_the_same_as_the_live_conversation() -> None:
    live = history(prompt(), reply(use("c1")), begun(), prompt("go on", 2))
    cut = ToolFinished(turn=1, call="c1", outcome="cut", err="cancelled")
    recorded = history(
        prompt(),
        reply(use("c1")),
        begun(),
        cut,
        TurnCut(turn=1, err="cancelled"),
        prompt("go on", 2),
    )
    assert recorded.messages == live.messages


def test_a_result_that_nobody_waits_for_changes_nothing() -> None:
    before = history(prompt(), reply(use("c1")), begun(), done())
    after = history(prompt(), reply(use("c1")), begun(), done(), done("c1", "again"), done("c9"))
    assert after.messages == before.messages


def test_an_id_that_comes_again_is_another_one_in_the_messages() -> None:
    messages = history(
        prompt(),
        reply(use("c1")),
        begun(),
        done(),
        reply(use("c1"), use("c1_2")),
        done("c1", "second"),
        done("c1_2", "third"),
    ).messages
    assert [block["id"] for block in messages[-2]["content"]] == ["c1_2", "c1_2_2"]
    assert messages[-1]["content"] == [result("c1_2", "second"), result("c1_2_2", "third")]


def test_events_stay_as_they_are() -> None:
    events: list[Event] = [prompt(), reply(use("c1"), use("c1")), begun(), done(), prompt("go", 2)]
    replied = events[1]
    assert isinstance(replied, ModelReplied)
    history(*events)
    assert replied.content == [use("c1"), use("c1")]
