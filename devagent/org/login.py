"""Logging in with the organisation's OpenID provider: the device flow (RFC 8628), or a code with PKCE (RFC 7636, 8252).

What comes back is an ID token, which ``tokens`` checks against the keys in the bundle: the provider's own key set is not asked for.
The refresh token goes to the keyring, and nowhere else.
"""

import base64
import hashlib
import http.client
import http.server
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec import Struct

from devagent.core.codec import parse
from devagent.org.principals import Oidc
from devagent.org.refusals import Refused
from devagent.policy.plain import is_table

LOGIN_S = 600.0
ASKED_S = 15.0
_MOST = 1_000_000
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Tokens(Struct, frozen=True):
    """``refresh`` is empty where the provider gave none."""

    id_token: str
    refresh: str = ""

    def __repr__(self) -> str:
        return "Tokens(…)"


class Provider:
    """The provider's addresses, as its own metadata has them."""

    def __init__(self, oidc: Oidc) -> None:
        self._oidc = oidc
        found = ask(f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != oidc.issuer:
            raise Refused("identity", f"{oidc.issuer} calls itself {found.get('issuer')!r}")
        self._found = found

    def _address(self, name: str) -> str:
        address = self._found.get(name)
        if not isinstance(address, str):
            raise Refused("identity", f"{self._oidc.issuer} has no {name}")
        return address

    def by_device(
        self, tell: Callable[[str, str], None], *, wait: Callable[[float], None]
    ) -> Tokens:
        """The device flow: ``tell`` the address and the code, and ask until somebody has entered it. Raises Refused."""
        scope = " ".join(self._oidc.scopes)
        fields = {"client_id": self._oidc.client_id, "scope": scope}
        asked = ask(self._address("device_authorization_endpoint"), fields)
        code, user_code = asked.get("device_code"), asked.get("user_code")
        where = asked.get("verification_uri_complete") or asked.get("verification_uri")
        if (
            not isinstance(code, str)
            or not isinstance(user_code, str)
            or not isinstance(where, str)
        ):
            raise Refused("identity", "the provider gave no code")
        interval = float(asked.get("interval") or 5)
        until = time.monotonic() + min(float(asked.get("expires_in") or LOGIN_S), LOGIN_S)
        tell(where, user_code)
        while time.monotonic() < until:
            fields = {"grant_type": _DEVICE, "device_code": code, "client_id": self._oidc.client_id}
            answer = ask(self._address("token_endpoint"), fields, refusals=True)
            match answer.get("error"):
                case None:
                    return _tokens(answer)
                case "authorization_pending":
                    wait(interval)
                case "slow_down":
                    interval += 5
                    wait(interval)
                case other:
                    raise Refused("identity", f"the provider says {other!r}")
        raise Refused("identity", "nobody entered the code in time")

    def by_browser(self, browse: Callable[[str], None]) -> tuple[Tokens, str]:
        """A code with PKCE, by a browser on this machine; the tokens, and the nonce that theirs must hold. Raises Refused."""
        verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(
            b"="
        )
        with _Redirect(state) as redirect:
            query = {
                "response_type": "code",
                "client_id": self._oidc.client_id,
                "redirect_uri": redirect.address,
                "scope": " ".join(self._oidc.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge.decode(),
                "code_challenge_method": "S256",
            }
            browse(f"{self._address('authorization_endpoint')}?{urlencode(query)}")
            code = redirect.code(LOGIN_S)
            fields = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect.address,
                "client_id": self._oidc.client_id,
                "code_verifier": verifier,
            }
            return _tokens(ask(self._address("token_endpoint"), fields)), nonce

    def refreshed(self, refresh: str) -> Tokens:
        """New tokens for a refresh token; it may be another then. Raises Refused."""
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": self._oidc.client_id,
        }
        found = _tokens(ask(self._address("token_endpoint"), fields))
        return found if found.refresh else Tokens(found.id_token, refresh)


def _tokens(answer: Mapping[str, Any]) -> Tokens:
    token, refresh = answer.get("id_token"), answer.get("refresh_token", "")
    if not isinstance(token, str):
        raise Refused("identity", "the provider gave no ID token")
    return Tokens(token, refresh if isinstance(refresh, str) else "")


def ask(
    url: str,
    fields: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] = {},
    refusals: bool = False,
) -> dict[str, Any]:
    """A JSON answer. ``refusals``: OAuth's errors (status 400) are answers too. Raises Refused."""
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.hostname is None or not (
        parts.scheme == "https" or (parts.scheme == "http" and loopback)
    ):
        raise Refused("identity", f"{url} is not https")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=ASKED_S)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    sent = {"accept": "application/json", **headers}
    try:
        if fields is None:
            connection.request("GET", path, headers=sent)
        else:
            sent["content-type"] = "application/x-www-form-urlencoded"
            connection.request("POST", path, body=urlencode(fields), headers=sent)
        answer = connection.getresponse()
        data = answer.read(_MOST)
    except (OSError, http.client.HTTPException) as e:
        raise Refused("unreachable", f"{parts.hostname}: {e or type(e).__name__}") from e
    finally:
        connection.close()
    try:
        value: Any = parse(data)
    except ValueError as e:
        raise Refused("identity", f"{parts.hostname} answers {answer.status} without JSON") from e
    if not is_table(value):
        raise Refused("identity", f"{parts.hostname} answers with no table")
    if answer.status == 200 or (refusals and "error" in value):
        return value
    raise Refused(
        "identity", f"{parts.hostname} answers {answer.status}: {str(value.get('error', ''))[:100]}"
    )


class _Redirect:
    """A server on loopback for the one request that the browser comes back with."""

    def __init__(self, state: str) -> None:
        found: list[str] = []
        arrived = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                ours = urlsplit(self.path).path == "/callback" and query.get("state") == [state]
                self.send_response(200 if ours else 404)
                self.send_header("content-type", "text/plain; charset=utf-8")
                self.end_headers()
                self.wfile.write(b"devagent: you may close this page.\n" if ours else b"not this\n")
                if ours:
                    found.extend(query.get("code", [""])[:1])
                    arrived.set()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the path holds the code."""

        self._found, self._arrived = found, arrived
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def __enter__(self) -> "_Redirect":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, limit_s: float) -> str:
        if not self._arrived.wait(limit_s) or not self._found or not self._found[0]:
            raise Refused("identity", "the browser did not come back with a code")
        return self._found[0]
