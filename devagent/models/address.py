"""Where to connect: the base URL, and the proxy that the environment names for it."""

from collections.abc import Mapping

from msgspec import Struct

from devagent.core.errors import ConfigError


class Address(Struct, frozen=True):
    """A parsed ``http`` or ``https`` URL. ``host`` is without brackets, ``path`` without a final slash.

    ``authorization`` is the value of a basic ``authorization`` header where the URL held a user.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    authorization: str = ""

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as in a Host header: no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def tunnel(self) -> str:
        """Host and port as in a CONNECT request: always with the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self.scheme}://{self.authority}{self.path})"


_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or number (127.0.0.0/8, ::1)."""
    if host.lower() == "localhost" or host == "::1":
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdecimal() for p in parts)


def parse(url: str, what: str, *, user_allowed: bool = False) -> Address:
    """The address in ``url``; ``what`` names it in errors. Raises ConfigError, never with a password."""
    scheme, found, rest = url.strip().partition("://")
    if not found:
        scheme, rest = ("http", scheme) if user_allowed else ("", "")
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise ConfigError(f"{what} must begin with https:// or http://")
    authority, slash, path = rest.partition("/")
    user, at, place = authority.rpartition("@")
    if at and not user_allowed:
        raise ConfigError(f"{what} must not hold a user or password")
    if "?" in rest or "#" in rest:
        raise ConfigError(f"{what} must not have a query or fragment")
    if place.startswith("["):
        host, closed, after = place[1:].partition("]")
        port = after.removeprefix(":")
        good = bool(closed) and (not after or after.startswith(":"))
    else:
        host, _, port = place.partition(":")
        good = ":" not in port
    ascii_text = host.isascii() and path.isascii() and f"{host}{path}".isprintable()
    if not good or not host or " " in host + path or not ascii_text:
        raise ConfigError(f"{what} has no usable host or path")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigError(f"{what} has no usable port")
    return Address(
        scheme,
        host.lower(),
        int(port) if port else _PORTS[scheme],
        (slash + path).rstrip("/"),
        _basic(user) if at else "",
    )


def _basic(user: str) -> str:
    from base64 import b64encode  # noqa: PLC0415 - only where a proxy wants a password
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - as above

    name, _, password = user.partition(":")
    return "Basic " + b64encode(unquote_to_bytes(name) + b":" + unquote_to_bytes(password)).decode()


def proxy_for(target: Address, environment: Mapping[str, str]) -> Address | None:
    """The proxy for ``target`` by ``https_proxy``, ``http_proxy``, ``all_proxy`` and ``no_proxy``
    (either case, the lower one first). Raises ConfigError for one that cannot be used."""

    def value(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    name = f"{target.scheme}_proxy"
    url = value(name)
    if not url:
        name, url = "all_proxy", value("all_proxy")
    if not url or _is_exempt(target, value("no_proxy")):
        return None
    proxy = parse(url, f"the proxy in {name}", user_allowed=True)
    if proxy.tls:
        raise ConfigError(
            f"the proxy in {name} must be an http:// one",
            hint="The connection through it is encrypted to the service all the same.",
        )
    return proxy


def _is_exempt(target: Address, no_proxy: str) -> bool:
    for entry in no_proxy.lower().split(","):
        entry = entry.strip()
        if entry == "*":
            return True
        if "/" in entry:
            if _in_network(target.host, entry):
                return True
            continue
        host, colon, port = entry.rpartition(":")
        if colon and port.isdecimal() and not (":" in host and not host.endswith("]")):
            if int(port) != target.port:
                continue
            entry = host
        entry = entry.strip("[]").removeprefix("*").removeprefix(".")
        if entry and (target.host == entry or target.host.endswith("." + entry)):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 - only for networks in no_proxy

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False  # a name, or an entry that is no network: it exempts nothing
