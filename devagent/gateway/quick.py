"""``tools/call`` in its plain form, without the SDK: what a thousand calls a second can be made of.

Plain is a request that fits ``_Stateless`` or ``_Within`` and whose headers say the same as its body. Its answer is the one that the SDK would give
(a test holds the two together). Whatever else comes, and a call that has a question or something to tell before its end, is
the SDK's: a call that has begun is handed over as it stands.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from devagent import __version__
from devagent.gateway.calling import CallCut, Calling, Ended
from devagent.gateway.exchange import Exchange, Headers
from devagent.gateway.names import Names
from devagent.gateway.results import result_of
from devagent.gateway.sessions import Sessions

CLIENT = "devagent.client"
CALLING = "devagent.calling"
"""Keys of the ASGI scope: the caller's name, and a call that was begun here."""
_VERSIONS = (b"2025-11-25", b"2025-06-18")
"""Of the handshake era: those whose results have the same form."""
_JSON: Headers = [(b"content-type", b"application/json")]
_PARAMETER = b"mcp-param-"
_MARK = "x-mcp-header"
_ABOUT: dict[str, Any] = {
    "io.modelcontextprotocol/serverInfo": {"name": "devagent", "version": __version__}
}
_CANCELLED = -32800


class _Named(Struct):
    name: str
    version: str


class _Envelope(Struct):
    """``_meta`` of a request of 2026-07-28."""

    version: str = field(name="io.modelcontextprotocol/protocolVersion")
    capabilities: dict[str, dict[str, Any]] = field(
        name="io.modelcontextprotocol/clientCapabilities"
    )
    client: _Named | msgspec.UnsetType = field(
        name="io.modelcontextprotocol/clientInfo", default=msgspec.UNSET
    )


class _StatelessParams(Struct, forbid_unknown_fields=True):
    name: str
    meta: _Envelope = field(name="_meta")
    arguments: dict[str, Any] | None = None


class _Stateless(Struct, forbid_unknown_fields=True):
    jsonrpc: Literal["2.0"]
    id: int | str
    method: Literal["tools/call"]
    params: _StatelessParams


class _WithinParams(Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] | None = None
    meta: dict[str, Any] = field(name="_meta", default_factory=dict)


class _Within(Struct, forbid_unknown_fields=True):
    jsonrpc: Literal["2.0"]
    id: int | str
    method: Literal["tools/call"]
    params: _WithinParams


_STATELESS = msgspec.json.Decoder(_Stateless)
_WITHIN = msgspec.json.Decoder(_Within)
_ENCODER = msgspec.json.Encoder()


class Quick:
    """Carries plain calls out, in the sessions of their callers."""

    def __init__(self, sessions: Sessions, names: Names) -> None:
        self._sessions = sessions
        self._names = names
        self._marked: dict[str, tuple[str, frozenset[str]]] = {}

    async def stateless(self, exchange: Exchange, caller: str) -> Calling | None:
        """Answer a request of 2026-07-28; or the call that was begun, where the SDK must go on with it."""
        if not _is_plain(exchange) or exchange.header(b"mcp-method") != b"tools/call":
            return None
        try:
            request = _STATELESS.decode(exchange.body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        named = request.params.name
        if (
            request.params.meta.version != "2026-07-28"
            or exchange.header(b"mcp-name") != named.encode("utf-8", "surrogatepass")
            or any(name.startswith(_PARAMETER) for name, _ in exchange.headers)
            or named in await self._with_marks(caller)
        ):
            return None
        calling = await self._begun(caller, named, request.params.arguments)
        # On this wire a client cancels by closing the connection.
        exchange.is_cut_when_gone = True
        try:
            end = await calling.first()
        except CallCut:
            _error(exchange, request.id, _CANCELLED, "the call was cut")
            return calling
        finally:
            exchange.is_cut_when_gone = False
        if end is not None:
            result = _plain(end)
            result["_meta"] = {**result.get("_meta", {}), **_ABOUT}
            result["resultType"] = "complete"
            _answer(exchange, request.id, result)
        return calling

    async def within(
        self,
        exchange: Exchange,
        caller: str,
        version: bytes | None,
        calls: dict[int | str, Calling],
    ) -> Calling | None:
        """The same for a request within a session of the handshake era, whose calls under way are ``calls``."""
        if version not in _VERSIONS or not _is_plain(exchange):
            return None
        try:
            request = _WITHIN.decode(exchange.body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        if request.id in calls:
            return None
        calling = await self._begun(caller, request.params.name, request.params.arguments)
        calls[request.id] = calling
        try:
            end = await calling.first()
        except CallCut:
            _error(exchange, request.id, _CANCELLED, "Request cancelled")
            return calling
        finally:
            del calls[request.id]
        if end is not None:
            _answer(exchange, request.id, _plain(end))
        return calling

    async def _begun(self, caller: str, named: str, arguments: Mapping[str, Any] | None) -> Calling:
        return await self._sessions.start(caller, self._names.tool_of(named), dict(arguments or {}))

    async def _with_marks(self, caller: str) -> frozenset[str]:
        """The tools of which a part of the arguments must stand in headers, too: the SDK compares them."""
        served = await self._sessions.of(caller)
        found = self._marked.get(caller)
        if found is None or found[0] != served.id:
            names = frozenset(
                self._names.tool(spec)
                for spec in served.offered
                if _MARK.encode() in _ENCODER.encode(spec.input_schema)
            )
            found = self._marked[caller] = served.id, names
        return found[1]


def _is_plain(exchange: Exchange) -> bool:
    """A POST of JSON that takes both kinds of answer, with each of the protocol's headers at most once."""
    accept = exchange.header(b"accept")
    names = [name for name, _ in exchange.headers if name.startswith(b"mcp-")]
    return (
        exchange.method == "POST"
        and (exchange.header(b"content-type") or b"").lower()
        in (b"application/json", b"application/json; charset=utf-8")
        and accept is not None
        and b"application/json" in accept
        and b"text/event-stream" in accept
        and len(names) == len(set(names))
    )


def _plain(end: Ended) -> dict[str, Any]:
    """The result; the blocks of a third party's server as the SDK writes them."""
    result = result_of(end)
    if not getattr(end, "content", None):
        return result
    from mcp.types import CallToolResult  # noqa: PLC0415  (it is loaded by now)

    return CallToolResult.model_validate(result).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )


def _answer(exchange: Exchange, number: int | str, result: Mapping[str, Any]) -> None:
    exchange.answer(200, _JSON, _ENCODER.encode({"jsonrpc": "2.0", "id": number, "result": result}))


def _error(exchange: Exchange, number: int | str, code: int, message: str) -> None:
    error = {"code": code, "message": message}
    exchange.answer(200, _JSON, _ENCODER.encode({"jsonrpc": "2.0", "id": number, "error": error}))
