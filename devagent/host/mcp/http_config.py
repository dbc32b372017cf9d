"""What the config says of a server behind HTTP: its URL, the names of its headers, how to sign in.

Every ValueError here goes on from the key's name: ``url`` "must be …".
"""

import ipaddress
import re
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from devagent.host.mcp.handles import Handle, handle
from devagent.policy.plain import is_table

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "host", "keep-alive", "last-event-id", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)
"""Headers that the protocol itself sets, beside ``mcp-*``, ``proxy-*``."""
_SECRET = re.compile(r"(?i)(?:^|[_-])(?:token|secret|password|key|apikey|auth|sig|signature)$")
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_ODD = frozenset(' "<>\\^`{|}')
MAX_URL, MAX_PAGE = 2_000, 8_000


class SignIn(Struct, frozen=True, kw_only=True):
    """``oauth``: who devagent is to the server that issues the tokens. Without a ``client_id``: the document at
    ``client_metadata_url`` where that server takes such, else it registers itself there."""

    client_id: str = ""
    client_secret: Handle | None = None
    client_metadata_url: str = ""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    issuer: str = ""


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Whether the host is this machine, or an address that is none of the public internet's."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))


def page_host(url: str) -> str:
    """The host of a page's address, in small letters. Raises ValueError for an address that is none, or that a browser could
    take to another host than is read here."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as e:
        raise ValueError("it is no address") from e
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("it is neither https nor on this machine")
    odd = not url.isascii() or not url.isprintable() or set(url) & _ODD or "@" in parts.netloc
    if odd or len(url) > MAX_PAGE or not _HOST.fullmatch(host):
        raise ValueError("it is not plainly the address of a page")
    return host.lower()


def server_url(text: str) -> str:
    """The URL of a server. Raises ValueError."""
    _plain_url(text)
    query = urlsplit(text).query
    if any(_SECRET.search(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        raise ValueError("has what looks like a secret in it; send that in a header, by a handle")
    return text


def _plain_url(text: str) -> None:
    """Raises ValueError for a URL that is not https, nor http to this machine, or that can be read in two ways."""
    if not text:
        raise ValueError("is missing")
    if (
        len(text) > MAX_URL
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or "\\" in text
    ):
        raise ValueError("must be a plain URL: printable ASCII without spaces and backslashes")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError as e:
        raise ValueError("must be a URL") from e
    if not host:
        raise ValueError("must be a URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("may not hold a user or a password")
    if parts.fragment:
        raise ValueError("may not hold a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("must be https (http is for this machine's loopback alone)")


def header_name(name: str) -> str:
    """The name of a header that the config may set. Raises ValueError."""
    if not _TOKEN.fullmatch(name):
        raise ValueError("is no name of a header")
    if name.lower() in _OURS or name.lower().startswith(("mcp-", "proxy-", "sec-")):
        raise ValueError("is a header that the protocol itself sets")
    return name


_KEYS = ("client_id", "client_secret", "client_metadata_url", "grant", "issuer")


def sign_in(table: Any) -> SignIn:
    """``oauth = {…}``. Raises ValueError."""
    if not is_table(table):
        raise ValueError("must be a table")
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"has no key {key!r} (known: {', '.join(_KEYS)})")
        if not isinstance(value, str) or not value:
            raise ValueError(f"needs text for {key}")
    grant = table.get("grant", "authorization_code")
    if grant not in ("authorization_code", "client_credentials"):
        raise ValueError("needs authorization_code or client_credentials for grant")
    secret = handle(table["client_secret"]) if "client_secret" in table else None
    if secret is not None and secret.word:
        raise ValueError("needs a client_secret that is a handle without a word before it")
    if secret is not None and "client_id" not in table:
        raise ValueError("has a client_secret and no client_id")
    if secret is not None and "issuer" not in table:
        # Else the server itself would say to whom the secret goes.
        raise ValueError("has a client_secret and no issuer that it is for")
    if grant == "client_credentials" and secret is None:
        raise ValueError("needs client_id and client_secret for client_credentials")
    for key in ("client_metadata_url", "issuer"):
        if key in table:
            try:
                _plain_url(table[key])
            except ValueError as e:
                raise ValueError(f"{key} {e}") from e
    document = str(table.get("client_metadata_url", ""))
    if document and (not document.startswith("https:") or urlsplit(document).path in ("", "/")):
        raise ValueError("needs https and a path for client_metadata_url")
    return SignIn(
        client_id=table.get("client_id", ""),
        client_secret=secret,
        client_metadata_url=document,
        grant="client_credentials" if grant == "client_credentials" else "authorization_code",
        issuer=table.get("issuer", ""),
    )
