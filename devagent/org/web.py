"""Signed files from any web server with static files; the connection that registries use too."""

import http.client
import os
import socket
import threading
import time
from urllib.parse import urlsplit

from devagent.core.errors import UsageError
from devagent.org.fetching import FILE_S, READ_S, Absent, Challenged, Fetched, Moved
from devagent.org.refusals import Refused

_CHUNK = 65_536


class HttpSource:
    """Any web server with static files. One connection, kept open; proxies of the environment are honoured.

    ``registry``: what wants a login and what has moved is told by Challenged and Moved; of a plain server it is a refusal.
    """

    def __init__(
        self,
        url: str,
        *,
        file_s: float = FILE_S,
        read_s: float = READ_S,
        accept: str = "*/*",
        registry: bool = False,
    ) -> None:
        self._accept = accept
        self._registry = registry
        self.address = url.rstrip("/")
        self.authorization = ""
        self._parts = urlsplit(url.rstrip("/"))
        self._file_s, self._read_s = file_s, read_s
        self._connection: http.client.HTTPConnection | None = None
        self._answer: http.client.HTTPResponse | None = None
        if (
            self._parts.username
            or self._parts.query
            or self._parts.fragment
            or not self._parts.hostname
        ):
            raise UsageError(f"{self._parts.hostname or url} must be named by host and path alone")

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        until = time.monotonic() + self._file_s
        # Each read has a limit; a server that sends a byte now and then is ended by this one.
        watchdog = threading.Timer(self._file_s, self._cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            fetched = self._fetch(path, limit, tag)
            if time.monotonic() >= until:  # what was cut off looks like an end to the library
                self.close()
                raise TimeoutError
            return fetched
        except (OSError, http.client.HTTPException) as e:
            self.close()
            if isinstance(e, TimeoutError) or time.monotonic() >= until:
                raise Refused("slow", f"{path} from {self._parts.hostname}") from e
            raise Refused("unreachable", f"{self._parts.hostname}: {e or type(e).__name__}") from e
        finally:
            watchdog.cancel()

    def _fetch(self, path: str, limit: int, tag: str) -> Fetched:
        headers = {"accept": self._accept, "accept-encoding": "identity", "user-agent": "devagent"}
        if self.authorization:
            headers["authorization"] = self.authorization
        if tag:
            headers["if-none-match" if tag.startswith(('"', "W/")) else "if-modified-since"] = tag
        reused = self._connection is not None
        try:
            answer = self._asked(f"{self._parts.path}/{path}", headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not reused:
                raise
            answer = self._asked(f"{self._parts.path}/{path}", headers)  # the server had closed it
        if answer.status == 304:
            answer.read(_CHUNK)
            return Fetched(b"", tag, unchanged=True)
        if self._registry and answer.status in (401, 301, 302, 303, 307, 308):
            self.close()
            if answer.status == 401:
                raise Challenged(answer.headers.get("www-authenticate") or "")
            raise Moved(answer.headers.get("location") or "")
        if answer.status in (403, 404, 410):  # object stores say 403 of what is not there
            self.close()
            raise Absent(path)
        if answer.status != 200:
            self.close()
            raise Refused(
                "unreachable", f"{self._parts.hostname} answers {answer.status} for {path}"
            )
        parts: list[bytes] = []
        size = 0
        while size <= limit and (part := answer.read1(_CHUNK)):
            parts.append(part)
            size += len(part)
        if size > limit:
            self.close()
            raise Refused("endless", f"{path} has more than {limit:,} bytes")
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        answer.close()  # the connection stays open for the next file
        tag = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
        return Fetched(b"".join(parts), tag)

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended meanwhile

    def _asked(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = _connection(
                self._parts.scheme, str(self._parts.hostname), self._parts.port, self._read_s
            )
        self._connection.request("GET", path, headers=headers)
        self._answer = self._connection.getresponse()
        return self._answer

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connection(
    scheme: str, host: str, port: int | None, timeout: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    import ssl  # noqa: PLC0415  (10 ms, and a folder needs none)

    context = ssl.create_default_context()
    proxy = _proxy(host)
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    connection = http.client.HTTPSConnection(
        str(proxy[0]), proxy[1], timeout=timeout, context=context
    )
    connection.set_tunnel(host, port)
    return connection


def _proxy(host: str) -> tuple[str, int] | None:
    """The environment's proxy for https, host and port; None where none is to be used."""
    named = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip().lstrip(".") for name in direct.split(",") if name.strip()]
    if (
        not named
        or "*" in names
        or any(host == name or host.endswith(f".{name}") for name in names)
    ):
        return None
    parts = urlsplit(named if "//" in named else f"http://{named}")
    return (parts.hostname, parts.port or 8080) if parts.hostname else None
