"""A conversation: turns of the agent, each of them logged."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.agent.gate import Gate
from devagent.agent.history import OWN_CALL
from devagent.agent.loop import Agent
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError, Stop, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.model import ModelRequested
from devagent.core.events.people import FeedbackGiven, Rating, UndoDone
from devagent.core.events.session import SessionEnded
from devagent.core.events.turns import BudgetStopped, Prompt
from devagent.core.todo import Item
from devagent.core.tools import ToolCall, ToolSpec
from devagent.host.toolbox import Extensions
from devagent.models import OpenModel
from devagent.session.beside import (
    Reading,
    ServerPrompt,
    completion_of,
    mentioned,
    prompts_of,
    reading_of,
)
from devagent.session.ground import Ground
from devagent.session.keeping import waiting
from devagent.session.model_access import ModelAccess
from devagent.session.recipes import recipes_of
from devagent.undo.places import root_of

if TYPE_CHECKING:
    from devagent.audit.witness import Witnessing
    from devagent.undo.restore import Undone
    from devagent.undo.store import Entry


class Session:
    """An open session. ``opening`` are the events that were written when it opened; ``unfinished`` is what the
    last turn of the session that goes on was asked for and did not do (empty where it did)."""

    def __init__(
        self,
        *,
        log: SessionLog,
        agent: Agent,
        model: OpenModel,
        toolbox: Extensions,
        gate: Gate,
        ground: Ground,
        opening: Sequence[Event],
        unfinished: str,
        connecting: "asyncio.Task[bool]",
        access: ModelAccess,
        witnessing: "Witnessing | None" = None,
    ) -> None:
        self._ground = ground
        self._log = log
        self._agent = agent
        self._model = model
        self._toolbox = toolbox
        self._gate = gate
        self._connecting = connecting
        self._access = access
        self._witnessing = witnessing
        watch = ground.watch
        self._polling = asyncio.ensure_future(watch.keep_polling()) if watch is not None else None
        self.policy = ground.policy
        self.opening = tuple(opening)
        self.unfinished = unfinished
        self._signs = False
        self._under_way = False
        self.out_of_time: BudgetStopped | None = None
        """What ended the last turn, where that was the clock: it is on record, and the task that ran the turn
        was cancelled."""

    @property
    def id(self) -> str:
        return self._log.sid

    @property
    def recipes(self) -> Mapping[str, str]:
        """The organisation's prompts by name."""
        return recipes_of(self._ground.enrolled)

    @property
    def folder(self) -> str:
        """The folder of the session's log."""
        return self._log.folder

    @property
    def model(self) -> str:
        return self._model.name

    @property
    def offered(self) -> Sequence[ToolSpec]:
        """The tools that the model is told about."""
        return self._gate.offered

    @property
    def hidden(self) -> Sequence[ToolSpec]:
        """The tools that policy can never grant this principal."""
        return self._gate.hidden

    @property
    def unanchored(self) -> str:
        """That the record waits for its witness for a minute or more, and why; else empty."""
        return waiting(self._witnessing)

    def turn(
        self,
        text: str,
        *,
        of_the_house: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
        readings: Sequence[Reading] = (),
        answer_schema: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """One logged turn: every event is on disk before it is seen here. Close it with ``aclosing``.

        ``of_the_house``: devagent itself wrote the prompt (see ``Prompt``). ``attachments``: images and
        documents as blocks of the Messages API. ``readings``: what is read before the model is asked
        (``reading_of``); resources that a typed prompt mentions (``@server:uri``) are read as well. ``answer_schema``:
        what the last word must fit, for services that can hold it to that. Raises UsageError where the model cannot
        see what is attached.
        """
        if attachments:
            self._access.must_see(attachments)
        mentions = () if of_the_house else mentioned(self._toolbox, text)
        turn = self._agent.turn(
            text,
            of_the_house=of_the_house,
            attachments=attachments,
            readings=[*readings, *mentions],
            answer_schema=answer_schema,
        )
        return self._timed(self._logged(self._told(turn)))

    def steer(self, text: str) -> None:
        """Say something to the model while a turn runs: it reads it before its next reply, and it is on record."""
        self._agent.steer(text)

    def unsaid(self) -> list[str]:
        """What was said by ``steer`` after the model's last word; it is forgotten."""
        return self._agent.unsaid()

    def own_call(self, tool: str, args: dict[str, Any], said: str) -> AsyncGenerator[Event, None]:
        """A call of the person's own (``tool`` by its API name), logged and behind the gate like any other."""
        call = ToolCall(id=f"{OWN_CALL}{self._agent.turns + 1}", name=tool, args=args)
        return self._timed(self._logged(self._told(self._agent.own_call(call, said))))

    async def would(self, call: ToolCall) -> ToolJudged:
        """How the call would be judged now; nothing is recorded, asked or run."""
        return await self._gate.would(call)

    @property
    def workspace(self) -> str:
        """The folder that the session works in."""
        return self._ground.folder

    @property
    def prompts(self) -> Sequence[ServerPrompt]:
        """The prompts of the session's servers, as they are on record."""
        return prompts_of(self._toolbox)

    def reading_of(self, prompt: ServerPrompt, args: Mapping[str, str]) -> Reading:
        """The prompt, for ``turn``. Raises UsageError where an argument is missing."""
        return reading_of(self._toolbox, prompt, args)

    async def complete(self, server: str, prompt: str, argument: str, value: str) -> Sequence[str]:
        """How the server would complete a prompt's argument, judged and logged; empty where it may not or cannot
        say."""
        call, tool = completion_of(self._toolbox, server, {"name": prompt}, argument, value)
        values: Sequence[str] = ()
        async with aclosing(self._logged(self._agent.aside(call, tool))) as events:
            async for event in events:
                if isinstance(event, ToolFinished) and event.outcome == "ok":
                    values = event.structured.get("values", ())
        return values

    def look_up(self, tool: str, args: dict[str, Any]) -> AsyncGenerator[Event, None]:
        """A call of the person's screen between two turns (``tool`` by its API name), judged and logged; the model
        does not read of it. Raises UsageError where there is no such tool."""
        spec = self._toolbox.find(tool)
        if spec is None:
            raise UsageError(f"{tool.replace('__', '.')} is not offered here")
        call = ToolCall(f"look_{token_hex(6)}", tool, args)
        return self._timed(self._logged(self._agent.aside(call, spec)))

    def reading(self, tool: str, args: dict[str, Any]) -> Reading | None:
        """A call (``tool`` by its API name) that ``turn`` is to begin with; None where there is no such tool."""
        spec = self._toolbox.find(tool)
        return None if spec is None else Reading(spec, args)

    @property
    def servers(self) -> Sequence[str]:
        """The MCP servers that have resources, by name."""
        return [one.settings.name for one in self._toolbox.servers if one.has("resources")]

    async def _logged(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """On record, and by itself: what ends closes what is open in the record, which must be its own.

        Raises UsageError while something else is under way.
        """
        if self._under_way:
            await events.aclose()
            raise UsageError(
                "the session is busy with something else", hint="Wait for it to end, or stop it."
            )
        self._under_way = True
        try:
            async with aclosing(tapped(events, self._log)) as logged:
                async for event in logged:
                    yield event
        finally:
            self._under_way = False

    async def _timed(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The turn, cut where a limit of time is over while something is under way."""
        left, alarm, running = self._agent.time_left(), None, asyncio.current_task()
        if left is not None and running is not None:
            seconds, stopped = left
            alarm = asyncio.get_running_loop().call_later(
                max(seconds, 0), self._cut, running, stopped
            )
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            if alarm is not None:
                alarm.cancel()

    def _cut(self, running: "asyncio.Task[Any]", stopped: BudgetStopped) -> None:
        self.out_of_time = stopped
        try:
            self._log.write(stopped)
        except LogError as error:
            # The log takes nothing any more, and says so itself when the session is closed.
            stopped = replace(stopped, reason=f"{stopped.reason} ({error.what})")
            self.out_of_time = stopped
        running.cancel(stopped.limit)

    def compact(self) -> AsyncGenerator[Event, None]:
        """Put the older part of the conversation in short, logged like a turn. No ``Compacted`` among the events: there
        is nothing to, or it would be no shorter."""
        return self._logged(self._agent.compact())

    def undo_compaction(self) -> AsyncGenerator[Event, None]:
        """Bring back what the last compaction had put in short, logged. No event where there was none."""
        return self._logged(self._agent.undo_compaction())

    async def _told(self, turn: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The agent's turn, and after each call what it brought to light about the extensions."""
        async with aclosing(turn) as events:
            async for event in events:
                if isinstance(event, ModelRequested) and not self._signs:
                    # Once the request is on its way: the answer takes longer.
                    self._signs = True
                    asyncio.get_running_loop().call_soon(self._log.load_signing)
                yield event
                if isinstance(event, ToolFinished | Prompt):
                    for news in self._toolbox.take_news():
                        self._agent.apply(news)
                        yield news
                if self._ground.watch is not None:
                    for news in self._ground.watch.take_news():
                        yield news

    async def undo(self, wanted: str = "") -> UndoDone:
        """Go back to a snapshot of the workspace (see ``devagent.undo.restore.undo``); it is on record, and the
        model will read of it. Raises SnapshotError."""
        from devagent.undo.restore import event_of, undo  # noqa: PLC0415  (when somebody asks for it)

        done = await asyncio.to_thread(
            undo,
            self._ground.here.data,
            root_of(self._ground.folder),
            wanted,
            session=self._log.sid,
        )
        event = event_of(done, self._ground.principal)
        self._log.write(event)
        self._agent.apply(event)
        return event

    @property
    def filled(self) -> tuple[int, int] | None:
        """How many tokens the model read at its last request, and how many its window has; None before the first."""
        return self._agent.filled

    @property
    def todo(self) -> Sequence[Item]:
        """The list of what is to be done."""
        return self._agent.todo.items

    def feedback(self, rating: Rating, *, note: str = "", text: str = "") -> FeedbackGiven:
        """Put on record what the person says of the last answer. Raises LogError."""
        who = self._ground.principal
        event = FeedbackGiven(
            turn=self._agent.turns,
            principal=who,
            agent=who.agent,
            rating=rating,
            note=note,
            text=text,
        )
        self._log.write(event)
        return event

    async def snapshots(self) -> "list[Entry]":
        """The snapshots of the workspace, newest first. Raises SnapshotError."""
        from devagent.undo.restore import entries  # noqa: PLC0415

        return await asyncio.to_thread(
            entries, self._ground.here.data, root_of(self._ground.folder)
        )

    async def preview_undo(self, wanted: str = "") -> "Undone":
        """What ``undo`` would do. Raises SnapshotError."""
        from devagent.undo.restore import preview  # noqa: PLC0415

        return await asyncio.to_thread(
            preview, self._ground.here.data, root_of(self._ground.folder), wanted
        )

    async def close(self, stop: Stop, exit_code: int, reason: str = "") -> str:
        """End the session and its record; what ``session verify`` says of it now, in a few words."""
        self._connecting.cancel()
        if self._polling is not None:
            self._polling.cancel()
        if self._ground.watch is not None:
            self._ground.watch.close()
        async with AsyncExitStack() as ending:  # each of them, whatever the others raise
            ending.push_async_callback(self._access.aclose)
            ending.push_async_callback(self._model.aclose)
            ending.push_async_callback(self._toolbox.aclose)
            ending.callback(self._log.close)
            self._log.write(SessionEnded(stop=stop, exit_code=exit_code, reason=reason))
        return verify_session(self._log.folder).summary
