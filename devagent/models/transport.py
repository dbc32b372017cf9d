"""HTTP/1.1 to one service: a request's bytes out, the response's bytes in as they come.

- A connection serves one exchange at a time and is used again while the service keeps it open; idle
  ones are closed after ``IDLE_S``. A kept connection that turns out closed before it brought a byte is
  replaced by a new one once, silently.
- Each wait has a limit: ``connect_s`` for address, TLS and proxy together, ``stall_s`` for silence.
- Only ``Failure`` (a ModelError) leaves, besides cancellation.

``ssl`` contexts are made only for https, in a thread, while the TCP connection opens.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from ssl import SSLContext, SSLError

from devagent.core.errors import ConfigError
from devagent.models.address import Address
from devagent.models.connection import Connection
from devagent.models.failures import Failure, Unusable, disconnected, stalled
from devagent.models.tls import Tls, tls_context

IDLE_S = 55.0
TAIL_S = 2.0


class Response:
    """Status, headers (lower-case names) and the body as it comes."""

    def __init__(
        self, connection: Connection, stall_s: float, keep: Callable[[Connection], None]
    ) -> None:
        self._connection = connection
        self._stall_s = stall_s
        self._keep = keep
        self.status = connection.status
        self.headers = connection.headers

    async def read(self) -> bytes:
        """Everything that came since the last call, at least one byte; empty at the end.

        Raises Failure: ``connection`` where the body broke off, ``stalled``, ``protocol``.
        """
        return await self._connection.read(self._stall_s)

    async def read_whole(self, limit: int) -> bytes:
        """The body up to ``limit`` bytes: for errors, so a break just ends it."""
        data = b""
        try:
            while len(data) < limit and (more := await self.read()):
                data += more
        except Failure:
            return data
        return data[:limit]

    def release(self) -> None:
        """The caller has what it needs: the connection is kept once the response has ended, which
        for a finished reply is at once or within ``TAIL_S``; else it is closed."""
        connection = self._connection
        if connection.complete:
            self._keep(connection)
        elif connection.closed:
            return
        else:
            connection.on_complete = self._keep
            asyncio.get_running_loop().call_later(TAIL_S, _close_unfinished, connection)

    def abandon(self) -> None:
        """The rest is not wanted: the connection is closed."""
        self._connection.close()


def _close_unfinished(connection: Connection) -> None:
    if not connection.complete:
        connection.close()


class Transport:
    """Connections to one address, through a proxy where there is one."""

    def __init__(
        self,
        base: Address,
        *,
        proxy: Address | None = None,
        connect_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        tls: Tls = Tls(),  # noqa: B008 - frozen
    ) -> None:
        self._base = base
        self._tls = tls
        self._proxy = proxy
        self._connect_s = connect_s
        self._clock = clock
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening: asyncio.Future[None] | None = None
        self._context: SSLContext | None = None

    async def connect(self) -> bool:
        """Open a connection ahead of the first request, which waits for it.

        Whether there is one now. A failure is left to that request, which tries again and tells.
        """
        if self._idle or self._opening is not None:
            return True
        self._opening = asyncio.get_running_loop().create_future()
        try:
            self._keep(await self._connect())
        except Failure:
            return False
        finally:
            self._opening.set_result(None)
            self._opening = None
        return True

    async def post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        stall_s: float,
        head_s: float | None = None,
    ) -> Response:
        """Send a request; the response once its head is there. The caller ends it with
        ``release`` or ``abandon``.

        ``stall_s`` bounds silence, ``head_s`` the whole time to the head. Raises Failure.
        """
        return await self._bounded(
            self._head("POST", path, headers, len(body)) + body, stall_s, head_s
        )

    async def get(
        self, path: str, headers: Mapping[str, str], *, stall_s: float, head_s: float
    ) -> Response:
        """The same without a body. Raises Failure."""
        return await self._bounded(self._head("GET", path, headers, None), stall_s, head_s)

    async def _bounded(self, data: bytes, stall_s: float, head_s: float | None) -> Response:
        try:
            async with asyncio.timeout(head_s):
                return await self._exchange(data, stall_s)
        except TimeoutError:
            raise stalled(head_s or 0.0) from None

    async def _exchange(self, data: bytes, stall_s: float) -> Response:
        while True:
            connection, kept = await self._take()
            try:
                connection.send(data)
                await connection.head(stall_s)
                return Response(connection, stall_s, self._keep)
            except Failure as failure:
                connection.close()
                if not (kept and failure.kind == "connection" and not connection.received):
                    raise
            except BaseException:
                connection.close()
                raise

    async def aclose(self) -> None:
        """Close every connection, used or not."""
        for connection in list(self._open):
            connection.close()
        self._idle.clear()
        self._open.clear()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round

    def _head(
        self, method: str, path: str, headers: Mapping[str, str], length: int | None
    ) -> bytes:
        target = self._base.path + path
        lines = [f"host: {self._base.authority}"]
        if length is not None:
            lines.append(f"content-length: {length}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self._proxy is not None and not self._base.tls:
            target = f"http://{self._base.authority}{target}"
            lines += _proxy_headers(self._proxy)
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")

    async def _take(self) -> tuple[Connection, bool]:
        """A connection, and whether it was opened earlier."""
        if not self._idle and self._opening is not None:
            await asyncio.shield(self._opening)
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and self._clock() - connection.idle_since < IDLE_S:
                return connection, True
            connection.close()
            self._open.discard(connection)
        return await self._connect(), False

    def _keep(self, connection: Connection) -> None:
        if connection.closed or not connection.keep_alive:
            connection.close()
            self._open.discard(connection)
            return
        connection.on_complete = None
        connection.idle_since = self._clock()
        self._idle.append(connection)

    async def _connect(self) -> Connection:
        via = self._proxy or self._base
        name = "the proxy" if self._proxy else "the model service"
        connection = Connection()
        self._open = {other for other in self._open if not other.closed} | {connection}
        try:
            async with asyncio.timeout(self._connect_s):
                context = self._tls_context()
                loop = asyncio.get_running_loop()
                await loop.create_connection(
                    lambda: connection, via.host, via.port, happy_eyeballs_delay=0.25
                )
                if self._proxy is not None and self._base.tls:
                    await self._tunnel(connection, self._proxy)
                if context is not None:
                    await connection.secure(await context, self._base.host)
        except Failure:
            connection.close()
            raise
        except ConfigError as error:  # a certificate's file: trying again is no use
            connection.close()
            raise Unusable(error.what, kind="connection", again=False, hint=error.hint) from None
        except TimeoutError:
            connection.close()
            raise Failure(
                f"Connecting to {name} at {via.tunnel} took longer than {self._connect_s:g} s",
                kind="connection",
                again=True,
            ) from None
        except SSLError as error:
            connection.close()
            raise Failure(
                f"No trusted connection to the model service at {self._base.tunnel}: "
                f"{getattr(error, 'verify_message', '') or error.reason or error}",
                kind="connection",
                again=False,
                hint="Behind a company proxy, SSL_CERT_FILE must name its certificate authorities.",
            ) from None
        except OSError as error:
            connection.close()
            raise disconnected(
                f"Cannot connect to {name} at {via.tunnel}: {error.strerror or error}"
            ) from None
        except BaseException:
            connection.close()
            raise
        connection.keep_alive = True
        return connection

    def _tls_context(self) -> "asyncio.Future[SSLContext] | None":
        """Where TLS is needed, its context: in the making in a thread (50 ms of reading authorities),
        beside the TCP connection."""
        if not self._base.tls:
            return None
        loop = asyncio.get_running_loop()
        if self._context is None:
            return loop.run_in_executor(None, self._make_context)
        ready: asyncio.Future[SSLContext] = loop.create_future()
        ready.set_result(self._context)
        return ready

    def _make_context(self) -> SSLContext:
        self._context = tls_context(self._tls)
        return self._context

    async def _tunnel(self, connection: Connection, proxy: Address) -> None:
        """RFC 9110, 9.3.6."""
        target = self._base.tunnel
        lines = [f"CONNECT {target} HTTP/1.1", f"host: {target}", *_proxy_headers(proxy), "", ""]
        connection.send("\r\n".join(lines).encode("latin-1"))
        await connection.head(self._connect_s)
        if not 200 <= connection.status < 300:
            connection.close()
            refused = connection.status == 407
            raise Failure(
                f"The proxy at {proxy.tunnel} refused the connection ({connection.status})",
                kind="permission" if refused else "connection",
                status=connection.status,
                again=connection.status >= 500,
                hint="Put its user and password into the proxy's URL: http://user:password@proxy:port."
                if refused
                else "",
            )


def _proxy_headers(proxy: Address) -> list[str]:
    return [f"proxy-authorization: {proxy.authorization}"] if proxy.authorization else []
