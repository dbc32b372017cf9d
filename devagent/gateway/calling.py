"""One call of a client, from its arrival to its result; on the way its questions, each with one answer.

The call runs in a task of its own: where policy asks, or a server behind the gateway does, a client of the 2026-07-28
revision gets the question as the result of its request (MCP, "input required") and comes back with the answer in another.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ToolFinished,
    ToolJudged,
    ToolProgress,
)
from devagent.core.events.turns import BudgetStopped
from devagent.core.ports import (
    Answer,
    Filled,
    Form,
    Meanwhile,
    Question,
    Sampled,
    ToolFailure,
)
from devagent.core.tools import ToolCall, ToolSpec
from devagent.gateway.asks import APPROVAL, Ask, Refused, Roots, Sampling, What
from devagent.session.served import Served

ANSWER_S = 300.0
"""How long a question waits for its answer; then nobody was there."""
TOGETHER_S = 0.05
"""How long is waited for further questions of the same round, so that they can be asked at once."""
_NOBODY = Approval(answer="no", by="nobody", method="unattended")

Ended = ToolFinished | ToolJudged | ApprovalAnswered | BudgetStopped
"""The event that says how a call ended: a result, or why there is none."""


class Over(Struct, frozen=True):
    """There is no more to come."""


class CallCut(Exception):
    """The call was ended where it stood."""


class Calling:
    """A call under way: ``step`` until it gives the end. ``over`` is told when it is over."""

    def __init__(
        self,
        served: Served,
        name: str,
        tool: str,
        args: dict[str, object],
        client: str,
        *,
        over: Callable[["Calling"], None],
        given: ToolSpec | None = None,
    ) -> None:
        self.call = ToolCall(id=name, name=tool, args=args)
        self.client = client
        self.lacks: set[str] = set()
        """The capabilities that the client would need for what a server asked, and does not have."""
        self.ready: Mapping[str, Callable[[What], object | None]] = {}
        """Answers that the client has sent along to what a server may ask, by the names of the questions."""
        self.served = served
        self._given = given
        self._news: asyncio.Queue[Ask | ToolProgress | Over] = asyncio.Queue()
        self._pending: dict[str, Ask] = {}
        self._end: Ended | None = None
        self._kept: Sequence[Ask] | ToolProgress | None = None
        self.taken = False
        """Whether somebody has taken over what was begun elsewhere."""
        self._over = over
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def step(self) -> Sequence[Ask] | ToolProgress | Ended:
        """Questions, word of progress, or the end. Raises what the house raises, and CallCut; cancelled, it cuts the call."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        try:
            news = await self._news.get()
            while isinstance(news, Ask):
                try:
                    news = await asyncio.wait_for(self._news.get(), TOGETHER_S)
                except TimeoutError:
                    break
        except asyncio.CancelledError:
            await self.cut()
            raise
        match news:
            case Ask():
                return self.pending
            case ToolProgress():
                return news
            case Over():
                await asyncio.wait([self._task])
                if self._task.cancelled():
                    raise CallCut
                self._task.result()
        if self._end is None:
            raise RuntimeError("a call ended without an event that says how")
        return self._end

    async def first(self) -> Ended | None:
        """The end, where it is the first that there is to tell; else None, and ``step`` gives what came. Raises as ``step``."""
        step = await self.step()
        if isinstance(step, Ended):
            return step
        self._kept = step
        return None

    @property
    def pending(self) -> Sequence[Ask]:
        """The questions without an answer."""
        return tuple(self._pending.values())

    @property
    def is_over(self) -> bool:
        return self._task.done()

    def cancel(self) -> None:
        """Begin to end it where it stands; the record says so."""
        self._task.cancel()

    async def cut(self) -> None:
        """The same, and wait for it."""
        self.cancel()
        await self.ended()

    async def ended(self) -> None:
        """Wait until it is over, however it ends."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        _CURRENT.set(self)
        try:
            async with aclosing(self.served.call(self.call, self._given)) as events:
                async for event in events:
                    if isinstance(event, ToolProgress):
                        self._news.put_nowait(event)
                    elif isinstance(event, BudgetStopped) or (
                        isinstance(event, Ended) and event.call == self.call.id
                    ):
                        self._end = event
        finally:
            for ask in self.pending:
                ask.answer.cancel()
            self._news.put_nowait(Over())
            self._over(self)

    async def ask(self, key: str, what: What) -> Any:
        """Hand a question out and wait for its answer, within the limit."""
        while key in self._pending:
            key += "_"
        ask = Ask(key, what)
        # An approval is of what was shown: nobody gives one before they are asked.
        ready = None if isinstance(what, Question) else self.ready.get(key)
        if ready is not None and (answer := ready(what)) is not None:
            return answer
        self._pending[key] = ask
        self._news.put_nowait(ask)
        try:
            return await asyncio.wait_for(ask.answer, ANSWER_S)
        except TimeoutError:
            return Refused("nobody answered in time")
        finally:
            del self._pending[key]


_CURRENT: contextvars.ContextVar[Calling] = contextvars.ContextVar("calling")


class ByTheClient:
    """Whoever sits before the client that made the call, and its model: approver, elicitor, sampler and giver of roots of
    a served session."""

    model = ""

    async def ask(self, question: Question) -> Answer:
        began = time.monotonic_ns()
        answer = await _CURRENT.get().ask(APPROVAL, question)
        if not isinstance(answer, Answer):
            answer = Answer(approval=_NOBODY)
        us = (time.monotonic_ns() - began) // 1000
        return replace(answer, approval=replace(answer.approval, latency_us=us))

    async def fill(self, form: Form) -> Filled:
        calling = _CURRENT.get()
        answer = await calling.ask(form.key or "form", form)
        return answer if isinstance(answer, Filled) else Filled("cancel")

    async def sample(
        self,
        request: Mapping[str, Any],
        meanwhile: Meanwhile,
        labels: Sequence[str],
        key: str = "",
    ) -> Sampled:
        del meanwhile
        server = labels[0].removeprefix("mcp.") if labels else ""
        answer = await _CURRENT.get().ask(key or "sampling", Sampling(server, request))
        if not isinstance(answer, Sampled):
            raise ToolFailure("The client's model was not asked", error="no_model")
        return answer

    async def roots(self, server: str, key: str) -> list[dict[str, Any]]:
        answer = await _CURRENT.get().ask(key or "roots", Roots(server))
        if isinstance(answer, Refused):
            raise ToolFailure("The client gives no folders", error="no_roots")
        return list(answer)
