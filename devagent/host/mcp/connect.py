"""How each kind of server is reached. Imports ``mcp``: only for use when a server is started."""

from collections.abc import Mapping
from functools import partial

import httpx2

from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.handles import Secrets, value_of
from devagent.host.mcp.http import GuardedHttp
from devagent.host.mcp.http_guard import Cut
from devagent.host.mcp.launch import Answers, Launch
from devagent.host.mcp.sign_in import Browser, signing
from devagent.host.mcp.transport import GuardedStdio


def over_stdio(
    settings: ServerSettings,
    argv: tuple[str, ...],
    env: Mapping[str, str],
    cwd: str,
    *,
    answers: Answers | None,
    legacy: bool,
) -> Launch:
    """A program on this machine; ``env`` is its whole environment."""
    return Launch(
        name=settings.name,
        transport=partial(GuardedStdio, argv, env, cwd),
        start_s=settings.start_s,
        call_s=settings.call_s,
        legacy=legacy,
        answers=answers or Answers(),
    )


def over_http(
    settings: ServerSettings,
    *,
    key: str,
    secrets: Secrets,
    browser: Browser | None,
    answers: Answers | None,
    legacy: bool,
) -> Launch:
    """A URL. Raises ToolFailure for a header's secret that is not there; asks the keyring, so it may take seconds."""
    headers = {
        name: value_of(one, secrets, settings.name) for name, one in settings.headers.items()
    }

    secret = settings.oauth.client_secret
    client_secret = value_of(secret, secrets, settings.name) if secret else ""

    def auth(cut: Cut) -> httpx2.Auth | None:
        if any(name.lower() == "authorization" for name in headers):
            return None
        return signing(
            settings.url,
            settings.oauth,
            server=settings.name,
            key=key,
            secret=client_secret,
            secrets=secrets,
            browser=browser,
            cut=cut,
        )

    return Launch(
        name=settings.name,
        transport=partial(GuardedHttp, settings.url, headers, call_s=settings.call_s, auth=auth),
        start_s=settings.start_s,
        call_s=settings.call_s,
        legacy=legacy,
        answers=answers or Answers(),
    )
