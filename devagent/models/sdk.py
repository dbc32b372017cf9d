"""Models of other clouds, through the service's own SDK: Bedrock, Vertex, Foundry.

The SDK (1.5 s to import, an extra of the wheel) brings the clouds' addresses, signatures and framings;
everything above that is ours: the body, the reading of events, patience, failures. Its own retries are off.
Without a key of its own a cloud's credentials are found as that cloud's tools find them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from devagent import __version__
from devagent.core import codec
from devagent.core.errors import ConfigError, ModelError
from devagent.core.events.model import ModelReplied, TextDelta, ThinkingDelta
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.models import prices as price_tables
from devagent.models.address import is_loopback, parse
from devagent.models.attempts import Arriving, Pace, attempted
from devagent.models.failures import (
    Failure,
    Redactor,
    disconnected,
    from_event,
    from_response,
    protocol,
    request_id_of,
    stalled,
)
from devagent.models.messages_body import as_input, message_body
from devagent.models.plain import is_object
from devagent.models.prices import PriceTable
from devagent.models.sampling import Sampling
from devagent.models.stream import ReplyStream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicFoundry
    from anthropic.lib.bedrock import AsyncAnthropicBedrock
    from anthropic.lib.vertex import AsyncAnthropicVertex

    from devagent.models.dialect import Keys

    Client = AsyncAnthropicBedrock | AsyncAnthropicVertex | AsyncAnthropicFoundry

Cloud = Literal["bedrock", "vertex", "foundry"]
CLOUDS: tuple[Cloud, ...] = ("bedrock", "vertex", "foundry")
_NEEDED: dict[Cloud, tuple[str, ...]] = {
    "bedrock": ("anthropic", "botocore.eventstream", "boto3"),
    "vertex": ("anthropic", "google.auth.transport.requests"),
    "foundry": ("anthropic",),
}


class Account(Struct, frozen=True):
    """Where at a cloud: ``region`` of Bedrock and Vertex, ``project`` of Vertex, ``resource`` of Foundry,
    ``profile`` of AWS's own files. An empty ``base_url`` is the cloud's own address."""

    cloud: Cloud
    region: str = ""
    project: str = ""
    resource: str = ""
    profile: str = ""
    base_url: str = ""


class SdkModel:
    """A model of a cloud (satisfies ``OpenModel``). Raises ConfigError where the account lacks something."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        account: Account,
        keys: "Keys | None",
        prefix: str = "",
        headers: Mapping[str, str] | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        pace: Pace = Pace(),  # noqa: B008 - frozen
        prices: PriceTable | None = None,
    ) -> None:
        _check(account, keys)
        self._name, self._model, self._prefix = name, model, prefix
        self._account, self._keys, self._headers = account, keys, dict(headers or {})
        self._sampling, self._pace, self._prices = sampling, pace, prices
        self._redact = Redactor(*self._headers.values())
        self._client: Client | None = None
        self._key = ""
        self._loading: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name

    async def connect(self) -> bool:
        """Load the SDK, in a thread: the loop goes on meanwhile. Raises nothing: the request tells."""
        try:
            await self._loaded()
        except ConfigError:
            return False
        return True

    async def aclose(self) -> None:
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
        if self._client is not None:
            await self._client.close()

    async def count(self, request: ModelRequest) -> int | None:
        """The clouds do not count alike; nothing is asked."""
        del request
        return None

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """See ``core.ports.Model.reply``."""
        if request.compacts:
            raise ModelError(f"{self._name} writes no summaries itself", kind="invalid_request")
        await self._loaded()
        request = replace(request, service_tools=(), container="")  # not every cloud has them
        body = codec.well_formed_value(message_body(request, self._model, self._sampling))
        if "context_management" in body:  # which the SDK has among its betas alone
            body["extra_body"] = {"context_management": body.pop("context_management")}
        body["messages"] = codec.parse(
            codec.canonical(body["messages"])
        )  # keys sorted, as in the log

        def attempt(left_s: float | None, arriving: Arriving) -> AsyncGenerator[ModelEvent, None]:
            return self._attempt(request.turn, body, left_s, arriving)

        async with aclosing(attempted(request.turn, self._name, self._pace, attempt)) as events:
            async for event in events:
                yield event

    async def _attempt(
        self, turn: int, body: dict[str, Any], left_s: float | None, arriving: Arriving
    ) -> AsyncGenerator[ModelEvent, None]:
        stall_s = self._pace.stall_s if left_s is None else min(self._pace.stall_s, left_s)
        stream = ReplyStream(self._redact)
        request_id = ""
        try:
            client = await self._ready()
            async with asyncio.timeout(stall_s):
                response = await client.messages.create(
                    **body, stream=True, extra_headers=self._betas()
                )
            request_id = request_id_of(response.response.headers)
            async with response:
                async for event in _within(aiter(response), stall_s):
                    arriving.seen()
                    for piece, text in stream.take(event.to_dict(warnings=False)):
                        if piece == "text":
                            yield TextDelta(turn=turn, text=text)
                        else:
                            yield ThinkingDelta(turn=turn, text=text)
            stream.end()
        except TimeoutError:
            raise stalled(stall_s) from None
        except Failure as failure:
            failure.request_id = failure.request_id or request_id
            raise
        except Exception as error:  # each cloud's libraries raise what is theirs
            raise self._translated(error, request_id) from None
        if self._keys:
            self._keys.worked()
        if self._prices is None:
            self._prices = price_tables.load()
        usage, answered = stream.usage, stream.model
        known = self._prices.cost(self._name, usage) or self._prices.cost(answered, usage)
        yield ModelReplied(
            turn=turn,
            model=self._prefix + answered if answered else self._name,
            stop=stream.stop_reason,
            detail=self._redact(stream.stop_detail),
            content=[as_input(block) for block in stream.content],
            usage=usage,
            cost=known,
            request_id=request_id,
            dur_us=arriving.duration_us(),
            left_out=stream.left_out,
            container=stream.container,
        )

    async def _loaded(self) -> None:
        """Raises ConfigError where the extra is not installed."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load, self._account.cloud))
        await asyncio.shield(self._loading)

    async def _ready(self) -> "Client":
        key = await self._keys.current() if self._keys else None
        secret = key.value.strip() if key else ""
        if self._client is None or secret != self._key:
            self._redact.add(secret)
            if self._client is not None:
                await self._client.close()
            self._client, self._key = self._made(secret), secret
        return self._client

    def _made(self, secret: str) -> "Client":
        # All of it is loaded by now, in a thread.
        from anthropic import AsyncAnthropicFoundry  # noqa: PLC0415
        from anthropic.lib.bedrock import AsyncAnthropicBedrock  # noqa: PLC0415
        from anthropic.lib.vertex import AsyncAnthropicVertex  # noqa: PLC0415

        account = self._account
        common: dict[str, Any] = {
            "base_url": account.base_url or None,
            "timeout": None,  # ours hold
            "max_retries": 0,
            "default_headers": {**self._headers, "user-agent": f"devagent/{__version__}"},
        }
        match account.cloud:
            case "bedrock":
                return AsyncAnthropicBedrock(
                    aws_region=account.region,
                    aws_profile=account.profile or None,
                    api_key=secret or None,
                    **common,
                )
            case "vertex":
                return AsyncAnthropicVertex(
                    region=account.region,
                    project_id=account.project,
                    access_token=secret or None,
                    **common,
                )
            case "foundry":
                return AsyncAnthropicFoundry(
                    resource=account.resource or None, api_key=secret or None, **common
                )

    def _betas(self) -> dict[str, str]:
        betas = self._sampling.betas
        return {"anthropic-beta": ",".join(betas)} if betas else {}

    def _translated(self, error: Exception, request_id: str) -> Failure:
        """The failure that an exception of the SDK, of its HTTP client or of a cloud's library tells."""
        import anthropic  # noqa: PLC0415 - loaded by now
        import httpx2  # noqa: PLC0415 - as above

        if isinstance(error, anthropic.APIStatusError):
            body: object = error.body
            if error.status_code < 300:
                inner = body.get("error") if is_object(body) else None
                return from_event(inner or body, self._redact, request_id)
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            text = codec.canonical(body) if is_object(body) else b""
            failure = from_response(
                error.status_code, headers, text, self._redact, self._pace.now()
            )
            if error.status_code in (401, 403) and self._keys and self._keys.refused():
                failure.again = True
            return failure
        if isinstance(error, anthropic.APITimeoutError):
            return stalled(self._pace.stall_s)
        if isinstance(error, anthropic.APIConnectionError | httpx2.TransportError):
            return disconnected(
                "The connection to the model service could not be made, or broke",
                request_id=request_id,
            )
        package = type(error).__module__.partition(".")[0]
        if package in ("botocore", "google") and "eventstream" not in type(error).__module__:
            return Failure(
                f"The credentials of the cloud cannot be used ({type(error).__name__})",
                kind="authentication",
                again=False,
                hint="Log in with the cloud's own tool, or give this platform a `key_command`.",
            )
        return protocol(
            f"The model service sent what its SDK cannot read ({type(error).__name__})",
            request_id=request_id,
        )


