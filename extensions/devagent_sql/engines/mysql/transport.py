"""The way to a server: a socket, and TLS over it unless it is on this computer."""

import ipaddress
import socket
import ssl
from typing import Any

from devagent_sql.errors import SqlError
from devagent_sql.sources import Server


def connected_socket(server: Server, seconds: int) -> socket.socket:
    """Raises OSError."""
    if not server.host.startswith("/"):
        found = socket.create_connection((server.host or "localhost", server.port or 3306), seconds)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return found
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(seconds)
        found.connect(server.host)
    except OSError:
        found.close()
        raise
    return found


def is_local(host: str) -> bool:
    """A socket, or this computer."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_arguments(server: Server) -> dict[str, Any]:
    """Of the driver, as the source says; where it says nothing, in the clear on this computer and verified elsewhere.

    Raises SqlError ``bad_settings``."""
    wanted = server.tls or ("disable" if is_local(server.host) else "verify-full")
    if wanted == "disable":
        return {"ssl_disabled": True}
    if wanted not in ("require", "verify-ca", "verify-full"):
        raise SqlError("bad_settings", "tls must be disable, require, verify-ca or verify-full.")
    try:
        context = ssl.create_default_context(cafile=server.tls_root or None)
    except OSError:
        raise SqlError("bad_settings", "The file of tls_root cannot be read.") from None
    context.check_hostname = wanted == "verify-full"
    if wanted == "require":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}
