"""One call, whoever makes it: judged, and where it is granted carried out (design, section 1, "five stops").

``carried_out`` is what the agent, an MCP client and a server within a call have in common. It keeps each event
(``Keep``) before it yields it, and goes on only when it is asked for the next.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from msgspec.structs import replace

from devagent.agent.gate import Gate, granted
from devagent.agent.meanwhile import Running
from devagent.agent.progress import Told, ended
from devagent.agent.safeguards import Safeguards, not_kept
from devagent.agent.tasks import TASK
from devagent.core.events import Event
from devagent.core.events.calls import (
    AskedBy,
    SnapshotFailed,
    ToolCalled,
    ToolJudged,
    ToolProgress,
    ToolStarted,
)
from devagent.core.events.session import ErrorRaised
from devagent.core.events.turns import BudgetStopped, BudgetWarned
from devagent.core.ports import Toolbox
from devagent.core.tools import ToolCall, ToolResult, ToolSpec

Keep = Callable[[Event], None]
"""Takes an event in, before it is yielded."""
Delegate = Callable[[ToolJudged], AsyncGenerator[Event | ToolResult, None]]
"""Has a sub-agent do what the call asks: its events, and last its answer."""
Check = Callable[[int], Iterator[BudgetWarned | BudgetStopped]]
"""A turn → what stands against one more call in it, or nearly does."""


async def carried_out(
    turn: int,
    call: ToolCall,
    *,
    gate: Gate,
    toolbox: Toolbox,
    keep: Keep,
    safeguards: Safeguards,
    delegate: Delegate | None = None,
    check: Check,
    given: ToolSpec | None = None,
    asked_by: AskedBy = "",
) -> AsyncGenerator[Event, None]:
    """One call, whoever makes it: judged, and where it is granted carried out. Its events, from
    ``tool.called`` to ``tool.finished`` or to the refusal, and among them those of the calls that it needs, for
    which ``check`` is asked. ``given``: a tool of the house that the toolbox offers to no model. Raises OwnFilesChanged
    after its end."""
    tool = given or toolbox.find(call.name)
    called = ToolCalled(
        turn=turn,
        call=call.id,
        ext=tool.extension if tool else "",
        tool=tool.name if tool else call.name,
        args=call.args,
        asked_by=asked_by,
    )
    keep(called)
    yield called
    judged = last = None
    async with aclosing(gate.judge(turn, call, given)) as events:
        async for event in events:
            judged = event if isinstance(event, ToolJudged) else judged
            last = event
            keep(event)
            yield event
    if tool is None or judged is None or not granted(last) or gate.dry_run:
        return
    started = ToolStarted(
        turn=turn, call=call.id, ext=judged.ext, tool=tool.name, tool_class=tool.tool_class
    )
    keep(started)
    yield started
    if safeguards.snapshots is not None and tool.tool_class != "read":
        written = [
            one.id.removeprefix("path:")
            for one in judged.resources
            if one.access == "write" and one.kind == "path"
        ]
        kept = await safeguards.snapshots.before(turn, call.id, tool.qualified, written)
        if kept is not None:
            keep(kept)
            yield kept
        if isinstance(kept, SnapshotFailed) and kept.refused:
            refused = not_kept(kept)
            keep(refused)
            yield refused
            return
    began = time.monotonic_ns()
    before = safeguards.own_files.now()
    may_read = gate.may_read(judged, tool)

    async def within(inner: ToolCall, needed: ToolSpec) -> AsyncGenerator[Event, None]:
        for limit in check(turn):
            keep(limit)
            yield limit
            if isinstance(limit, BudgetStopped):
                return
        way = carried_out(
            turn, inner, gate=gate, toolbox=toolbox, keep=keep, safeguards=safeguards,
            check=check, given=needed, asked_by="server",
        )  # fmt: skip
        async with aclosing(way) as events:
            async for event in events:
                yield event

    told = Told()
    meanwhile = Running(turn, call.id, within, told, keep)
    watched: bool | None = None
    result: ToolResult | None = None
    running: asyncio.Task[ToolResult] | None = None
    try:
        if tool is TASK and delegate is not None:
            async with aclosing(delegate(judged)) as events:
                async for event in events:
                    if isinstance(event, ToolResult):
                        result = event
                        continue
                    keep(event)
                    yield event
        if result is None:
            run = toolbox.run(
                tool, judged.args, judged.decision.obligations, may_read, told, meanwhile
            )
            running = asyncio.create_task(run)
            async with aclosing(meanwhile.events(running)) as told_events:
                async for event in told_events:
                    if isinstance(event, ToolProgress) and event.call == call.id:
                        if watched is None:
                            watched = gate.may_be_watched(judged, tool)
                        if not watched:
                            continue
                    yield event
            result = await running
    finally:
        if running is not None:
            await ended(running)
        changed = safeguards.own_files.changed_since(before)
    finished = replace(gate.result(judged, tool, result), dur_us=us_since(began))
    keep(finished)
    yield finished
    if changed:
        yield ErrorRaised(err="own_files_changed", reason=", ".join(changed))
        safeguards.own_files.refuse_if_changed()


def us_since(began_ns: int) -> int:
    """Microseconds since then."""
    return (time.monotonic_ns() - began_ns) // 1000
