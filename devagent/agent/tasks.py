"""Sub-agents: the tool ``agent.task`` hands a question to an agent of its own, whose answer is the call's result.

1. It has its own context: of the conversation it knows what the call says, and the conversation gets its answer.
2. It reads only, and may what its caller and itself may both (``meet``); it has no ``agent.task``, so none asks another.
3. Its budget is its own and within its caller's: what of a limit is left, shared among those that run side by side.
4. Its events are in the same log, its calls' ids below the call that asked; what it read taints its caller.
5. Those that one reply asks for run side by side. Each goes on only after what it did last is on record.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.around import Around, Besides
from devagent.core.errors import Stop
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.model import (
    ModelFailed,
    ModelReplied,
    ModelRequested,
    SubagentEnded,
    SubagentStarted,
)
from devagent.core.events.session import ErrorRaised
from devagent.core.events.turns import TurnEnded
from devagent.core.limits import Limits
from devagent.core.ports import Model, Toolbox
from devagent.core.tools import ToolCall, ToolResult, ToolSpec
from devagent.core.usage import Usage

HOUSE, NAME = "agent", "task"
"""No extension of a third party may be called so."""
SIDE_BY_SIDE = 4
MAX_ANSWER = 40_000
"""Characters of an answer that the caller reads."""

TASK = ToolSpec(
    extension=HOUSE,
    name=NAME,
    tool_class="read",
    description=(
        "Ask a sub-agent to look something up: it has the reading tools, a context of its own, and knows only "
        "what you write here. Its answer is the result. Ask several in one reply to have them work side by side."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "task": {
                "type": "string",
                "minLength": 1,
                "maxLength": 20_000,
                "description": "What to find out, with all that it must know, and what to answer with.",
            }
        },
        "required": ["task"],
        "additionalProperties": False,
    },
)
INSTRUCTIONS = (
    "You are a sub-agent: another agent asks you to look something up. You can read and change nothing. Answer "
    "with what you found, and where; say what you could not find."
)


class WithTasks(Besides):
    """A toolbox with ``agent.task`` besides; the loop carries that one out."""

    def __init__(self, inner: Toolbox) -> None:
        super().__init__(inner, TASK)

    def _carried_out(self, tool: ToolSpec, args: Mapping[str, Any]) -> ToolResult:
        del tool, args
        return ToolResult("No sub-agent can be asked here.", failed=True, error="unavailable")


class ReadingOnly(Around):
    """The tools of a toolbox that only read; the others are not there."""

    def specs(self) -> Sequence[ToolSpec]:
        return [tool for tool in self._inner.specs() if tool.tool_class == "read"]

    def find(self, api_name: str) -> ToolSpec | None:
        tool = self._inner.find(api_name)
        return tool if tool and tool.tool_class == "read" else None


class Subagent(Struct, frozen=True):
    """A sub-agent that is ready: its name as policy sees it, its model (closed by whoever asks it), and its one turn."""

    name: str
    model: Model
    turn: Callable[[str], AsyncGenerator[Event, None]]


Making = Callable[[Limits], Subagent]
"""Makes a sub-agent with these limits. Raises DevagentError where there is no model for it."""


async def carried_out_by(
    agent: Subagent, judged: ToolJudged, limits: Limits
) -> AsyncGenerator[Event | ToolResult, None]:
    """What the sub-agent does, as the caller's log has it, and last its answer. However it ends its model is closed."""
    turn, call, began = judged.turn, judged.call, time.monotonic_ns()
    usage, cost, replies = Usage(), 0, 0
    taint: set[str] = set()
    text, reason = "", "it gave no answer"
    stop: Stop = "failed"
    try:
        yield SubagentStarted(
            turn=turn,
            call=call,
            agent=agent.name,
            model=agent.model.name,
            max_turns=limits.max_turns or 0,
            tokens=limits.run.tokens or 0,
        )
        async with aclosing(agent.turn(str(judged.args["task"]))) as events:
            async for event in events:
                match event:
                    case ModelReplied():
                        usage, replies = usage + event.usage, replies + 1
                        cost += event.cost.usd_micros if event.cost else 0
                        text = event.text or text
                    case ToolFinished():
                        taint.update(event.taint)
                    case TurnEnded():
                        stop, reason = event.stop, event.reason
                    case _:
                        pass
                if (told := _below(event, turn, call)) is not None:
                    yield told
    finally:
        await agent.model.aclose()
    labels = tuple(sorted(taint))
    yield SubagentEnded(
        turn=turn,
        call=call,
        agent=agent.name,
        stop=stop,
        reason=reason,
        replies=replies,
        usage=usage,
        cost_usd_micros=cost,
        taint=labels,
        dur_us=(time.monotonic_ns() - began) // 1000,
    )
    yield _answer(text, stop, reason, labels)


def _answer(text: str, stop: Stop, reason: str, taint: tuple[str, ...]) -> ToolResult:
    if len(text) > MAX_ANSWER:
        text = f"{text[:MAX_ANSWER]}\n[cut: the answer has {len(text):,} characters]"
    if stop == "done" and text:
        return ToolResult(text, taint=taint)
    why = f"The sub-agent did not finish: {reason or stop}."
    partly = f"{why} What it had said so far:\n{text}" if text else why
    return ToolResult(partly, failed=True, error=stop, taint=taint)


def _below(event: Event, turn: int, call: str) -> Event | None:
    """A sub-agent's event as one of its caller's turn: its calls are named below the call that asked. None for
    what the start and the end of the sub-agent say."""
    match event:
        case ModelRequested() | ModelReplied():
            return replace(event, turn=turn, purpose="task", task=call)
        case ModelFailed():
            return replace(event, turn=turn, task=call)
        case ToolCalled() | ToolJudged() | ApprovalAsked() | ApprovalAnswered() | ToolStarted():
            return replace(event, turn=turn, call=f"{call}/{event.call}")
        case ToolFinished():
            return replace(event, turn=turn, call=f"{call}/{event.call}")
        case ErrorRaised():
            return event
        case _:
            return None


def together(calls: Sequence[ToolCall]) -> Iterator[Sequence[ToolCall]]:
    """The calls of a reply in their order, each by itself; sub-agents that stand beside each other together."""
    tasks: list[ToolCall] = []
    for call in calls:
        if call.name == TASK.api_name and len(tasks) < SIDE_BY_SIDE:
            tasks.append(call)
            continue
        if tasks:
            yield tasks
        tasks = [call] if call.name == TASK.api_name else []
        if not tasks:
            yield [call]
    if tasks:
        yield tasks


async def side_by_side(
    sources: Sequence[AsyncGenerator[Event, None]],
) -> AsyncGenerator[Event, None]:
    """The events of all, as they come. Each source goes on only once its event was taken from here, so that what it
    did is on record before it does more. A failure of one ends all; none is left running."""
    ready: asyncio.Queue[tuple[Event | None, asyncio.Event]] = asyncio.Queue()

    async def pump(source: AsyncGenerator[Event, None]) -> None:
        async with aclosing(source) as events:
            async for event in events:
                taken = asyncio.Event()
                ready.put_nowait((event, taken))
                await taken.wait()

    running = [asyncio.ensure_future(pump(source)) for source in sources]
    for one in running:
        one.add_done_callback(lambda _: ready.put_nowait((None, asyncio.Event())))
    try:
        over = 0
        while over < len(running):
            event, taken = await ready.get()
            if event is None:
                over += 1
                for one in running:
                    if one.done() and not one.cancelled():
                        one.result()
                continue
            yield event
            taken.set()
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
