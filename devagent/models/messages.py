"""The Messages API: a request's body out, a streamed reply in, and patience in between.

The body is the same bytes for the same conversation, so that the service's prompt cache finds its
prefix: cache points stand on the last tool, the system text and the last two user messages (the
earlier of the two is where the request before wrote its point).

Each failed attempt that is tried again yields ModelFailed, after which all deltas so far are void.
Nothing of a reply counts before its end: no call can come from a stream that broke.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from devagent import __version__
from devagent.core.codec import well_formed_value
from devagent.core.errors import ConfigError
from devagent.core.events import ModelFailed, ModelReplied, TextDelta, ThinkingDelta
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.core.tools import ToolSpec
from devagent.models import prices as price_tables
from devagent.models.address import is_loopback, parse, proxy_for
from devagent.models.credential import Credential
from devagent.models.failures import Failure, Redactor, from_response, protocol
from devagent.models.patience import Patience, RetryPolicy
from devagent.models.plain import is_array, is_object
from devagent.models.prices import PriceTable
from devagent.models.stream import ReplyStream
from devagent.models.transport import Transport

_CACHE_POINT = {"type": "ephemeral"}
_ERROR_LIMIT = 64 * 1024
_encoder = msgspec.json.Encoder()


def _chance() -> float:
    return os.urandom(1)[0] / 256  # `random` costs start-up time


class MessagesModel:
    """A model of the Messages API (satisfies ``core.ports.Model``).

    ``clock`` counts seconds from anywhere, ``now`` is Unix time, ``chance`` gives numbers in [0, 1).
    ``environment`` is read for proxies. Raises ConfigError for a missing key, a base URL or a proxy
    that cannot be used.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        credential: Credential | None,
        environment: Mapping[str, str],
        max_tokens: int = 16_000,
        stall_s: float = 45.0,
        give_up_s: float = 60.0,
        connect_s: float = 10.0,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        prices: PriceTable | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = _chance,
    ) -> None:
        if credential is None:
            raise ConfigError(
                "no key for the model service",
                hint="Run `devagent auth login`, or set ANTHROPIC_API_KEY.",
            )
        base = parse(base_url, "base_url")
        if not base.tls and not is_loopback(base.host):
            raise ConfigError(
                f"base_url {base.scheme}://{base.authority} would send the key in the clear",
                hint="Use an https:// address; http:// is for loopback alone.",
            )
        header, value = credential.header()
        self._name = model
        self._headers = {
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "user-agent": f"devagent/{__version__}",
            header: value,
        }
        self._redact = Redactor(credential.value.strip())
        self._transport = Transport(
            base, proxy=proxy_for(base, environment), connect_s=connect_s, clock=clock
        )
        self._max_tokens = max_tokens
        self._stall_s, self._give_up_s = stall_s, give_up_s
        self._retries, self._prices = retries, prices
        self._clock, self._now, self._sleep, self._chance = clock, now, sleep, chance

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
        body = encode_request(request, self._name, self._max_tokens)
        patience = Patience(self._give_up_s, self._retries)
        while True:
            attempt = patience.attempt
            arriving = _Arriving(self._clock)
            try:
                attempted = self._attempt(request, body, patience.left_s, arriving)
                async with aclosing(attempted) as events:
                    async for event in events:
                        yield event
                return
            except Failure as error:
                wait_s = patience.wait_s(error, self._chance())
                failure = patience.after(error, arriving.silent_s(), wait_s)
            yield ModelFailed(
                turn=request.turn,
                model=self._name,
                err=failure.kind,
                attempt=attempt,
                status=failure.status,
                retry_in_ms=round(wait_s * 1000) if failure.again else None,
                request_id=failure.request_id,
                reason=failure.what,
            )
            if not failure.again:
                raise failure
            await self._sleep(wait_s)

    async def _attempt(
        self, request: ModelRequest, body: bytes, left_s: float | None, arriving: "_Arriving"
    ) -> AsyncGenerator[ModelEvent, None]:
        began = self._clock()
        stall_s = self._stall_s if left_s is None else min(self._stall_s, left_s)
        response = await self._transport.post(
            "/v1/messages", self._headers, body, stall_s=stall_s, head_s=left_s
        )
        try:
            headers = response.headers
            if response.status != 200:
                answer = await response.read_whole(_ERROR_LIMIT)
                raise from_response(response.status, headers, answer, self._redact, self._now())
            request_id = headers.get("request-id", "")
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            encoding = headers.get("content-encoding", "identity").lower()
            if kind != "text/event-stream" or encoding != "identity":
                raise protocol(
                    f"The model service answered with {self._redact(kind) or 'nothing known'} "
                    "where a stream of events was due",
                    status=200,
                    request_id=request_id,
                    hint="Is `base_url` the address of a Messages API?",
                )
            stream = ReplyStream(self._redact, request_id)
            while not stream.done:
                chunk = await response.read()
                if not chunk:
                    stream.end()
                arriving.seen()
                for piece, text in stream.feed(chunk):
                    if piece == "text":
                        yield TextDelta(turn=request.turn, text=text)
                    else:
                        yield ThinkingDelta(turn=request.turn, text=text)
        except BaseException as error:
            response.abandon()
            if isinstance(error, Failure) and not error.request_id:
                error.request_id = self._redact(response.headers.get("request-id", ""))
            raise
        response.release()
        prices, usage = self._price_table(), stream.usage
        yield ModelReplied(
            turn=request.turn,
            model=stream.model or self._name,
            stop=stream.stop_reason,
            content=[as_input(block) for block in stream.content],
            usage=usage,
            cost=prices.cost(stream.model, usage) or prices.cost(self._name, usage),
            request_id=request_id,
            dur_us=round((self._clock() - began) * 1e6),
        )

    def _price_table(self) -> PriceTable:
        if self._prices is None:
            self._prices = price_tables.load()
        return self._prices


