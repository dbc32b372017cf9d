"""Signing in to a server behind HTTP: OAuth 2.1 through the ``mcp`` SDK, its tokens in the person's keyring.

The SDK follows the protocol: resource and issuer metadata, PKCE, the resource parameter, the issuer check, client
documents or registration, refresh. Here is what it leaves to a host:

1. Tokens are kept under the server's identity, with what is needed to refresh them: another URL, other headers
   or another client is another identity, and finds none. They go into requests to that server alone.
2. Where nobody sits before a browser nothing is begun: what the server asks for then is said, once.
3. A token that the server no longer takes before its time is refreshed once before anybody is asked.
4. An issuer whose metadata do not say that it binds codes by PKCE (S256) is not signed in at.

Imports ``mcp``: only for use when a server is spoken to.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any, Protocol

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.utils import extract_field_from_www_auth
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl

from devagent.core.codec import canonical, parse
from devagent.core.errors import DevagentError
from devagent.core.text import one_line
from devagent.host.mcp.handles import Secrets
from devagent.host.mcp.http_config import SignIn
from devagent.host.mcp.http_guard import Cut
from devagent.policy.plain import is_table

UNATTENDED = "http://127.0.0.1/callback"


class Browser(Protocol):
    """A person before a browser: sees the URL, agrees, and comes back to ``redirect_uri``."""

    redirect_uri: str

    async def open(self, url: str) -> None: ...

    async def answer(self) -> AuthorizationCodeResult: ...


class Tokens:
    """What the keyring has for one server (``mcp.client.auth.TokenStorage``)."""

    def __init__(
        self,
        secrets: Secrets,
        key: str,
        own: OAuthClientInformationFull | None,
        redirect_uri: str,
    ) -> None:
        self._secrets = secrets
        self._key = key
        self._own = own
        self._redirect_uri = redirect_uri
        self._entry: dict[str, Any] | None = None
        self.provider: OAuthClientProvider | None = None
        """Whose tokens they are; what it found out on the way to them is kept beside them."""

    async def _kept(self) -> dict[str, Any]:
        if self._entry is None:
            text = await asyncio.to_thread(self._secrets.read, self._key)
            found: Any = None
            with contextlib.suppress(ValueError):  # damaged: signing in writes it anew
                found = parse(text.encode()) if text else None
            self._entry = found if is_table(found) else {}
        return self._entry

    async def _keep(self, **more: Any) -> None:
        self._entry = {**await self._kept(), **more}
        await asyncio.to_thread(self._secrets.keep, self._key, canonical(self._entry).decode())

    async def get_tokens(self) -> OAuthToken | None:
        entry = await self._kept()
        context = self.provider.context if self.provider else None
        if "tokens" not in entry or context is None:
            return None
        # Without these the SDK takes an old token for a good one, and refreshes at the wrong address.
        context.token_expiry_time = entry.get("expires_at")
        if "metadata" in entry:
            context.oauth_metadata = OAuthMetadata.model_validate(entry["metadata"])
        if "resource" in entry:
            context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(
                entry["resource"]
            )
        context.auth_server_url = entry.get("issuer")
        return OAuthToken.model_validate(entry["tokens"])

    async def set_tokens(self, tokens: OAuthToken) -> None:
        context = self.provider.context if self.provider else None
        more: dict[str, Any] = {"tokens": _plain(tokens)}
        more["expires_at"] = int(time.time()) + tokens.expires_in if tokens.expires_in else None
        if context and context.oauth_metadata:
            more["metadata"] = _plain(context.oauth_metadata)
        if context and context.protected_resource_metadata:
            more["resource"] = _plain(context.protected_resource_metadata)
        if context:
            more["issuer"] = context.auth_server_url
        await self._keep(**more)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        if self._own is not None:
            return self._own
        kept = (await self._kept()).get("client")
        client = OAuthClientInformationFull.model_validate(kept) if kept else None
        uris = [str(uri) for uri in client.redirect_uris or ()] if client else []
        # It was registered with another port: for refreshing it will do, not for a browser.
        return client if self._redirect_uri in (UNATTENDED, *uris) else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._keep(client=_plain(client_info))


def _plain(model: Any) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def signing(
    url: str,
    how: SignIn,
    *,
    server: str,
    key: str,
    secret: str,
    secrets: Secrets,
    browser: Browser | None,
    cut: Cut,
) -> httpx2.Auth:
    """What signs the requests to the server; ``secret`` is the client's own, or ""."""

    async def to_browser(address: str) -> None:
        if browser is not None:
            _check_binding(provider.context.oauth_metadata)
            await browser.open(address)

    redirect_uri = browser.redirect_uri if browser else UNATTENDED
    own = _registered(how, secret, redirect_uri)
    tokens = Tokens(secrets, key, own, redirect_uri)
    if how.grant == "client_credentials":
        provider: OAuthClientProvider = ClientCredentialsOAuthProvider(
            url, tokens, how.client_id, secret, issuer=how.issuer or None
        )
        attended = True  # nobody is needed
    else:
        provider = OAuthClientProvider(
            url,
            OAuthClientMetadata(
                client_name="devagent",
                redirect_uris=[AnyUrl(redirect_uri)],
                grant_types=["authorization_code", "refresh_token"],
                response_types=["code"],
            ),
            tokens,
            redirect_handler=to_browser if browser else None,
            callback_handler=browser.answer if browser else None,
            client_metadata_url=how.client_metadata_url or None,
        )
        attended = browser is not None
    tokens.provider = provider
    return _Signed(provider, server, cut, attended=attended)