def _check(account: Account, keys: "Keys | None") -> None:
    if account.base_url:
        base = parse(account.base_url, f"the base URL of {account.cloud}")
        if not base.tls and not is_loopback(base.host):
            raise ConfigError(f"credentials would go to {base.authority} in the clear")
    wanted = {"bedrock": ("region",), "vertex": ("region", "project"), "foundry": ()}
    for field in wanted[account.cloud]:
        if not getattr(account, field):
            raise ConfigError(f"a platform of type {account.cloud!r} needs `{field}`")
    if account.cloud == "foundry":
        if bool(account.resource) == bool(account.base_url):
            raise ConfigError("a platform of type 'foundry' needs `resource` or `base_url`")
        if keys is None:
            raise ConfigError("a platform of type 'foundry' needs `key_env` or `key_command`")


def _load(cloud: Cloud) -> None:
    for module in _NEEDED[cloud]:
        try:
            import_module(module)
        except ImportError:
            extra = "sdk" if cloud == "foundry" else cloud
            raise ConfigError(
                f"models of {cloud} need {module.partition('.')[0]}, which is not installed",
                hint=f"Install devagent with its extra {extra!r}: devagent[{extra}].",
            ) from None


async def _within(events: AsyncIterator[Any], limit_s: float) -> AsyncGenerator[Any, None]:
    """The same events; TimeoutError where one takes longer than ``limit_s``."""
    while True:
        try:
            async with asyncio.timeout(limit_s):
                event = await anext(events)
        except StopAsyncIteration:
            return
        yield event


if TYPE_CHECKING:
    from devagent.models import OpenModel

    def _proof(model: SdkModel) -> OpenModel:  # pyright: ignore[reportUnusedFunction]
        return model
