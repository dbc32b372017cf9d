"""A model behind HTTP of our own: a request's body out, a streamed reply in, patience in between.

What differs between services is a ``Dialect``; keys come from ``Keys``. Nothing of a reply counts before
its end: no call can come from a stream that broke.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from devagent import __version__
from devagent.core.errors import ConfigError, ModelError
from devagent.core.events.model import ModelReplied, TextDelta, ThinkingDelta
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.models import prices as price_tables
from devagent.models.address import is_loopback, parse, proxy_for
from devagent.models.attempts import Arriving, Pace, attempted
from devagent.models.credential import Credential
from devagent.models.failures import Failure, Redactor, from_response, protocol, request_id_of
from devagent.models.plain import is_object
from devagent.models.prices import PriceTable
from devagent.models.tls import Tls
from devagent.models.transport import Response, Transport

if TYPE_CHECKING:
    from devagent.models.dialect import Dialect, Keys

_ERROR_LIMIT = 64 * 1024
_COUNT_S = 10.0
"""How long a count of tokens may take: it only saves a request that would fail."""
_OURS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)


class HttpModel:
    """A model of a service that speaks a dialect (satisfies ``OpenModel``).

    ``name`` is what devagent calls it; ``prefix`` stands before what the service calls it. ``environment``
    is read for proxies. Raises ConfigError for a base URL, proxy or header that cannot be used.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        dialect: "Dialect",
        keys: "Keys | None",
        environment: Mapping[str, str],
        prefix: str = "",
        headers: Mapping[str, str] | None = None,
        tls: Tls = Tls(),  # noqa: B008 - frozen
        pace: Pace = Pace(),  # noqa: B008 - frozen
        prices: PriceTable | None = None,
    ) -> None:
        base = parse(base_url, "the base URL of the model service")
        secret = keys is not None or bool(headers) or bool(tls.certificate)
        if secret and not base.tls and not is_loopback(base.host):
            raise ConfigError(
                f"the key would go to {base.authority} in the clear",
                hint="Give `base_url` as https://, or as an address of this computer.",
            )
        self._name, self._prefix = name, prefix
        self._dialect, self._keys = dialect, keys
        self._headers = {
            "accept": "text/event-stream",
            "content-type": "application/json",
            "user-agent": f"devagent/{__version__}",
            **_checked(headers or {}),
            **dialect.headers,
        }
        self._redact = Redactor(*(headers or {}).values())
        self._pace, self._prices = pace, prices
        self._transport = Transport(
            base,
            proxy=proxy_for(base, environment),
            connect_s=pace.connect_s,
            clock=pace.clock,
            tls=tls,
        )

    @property
    def name(self) -> str:
        return self._name

    async def connect(self) -> bool:
        """Open the connection ahead of the first request; whether it is there. Never raises ModelError:
        the request tries again and tells."""
        return await self._transport.connect()

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """See ``core.ports.Model.reply``. One TextDelta or ThinkingDelta a burst of what came."""
        if request.compacts and not self._dialect.compacts:
            raise ModelError(f"{self._name} writes no summaries itself", kind="invalid_request")
        body = self._dialect.encode(request)

        def attempt(left_s: float | None, arriving: Arriving) -> AsyncGenerator[ModelEvent, None]:
            return self._attempt(request.turn, body, left_s, arriving)

        async with aclosing(attempted(request.turn, self._name, self._pace, attempt)) as events:
            async for event in events:
                yield event

    async def count(self, request: ModelRequest) -> int | None:
        """How many tokens the request has, by the service's own count; None where it does not say."""
        asked = self._dialect.count(request)
        if asked is None:
            return None
        path, body = asked
        response: Response | None = None
        try:
            key = await self._keys.current() if self._keys else None
            response = await self._transport.post(
                path, self._headers_with(key), body, stall_s=_COUNT_S, head_s=_COUNT_S
            )
            answer = await response.read_whole(_ERROR_LIMIT)
            tokens = msgspec.json.decode(answer) if response.status == 200 else None
        except (Failure, ValueError):
            return None  # the request itself tries again, and tells
        finally:
            if response is not None:
                response.release()
        found = tokens.get("input_tokens") if is_object(tokens) else None
        return found if type(found) is int and found > 0 else None

    async def check(self) -> None:
        """Ask for next to nothing, to learn whether the service takes the key. Raises Failure."""
        key = await self._keys.current() if self._keys else None
        path, headers = f"{_version_of(self._dialect.path)}/models", self._headers_with(key)
        response = await self._transport.get(path, headers, stall_s=_COUNT_S, head_s=_COUNT_S)
        try:
            answer = await response.read_whole(_ERROR_LIMIT)
        finally:
            response.release()
        if response.status >= 300 and response.status != 404:  # a gateway need not have the list
            raise from_response(
                response.status, response.headers, answer, self._redact, self._pace.now()
            )

    async def exchange(self, method: str, path: str, body: bytes, limit: int) -> bytes:
        """One request of the service besides replies; the answer's body of at most ``limit`` bytes. Raises Failure.

        What is posted is sent once: over a connection of its own, for one that was kept may be tried twice.
        """
        if method == "POST":
            await self._transport.aclose()
        response = await self._sent(method, path, body)
        try:
            parts: list[bytes] = []
            while chunk := await response.read():
                parts.append(chunk)
                if sum(map(len, parts)) > limit:
                    raise protocol("The model service answered without end")
        except BaseException:
            response.abandon()
            raise
        response.release()
        return b"".join(parts)

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """The body of a GET as it comes. Raises Failure."""
        response = await self._sent("GET", path, b"")
        try:
            while chunk := await response.read():
                yield chunk
        except BaseException:
            response.abandon()
            raise
        response.release()

    def body_of(self, request: ModelRequest) -> bytes:
        """The request as it would be sent by itself."""
        return self._dialect.encode(request)

    async def _sent(self, method: str, path: str, body: bytes) -> Response:
        key = await self._keys.current() if self._keys else None
        headers = {**self._headers_with(key), "accept": "application/json"}
        stall_s = self._pace.stall_s
        if method == "POST":
            response = await self._transport.post(path, headers, body, stall_s=stall_s)
        else:
            response = await self._transport.get(path, headers, stall_s=stall_s, head_s=stall_s)
        if response.status != 200:
            try:
                raise await self._refusal(response)
            finally:
                response.release()
        return response

    @property
    def speaks_messages(self) -> bool:
        """Whether it is the Messages API, which has batches."""
        return self._dialect.path.endswith("/v1/messages")

    def _headers_with(self, key: Credential | None) -> dict[str, str]:
        if key is None:
            return self._headers
        name, value = key.header()
        self._redact.add(key.value.strip())
        headers = {**self._headers, name: value}
        if key.betas:
            said = [one for one in headers.get("anthropic-beta", "").split(",") if one]
            headers["anthropic-beta"] = ",".join(sorted({*said, *key.betas}))
        return headers

    async def _attempt(
        self, turn: int, body: bytes, left_s: float | None, arriving: Arriving
    ) -> AsyncGenerator[ModelEvent, None]:
        stall_s = self._pace.stall_s if left_s is None else min(self._pace.stall_s, left_s)
        key = await self._keys.current() if self._keys else None
        response = await self._transport.post(
            self._dialect.path, self._headers_with(key), body, stall_s=stall_s, head_s=left_s
        )
        try:
            if response.status != 200:
                raise await self._refusal(response)
            request_id = request_id_of(response.headers)
            self._must_be_a_stream(response.headers, request_id)
            stream = self._dialect.stream(self._redact, request_id)
            while not stream.done:
                chunk = await response.read()
                if not chunk:
                    stream.end()
                arriving.seen()
                for piece, text in stream.feed(chunk):
                    if piece == "text":
                        yield TextDelta(turn=turn, text=text)
                    else:
                        yield ThinkingDelta(turn=turn, text=text)
        except BaseException as error:
            response.abandon()
            if isinstance(error, Failure) and not error.request_id:
                error.request_id = self._redact(request_id_of(response.headers))
            raise
        response.release()
        if self._keys:
            self._keys.worked()
        prices, usage = self._price_table(), stream.usage
        answered = self._prefix + stream.model if stream.model else self._name
        yield ModelReplied(
            turn=turn,
            model=answered,
            stop=stream.stop_reason,
            detail=self._redact(stream.stop_detail),
            content=[self._dialect.block(block) for block in stream.content],
            usage=usage,
            cost=prices.cost(answered, usage) or prices.cost(self._name, usage),
            request_id=request_id,
            dur_us=arriving.duration_us(),
            left_out=stream.left_out,
            container=stream.container,
        )

    async def _refusal(self, response: Response) -> Failure:
        answer = await response.read_whole(_ERROR_LIMIT)
        failure = from_response(
            response.status, response.headers, answer, self._redact, self._pace.now()
        )
        if response.status == 401 and self._keys and self._keys.refused():
            failure.again = True  # with another key
        return failure

    def _must_be_a_stream(self, headers: Mapping[str, str], request_id: str) -> None:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = headers.get("content-encoding", "identity").lower()
        if kind != "text/event-stream" or encoding != "identity":
            raise protocol(
                f"The model service answered with {self._redact(kind) or 'nothing known'} "
                "where a stream of events was due",
                status=200,
                request_id=request_id,
                hint="Is `base_url` the address of such a service?",
            )

    def _price_table(self) -> PriceTable:
        if self._prices is None:
            self._prices = price_tables.load()
        return self._prices


def _version_of(path: str) -> str:
    """``/v1`` of ``/v1/messages``; nothing where the base URL has it already."""
    return "/v1" if path.startswith("/v1/") else ""


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """A config's headers, names in lower case. Raises ConfigError, never with a value."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not plain or lower in _OURS:
            raise ConfigError(f"the header {name!r} cannot be set for the model service")
        if not value.isascii() or not value.isprintable():
            raise ConfigError(f"the header {name!r} holds characters that no header can carry")
        found[lower] = value
    return found
