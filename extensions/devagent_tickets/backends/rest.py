"""One tracker's HTTP interface: requests that end in time, are repeated only where that is safe, and fail by their class.

1. What only asks is tried up to ``TRIES`` times: after lost connections, 429 and 5xx, with the wait that the server names
   (``Retry-After``, reset headers), if there is time for it.
2. What changes something is sent once. It is sent again only where the server surely did nothing: no connection, or it refused
   for the rate. Where it was sent and no whole answer came, that is UncertainError: the caller finds out.
3. An answer has a length and a form; what has another is ``unexpected_answer``. Redirects are followed within the same origin, by
   what only asks.
4. The secret goes to the tracker's own origin alone, and into no message.
"""

import asyncio
import json
import random
import re
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx2

from devagent_tickets.backends.answers import Answer, failure_of, retry_after, unreachable
from devagent_tickets.contract import TicketsError, UncertainError
from devagent_tickets.settings import Tracker

TRIES = 3
CONNECT_S = 5.0
MAX_BYTES = 8 << 20
BACKOFF_S = 0.25
_HOPS = 3
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)
_PARTS = re.compile(r"[/\\]")


def segment(text: str) -> str:
    """A text as one part of a path. Raises TicketsError bad_arguments for what would lead elsewhere."""
    if not {"", ".", ".."}.isdisjoint(_PARTS.split(text)):
        raise TicketsError(f"{text!r} cannot be named in an address.", error="bad_arguments")
    return quote(text, safe="")


@cache
def _trusted() -> ssl.SSLContext:
    """Made once: reading the authorities takes longer than a request."""
    return ssl.create_default_context()


class Api:
    """Requests to one tracker, for one call that must be over at ``until`` (monotonic)."""

    def __init__(
        self, tracker: Tracker, headers: Mapping[str, str], until: float, *, base: str = ""
    ) -> None:
        self.tracker = tracker
        self.base = (base or tracker.url).rstrip("/")
        self._until = until
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": "devagent-tickets", "Accept-Encoding": "identity", **headers},
            follow_redirects=False,
            verify=_trusted()
            if tracker.url.startswith("https:")
            else False,  # http is to this machine alone
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def ask(
        self, path: str, *, params: Mapping[str, Any] = {}, json_: Any = None, etag: str = "",
        headers: Mapping[str, str] = {},
    ) -> Answer:  # fmt: skip
        """A question: GET, or POST where it has a body. 304 is an answer where an ``etag`` is given.

        Raises TicketsError.
        """
        _straight(path)
        extra = {**headers, **({"If-None-Match": etag} if etag else {})}
        method = "GET" if json_ is None else "POST"
        for number in range(1, TRIES + 1):
            try:
                answer = await self._once(method, path, params, json_, extra)
            except _NEVER_SENT as error:
                await self._pause(number, None, unreachable(self.tracker, error))
            except httpx2.HTTPError as error:
                await self._pause(number, None, unreachable(self.tracker, error))
            else:
                if answer.status < 300 or (answer.status == 304 and etag):
                    return answer
                failure = failure_of(self.tracker, answer)
                wait = retry_after(answer)
                if failure.error not in ("rate_limited", "server_error"):
                    raise failure
                await self._pause(number, wait, failure)
        raise AssertionError  # the last pause raises

    async def tell(
        self, method: str, path: str, *, params: Mapping[str, Any] = {}, json_: Any = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:  # fmt: skip
        """A change. Raises TicketsError; UncertainError where it may have been made."""
        _straight(path)
        for number in range(1, TRIES + 1):
            try:
                answer = await self._once(method, path, params, json_, headers)
            except _NEVER_SENT as error:
                await self._pause(number, None, unreachable(self.tracker, error))
            except (httpx2.HTTPError, TicketsError) as error:
                raise UncertainError(
                    f"{self.tracker.host} gave no whole answer ({type(error).__name__})."
                ) from error
            else:
                if answer.status < 300:
                    return answer
                failure = failure_of(self.tracker, answer)
                if failure.error == "server_error":
                    raise UncertainError(f"{self.tracker.host} failed ({answer.status}).")
                if failure.error != "rate_limited":
                    raise failure
                await self._pause(number, retry_after(answer), failure)
        raise AssertionError  # the last pause raises

    async def _pause(self, number: int, wait: float | None, failure: TicketsError) -> None:
        """Wait before the next try. Raises the failure where there is none, or no time for it."""
        seconds = BACKOFF_S * 2 ** (number - 1) * (0.5 + random.random()) if wait is None else wait  # noqa: S311
        if number >= TRIES or seconds >= self._until - time.monotonic():
            raise failure
        await asyncio.sleep(seconds)

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        json_: Any,
        headers: Mapping[str, str],
    ) -> Answer:
        url = httpx2.URL(path if path.startswith(("https://", "http://")) else f"{self.base}{path}")
        asked = {key: value for key, value in params.items() if value not in (None, "")}
        for _ in range(_HOPS):
            self._own_origin(url)
            left = self._until - time.monotonic()
            if left <= 0:
                raise TicketsError(f"{self.tracker.host} gave no answer in time.", error="timeout")
            request = self._client.build_request(
                method, url, params=asked or None, headers=headers,
                content=None if json_ is None else _encoded(json_),
                timeout=httpx2.Timeout(min(self.tracker.timeout_s, left), connect=min(CONNECT_S, left)),
            )  # fmt: skip
            if json_ is not None and "content-type" not in request.headers:
                request.headers["content-type"] = "application/json"
            # The read limit holds for each read; a server that drips is cut by the time of all of them.
            try:
                async with asyncio.timeout(min(self.tracker.timeout_s, left)):
                    response = await self._client.send(request, stream=True)
                    try:
                        body = await self._body(response)
                    finally:
                        await response.aclose()
            except TimeoutError as error:
                raise httpx2.ReadTimeout("the answer took too long", request=request) from error
            where = response.headers.get("location", "")
            if response.status_code in (301, 302, 303, 307, 308) and where and method == "GET":
                url, asked = response.url.join(where), {}
                continue
            # 203 is Azure's page to sign in at.
            if response.status_code == 203:
                return Answer(401, response.headers, None)
            return Answer(response.status_code, response.headers, self._data(response, body))
        raise TicketsError(f"{self.tracker.host} leads in circles.", error="unexpected_answer")

    def _own_origin(self, url: httpx2.URL) -> None:
        own = httpx2.URL(self.tracker.url)
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            raise TicketsError(
                f"{self.tracker.host} leads to another server ({url.host}); that one is not asked.",
                error="unexpected_answer",
            )

    async def _body(self, response: httpx2.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise TicketsError(
                f"{self.tracker.host} answers in a compression that was not asked for.",
                error="unexpected_answer",
            )
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
            if size > MAX_BYTES:
                raise TicketsError(
                    f"{self.tracker.host} sent more than {MAX_BYTES >> 20} MB.",
                    error="unexpected_answer",
                )
            parts.append(part)
        return b"".join(parts)

    def _data(self, response: httpx2.Response, body: bytes) -> Any:
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            if response.status_code < 300:
                raise TicketsError(
                    f"{self.tracker.host} did not answer in JSON: is {self.tracker.url} the interface's address?",
                    error="unexpected_answer",
                ) from None
            return None


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _straight(path: str) -> None:
    """No path leads up or stays in place: what would be asked then is another thing than what was judged."""
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise TicketsError("The address would lead elsewhere.", error="bad_arguments")
