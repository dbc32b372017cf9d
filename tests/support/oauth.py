"""An authorization server on loopback, and what makes an ``HttpServer`` a resource of it.

async with Authorization() as issuer, HttpServer(other=issuer.guards) as remote: issuer.resource = remote.url
"""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.hostile_http import Answer, Asked, HttpServer, as_json


class Authorization(HttpServer):
    """Grants every code and token once asked properly; ``tokens`` are the access tokens that are good now."""

    def __init__(self) -> None:
        super().__init__(other=self._as_issuer)
        self.resource = ""
        self.tokens: set[str] = set()
        self.refresh = {"good"}
        self.expires_in = 3600
        self.iss = ""
        self.clients = {"me": "s3cr3t-client"}
        self.codes: dict[str, dict[str, str]] = {}
        self.granted: list[dict[str, str]] = []
        self.says: dict[str, Any] = {}
        """What its metadata say beside, or in place of, the usual; None takes an entry out."""

    def guards(self, asked: Asked) -> Answer | None:
        """The resource's side: who comes without a good token is told where to get one."""
        if asked.path.startswith("/.well-known/oauth-protected-resource"):
            return as_json({"resource": self.resource, "authorization_servers": [self.origin]})
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if urlsplit(asked.path).path == "/mcp" and token not in self.tokens:
            return 401, {"www-authenticate": 'Bearer error="invalid_token"'}, b""
        return None

    def _as_issuer(self, asked: Asked) -> Answer | None:
        parts = urlsplit(asked.path)
        match parts.path:
            case "/.well-known/oauth-authorization-server":
                usual: dict[str, Any] = {
                    "issuer": self.origin,
                    "authorization_endpoint": f"{self.origin}/authorize",
                    "token_endpoint": f"{self.origin}/oauth/token",
                    "registration_endpoint": f"{self.origin}/register",
                    "response_types_supported": ["code"],
                    "grant_types_supported": [
                        "authorization_code",
                        "refresh_token",
                        "client_credentials",
                    ],
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
                    "authorization_response_iss_parameter_supported": True,
                }
                said = {**usual, **self.says}
                return as_json({name: value for name, value in said.items() if value is not None})
            case "/register":
                told: dict[str, Any] = {**asked.message, "client_id": "registered"}
                return as_json({**told, "token_endpoint_auth_method": "none"}, 201)
            case "/authorize":
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                code = secrets.token_hex(8)
                self.codes[code] = query
                back = {"code": code, "state": query["state"], "iss": self.iss or self.origin}
                if self.iss == "none":
                    del back["iss"]
                return 302, {"location": f"{query['redirect_uri']}?{urlencode(back)}"}, b""
            case "/oauth/token":
                return self._token(asked)
            case _:
                return None

    def _token(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body).items()}
        self.granted.append(form)
        match form.get("grant_type"):
            case "authorization_code":
                query = self.codes.pop(form["code"])
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                fits = challenge == query["code_challenge"]
                fits = fits and form["resource"] == self.resource == query["resource"]
            case "refresh_token":
                fits = form["refresh_token"] in self.refresh
            case "client_credentials":
                given = base64.b64decode(asked.headers["authorization"].split(" ")[1]).decode()
                client, _, secret = given.partition(":")
                fits = self.clients.get(client) == secret
            case _:
                fits = False
        if not fits:
            return as_json({"error": "invalid_grant"}, 400)
        token = f"token-{secrets.token_hex(4)}"
        self.tokens.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
        return (
            200,
            {"content-type": "application/json"},
            json.dumps({**body, "refresh_token": "good"}).encode(),
        )
