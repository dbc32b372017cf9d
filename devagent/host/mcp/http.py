"""A third party's server over streamable HTTP under the ``mcp`` SDK's client, with limits on all that comes from it.

The SDK's transport speaks the protocol (both eras, streams taken up again, redirects within the origin alone).
Around it: ``GuardedExchange`` below, which bounds what comes; above, its messages pass through here, so
that listings of tools are taken aside as they came, and the client gets no more of them than names and the
marks by which arguments go into headers (``x-mcp-header``).

Imports ``mcp``: only for use when a server is spoken to.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import httpx2
from mcp.client._transport import ReadStream, TransportStreams, WriteStream
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.inbound import find_invalid_x_mcp_header, x_mcp_header_map
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCRequest, JSONRPCResponse

from devagent import __version__
from devagent.core.text import one_line
from devagent.host.mcp.http_guard import CONNECT_S, MAX_ANSWER, Cut, GuardedExchange
from devagent.host.mcp.listing import as_known, names_only
from devagent.policy.plain import is_table

IDLE_S = 300.0
"""How long a stream may be silent, at least."""


class GuardedHttp:
    """A way to one server; ``async with`` gives the streams that ``mcp.Client`` takes.

    ``auth`` makes what signs the requests, given whom to tell where that fails.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        call_s: float,
        auth: Callable[[Cut], httpx2.Auth | None],
    ) -> None:
        self._url = url
        self._exchange = GuardedExchange(url, headers, self._cut)
        self._auth = auth
        self._idle_s = max(IDLE_S, call_s + 60)
        self._stack = contextlib.AsyncExitStack()
        self._listings: set[str | int] = set()
        self._task_calls: set[str | int] = set()
        self.listing: list[Any] = []
        self.unfit: list[tuple[str, str]] = []
        self.error = ""
        self.fault = ""
        self.tail: tuple[str, ...] = ()
        self.started = True
        self.gone = asyncio.Event()

    @property
    def received(self) -> int:
        """Bytes of its answers so far."""
        return self._exchange.received

    def cut(self, why: str) -> None:
        """Take nothing more of it."""
        self._cut(why)

    def _cut(self, why: str, error: str = "") -> None:
        if not self.fault:
            self.fault, self.error = why, error
        self._exchange.over = True
        self.gone.set()

    async def __aenter__(self) -> TransportStreams:
        client = httpx2.AsyncClient(
            transport=self._exchange,
            auth=self._auth(self._cut),
            headers={"user-agent": f"devagent/{__version__}"},
            timeout=httpx2.Timeout(CONNECT_S, read=self._idle_s),
        )
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(client)
            read, write = await stack.enter_async_context(
                streamable_http_client(self._url, http_client=client, max_sse_event_size=MAX_ANSWER)
            )
            self._stack = stack.pop_all()
        return _Read(read, self._came), _Write(write, self._goes)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    def _goes(self, sent: SessionMessage) -> None:
        if not isinstance(sent.message, JSONRPCRequest):
            return
        self._exchange.begin()
        if sent.message.method == "tools/list":
            self._listings.add(sent.message.id)
        elif "task" in (sent.message.params or {}):
            self._task_calls.add(sent.message.id)

    def _came(self, received: SessionMessage | Exception) -> None:
        message = received.message if isinstance(received, SessionMessage) else None
        if not isinstance(message, JSONRPCResponse):
            return
        if message.id in self._task_calls:
            self._task_calls.discard(message.id)
            as_known(message.result)
        if message.id not in self._listings:
            return
        self._listings.discard(message.id)
        tools = names_only(message.result)
        if tools is None:
            return
        marks: dict[str, Any] = {}
        for tool in tools:
            why = _unfit(tool)
            if why:
                self.unfit.append((str(tool.get("name", "")), why))
                continue
            self.listing.append(tool)
            if is_table(tool) and is_table(tool.get("inputSchema")):
                marks[str(tool.get("name", ""))] = _marks(tool["inputSchema"])
        message.result["tools"] = [
            {**tool, "inputSchema": marks[tool["name"]]}
            for tool in message.result["tools"]
            if tool["name"] in marks
        ]


def _unfit(tool: Any) -> str:
    """Why the protocol forbids using this tool over HTTP; "" where it does not."""
    schema = tool.get("inputSchema") if is_table(tool) else None
    try:
        reason = find_invalid_x_mcp_header(schema) if is_table(schema) else None
    except RecursionError:
        return ""  # it will be left out as too deep
    return f"its marks for headers are not valid: {one_line(reason, 200)}" if reason else ""


def _marks(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that says only which arguments go into which headers."""
    root: dict[str, Any] = {"type": "object"}
    for path, token in x_mcp_header_map(schema).items():
        node = root
        for name in path:
            node = node.setdefault("properties", {}).setdefault(name, {})
        node |= {"type": "string", "x-mcp-header": token}
    return root


class _Read:
    """The streams of what comes, each message shown to ``look`` first."""

    def __init__(
        self,
        inner: ReadStream[SessionMessage | Exception],
        look: Callable[[SessionMessage | Exception], None],
    ) -> None:
        self._inner = inner
        self._look = look

    @property
    def last_context(self) -> Any:
        """The SDK looks for the context of whoever sent, here."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        message = await self._inner.receive()
        self._look(message)
        return message

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> "_Read":
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        message = await self._inner.__anext__()
        self._look(message)
        return message

    async def __aenter__(self) -> "_Read":
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(exc_type, exc_val, exc_tb)


class _Write:
    """The stream of what goes, each message shown to ``look`` first."""

    def __init__(
        self, inner: WriteStream[SessionMessage], look: Callable[[SessionMessage], None]
    ) -> None:
        self._inner = inner
        self._look = look

    async def send(self, item: SessionMessage, /) -> None:
        self._look(item)
        await self._inner.send(item)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> "_Write":
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(exc_type, exc_val, exc_tb)
