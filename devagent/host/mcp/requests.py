"""What is asked of a running MCP server, each within a limit; whatever goes wrong is a ToolFailure.

Calls come from whichever task makes them, and cancelling one cancels it at the server too.
Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from mcp import Client, InputRequiredRoundsExceededError, MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    EmptyResult,
    PromptReference,
    ResourceTemplateReference,
    SetLevelRequest,
    SetLevelRequestParams,
    SubscribeRequest,
    SubscribeRequestParams,
)
from pydantic import BaseModel

from devagent.core.ports import ToolFailure
from devagent.core.text import one_line
from devagent.host.mcp.launch import Guarded, ServerFailure
from devagent.host.mcp.tasks import called_as_task
from devagent.host.mcp.under_way import UnderWay

MAX_PAGES = 50
MAX_ENTRIES = 1_000
"""Resources, templates or prompts of one server."""
MAX_LISTED = 4 << 20
"""Bytes of all pages of one listing; the page that goes beyond it is the last."""
MAX_TOLD = 500
"""Characters of a server's own words in an error."""
LOG_LEVEL = "info"
LAST_STATE_S = 0.3
"""After its output has ended: how long the server's own end is waited for, to be named in the error."""
_FOR_EVER_S = 1e6
"""The limit is kept here, where the time that a person takes does not count."""


