"""One call of a client, from its arrival to its result; on the way its questions, each with one answer.

The call runs in a task of its own: where policy asks, a client of the 2026-07-28 revision gets the question as the
result of its request (MCP, "input required") and comes back with the answer in another.
"""

import asyncio
import contextvars
import secrets
import time
from collections.abc import Callable
from contextlib import aclosing

from devagent.core.events import Approval, ApprovalAnswered, BudgetStopped, ToolFinished, ToolJudged
from devagent.core.ports import Answer, Question
from devagent.core.tools import ToolCall
from devagent.session.served import Served

ANSWER_S = 300.0
"""How long a question waits for its answer; then nobody was there."""
_NOBODY = Approval(answer="no", by="nobody", method="unattended")

Ended = ToolFinished | ToolJudged | ApprovalAnswered | BudgetStopped
"""The event that says how a call ended: a result, or why there is none."""


class Calling:
    """A call under way: ``progress`` until it gives the end. ``over`` is told when it is over."""

    def __init__(
        self,
        served: Served,
        tool: str,
        args: dict[str, object],
        client: str,
        *,
        over: Callable[["Calling"], None],
    ) -> None:
        self.call = ToolCall(id=f"mcp_{secrets.token_hex(8)}", name=tool, args=args)
        self.client = client
        self._served = served
        self._news: asyncio.Queue[Question | None] = asyncio.Queue()
        self._answer: asyncio.Future[Answer] | None = None
        self._end: Ended | None = None
        self._over = over
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def progress(self) -> Question | Ended:
        """The next question, or the end. Raises what the house raises; cancelled, it cuts the call."""
        try:
            question = await self._news.get()
        except asyncio.CancelledError:
            await self.cut()
            raise
        if question is not None:
            return question
        await self._task
        if self._end is None:
            raise RuntimeError("a call ended without an event that says how")
        return self._end

    @property
    def is_over(self) -> bool:
        return self._task.done()

    def answer(self, answer: Answer | None) -> None:
        """Answer the question that ``progress`` gave; None: nobody can."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer or Answer(approval=_NOBODY))

    async def cut(self) -> None:
        """End it where it stands; the record says so."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        _CURRENT.set(self)
        try:
            async with aclosing(self._served.call(self.call)) as events:
                async for event in events:
                    if isinstance(event, Ended):
                        self._end = event
        finally:
            self._news.put_nowait(None)
            self._over(self)

    async def ask(self, question: Question) -> Answer:
        """Hand a question out and wait for its answer, within the limit."""
        self._answer = asyncio.get_running_loop().create_future()
        self._news.put_nowait(question)
        try:
            return await asyncio.wait_for(self._answer, ANSWER_S)
        except TimeoutError:
            return Answer(approval=_NOBODY)


_CURRENT: contextvars.ContextVar[Calling] = contextvars.ContextVar("calling")


class ByTheClient:
    """The approver of a served session: whoever sits before the client that made the call."""

    async def ask(self, question: Question) -> Answer:
        began = time.monotonic_ns()
        answer = await _CURRENT.get().ask(question)
        us = (time.monotonic_ns() - began) // 1000
        return Answer(_timed(answer.approval, us), answer.comment)


def _timed(approval: Approval, latency_us: int) -> Approval:
    return Approval(
        answer=approval.answer,
        by=approval.by,
        method=approval.method,
        scope=approval.scope,
        latency_us=latency_us,
    )
