"""Every HTTP exchange with a third party's server, below the ``mcp`` SDK's client: where it may go, how much may come.

1. https, or http to this machine; another origin than the server's own is asked only for signing in, and where
   the server is not on this machine, neither is that origin, nor has it an address of a private network.
2. The config's headers go to the server's own origin alone.
3. An answer is never compressed (a small one could unpack to any size), and has a length at which the server is
   cut off; so has all that comes between two requests of ours.
4. No cookie is kept, so none goes from one origin to another of the same host.
5. What cannot be reached, or does not let us in, is told as such and ends the conversation; the next call begins anew.

Imports ``httpx2``: only for use when a server is spoken to.
"""

import ssl
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Protocol

import httpx2

from devagent.core.text import one_line
from devagent.host.mcp.http_config import is_loopback, is_private

MAX_ANSWER = 8 << 20
MAX_BETWEEN = 64 << 20
MAX_EVENT_LINES = 60_000
"""Of event streams between two requests of ours: three lines an event, 20,000 events."""
MAX_SIGN_IN = 1 << 20
CONNECT_S, LEAVE_S = 10.0, 2.0
_SESSION = "mcp-session-id"


class Cut(Protocol):
    """Told why nothing more is taken from the server; ``error`` is the kind, where it is not its end."""

    def __call__(self, why: str, error: str = "") -> None: ...


class GuardedExchange(httpx2.AsyncBaseTransport):
    """``headers`` are the secrets' values, and go into requests to the URL's origin alone."""

    def __init__(self, url: str, headers: Mapping[str, str], cut: Cut) -> None:
        self._url = httpx2.URL(url)
        self._headers = headers
        self._cut = cut
        self._tls = ssl.create_default_context()
        self._ways: dict[str, httpx2.AsyncHTTPTransport] = {}
        self._bytes = self._lines = 0
        self.received = 0
        """Bytes of the server's own answers so far."""
        self.over = False
        """Cut off: nothing more is sent, whoever still tries."""

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()

    def begin(self) -> None:
        """A request of ours goes out: what may come until the next one is counted anew. What answers the server is none."""
        self._bytes = self._lines = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.over:
            return httpx2.Response(502, request=request)
        own = _origin(request.url) == _origin(self._url)
        try:
            self._check(request.url, own)
        except httpx2.UnsupportedProtocol as e:
            self._end(str(e), "not_signed_in")
            raise
        request.headers["accept-encoding"] = "identity"
        if own:
            request.headers.update(self._headers)
        if request.method == "DELETE":  # leaving; nobody waits long for an answer to that
            limits = dict.fromkeys(("connect", "read", "write", "pool"), LEAVE_S)
            request.extensions = {**request.extensions, "timeout": limits}
        try:
            response = await self._way(request.url).handle_async_request(request)
        except httpx2.TransportError as e:
            why = one_line(str(e), 200) or type(e).__name__
            if not own:
                self._end(f"{_shown(request.url)} cannot be reached ({why})", "not_signed_in")
                raise
            if request.method != "POST":
                raise
            self._end(f"it cannot be reached ({why})")
            return httpx2.Response(502, request=request)
        return self._guarded(request, response, own)

    def _check(self, url: httpx2.URL, own: bool) -> None:
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
            raise httpx2.UnsupportedProtocol(f"{_shown(url)} is neither https nor on this machine")
        if not own and is_private(url.host) and not is_loopback(self._url.host):
            # A server far away has no business at addresses that only this machine can reach.
            raise httpx2.UnsupportedProtocol(f"{_shown(url)} is not in the public internet")

    def _guarded(
        self, request: httpx2.Request, response: httpx2.Response, own: bool
    ) -> httpx2.Response:
        status, kind = response.status_code, response.headers.get("content-type", "")
        encoding = response.headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            self._end(
                f"it answered in the encoding {one_line(encoding, 40)!r}, which nobody asked for"
            )
        elif own and status == 404 and _SESSION in request.headers:
            self._end("it does not know the session any more")
        elif (
            own
            and status in (401, 403)
            and any(h.lower() == "authorization" for h in self._headers)
        ):
            self._end(
                f"it does not accept the config's Authorization (status {status})", "not_signed_in"
            )
        is_events = kind.partition(";")[0].strip().lower() == "text/event-stream"
        body = self._body(response, own=own, is_events=is_events)
        return httpx2.Response(
            status,
            headers=[one for one in response.headers.raw if one[0].lower() != b"set-cookie"],
            stream=_Stream(body, response),
            extensions=response.extensions,
            request=request,
        )

    async def _body(
        self, response: httpx2.Response, *, own: bool, is_events: bool
    ) -> AsyncGenerator[bytes]:
        size, most = 0, MAX_ANSWER if own else MAX_SIGN_IN
        stream = response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous transport gave a stream that is none")
        try:
            async for chunk in stream:
                size += len(chunk)
                if own:
                    self._count(chunk, is_events)
                if size > most and not is_events:
                    self._end(f"it gave an answer of more than {most >> 20} MiB")
                if self.over:
                    raise httpx2.StreamError("cut off")
                yield chunk
        except httpx2.TransportError as e:
            if is_events or not own:
                raise  # a stream of events can be taken up again
            self._end("its answer broke off")
            raise httpx2.StreamError("broken off") from e

    def _count(self, chunk: bytes, is_events: bool) -> None:
        self.received += len(chunk)
        self._bytes += len(chunk)
        if self._bytes > MAX_BETWEEN:
            self._end(f"it sent more than {MAX_BETWEEN >> 20} MiB in answer to one request")
        if is_events:
            self._lines += chunk.count(b"\n")
            if self._lines > MAX_EVENT_LINES:
                self._end(
                    f"it sent more than {MAX_EVENT_LINES // 3:,} events in answer to one request"
                )

    def _end(self, why: str, error: str = "") -> None:
        self._cut(why, error)

    def _way(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        """Straight, or through the proxy that the environment names for this host."""
        proxy = ""
        if not is_loopback(url.host) and not urllib.request.proxy_bypass(url.host):
            proxy = urllib.request.getproxies().get(url.scheme, "")
        if proxy not in self._ways:
            self._ways[proxy] = httpx2.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, proxy=proxy or None
            )
        return self._ways[proxy]


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, body: AsyncGenerator[bytes], response: httpx2.Response) -> None:
        self._body = body
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._body) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _shown(url: httpx2.URL) -> str:
    return one_line(str(url.copy_with(userinfo=b"", query=None, fragment=None)), 200)
