"""Fitting: whether the next request still fits the model's window, and what makes it fit.

How full the window is follows from the service's own count of the last request, and an estimate of what came
since. Where that is near the limit the service is asked to count; where it is beyond, the conversation is
compacted before anything is sent.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.compaction import INSTRUCTIONS, Plan, listed, tokens_in, told, transcript
from devagent.agent.history import History
from devagent.agent.todo import Todo
from devagent.core.errors import ModelError
from devagent.core.events import Event
from devagent.core.events.model import (
    Compacted,
    CompactionReason,
    CompactionUndone,
    ModelFailed,
    ModelReplied,
    ModelRequested,
)
from devagent.core.ports import Model, ModelRequest
from devagent.core.usage import Usage

_KEPT_SHARE = 0.25
_SHORT_SUMMARY = "word " * 60
"""No summary is expected to be shorter."""
_HEAD, _TAIL = 100_000, 300_000
"""Characters of a conversation that its summary is made from: its start and its end."""


class Counter(Protocol):
    """Counts a request's tokens; None where nobody can say."""

    def __call__(self, request: ModelRequest) -> Awaitable[int | None]: ...


async def _unknown(request: ModelRequest) -> int | None:
    del request
    return None


class Window(Struct, frozen=True):
    """``tokens`` of the model's window (0: not known), ``reply`` of it kept free for the answer, ``share`` of the
    rest that may fill up. ``summariser`` gives the model that writes summaries, when it is first needed; ``by_service``
    the conversation's own, where its service writes and signs them itself."""

    tokens: int = 0
    reply: int = 0
    share: float = 0.8
    summariser: Callable[[], Model] | None = None
    count: Counter = _unknown
    by_service: Callable[[], Model] | None = None

    @property
    def limit(self) -> int:
        """Tokens that a request may have; 0 where that is not known."""
        return max(int((self.tokens - self.reply) * self.share), 1) if self.tokens else 0


class Fitting:
    """The account of one conversation's size, and its compactions, which take the ``todo`` along."""

    def __init__(self, history: History, window: Window, todo: Todo | None = None) -> None:
        self._history, self.window = history, window
        self._todo = todo or Todo()
        self._known = 0
        self._upto = 0  # of the messages, that many are in what is known

    def apply(self, event: Event) -> None:
        """Take in an event, after the history has."""
        match event:
            case ModelReplied(usage=usage, purpose="") if usage != Usage():
                read = usage.input + usage.cache_read + usage.cache_write
                self._known, self._upto = read + usage.output, len(self._history.messages)
            case Compacted() | CompactionUndone():
                self._known = self._upto = 0
            case _:
                pass

    def estimated(self, request: ModelRequest) -> int:
        """Tokens of the request, rather too many."""
        if self._known and self._upto <= len(request.messages):
            return self._known + tokens_in(list(request.messages[self._upto :]))
        fixed = tokens_in(request.system) + sum(
            tokens_in(tool.description) + tokens_in(tool.input_schema) for tool in request.tools
        )
        return fixed + tokens_in(list(request.messages))

    async def is_too_large(self, request: ModelRequest) -> bool:
        """Whether the request is beyond the limit, by the service's count where it gives one."""
        limit = self.window.limit
        if not limit or self.estimated(request) <= limit:
            return False
        counted = await self.window.count(request)
        if counted is None:
            return True
        self._known, self._upto = counted, len(request.messages)
        return counted > limit

    async def compact(
        self, request: ModelRequest, why: CompactionReason, *, may_ask: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Put the older part in short. The last event is ``Compacted``; none at all where nothing can go, or where
        somebody asks for it who would gain nothing.

        ``may_ask``: whether a model may be asked for a summary (budgets).
        """
        before = self.estimated(request)
        whole = self.window.tokens or before
        plan = self._history.plan(int(min(whole, before) * _KEPT_SHARE))
        if plan is None:
            return
        gone = list(request.messages[: plan.gone])
        taken = tokens_in(gone)
        if why == "asked" and tokens_in(told(plan, _SHORT_SUMMARY, self._todo.items)) >= taken:
            return
        summary = model = ""
        block: dict[str, Any] = {}
        if may_ask and self.window.by_service is not None:
            asked = replace(request, messages=gone, service_tools=(), compacts=True)
            async with aclosing(_written_by(self.window.by_service(), asked)) as events:
                async for event in events:
                    if isinstance(event, ModelReplied):
                        block, model = _signed(event), event.model
                    yield event
        if not block and may_ask and self.window.summariser is not None:
            async with aclosing(self._summarised(request, plan)) as events:
                async for event in events:
                    if isinstance(event, ModelReplied) and event.stop not in (
                        "refusal",
                        "max_tokens",
                    ):
                        summary, model = event.text, event.model
                    yield event
        if not block and not summary.strip():
            summary, model = listed(gone), ""
        text = told(plan, None if block else summary, self._todo.items)
        stands = tokens_in(text) + tokens_in(block)
        if why == "asked" and stands >= taken:
            return
        kept = list(request.messages[plan.gone :])
        yield Compacted(
            turn=request.turn,
            gone=plan.gone,
            kept=len(kept),
            before=before,
            after=max(before - taken, 0) + stands,
            why=why,
            model=model,
            text=text,
            block=block,
        )

    async def _summarised(self, request: ModelRequest, plan: Plan) -> AsyncGenerator[Event, None]:
        assert self.window.summariser is not None  # noqa: S101 - looked at by the caller
        model = self.window.summariser()
        text = transcript(request.messages[: plan.gone])
        if len(text) > _HEAD + _TAIL:
            text = f"{text[:_HEAD]}\n[…]\n{text[-_TAIL:]}"
        asked = ModelRequest(
            turn=request.turn,
            system=INSTRUCTIONS,
            messages=[{"role": "user", "content": f"<conversation>\n{text}\n</conversation>"}],
            tools=(),
            labels=request.labels,
        )
        async with aclosing(_written_by(model, asked)) as events:
            async for event in events:
                yield event


async def _written_by(model: Model, asked: ModelRequest) -> AsyncGenerator[Event, None]:
    """What a model is asked for a summary, and its answer; none where it fails: something else stands in then."""
    yield ModelRequested(
        turn=asked.turn,
        model=model.name,
        messages=len(asked.messages),
        tools=len(asked.tools),
        purpose="compaction",
    )
    try:
        async with aclosing(model.reply(asked)) as events:
            async for event in events:
                if isinstance(event, ModelReplied):
                    yield replace(event, purpose="compaction")
                elif isinstance(event, ModelFailed):
                    yield event
    except ModelError:
        return


def _signed(reply: ModelReplied) -> dict[str, Any]:
    """The service's own summary, where it gave a whole one; else empty."""
    for block in reply.content:
        if block.get("type") == "compaction" and block.get("content") and block.get("signature"):
            return block
    return {}
