"""The loop: ask the model, judge each call, run what is granted, tell the model.

An async generator that is *pulled*: its consumer writes each event to the log and only then asks for
the next one. So a tool runs only after its decision is on disk, and a failed write means that it
never runs. What does not fit the sentence above is an event, a port or another module: the model's side
is ``replies``, the calls are ``acts`` (each of them ``carrying_out``), what is known of the conversation is
``folds``, the reasons to end ``last_word``.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from devagent.agent.acts import Acts
from devagent.agent.finding import Findable
from devagent.agent.fitting import Window
from devagent.agent.folds import Folds
from devagent.agent.gate import Gate
from devagent.agent.last_word import BROKEN_OFF, ENDED_WELL, last_word
from devagent.agent.replies import Replies
from devagent.agent.safeguards import Safeguards
from devagent.agent.tasks import Making
from devagent.agent.todo import Todo
from devagent.agent.turn import Reading, Turn
from devagent.core.events import Event
from devagent.core.events.model import CompactionUndone
from devagent.core.events.turns import BudgetStopped, Prompt, TurnEnded, TurnStarted
from devagent.core.limits import Limits
from devagent.core.ports import Estimator, Model, SharedSpending, Toolbox
from devagent.core.tools import ServiceTool, ToolCall, ToolSpec

_PAUSES = 10
"""The service may pause a long turn of its own tools; it is asked to go on so often, and no more."""


class Agent:
    """One conversation. ``system`` stays byte for byte the same over its life (prompt caching). ``findable``: the
    same toolbox, where what the model is told may be less than all of it. ``making``: its sub-agents.
    ``service_tools``: what the service may be let do itself, if the gate grants it. ``todo``: its list, which the
    toolbox writes.
    Where it does not ``compacts``, it ends at its model's window."""

    def __init__(
        self,
        model: Model,
        gate: Gate,
        toolbox: Toolbox,
        *,
        system: str,
        limits: Limits,
        safeguards: Safeguards,
        estimate: Estimator | None = None,
        shared: SharedSpending | None = None,
        window: Window = Window(),  # noqa: B008 - frozen
        findable: Findable | None = None,
        making: Making | None = None,
        compacts: bool = True,
        service_tools: Sequence[ServiceTool] = (),
        todo: Todo | None = None,
    ) -> None:
        self.todo = todo or Todo()
        self._folds = Folds(
            gate, limits, window=window, todo=self.todo, findable=findable, shared=shared
        )
        self._replies = Replies(
            model,
            gate,
            self._folds,
            system=system,
            estimate=estimate,
            findable=findable,
            service_tools=service_tools,
            compacts=compacts,
        )
        self._acts = Acts(gate, toolbox, self._folds, safeguards, making)
        self._own_files = safeguards.own_files
        self._compacts = compacts
        self._steering: list[str] = []

    @property
    def turns(self) -> int:
        """How many turns the conversation has had."""
        return self._folds.history.turn

    def apply(self, event: Event) -> None:
        """Take in an event: live ones as they are yielded, earlier ones when a session is resumed."""
        self._folds.apply(event)

    def begin(self) -> None:
        """All that was taken in so far was an earlier process's."""
        self._folds.spending.begin()

    def time_left(self) -> tuple[float, BudgetStopped] | None:
        """The seconds that the next turn may take, and what is to be said when they are over."""
        return self._folds.spending.time_left(self.turns + 1)

    @property
    def filled(self) -> tuple[int, int] | None:
        """How many tokens the last request and its reply had, and the window's size; None before the first."""
        return self._folds.filled

    def steer(self, text: str) -> None:
        """Say something to the model while a turn runs: it reads it before its next reply."""
        self._steering.append(text)

    def unsaid(self) -> list[str]:
        """What was said by ``steer`` and no model has read, because the turn was over before; it is forgotten."""
        left, self._steering = self._steering, []
        return left

    @property
    def compactions(self) -> int:
        """How many compactions can be undone."""
        return self._folds.history.compactions

    async def compact(self) -> AsyncGenerator[Event, None]:
        """Put the older part of the conversation in short, between two turns, because somebody asks for it.
        No ``Compacted`` where there is nothing to put in short, or it would be no shorter."""
        async with aclosing(self._replies.shortened(Turn(self.turns), "asked")) as events:
            async for event in events:
                yield event

    async def undo_compaction(self) -> AsyncGenerator[Event, None]:
        """Let the model read again what the last compaction had put in short. No event where there was none."""
        if self.compactions:
            back = self._folds.history.gone_by_last
            yield self._folds.keep(CompactionUndone(turn=self.turns, back=back))

    async def aside(self, call: ToolCall, tool: ToolSpec) -> AsyncGenerator[Event, None]:
        """A call of the person's screen between two turns; the model does not read of it."""
        self._own_files.refuse_if_changed()
        async with aclosing(self._acts.one(Turn(self.turns), call, tool, "screen")) as events:
            async for event in events:
                yield event

    async def own_call(self, call: ToolCall, said: str) -> AsyncGenerator[Event, None]:
        """A turn that is one call of the person's own, behind the same gate; the model reads of it. ``said``: what
        they typed. Ends with ``TurnEnded``."""
        turn = Turn(self.turns + 1)
        for begun in self._begun(turn, said):
            yield begun
        async with aclosing(self._acts.one(turn, call)) as events:
            async for event in events:
                yield event
        turn.end = turn.end or ("done", "")
        yield self._ended(turn)

    async def turn(
        self,
        text: str,
        *,
        of_the_house: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
        readings: Sequence[Reading] = (),
        answer_schema: dict[str, Any] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """One turn: from a prompt to the model's last word. Ends with ``TurnEnded``.

        ``of_the_house``: nobody typed this prompt, so it vouches for no value in it. ``attachments``: images
        and documents as blocks of the Messages API. ``readings``: what the person mentions, read (through the
        gate) before the model is asked. ``answer_schema``: what the last word must fit, for services that can hold it to
        that. Raises only for failures of the house; tools and the model service fail
        as events.
        """
        turn = Turn(self.turns + 1, fits=not self._compacts, schema=answer_schema)
        for begun in self._begun(turn, text, of_the_house, attachments):
            yield begun
        async with aclosing(self._acts.read(turn, readings)) as events:
            async for event in events:
                yield event
        while turn.end is None:
            turn.reply = None
            for step in (self._steered, self._replies.prepared, self._replies.asked, self._acted):
                async with aclosing(step(turn)) as events:
                    async for event in events:
                        yield event
                if turn.end is not None:
                    break
        yield self._ended(turn)

    def _begun(
        self,
        turn: Turn,
        text: str,
        of_the_house: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
    ) -> Iterator[Event]:
        self._own_files.refuse_if_changed()
        yield self._folds.keep(TurnStarted(turn=turn.number))
        yield self._folds.keep(
            Prompt(
                turn=turn.number,
                text=text,
                of_the_house=of_the_house,
                attachments=list(attachments),
            )
        )

    async def _steered(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """What the person said meanwhile."""
        for text in self.unsaid():
            yield self._folds.keep(Prompt(turn=turn.number, text=text))

    async def _acted(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """What the reply asks for; where it asks for nothing, the turn ends with it."""
        reply = turn.reply
        if reply is None:
            return  # it did not fit: it is asked for again
        turn.paused = reply.stop == "pause_turn"
        turn.container = reply.container if turn.paused else ""
        if turn.paused and not reply.calls and turn.pauses < _PAUSES:
            turn.pauses += 1
            return
        if self._steering and not reply.calls and reply.stop in ENDED_WELL:
            return
        if not reply.calls or reply.stop in BROKEN_OFF:
            turn.end = last_word(reply)
            return
        async with aclosing(self._acts.of_reply(turn, reply.calls)) as events:
            async for event in events:
                yield event

    def _ended(self, turn: Turn) -> TurnEnded:
        return turn.ended(self._folds.spending.turn_usd_micros)
