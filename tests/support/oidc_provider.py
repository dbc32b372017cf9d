"""An OpenID provider in a process of its own, on loopback, with real signatures: ``python oidc_provider.py`` prints its port and key.

Device flow, code with PKCE (whoever comes is Ana at once), refresh tokens that are used once. ``/decide?code=…`` enters a device
code; ``/settings`` (POST, JSON) changes claims, lifetime, algorithm or key.
"""

import base64
import hashlib
import http.server
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

CLIENT = "devagent"


class Provider(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.settings: dict[str, Any] = {"expires_in": 300, "claims": {}, "alg": "ES256"}
        self.codes: dict[str, dict[str, str]] = {}
        self.devices: dict[str, bool] = {}
        self.refresh: set[str] = set()

    def jwk(self) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        x, y = (
            base64.urlsafe_b64encode(one.to_bytes(32)).rstrip(b"=").decode()
            for one in (numbers.x, numbers.y)
        )
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "one", "alg": "ES256"}

    def id_token(self, nonce: str = "") -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + self.settings["expires_in"],
            "email": "ana@acme.example", "email_verified": True, "groups": ["eng", "data"],
            **({"nonce": nonce} if nonce else {}), **self.settings["claims"],
        }  # fmt: skip
        match self.settings["alg"]:
            case "none":
                return jwt.encode(claims, "", algorithm="none")
            case "HS256":  # signed with the public key, as a careless verifier would take it
                public = self.jwk()["x"] + self.jwk()["y"]
                return jwt.encode(claims, public, algorithm="HS256", headers={"kid": "one"})
            case "stranger":
                other = ec.generate_private_key(ec.SECP256R1())
                return jwt.encode(claims, other, algorithm="ES256", headers={"kid": "one"})
            case _:
                return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": "one"})

    def access_token(self, resource: str, client: str, scope: str) -> str:
        """A JWT (RFC 9068) for that resource alone."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": resource, "sub": "1", "iat": now, "exp": now + self.settings["expires_in"],
            "client_id": client, "scope": scope, "email": "ana@acme.example", "groups": ["eng", "data"],
            **self.settings["claims"],
        }  # fmt: skip
        other = ec.generate_private_key(ec.SECP256R1())
        key = other if self.settings["alg"] == "stranger" else self.key
        headers = {"kid": "one", "typ": "at+jwt"}
        return jwt.encode(claims, key, algorithm="ES256", headers=headers)

    def tokens(self, nonce: str = "") -> dict[str, Any]:
        fresh = secrets.token_urlsafe(16)
        self.refresh.add(fresh)
        return {"id_token": self.id_token(nonce), "refresh_token": fresh, "access_token": "x", "token_type": "Bearer"}  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: one[0] for key, one in parse_qs(parts.query).items()}
        provider = self._provider()
        match parts.path:
            case "/.well-known/openid-configuration":
                own = provider.issuer
                self._json({
                    "issuer": own, "authorization_endpoint": f"{own}/authorize", "token_endpoint": f"{own}/token",
                    "device_authorization_endpoint": f"{own}/device", "jwks_uri": f"{own}/keys",
                    "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
                })  # fmt: skip
            case "/authorize":
                code = secrets.token_urlsafe(8)
                provider.codes[code] = query
                back = urlencode({"code": code, "state": query["state"]})
                self.send_response(302)
                self.send_header("location", f"{query['redirect_uri']}?{back}")
                self.end_headers()
            case "/access":
                token = provider.access_token(
                    query["resource"], query["client"], query.get("scope", "")
                )
                self._json({"value": token})
            case "/decide":
                provider.devices[query["code"]] = True
                self._json({})
            case "/ci":
                self._json({"value": provider.id_token()})
            case _:
                self._json({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        provider = self._provider()
        if self.path == "/settings":
            provider.settings |= json.loads(body)
            self._json({})
            return
        fields = {key: one[0] for key, one in parse_qs(body).items()}
        if self.path == "/device":
            code = secrets.token_urlsafe(8)
            provider.devices[code] = False
            self._json({"device_code": code, "user_code": code, "verification_uri": f"{provider.issuer}/decide", "interval": 1, "expires_in": 60})  # fmt: skip
            return
        match fields["grant_type"]:
            case "authorization_code":
                asked = provider.codes.pop(fields["code"], {})
                digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                if (
                    asked.get("code_challenge") != challenge
                    or asked["redirect_uri"] != fields["redirect_uri"]
                ):
                    self._json({"error": "invalid_grant"}, 400)
                else:
                    given = provider.tokens(asked.get("nonce", ""))
                    if "resource" in asked:
                        named = (asked["resource"], asked["client_id"], asked.get("scope", ""))
                        given |= {"access_token": provider.access_token(*named), "scope": named[2]}
                    self._json(given)
            case "refresh_token" if fields["refresh_token"] in provider.refresh:
                provider.refresh.discard(fields["refresh_token"])
                self._json(provider.tokens())
            case "urn:ietf:params:oauth:grant-type:device_code":
                if provider.devices.get(fields["device_code"]):
                    self._json(provider.tokens())
                else:
                    self._json({"error": "authorization_pending"}, 400)
            case _:
                self._json({"error": "invalid_grant"}, 400)

    def _provider(self) -> Provider:
        assert isinstance(self.server, Provider)
        return self.server

    def _json(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Running:
    """The provider's process, from outside."""

    def __init__(self, issuer: str, key: dict[str, Any]) -> None:
        self.issuer, self.key = issuer, key

    def set(self, **settings: Any) -> None:
        data = json.dumps(settings).encode()
        with urlopen(Request(f"{self.issuer}/settings", data=data), timeout=20):
            pass

    def get(self, path: str) -> Any:
        with urlopen(path if "://" in path else f"{self.issuer}{path}", timeout=20) as answer:
            return answer.read()


@contextmanager
def provider() -> Generator[Running]:
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield Running(said["issuer"], said["key"])
        finally:
            process.kill()


if __name__ == "__main__":
    serving = Provider()
    print(json.dumps({"issuer": serving.issuer, "key": serving.jwk()}), flush=True)
    serving.serve_forever()
