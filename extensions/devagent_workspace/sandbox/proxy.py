"""A proxy that lets single hosts through: HTTP, and CONNECT for everything else.

It listens on a socket of a command's own namespace and connects from outside. A name is looked up here, so the
command needs no DNS; one that leads to this machine itself, or to its link, is refused: whoever keeps a zone
could otherwise name the services here. Where the machine reaches the net through a proxy of its own
(``HTTPS_PROXY``), that is used.
"""

import base64
import contextlib
import ipaddress
import os
import re
import socket
import threading
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from devagent_workspace.sandbox.waiting import readable

MOST_CONNECTIONS = 64
_HEAD_BYTES = 32_768
_HEAD_S = 30.0
_CONNECT_S = 30.0
_IDLE_S = 600.0
_REQUEST = re.compile(rb"([A-Z]{3,10}) (\S+) HTTP/1\.[01]\Z")
_OURS = (b"proxy-", b"connection:", b"keep-alive:", b"host:")
"""Beginnings of the headers that are not handed on."""


class Refused(Exception):
    """A request is not carried out: the status, and a sentence that names what may be done."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Target(NamedTuple):
    """Where a request goes. ``method`` is empty for CONNECT; ``headers`` are those that are handed on."""

    host: str
    port: int
    method: bytes = b""
    authority: bytes = b""
    path: bytes = b""
    headers: tuple[bytes, ...] = ()

    def head(self, *, to_proxy: bool = False, more: bytes = b"") -> bytes:
        """The head of an HTTP request as the target takes it, or another proxy."""
        where = b"http://" + self.authority + self.path if to_proxy else self.path
        # One request a connection: what came behind it would not be looked at.
        lines = [self.method + b" " + where + b" HTTP/1.1", b"Host: " + self.authority, *self.headers, b"Connection: close"]  # fmt: skip
        return b"\r\n".join(lines) + b"\r\n" + more + b"\r\n"


class Proxy:
    """Serves one command. ``refused`` takes the hosts that it asked for and may not reach."""

    def __init__(self, door: socket.socket, hosts: Sequence[str], refused: list[str]) -> None:
        self._door = door
        self._hosts = frozenset(_plain(host) for host in hosts)
        self._refused = refused
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._room = threading.Semaphore(MOST_CONNECTIONS)

    def serve(self, ended: int) -> None:
        """Serve until ``ended`` can be read (the command's process, as a descriptor, which is closed)."""
        self._door.setblocking(False)
        try:
            while ended not in readable([self._door, ended], None):
                try:
                    client = self._door.accept()[0]
                except OSError:
                    continue  # it went away before it was taken
                client.settimeout(_HEAD_S)
                self._keep(client)
                threading.Thread(
                    target=self._handle, args=(client,), name="proxied", daemon=True
                ).start()
        finally:
            os.close(ended)
            self._door.close()
            with self._lock:
                for one in self._open:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)  # its thread closes it

    def _keep(self, one: socket.socket) -> None:
        with self._lock:
            self._open.add(one)

    def _drop(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        one.close()

    def _handle(self, client: socket.socket) -> None:
        with self._room:
            try:
                self._carry(client)
            except Refused as no:
                with contextlib.suppress(OSError):
                    _say_no(client, no)
            except (OSError, ValueError):
                pass  # one of the two has gone, or says what nobody understands: the other sees the end
            finally:
                self._drop(client)

    def _carry(self, client: socket.socket) -> None:
        head, body = _head(client)
        target = _target(head)
        if target.host not in self._hosts:
            self._note(target.host)
            raise Refused(
                "403 host not granted",
                f"{target.host} is not among the hosts of this call: {', '.join(sorted(self._hosts))}. Name it in"
                f" hosts; policy must then grant host:{target.host}.",
            )
        far = _connected(target)
        self._keep(far)
        try:
            if not target.method:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if body:
                far.sendall(body)
            _relay(client, far)
        finally:
            self._drop(far)

    def _note(self, host: str) -> None:
        with self._lock:
            if host not in self._refused and len(self._refused) < 20:
                self._refused.append(host)


def _say_no(client: socket.socket, no: Refused) -> None:
    """The refusal, and then what the client was still saying: unread, it would take the answer away with it."""
    client.sendall(_answer(no))
    client.shutdown(socket.SHUT_WR)
    client.settimeout(1.0)
    for _ in range(64):
        if not client.recv(65_536):
            return


def _answer(no: Refused) -> bytes:
    body = f"devagent: {no.text}\n".encode()
    head = f"HTTP/1.1 {no.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """A request's head, and what came behind it already."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > _HEAD_BYTES:
            raise Refused("431 head too large", "the request's head is too large")
        part = client.recv(8192)
        if not part:
            raise ConnectionError("gone")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


def _target(head: bytes) -> Target:
    first, *headers = head.split(b"\r\n")
    request = _REQUEST.match(first)
    if request is None:
        raise Refused("400 not understood", "this is a proxy for HTTP and CONNECT")
    method, where = request[1], request[2].decode("latin-1")
    try:
        if method == b"CONNECT":
            split = urlsplit(f"//{where}")
            if split.hostname is None or split.port is None:
                raise ValueError("no port")
            return Target(_plain(split.hostname), split.port)
        split = urlsplit(where)
        if split.scheme != "http" or split.hostname is None or "@" in split.netloc:
            raise ValueError("no plain address")
        port = split.port or 80
    except ValueError:
        raise Refused("400 not understood", "the address cannot be read") from None
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return Target(
        _plain(split.hostname),
        port,
        method,
        split.netloc.encode("latin-1"),
        path.encode("latin-1"),
        tuple(line for line in headers if not line.lower().startswith(_OURS)),
    )


def _connected(target: Target) -> socket.socket:
    """A connection to the target, its head said; by the machine's own proxy where it has one."""
    upstream = _upstream(target)
    if upstream is not None:
        return _through(upstream, target)
    try:
        found = addresses(target.host, target.port)
    except (OSError, UnicodeError):
        raise Refused("502 no such host", f"{target.host} cannot be resolved") from None
    for family, address in found:
        if _is_here(target.host, address):
            raise _leads_here(target.host, address)
        far = socket.socket(family, socket.SOCK_STREAM)
        far.settimeout(_CONNECT_S)
        try:
            far.connect((address, target.port))
            if not _is_address(target.host) and far.getsockname()[0] == far.getpeername()[0]:
                raise _leads_here(target.host, address)
            if target.method:
                far.sendall(target.head())
        except OSError:
            far.close()
            continue
        except Refused:
            far.close()
            raise
        return far
    raise Refused("502 not reached", f"{target.host} could not be reached")


def addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    """What a name leads to. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(one[0], str(one[4][0])) for one in found]


def _leads_here(host: str, address: str) -> Refused:
    return Refused(
        "403 leads to this machine",
        f"{host} leads to this machine or its own link ({address}); that has to be named as it is",
    )


def _is_here(host: str, address: str) -> bool:
    if _is_address(host):
        return False  # it was named and granted as it is
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return (
        mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _upstream(target: Target) -> str | None:
    """The proxy that this machine itself uses for a target."""
    name = "http_proxy" if target.method else "https_proxy"
    proxy = os.environ.get(name) or os.environ.get(name.upper()) or os.environ.get("ALL_PROXY")
    around = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for one in around.replace(",", " ").split():
        suffix = one.lower().lstrip("*").lstrip(".")
        if one == "*" or target.host == suffix or target.host.endswith(f".{suffix}"):
            return None
    return proxy or None


def _through(proxy: str, target: Target) -> socket.socket:
    split = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    if split.scheme != "http" or split.hostname is None:
        raise Refused("502 no way", "the machine's own proxy is not one over plain HTTP")
    authorization = b""
    if split.username is not None:
        pair = f"{unquote(split.username)}:{unquote(split.password or '')}".encode()
        authorization = b"Proxy-Authorization: Basic " + base64.b64encode(pair) + b"\r\n"
    try:
        far = socket.create_connection((split.hostname, split.port or 80), _CONNECT_S)
    except OSError:
        raise Refused("502 not reached", "the machine's own proxy could not be reached") from None
    far.settimeout(_CONNECT_S)
    try:
        if target.method:
            far.sendall(target.head(to_proxy=True, more=authorization))
        else:
            _tunnel(far, target, authorization)
    except BaseException:
        far.close()
        raise
    return far


def _tunnel(far: socket.socket, target: Target, authorization: bytes) -> None:
    host = f"[{target.host}]" if ":" in target.host else target.host
    where = f"{host}:{target.port}"
    far.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n".encode() + authorization + b"\r\n")
    head, rest = _head(far)
    if rest or not re.match(rb"HTTP/1\.[01] 2\d\d", head):
        told = head.split(b"\r\n")[0][:80].decode("latin-1")
        raise Refused("502 not let through", f"the machine's own proxy answers: {told}")


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either says until both have ended, or neither says anything for long."""
    for end in (one, other):
        end.settimeout(_CONNECT_S)
    open_ends = {one: other, other: one}
    while open_ends:
        ready = readable(list(open_ends), _IDLE_S)
        if not ready:
            return
        for end in ready:
            data = end.recv(65_536)
            if data:
                open_ends[end].sendall(data)
                continue
            with contextlib.suppress(OSError):
                open_ends[end].shutdown(socket.SHUT_WR)
            del open_ends[end]


def _plain(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")