class _Arriving:
    """When an attempt's reply was arriving, to know how long the service was silent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._first: float | None = None
        self._last = 0.0

    def seen(self) -> None:
        self._last = self._clock()
        if self._first is None:
            self._first = self._last

    def silent_s(self) -> float:
        flowing = 0.0 if self._first is None else self._last - self._first
        return self._clock() - self._began - flowing


def encode_request(request: ModelRequest, model: str, max_tokens: int) -> bytes:
    """The body of ``POST /v1/messages`` as compact JSON."""
    body: dict[str, Any] = {"model": model, "max_tokens": max_tokens}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tools"][-1]["cache_control"] = _CACHE_POINT
    if request.system.strip():
        body["system"] = [{"type": "text", "text": request.system, "cache_control": _CACHE_POINT}]
    body["messages"] = _messages(request.messages)
    body["stream"] = True
    try:
        return _encoder.encode(body)
    except UnicodeEncodeError:  # lone surrogates, from odd file names or bytes
        return _encoder.encode(well_formed_value(body))


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "name": tool.api_name,
        "description": tool.description,
        "input_schema": tool.input_schema,
    }


def _messages(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    users: list[list[dict[str, Any]]] = []
    for message in given:
        content = message["content"]
        # A list even where text would do: the same bytes with a cache point and without.
        texts = isinstance(content, str)
        blocks = [{"type": "text", "text": content}] if texts else list(content)
        blocks = [block for block in blocks if not _is_blank(block)]
        if not blocks:
            continue  # the service refuses blank text and empty messages
        messages.append({"role": message["role"], "content": blocks})
        if message["role"] == "user":
            users.append(blocks)
    for blocks in users[-2:]:
        blocks[-1] = {**blocks[-1], "cache_control": _CACHE_POINT}
    return messages


def _is_blank(block: object) -> bool:
    if not is_object(block) or block.get("type") != "text":
        return False
    text = block.get("text")
    return isinstance(text, str) and not text.strip()


def as_input(block: dict[str, Any]) -> dict[str, Any]:
    """A received block as the service takes it back: what it says without a value (null) is left
    out, and of a citation the ``file_id``, which requests do not have. All else is untouched."""
    sent = {name: value for name, value in block.items() if value is not None}
    citations = sent.get("citations")
    if is_array(citations):
        sent["citations"] = [
            {name: value for name, value in citation.items() if name != "file_id"}
            if is_object(citation)
            else citation
            for citation in citations
        ]
    return sent


if TYPE_CHECKING:
    from devagent.models import OpenModel

    def _proof(model: MessagesModel) -> OpenModel:  # pyright: ignore[reportUnusedFunction]
        return model
