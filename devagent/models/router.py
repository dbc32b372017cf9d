"""The router: which model a request goes to, where there is more than one that may be asked.

- Policy first: of the chain only those are asked that it allows, given the labels of what the session has
  read. Where it allows none the request is refused.
- The next model is asked where one failed for good *before its first word*, never after it: two models'
  halves are no reply. Failures that another model would share (a bad request, a prompt that is too long)
  end the request.
- A model that failed for good three times in a row is passed over for a minute, then tried once; the last
  one left is always asked.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from devagent.core.errors import ModelError, ModelNotAllowed
from devagent.core.events.model import ModelFailed, ModelReplied
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.models import OpenModel

TRIPS_AFTER = 3
REST_S = 60.0
_ANOTHERS_CHANCE = frozenset(
    {"overloaded", "rate_limited", "server", "connection", "timeout", "stalled", "protocol",
     "authentication", "permission", "not_found"}
)  # fmt: skip
_ILL = _ANOTHERS_CHANCE - {"protocol"}

Forbids = Callable[[str, Sequence[str]], str]
"""A model's name, the labels of what was read → who keeps the policy that does not allow it, or ""."""


class Breaker:
    """Counts a model's failures in a row; open (not to be asked) for ``REST_S`` after ``TRIPS_AFTER``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opened = 0.0

    @property
    def open(self) -> bool:
        """Whether the model is passed over now."""
        return self._failures >= TRIPS_AFTER and self._clock() - self._opened < REST_S

    def tried(self) -> None:
        """A request asks it: after its rest only the one does, until what comes of that is known."""
        if self._failures >= TRIPS_AFTER:
            self._opened = self._clock()

    def failed(self) -> None:
        self._failures += 1
        self._opened = self._clock()

    def worked(self) -> None:
        self._failures = 0


class Router:
    """A chain of models behind the face of its first (satisfies ``OpenModel``).

    ``chain`` are names, the preferred first; ``open_one`` opens one of them when it is first needed.
    """

    def __init__(
        self,
        chain: Sequence[str],
        open_one: Callable[[str], OpenModel],
        forbids: Forbids,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chain = tuple(chain)
        self._open_one, self._forbids = open_one, forbids
        self._models: dict[str, OpenModel] = {}
        self._breakers = {name: Breaker(clock) for name in self._chain}
        self._model(self._chain[0])

    @property
    def name(self) -> str:
        return self._chain[0]

    async def connect(self) -> bool:
        return await self._model(self._chain[0]).connect()

    async def aclose(self) -> None:
        for model in self._models.values():
            await model.aclose()

    async def count(self, request: ModelRequest) -> int | None:
        """The count of the model that would be asked."""
        return await self._model(self._candidates(request)[0]).count(request)

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """See ``core.ports.Model.reply``. Raises ModelNotAllowed where policy allows none of the chain."""
        candidates = self._candidates(request)
        for place, name in enumerate(candidates):
            after = candidates[place + 1] if place + 1 < len(candidates) else ""
            heard = False
            told: ModelFailed | None = None
            self._breakers[name].tried()
            try:
                async with aclosing(self._model(name).reply(request)) as events:
                    async for event in events:
                        if isinstance(event, ModelFailed):
                            if event.retry_in_ms is None:
                                told = event  # it is told with what follows from it
                                continue
                        else:
                            heard = True
                        if isinstance(event, ModelReplied):
                            self._breakers[name].worked()
                        yield event
                return
            except ModelError as error:
                if error.kind in _ILL:
                    self._breakers[name].failed()
                goes_on = bool(after) and not heard and error.kind in _ANOTHERS_CHANCE
                if told is not None:
                    yield _going_on(told, after) if goes_on else told
                if not goes_on:
                    raise

    def _candidates(self, request: ModelRequest) -> list[str]:
        kept = ""
        allowed: list[str] = []
        for name in self._chain:
            keeper = self._forbids(name, request.labels)
            kept = kept or keeper
            if not keeper:
                allowed.append(name)
        if not allowed:
            read = f" once {', '.join(request.labels)} was read" if request.labels else ""
            raise ModelNotAllowed(
                f"policy {kept} allows no model here{read} ([models])",
                hint=f"Add an allowed one to `fallback` in the config, or ask whoever keeps {kept}.",
            )
        well = [name for name in allowed if not self._breakers[name].open]
        return well or allowed[-1:]

    def _model(self, name: str) -> OpenModel:
        if name not in self._models:
            self._models[name] = self._open_one(name)
        return self._models[name]


def _going_on(failed: ModelFailed, after: str) -> ModelFailed:
    return replace(failed, retry_in_ms=0, reason=f"{failed.reason}; {after} is asked instead")


if TYPE_CHECKING:

    def _proof(model: Router) -> OpenModel:  # pyright: ignore[reportUnusedFunction]
        return model
