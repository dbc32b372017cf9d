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
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx2
from msgspec import Struct

from devagent_tickets.contract import TicketsError, UncertainError
from devagent_tickets.settings import Tracker

TRIES = 3
CONNECT_S = 5.0
MAX_BYTES = 8 << 20
BACKOFF_S = 0.25
LONGEST_WAIT_S = 366 * 86_400.0
"""What a server may say, at most, of when it takes requests again."""
_HOPS = 3
_SAID = 4000
"""Characters of what a server says; the call shows fewer, once what must not be read is out of them."""
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
)
_PARTS = re.compile(r"[/\\]")
_MESSAGE = re.compile(r"\s+")


def segment(text: str) -> str:
    """A text as one part of a path. Raises TicketsError bad_arguments for what would lead elsewhere."""
    if not {"", ".", ".."}.isdisjoint(_PARTS.split(text)):
        raise TicketsError(f"{text!r} cannot be named in an address.", error="bad_arguments")
    return quote(text, safe="")


class Answer(Struct, frozen=True):
    """A whole answer: ``data`` is its JSON, None where it has no body."""

    status: int
    headers: Mapping[str, str]
    data: Any


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
                failure = self._failure(answer)
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
                failure = self._failure(answer)
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

    def _failure(self, answer: Answer) -> TicketsError:
        host, status = self.tracker.host, answer.status
        said = _said(answer.data)
        if is_rate_limit(answer):
            wait = retry_after(answer)
            when = "" if wait is None else f"; again {_clock(wait)}"
            return TicketsError(
                f"{host} takes no more requests for now{when}.", error="rate_limited"
            )
        codes = graphql_codes(answer.data)
        if "AUTHENTICATION_ERROR" in codes or "FORBIDDEN" in codes:
            status = 401 if "AUTHENTICATION_ERROR" in codes else 403
        match status:
            case 401:
                text = f"{host} does not accept the secret {self.tracker.secret!r}{said}."
                return TicketsError(text, error="unauthorized")
            case 403:
                return TicketsError(f"{host} does not allow that{said}.", error="forbidden")
            case 404 | 410:
                return TicketsError(
                    f"{host} has no such thing, or does not show it to you{said}.",
                    error="no_such_ticket",
                )
            case 409 | 412:
                return TicketsError(
                    f"{host} says that it was changed meanwhile: read it again{said}.",
                    error="conflict",
                )
            case _ if status >= 500:
                return TicketsError(f"{host} failed ({status}).", error="server_error")
            case _ if 300 <= status < 400:
                return TicketsError(
                    f"{host} has moved: check the url of the tracker.", error="unexpected_answer"
                )
            case _:
                return TicketsError(f"{host} did not take it ({status}){said}.", error="rejected")


def _straight(path: str) -> None:
    """No path leads up or stays in place: what would be asked then is another thing than what was judged."""
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise TicketsError("The address would lead elsewhere.", error="bad_arguments")


def is_rate_limit(answer: Answer) -> bool:
    """429; or what GitHub (403 with the limits used up) and Linear (400, RATELIMITED) say in its place."""
    if answer.status == 429:
        return True
    if answer.status == 403:
        return answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    return answer.status == 400 and "RATELIMITED" in graphql_codes(answer.data)


def graphql_codes(data: Any) -> list[str]:
    """The codes of the errors in a GraphQL answer."""
    errors = data.get("errors") if isinstance(data, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    codes: list[str] = []
    for error in errors if isinstance(errors, list) else ():  # pyright: ignore[reportUnknownVariableType]
        extensions = error.get("extensions") if isinstance(error, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(extensions, dict):
            codes.append(str(extensions.get("code", "")))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return codes


def retry_after(answer: Answer) -> float | None:
    """Seconds until the server takes requests again, by what it says; None = it says nothing."""
    wait = _said_wait(answer.headers)
    return None if wait is None else min(max(0.0, wait), LONGEST_WAIT_S)


def _said_wait(headers: Mapping[str, str]) -> float | None:
    if said := headers.get("retry-after"):
        if said.strip().isdecimal():
            return float(said)
        try:
            return parsedate_to_datetime(said).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    for name, unit in (
        ("x-ratelimit-reset", 1.0),
        ("ratelimit-reset", 1.0),
        ("x-ratelimit-requests-reset", 1000.0),
    ):
        said = headers.get(name, "")
        remaining = headers.get(name.replace("reset", "remaining"))
        if said.isdecimal() and remaining in (None, "0"):
            return float(said) / unit - time.time()
        if said and remaining in (None, "0"):
            try:
                return datetime.fromisoformat(said).timestamp() - time.time()
            except (ValueError, OverflowError):
                return None
    return None


def unreachable(tracker: Tracker, error: Exception) -> TicketsError:
    """The failure of a connection, without what an engine says of it."""
    if isinstance(error, httpx2.TimeoutException):
        return TicketsError(f"{tracker.host} gave no answer in time.", error="timeout")
    return TicketsError(
        f"{tracker.host} cannot be reached ({type(error).__name__}).", error="unreachable"
    )


def shape(tracker: Tracker) -> TicketsError:
    """An answer that is not of the form that the vendor publishes."""
    return TicketsError(
        f"{tracker.host} answered in a form that is not known here: its interface may have changed.",
        error="unexpected_answer",
    )


def _said(data: Any) -> str:
    """What the server says of it, in short: in the fields in which these vendors say it."""
    texts: list[str] = []

    def add(value: Any) -> None:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            for one in value[:3]:  # pyright: ignore[reportUnknownVariableType]
                add(one)
        elif isinstance(value, dict):
            for key, one in list(value.items())[:4]:  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                if key not in ("extensions", "documentation_url", "typeKey", "errorCode"):
                    add(one)

    if isinstance(data, dict):
        for key in ("message", "error", "errorMessages", "errors", "error_description"):
            add(data.get(key))  # pyright: ignore[reportUnknownMemberType]
    text = _MESSAGE.sub(" ", "; ".join(one for one in texts if one)).strip()
    return f": {text[:_SAID]}" if text else ""


def _clock(seconds: float) -> str:
    return f"at {datetime.fromtimestamp(time.time() + seconds, UTC):%H:%M:%S} UTC"


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
