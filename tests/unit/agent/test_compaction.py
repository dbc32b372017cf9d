"""Compaction: what stays word for word, what is told in short, and that all of it comes back."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from msgspec.structs import replace

from devagent.agent.compaction import HEAD, tokens_in
from devagent.agent.fitting import Window
from devagent.agent.loop import Agent
from devagent.core.errors import ModelError
from devagent.core.events import Event
from devagent.core.events.model import Compacted, CompactionUndone, ModelReplied, ModelRequested
from devagent.core.events.turns import TurnEnded
from devagent.core.ports import ModelRequest
from devagent.core.tools import ToolResult
from devagent.core.usage import Usage
from tests.support.agent_parts import (
    FakeJudge,
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

LONG = "word " * 2_000
NEVER = "Never touch the payments folder."
SUMMARY = "The tests were read; one fails."


def agent_with(
    model: FakeModel,
    window: Window,
    toolbox: FakeToolbox | None = None,
    judge: FakeJudge | None = None,
) -> Agent:
    toolbox = toolbox or FakeToolbox(ToolResult(LONG))
    return agent_of(model, judge, toolbox, window=window)


def rounds(count: int, start: int = 0) -> list[ModelReplied]:
    """Replies with a call each, whose service counts no tokens (so that they are estimated)."""
    return [replace(reply(use(f"c{n}", n=n)), usage=Usage()) for n in range(start, start + count)]


def small(fast: FakeModel | None = None, tokens: int = 20_000) -> Window:
    return Window(tokens, 1_000, 0.8, (lambda: fast) if fast else None)


async def taken(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]


def text_of(messages: Sequence[dict[str, Any]]) -> str:
    return messages[0]["content"][0]["text"]


async def test_a_conversation_is_compacted_before_its_window_overflows_and_everybody_is_told() -> (
    None
):
    fast = FakeModel(reply(said(SUMMARY)))
    model = FakeModel(*rounds(6), reply(said("Done.")))
    agent = agent_with(model, small(fast))
    events = await turn_of(agent, NEVER)
    assert the_only(events, TurnEnded).stop == "done"
    done = the_only(events, Compacted)
    at = kinds(events).index("compaction.done")
    assert kinds(events)[at - 2 : at + 2] == [
        "model.requested",
        "model.replied",
        "compaction.done",
        "model.requested",
    ]
    assert (done.why, done.model) == ("window", "fake")
    assert done.after < done.before
    assert all(tokens_in(list(request)) < 20_000 for request in model.requests)
    after = next(request for request in model.requests if text_of(request).startswith(HEAD))
    assert SUMMARY in text_of(after)
    assert f"<typed number=1>\n{NEVER}\n</typed>" in text_of(after)


async def test_no_call_is_parted_from_its_result() -> None:
    for count in range(4, 9):
        model = FakeModel(*rounds(count), reply(said("Done.")))
        await turn_of(agent_with(model, small(FakeModel(*[reply(said(SUMMARY))] * 9))))
        for request in model.requests:
            open_calls: set[str] = set()
            for number, message in enumerate(request):
                assert message["role"] == ("user", "assistant")[number % 2]
                blocks = message["content"]
                answered = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
                assert answered == open_calls
                open_calls = {b["id"] for b in blocks if b["type"] == "tool_use"}


async def test_what_was_typed_and_refused_stays_word_for_word_through_several_compactions() -> None:
    fast = FakeModel(*[reply(said(SUMMARY))] * 3)
    refused = [reply(said(LONG), use(f"r{n}", "git__push")) for n in range(3)]
    model = FakeModel(
        refused[0], reply(said("I may not.")), refused[1], reply(said("Nor now.")), reply(said("So."))
    )  # fmt: skip
    agent = agent_with(model, small(fast), judge=FakeJudge("deny", grant="Ask Bo"))
    await turn_of(agent, NEVER)
    await taken(agent.compact())
    await turn_of(agent, "And use tabs.")
    await taken(agent.compact())
    await turn_of(agent, "What now?")
    text = text_of(model.requests[-1])
    assert text.index(NEVER) < text.index("And use tabs.")
    assert text.count(NEVER) == text.count("And use tabs.") == 1
    assert text.count("Not allowed: org/acme#push says deny") == 1
    assert model.requests[-1][-1]["content"][-1] == said("What now?")


async def test_undoing_brings_back_every_message_as_it_was() -> None:
    def conversation() -> FakeModel:
        answers = [
            reply(use("c1")),
            reply(said("One.")),
            reply(said("Two.")),
            reply(said("Three.")),
        ]
        return FakeModel(*answers)

    plain = conversation()
    agent = agent_with(plain, Window())
    for text in ("first", "second", "third"):
        await turn_of(agent, text)
    model = conversation()
    agent = agent_with(model, small(FakeModel(*[reply(said(SUMMARY))] * 2)))
    await turn_of(agent, "first")
    await turn_of(agent, "second")
    assert await taken(agent.undo_compaction()) == []
    done = await taken(agent.compact())
    assert the_only(done, Compacted).why == "asked"
    assert agent.compactions == 1
    assert the_only(await taken(agent.undo_compaction()), CompactionUndone).back == the_only(done, Compacted).gone  # fmt: skip
    await turn_of(agent, "third")
    assert model.requests == plain.requests
    assert agent.compactions == 0


async def test_a_resumed_session_reads_what_the_live_one_read() -> None:
    model = FakeModel(*rounds(6), reply(said("Done.")), reply(said("Again.")))
    agent = agent_with(model, small(FakeModel(*[reply(said(SUMMARY))] * 3)))
    recorded = await turn_of(agent, NEVER)
    recorded += await taken(agent.compact())
    await turn_of(agent, "and now?")
    later = FakeModel(reply(said("Again.")))
    resumed = agent_with(later, small())
    for event in recorded:
        resumed.apply(event)
    await turn_of(resumed, "and now?")
    assert later.requests[-1] == model.requests[-1]
    assert text_of(later.requests[-1]).startswith(HEAD)


async def test_a_service_that_says_it_is_too_long_is_asked_again_in_short_and_once() -> None:
    too_long = ModelError("prompt is too long", kind="too_large")
    fast = FakeModel(reply(said(SUMMARY)), reply(said(SUMMARY)))
    model = FakeModel(*rounds(2), too_long, reply(said("Done.")))
    events = await turn_of(agent_with(model, small(fast, tokens=0)))
    assert the_only(events, Compacted).why == "overflow"
    assert the_only(events, TurnEnded).stop == "done"

    model = FakeModel(*rounds(2), too_long, too_long)
    events = await turn_of(agent_with(model, small(fast, tokens=0)))
    assert the_only(events, TurnEnded).stop == "failed"
    assert "no longer fits" in the_only(events, TurnEnded).reason


async def test_a_reply_cut_by_the_window_is_asked_for_again_in_short() -> None:
    cut = reply(said("It is th"), stop="model_context_window_exceeded")
    model = FakeModel(*rounds(2), cut, reply(said("It is this.")))
    events = await turn_of(agent_with(model, small(FakeModel(reply(said(SUMMARY))), tokens=0)))
    assert the_only(events, TurnEnded).stop == "done"
    assert "It is th" not in str(model.requests[-1]).replace("It is this.", "")


async def test_where_no_model_gives_a_summary_a_list_of_what_was_done_stands_in() -> None:
    broken = FakeModel(ModelError("gone", kind="connection"))
    for window in (small(), small(broken)):
        model = FakeModel(*rounds(6), reply(said("Done.")))
        events = await turn_of(agent_with(model, window), NEVER)
        done = the_only(events, Compacted)
        assert done.model == ""
        assert "called git__push" in done.text
        assert the_only(events, TurnEnded).stop == "done"


async def test_the_services_count_decides_where_the_estimate_is_near_the_limit() -> None:
    counted: list[int] = []

    async def count(request: ModelRequest) -> int | None:
        counted.append(len(request.messages))
        return 5_000

    window = Window(20_000, 1_000, 0.8, None, count)
    events = await turn_of(agent_with(FakeModel(*rounds(6), reply(said("Done."))), window))
    assert counted
    assert "compaction.done" not in kinds(events)


async def test_a_short_conversation_is_neither_counted_nor_compacted() -> None:
    async def count(request: ModelRequest) -> int | None:
        raise AssertionError(request)

    agent = agent_with(FakeModel(reply(said("Hello."))), Window(20_000, 1_000, 0.8, None, count))
    assert "compaction.done" not in kinds(await turn_of(agent))
    assert await taken(agent.compact()) == []


async def test_what_would_be_no_shorter_is_left_as_it_is_where_somebody_asks() -> None:
    fast = FakeModel(reply(said(LONG)))
    agent = agent_with(FakeModel(*[reply(said("Hello."))] * 3), small(fast))
    for text in ("first", "second", "third"):
        await turn_of(agent, text)
    assert await taken(agent.compact()) == []
    assert fast.requests == []
    agent = agent_with(FakeModel(*[reply(said("Hello. " * 300))] * 3), small(fast))
    for text in ("first", "second", "third"):
        await turn_of(agent, text)
    assert kinds(await taken(agent.compact())) == ["model.requested", "model.replied"]
    assert agent.compactions == 0


async def test_the_summary_is_no_reply_of_the_conversation() -> None:
    fast = FakeModel(reply(said(SUMMARY)))
    model = FakeModel(*rounds(6), reply(said("Done.")))
    events = await turn_of(agent_with(model, small(fast)))
    purposes = [e.purpose for e in events if isinstance(e, ModelReplied | ModelRequested)]
    assert purposes.count("compaction") == 2
    assert said(SUMMARY) not in [b for m in model.requests[-1] for b in m["content"]]
    assert the_only(events, TurnEnded).usage.input >= 10  # what the summary took counts


async def test_a_very_long_prompt_keeps_its_start_and_its_end_and_says_what_is_missing() -> None:
    piped = "START " + "x" * 50_000 + " END"
    model = FakeModel(*[reply(said("Ok."))] * 4)
    agent = agent_with(model, small(tokens=0))
    await turn_of(agent, piped)
    await turn_of(agent, "second")
    await taken(agent.compact())
    await turn_of(agent, "third")
    text = text_of(model.requests[-1])
    assert "START " in text
    assert " END" in text
    assert "characters left out" in text
    assert len(text) < 10_000 + 4_000


SIGNED = {"type": "compaction", "content": "One test fails.", "signature": "c2ln"}


class Service(FakeModel):
    """A service that writes summaries itself; what of it was asked for."""

    def __init__(self, *replies: Any) -> None:
        super().__init__(*replies)
        self.compacting: list[int] = []

    async def reply(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
        if request.compacts:
            self.compacting.append(len(request.messages))
        async for event in super().reply(request):
            yield event


def by_service(model: FakeModel, fast: FakeModel) -> Window:
    return Window(20_000, 1_000, 0.8, lambda: fast, by_service=lambda: model)


async def test_the_services_own_summary_stands_before_what_stays_word_for_word_and_can_be_undone() -> (
    None
):
    model = Service(
        *rounds(3), reply(said("Read.")), reply(SIGNED, stop="compaction"), reply(said("Yes."))
    )
    agent = agent_with(model, by_service(model, FakeModel()))
    await turn_of(agent, NEVER)
    before = [dict(message) for message in model.requests[-1]]
    compacted = the_only(await taken(agent.compact()), Compacted)
    await turn_of(agent, "And now?")
    assert (compacted.block, model.compacting) == (SIGNED, [compacted.gone])
    assert HEAD not in compacted.text
    last = model.requests[-1]
    assert last[0] == {"role": "assistant", "content": [SIGNED]}
    assert last[1]["role"] == "user"
    assert NEVER in last[1]["content"][0]["text"]
    assert "<summary>" not in last[1]["content"][0]["text"]
    undone = await taken(agent.undo_compaction())
    assert isinstance(undone[0], CompactionUndone)
    assert agent._folds.history.messages[: len(before)] == before  # pyright: ignore[reportPrivateUsage]


async def test_where_the_service_gives_no_summary_ours_stands_in() -> None:
    for failing in (ModelError("no", kind="invalid_request"), reply(said("Hello."))):
        model = Service(*rounds(3), reply(said("Read.")), failing, reply(said("Yes.")))
        agent = agent_with(model, by_service(model, FakeModel(reply(said(SUMMARY)))))
        await turn_of(agent, NEVER)
        compacted = the_only(await taken(agent.compact()), Compacted)
        assert compacted.block == {}
        assert SUMMARY in compacted.text


async def test_a_signed_summary_whose_record_was_redacted_is_read_as_text() -> None:
    model = FakeModel(reply(said("Yes.")))
    agent = agent_with(model, Window())
    for one in (reply(said("a")), reply(said("b")), reply(said("c"))):
        agent.apply(one)
    unsigned = {"type": "compaction", "content": "[redacted] fails."}
    short = Compacted(
        turn=1, gone=1, kept=0, before=9, after=1, why="asked", text="T", block=unsigned
    )
    agent.apply(short)
    await turn_of(agent)
    texts = [block["text"] for block in model.requests[0][0]["content"]]
    assert texts[:2] == ["T", "<summary>\n[redacted] fails.\n</summary>"]
