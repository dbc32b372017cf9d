"""Message Batches: many requests at once, answered within a day at half the price.

Spoken over the same connection as single requests. Creating a batch is tried once: whether a request whose answer
was lost had come through is for the caller to find out (``listed``), for a second one would be charged again.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from devagent.core.codec import well_formed_value
from devagent.core.errors import ModelError
from devagent.core.usage import Usage
from devagent.models.failures import Failure, protocol
from devagent.models.http_model import HttpModel
from devagent.models.plain import is_array, is_object

T = TypeVar("T")

PATH = "/v1/messages/batches"
MAX_REQUESTS, MAX_BYTES = 100_000, 200_000_000
"""What the service takes at once (it says 256 MB)."""
_ANSWER_LIMIT = 4_000_000
_LINE_LIMIT = 64_000_000
_LISTED = 100
TRIES = 5


class Batch(Struct, frozen=True):
    """A batch as the service tells of it. ``created``: as it says, RFC 3339; ``requests``: in all."""

    id: str
    ended: bool
    created: str
    requests: int


class Result(Struct, frozen=True):
    """How one request ended. ``status``: succeeded, errored, canceled or expired; ``error`` says why not."""

    custom_id: str
    status: str
    model: str = ""
    stop: str = ""
    content: list[dict[str, Any]] = []
    usage: Usage = Usage()
    error: str = ""

    @property
    def text(self) -> str:
        """The reply's text blocks, joined."""
        return "".join(b.get("text", "") for b in self.content if b.get("type") == "text")


class Batches:
    """The batches of one model's service. Each method raises Failure (a ModelError)."""

    def __init__(self, model: HttpModel, *, pause_s: float = 1.0) -> None:
        self._model, self._pause_s = model, pause_s

    async def create(self, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> Batch:
        """Send them: custom id and the body of a single request without ``stream``. One try."""
        body = {"requests": [{"custom_id": one, "params": params} for one, params in requests]}
        try:
            data = msgspec.json.encode(body)
        except UnicodeEncodeError:  # lone surrogates
            data = msgspec.json.encode(well_formed_value(body))
        if len(data) > MAX_BYTES:
            raise Failure(
                f"the batch has {len(data):,} bytes, and the service takes {MAX_BYTES:,}",
                kind="too_large",
                again=False,
                hint="Split the file.",
            )
        return _batch(await self._model.exchange("POST", PATH, data, _ANSWER_LIMIT))

    async def get(self, batch: str) -> Batch:
        return await self._again(lambda: self._get(batch))

    async def listed(self) -> list[Batch]:
        """The newest ones of the workspace, the newest first."""

        async def ask() -> list[Batch]:
            path = f"{PATH}?limit={_LISTED}"
            answer = await self._model.exchange("GET", path, b"", _ANSWER_LIMIT)
            found = _object(answer).get("data")
            if not is_array(found):
                raise protocol("The service's list of batches is none")
            return [_batch_of(one) for one in found]

        return await self._again(ask)

    async def results(self, batch: str) -> AsyncGenerator[Result, None]:
        """The results of a batch that has ended, in the service's order."""
        rest = b""
        path = f"{PATH}/{batch}/results"
        async for chunk in self._model.download(path):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LINE_LIMIT:
                raise protocol("The service sent a result without end")
            for line in lines:
                if line.strip():
                    yield _result(line)
        if rest.strip():
            yield _result(rest)

    async def _get(self, batch: str) -> Batch:
        return _batch(await self._model.exchange("GET", f"{PATH}/{batch}", b"", _ANSWER_LIMIT))

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What asks only may be asked again."""
        for number in range(1, TRIES):
            try:
                return await ask()
            except Failure as failure:
                if not failure.again:
                    raise
                await asyncio.sleep(min(failure.retry_after_s or 0, 60) or self._pause_s * number)
        return await ask()


def _object(answer: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(answer)
    except ValueError:
        value = None
    if not is_object(value):
        raise protocol("The service's answer about a batch is no JSON object")
    return value


def _batch(answer: bytes) -> Batch:
    return _batch_of(_object(answer))


def _batch_of(value: object) -> Batch:
    if not is_object(value):
        raise protocol("The service's answer about a batch is none")
    name, status, counts = (
        value.get("id"),
        value.get("processing_status"),
        value.get("request_counts"),
    )
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
        raise protocol("The service names no batch")
    numbers = [n for n in (counts if is_object(counts) else {}).values() if isinstance(n, int)]
    return Batch(name, status == "ended", str(value.get("created_at", "")), sum(numbers))


def _result(line: bytes) -> Result:
    value = _object(line)
    name, result = value.get("custom_id"), value.get("result")
    if not isinstance(name, str) or not is_object(result):
        raise protocol("A result of the batch is none")
    status = str(result.get("type"))
    if status != "succeeded":
        inner = result.get("error")
        error = inner.get("error") if is_object(inner) else None
        why = f"{error.get('type', '')}: {error.get('message', '')}" if is_object(error) else status
        return Result(name, status, error=why)
    message = result.get("message")
    if not is_object(message) or not is_array(content := message.get("content")):
        raise protocol("A result of the batch holds no message")
    counted = message.get("usage")
    usage = counted if is_object(counted) else {}

    def tokens(key: str) -> int:
        found = usage.get(key)
        return found if isinstance(found, int) else 0

    return Result(
        custom_id=name,
        status=status,
        model=str(message.get("model", "")),
        stop=str(message.get("stop_reason", "")),
        content=[block for block in content if is_object(block)],
        usage=Usage(
            input=tokens("input_tokens"),
            output=tokens("output_tokens"),
            cache_read=tokens("cache_read_input_tokens"),
            cache_write=tokens("cache_creation_input_tokens"),
        ),
    )


def is_lost(error: ModelError) -> bool:
    """Whether nobody knows if the request came through: no answer, or one that is none."""
    return error.kind in ("connection", "stalled", "timeout", "protocol", "server")
