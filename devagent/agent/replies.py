"""The model's side of a turn: a request that fits, asked for as often as it takes to get a reply to act on."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from devagent.agent.finding import Findable
from devagent.agent.folds import Folds
from devagent.agent.gate import Gate
from devagent.agent.last_word import OVERFLOW, too_long
from devagent.agent.service_tools import Offering
from devagent.agent.service_uses import done_by_the_service
from devagent.agent.turn import Turn, used_besides
from devagent.core.errors import ModelError
from devagent.core.events import Event
from devagent.core.events.model import CompactionReason, ModelReplied, ModelRequested
from devagent.core.events.turns import BudgetStopped, BudgetWarned
from devagent.core.ports import Estimator, Model, ModelRequest
from devagent.core.tools import ServiceTool


class Replies:
    """Asks one conversation's model. ``system`` stays byte for byte the same (prompt caching). Where it does not
    ``compacts``, a conversation that is too long ends."""

    def __init__(
        self,
        model: Model,
        gate: Gate,
        folds: Folds,
        *,
        system: str,
        estimate: Estimator | None,
        findable: Findable | None,
        service_tools: Sequence[ServiceTool],
        compacts: bool,
    ) -> None:
        self._model = model
        self._gate = gate
        self._folds = folds
        self._system = system
        self._estimate = estimate
        self._findable = findable
        self._offering = Offering(service_tools, gate)
        self._compacts = compacts

    async def prepared(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The service's tools that may be offered, a conversation that fits, and limits that hold."""
        if not turn.paused:
            async with aclosing(self._offering.judged(turn.number)) as events:
                async for event in events:
                    yield self._folds.keep(event)
        if not turn.fits and await self._folds.fitting.is_too_large(self._request(turn)):
            async with aclosing(self.shortened(turn, "window")) as events:
                async for event in events:
                    yield event
        for limit in self._limits(self._request(turn)):
            yield self._folds.keep(limit)
            if isinstance(limit, BudgetStopped):
                turn.end = "limit", limit.reason
                return

    async def asked(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The model's reply. None where it did not fit and was made to: then it is asked for again."""
        failed: ModelError | None = None
        try:
            async with aclosing(self._ask(self._request(turn))) as events:
                async for event in events:
                    if not isinstance(event, ModelReplied):
                        yield event
                        continue
                    # Before it is yielded: what is on record is in the history, also where
                    # the turn is cut right here.
                    turn.reply = self._folds.keep(replace(event, left_out=(0, 0)))
                    turn.usage += event.usage
                    besides = [self._folds.keep(one) for one in done_by_the_service(event)]
                    for one in (turn.reply, *besides):
                        yield one
        except ModelError as error:
            failed = error
        reply = turn.reply
        beyond = failed.kind == "too_large" if failed else reply and reply.stop == OVERFLOW
        if beyond and not turn.fits:
            turn.reply, compactions = None, self._folds.history.compactions
            async with aclosing(self.shortened(turn, "overflow")) as events:
                async for event in events:
                    yield event
            if self._folds.history.compactions > compactions:
                return
            turn.end = too_long(failed)
        elif failed:
            turn.end = too_long(failed) if beyond else (failed.stop, failed.what)
        elif reply is None:
            turn.end = "service", "the model gave no reply"
        if turn.end is None:
            turn.fits = not self._compacts

    async def shortened(self, turn: Turn, why: CompactionReason) -> AsyncGenerator[Event, None]:
        """Put the older part of the conversation in short."""
        turn.fits = True
        checks = self._folds.spending.check(turn.number)
        spent = any(isinstance(one, BudgetStopped) for one in checks)
        compacting = self._folds.fitting.compact(self._request(turn), why, may_ask=not spent)
        async with aclosing(compacting) as events:
            async for event in events:
                turn.usage += used_besides(event)
                yield self._folds.keep(event)

    def _request(self, turn: Turn) -> ModelRequest:
        """The next request; ``messages`` are the history's own, which goes on growing until it is sent."""
        return ModelRequest(
            turn=turn.number,
            system=self._system,
            messages=self._folds.history.messages,
            tools=self._findable.told if self._findable else self._gate.offered,
            labels=self._gate.taint,
            findable=self._findable.to_be_found if self._findable else (),
            service_tools=self._offering.offered,
            container=turn.container,
            answer_schema=turn.schema,
        )

    def _limits(self, request: ModelRequest) -> Iterator[BudgetWarned | BudgetStopped]:
        """What stands against this request, or nearly does."""
        ahead = None
        if self._estimate is not None and self._folds.spending.estimates:
            ahead = self._estimate(request, self._folds.last_usage)
        yield from self._folds.spending.check(request.turn, estimate=ahead)
        yield from self._folds.circles.check(request.turn)

    async def _ask(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        yield ModelRequested(
            turn=request.turn,
            model=self._model.name,
            messages=len(request.messages),
            tools=len(request.tools),
        )
        async with aclosing(self._model.reply(request)) as events:
            async for event in events:
                yield event