def _check_binding(metadata: OAuthMetadata | None) -> None:
    """Raises DevagentError for an issuer that may take a code from whoever has it. (2025-11-25 and later: a client
    must not go on then. Servers of 2025-03-26 have no metadata; the challenge is sent to them all the same.)"""
    if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
        raise DevagentError("its issuer does not say that it supports PKCE with S256")


def _registered(how: SignIn, secret: str, redirect_uri: str) -> OAuthClientInformationFull | None:
    if not how.client_id or how.grant == "client_credentials":
        return None
    return OAuthClientInformationFull(
        client_id=how.client_id,
        client_secret=secret or None,
        redirect_uris=[AnyUrl(redirect_uri)],
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        issuer=how.issuer or None,
    )


class _Signed(httpx2.Auth):
    """The provider's flow: not before the server asks for it, with its failures told, and not begun where
    nobody could go through with it."""

    requires_response_body = True

    def __init__(
        self, provider: OAuthClientProvider, server: str, cut: Cut, *, attended: bool
    ) -> None:
        self._provider = provider
        self._server = server
        self._cut = cut
        self._attended = attended
        self._needed = False

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        asked: httpx2.Response | None = None
        if not self._needed:
            # Most servers on this machine want nothing, and a keyring may be slow or locked.
            asked = yield request
            if not _asks_to_sign_in(asked):
                return
            self._needed = True
        refreshed = False
        while True:
            flow = self._provider.async_auth_flow(request)
            try:
                outgoing = await anext(flow)
                while True:
                    if outgoing is request and asked and "authorization" not in request.headers:
                        response, asked = asked, None  # it has been asked just so
                    else:
                        response = yield outgoing
                    if outgoing is request and not self._attended and _asks_to_sign_in(response):
                        break
                    outgoing = await flow.asend(response)
            except StopAsyncIteration:
                return
            except Exception as e:  # whatever a server can make of it, told as one thing
                self._cut(f"signing in failed: {_why(e)}", "not_signed_in")
                raise
            finally:
                await flow.aclose()
            context = self._provider.context
            if refreshed or response.status_code != 401 or not context.can_refresh_token():
                way = f"the person runs `devagent ext login {self._server}`"
                self._cut(f"it wants somebody to sign in; {way}", "not_signed_in")
                return
            context.token_expiry_time, refreshed = 1.0, True


def _asks_to_sign_in(response: httpx2.Response) -> bool:
    if response.status_code == 403:
        return extract_field_from_www_auth(response, "error") == "insufficient_scope"
    return response.status_code == 401


def _why(error: Exception) -> str:
    if isinstance(error, DevagentError):
        return one_line(error.what, 300)
    # Messages of the SDK's own; a parser's may repeat what it read, which may be a token.
    named = type(error).__module__.startswith("mcp.")
    return one_line(str(error), 300) if named else type(error).__name__