class Requests:
    """The requests to one server over ``way``; ``client`` is there while it can be asked."""

    def __init__(self, name: str, way: Guarded, over: "asyncio.Future[None]") -> None:
        self._name = name
        self._way = way
        self._over = over
        self.client: Client | None = None

    @property
    def alive(self) -> bool:
        """Whether the server can still be called."""
        return not self._over.done() and not self._way.gone.is_set()

    async def call(
        self,
        wire: str,
        args: dict[str, Any],
        limit_s: float,
        way: UnderWay | None = None,
        *,
        as_task: bool = False,
    ) -> dict[str, Any]:
        """The answer to ``tools/call`` in the protocol's names. Raises ToolFailure.

        ``as_task``: the tool runs as a task of the older protocol alone.
        """

        async def told(progress: float, total: float | None, message: str | None) -> None:
            if way is not None and way.meanwhile is not None:
                said = one_line(message or "", MAX_TOLD)
                way.meanwhile.progress(done=_finite(progress), total=_finite(total), text=said)

        def ask(client: Client) -> Awaitable[BaseModel]:
            if as_task:
                return called_as_task(client, wire, args, limit_s)
            return client.call_tool(
                wire, args, read_timeout_seconds=_FOR_EVER_S, progress_callback=told
            )

        return await self.answer(ask, limit_s, way)

    async def resources(self, limit_s: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Its resources and its templates, in the protocol's names. Raises ToolFailure."""
        found = await self.pages(lambda c, at: c.list_resources(cursor=at), "resources", limit_s)
        templates = await self.pages(
            lambda c, at: c.list_resource_templates(cursor=at), "resourceTemplates", limit_s
        )
        return found, templates

    async def read(self, uri: str, limit_s: float, way: UnderWay | None = None) -> dict[str, Any]:
        """The answer to ``resources/read``. Raises ToolFailure."""
        return await self.answer(lambda c: c.read_resource(uri), limit_s, way)

    async def prompt(
        self, name: str, args: dict[str, str], limit_s: float, way: UnderWay | None = None
    ) -> dict[str, Any]:
        """The answer to ``prompts/get``. Raises ToolFailure."""
        return await self.answer(lambda c: c.get_prompt(name, args), limit_s, way)

    async def completion(
        self,
        ref: dict[str, Any],
        argument: dict[str, str],
        others: dict[str, str] | None,
        limit_s: float,
    ) -> dict[str, Any]:
        """The answer to ``completion/complete``. Raises ToolFailure."""
        named = (
            PromptReference(type="ref/prompt", name=str(ref["name"]))
            if "name" in ref
            else ResourceTemplateReference(type="ref/resource", uri=str(ref.get("uri", "")))
        )
        return await self.answer(lambda c: c.complete(named, argument, others), limit_s)

    async def pages(
        self, ask: Callable[[Client, str | None], Awaitable[BaseModel]], key: str, limit_s: float
    ) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        cursor: str | None = None
        before = self._way.received
        for _ in range(MAX_PAGES):
            page = await self.answer(lambda c, at=cursor: ask(c, at), limit_s)
            if self._way.received - before > MAX_LISTED:
                text = (
                    f"The MCP server {self._name} lists more than {MAX_LISTED >> 20} MiB of {key}"
                )
                raise ToolFailure(text, error="bad_answer")
            entries += page.get(key, [])
            cursor = page.get("nextCursor")
            if not cursor or len(entries) > MAX_ENTRIES:
                break
        return entries[:MAX_ENTRIES]

    async def answer(
        self,
        ask: Callable[[Client], Awaitable[BaseModel]],
        limit_s: float,
        way: UnderWay | None = None,
    ) -> dict[str, Any]:
        client = self.client
        if client is None or not self.alive:
            raise self.failure("is gone", "server_gone")
        way = way or UnderWay(None, limit_s)
        try:
            async with way.limited():
                answer = await ask(client)
        except TimeoutError as e:
            text = f"The MCP server {self._name} gave no answer within {limit_s:g} s"
            raise ToolFailure(text, error="timeout") from e
        except MCPError as e:
            raise await self._translated(e, limit_s) from e
        except InputRequiredRoundsExceededError as e:
            text = (
                f"The MCP server {self._name} asks again and again (more than {e.max_rounds} times)"
            )
            raise ToolFailure(text, error="bad_answer") from e
        except (ValueError, RuntimeError) as e:  # pydantic's ValidationError is a ValueError
            text = f"The MCP server {self._name} gave an answer of the wrong shape"
            raise ToolFailure(text, error="bad_answer") from e
        return answer.model_dump(by_alias=True, mode="json", exclude_none=True)

    async def subscribe(self, uri: str, limit_s: float) -> None:
        """Have a server of the older protocol say when the resource changes. Raises ToolFailure."""
        await self.answer(lambda c: _subscribed(c, uri), limit_s)

    async def log_from_now(self, limit_s: float) -> None:
        """Have a server of the older protocol send its log. Raises ToolFailure."""
        await self.answer(_with_level, limit_s)

    async def _translated(self, error: MCPError, limit_s: float) -> ToolFailure:
        if error.code == CONNECTION_CLOSED or self._way.fault:
            # Its end is known a moment after its output's.
            await asyncio.wait([self._over], timeout=LAST_STATE_S)
            what = "broke its answer off" if self.alive else "is gone in the middle of the call"
            return self.failure(what, "server_gone")
        if error.code == REQUEST_TIMEOUT:
            text = f"The MCP server {self._name} gave no answer within {limit_s:g} s"
            return ToolFailure(text, error="timeout")
        if error.code == PARSE_ERROR:
            text = f"The MCP server {self._name} gave an answer that is no message"
            return ToolFailure(text, error="bad_answer")
        text = one_line(error.message, MAX_TOLD)
        return ToolFailure(f"The MCP server {self._name} refused: {text}", error="refused")

    def failure(self, what: str, error: str) -> ServerFailure:
        fault = f": {self._way.fault}" if self._way.fault else ""
        text = f"The MCP server {self._name} {what}{fault}"
        error = self._way.error or error
        return ServerFailure(text, error=error, tail=self._way.tail)


def _finite(number: float | None) -> float:
    """JSON has no other numbers, but the SDK's parser takes them."""
    return number if number is not None and math.isfinite(number) else 0.0


def _subscribed(client: Client, uri: str) -> Awaitable[BaseModel]:
    request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
    return client.session.send_request(request, EmptyResult)


def _with_level(client: Client) -> Awaitable[BaseModel]:
    request = SetLevelRequest(params=SetLevelRequestParams(level=LOG_LEVEL))
    return client.session.send_request(request, EmptyResult)
