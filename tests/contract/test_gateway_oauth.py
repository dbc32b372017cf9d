"""The gateway as a resource of the organisation's issuer: a provider in a process of its own, keys from the bundle alone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionStarted
from devagent.gateway.callers import Callers, Refusal
from devagent.gateway.front import listen
from devagent.gateway.issuing import issuer_of
from devagent.org import principals
from devagent.settings.places import places
from tests.support.command_line import LIMIT_S, logged, logs
from tests.support.gateways import TOKENS, bearer, call, serving, stateless
from tests.support.keyrings import Ring, in_memory
from tests.support.oidc_provider import Running, provider
from tests.support.org_machine import enrolled_here, sync_here
from tests.support.org_repository import Organisation

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
READ = "workspace__read"
BODY = call(READ, {"path": "a.txt"})
SCOPE = "tools"
POLICY = """\
version = 1
name = "acme"
layer = "org"
default = "deny"
[[rule]]
id = "{id}"
effect = "allow"
principals = ["group:data"]
tools = ["workspace.read"]
"""


@pytest.fixture(scope="module")
def process() -> Iterator[Running]:
    with provider() as running:
        yield running


@pytest.fixture
def issuer(process: Running) -> Running:
    process.set(expires_in=300, claims={}, alg="ES256")
    return process


@pytest.fixture
def ring() -> Iterator[Ring]:
    with in_memory() as made:
        yield made


def put(org: Organisation, issuer: Running, **key: str) -> None:
    """Publish a bundle that names the issuer with its key, but for what ``key`` says."""
    keys = ", ".join(f'{name} = "{value}"' for name, value in (issuer.key | key).items())
    text = (
        f'[oidc]\nissuer = "{issuer.issuer}"\nclient_id = "devagent"\ngateway_scope = "{SCOPE}"\n'
        f"keys = [{{ {keys} }}]\n"
    )
    org.promote(org.build("data-reads", policy=POLICY, files={principals.FILE: text.encode()}))
    org.publish()


@pytest.fixture
def org(tmp_path: Path, home: Path, ring: Ring, issuer: Running) -> Organisation:
    del home, ring
    made = Organisation(tmp_path, publish=False)
    put(made, issuer)
    return made


@pytest.fixture
def work(tmp_path: Path, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a machine of an organisation whose bundle names the issuer."""
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    return folder


def token(issuer: Running, resource: str, **given: str) -> str:
    asked = urlencode({"resource": resource, "client": "ide", "scope": SCOPE, **given})
    return json.loads(issuer.get(f"/access?{asked}"))["value"]


async def test_an_access_token_says_who_calls_and_policy_and_record_know_it(
    work: Path, issuer: Running
) -> None:
    listening = listen("127.0.0.1", 0)
    callers = Callers(TOKENS.get, issuer_of(places(), listening[1]))
    async with serving(work, callers, listening=listening) as server, httpx2.AsyncClient(timeout=LIMIT_S) as client:  # fmt: skip

        async def answer(given: str) -> dict[str, Any]:
            headers = {**stateless(READ), **bearer(given)}
            answered = await client.post(server.url, json=BODY, headers=headers)
            assert answered.status_code == 200, answered.text
            return answered.json()["result"]

        assert (await answer(token(issuer, server.url)))["isError"] is False
        issuer.set(claims={"email": "bo@acme.example", "groups": ["eng"]})
        assert (await answer(token(issuer, server.url)))["isError"] is True  # not in the group
        assert (await answer("token-a"))["isError"] is True  # nor is whoever runs the gateway
    judged = [e for folder in logs() for e in logged(folder) if isinstance(e, ToolJudged)]
    by_user = {e.principal.user: e for e in judged}
    ana = by_user["ana@acme.example"]
    assert (ana.principal.agent, set(ana.principal.groups)) == ("mcp-ide", {"eng", "data"})
    assert list(ana.decision.rules) == ["org/acme#data-reads"]
    assert [e.decision.effect for e in judged].count("allow") == 1
    started = [e for folder in logs() for e in logged(folder) if isinstance(e, SessionStarted)]
    assert len(started) == 3
    text = b"".join(file.read_bytes() for folder in logs() for file in Path(folder).iterdir() if file.is_file())  # fmt: skip
    assert b"eyJ" not in text


CLAIMS: list[tuple[str, dict[str, Any], int, str]] = [
    ("for another resource", {"aud": "https://other.example/mcp"}, 401, "invalid_token"),
    ("for others, too", {"aud": ["https://other.example/mcp", "RESOURCE"]}, 401, "invalid_token"),
    ("an ID token", {"aud": "devagent"}, 401, "invalid_token"),
    ("of another issuer", {"iss": "https://evil.example"}, 401, "invalid_token"),
    ("over", {"exp": int(time.time()) - 3600}, 401, "invalid_token"),
    ("not yet", {"nbf": int(time.time()) + 3600}, 401, "invalid_token"),
    ("of nobody", {"email": ""}, 401, "invalid_token"),
    ("of an address that is not verified", {"email_verified": False}, 401, "invalid_token"),
    ("by no client", {"client_id": None}, 401, "invalid_token"),
    ("for too little", {"scope": "profile tools.read"}, 403, "insufficient_scope"),
]


async def test_a_token_that_does_not_hold_is_refused_and_the_way_to_another_is_told(
    work: Path, issuer: Running
) -> None:
    listening = listen("127.0.0.1", 0)
    callers = Callers(None, issuer_of(places(), listening[1]))
    async with serving(work, callers, listening=listening) as server, httpx2.AsyncClient(timeout=LIMIT_S) as client:  # fmt: skip
        origin = server.url.removesuffix("/mcp")

        async def refused(given: str, status: int, error: str) -> None:
            headers = stateless(READ) | (bearer(given) if given else {})
            answer = await client.post(server.url, json=BODY, headers=headers)
            told = answer.headers["www-authenticate"]
            assert answer.status_code == status, (error, answer.text)
            assert (f'error="{error}"' in told) is bool(error)
            assert f'scope="{SCOPE}"' in told
            assert f'resource_metadata="{origin}/.well-known/oauth-protected-resource/mcp"' in told

        await refused("", 401, "")
        await refused("a.b.c", 401, "invalid_token")
        for what, claims, status, error in CLAIMS:
            issuer.set(**json.loads(json.dumps({"claims": claims}).replace("RESOURCE", server.url)))
            assert what
            await refused(token(issuer, server.url), status, error)
        issuer.set(claims={}, alg="stranger")
        await refused(token(issuer, server.url), 401, "invalid_token")
        for path in ("/mcp", ""):
            found = (
                await client.get(f"{origin}/.well-known/oauth-protected-resource{path}")
            ).json()
            assert found["resource"] == server.url
            assert found["authorization_servers"] == [issuer.issuer]
            assert found["scopes_supported"] == [SCOPE]
    assert not logs()


class Kept(TokenStorage):
    """A client that the issuer knows already, and its tokens."""

    def __init__(self, back: str) -> None:
        self._client = OAuthClientInformationFull(
            client_id="ide", redirect_uris=[AnyUrl(back)], token_endpoint_auth_method="none"
        )
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


async def test_the_sdks_client_signs_in_by_itself_and_calls(work: Path, issuer: Running) -> None:
    listening = listen("127.0.0.1", 0)
    callers = Callers(None, issuer_of(places(), listening[1]))
    back = "http://127.0.0.1:1/callback"
    kept = Kept(back)
    came: dict[str, str] = {}

    async def browse(url: str) -> None:
        async with httpx2.AsyncClient(timeout=LIMIT_S) as browser:
            redirect = await browser.get(url)
        query = parse_qs(urlsplit(redirect.headers["location"]).query)
        came.update({name: one[0] for name, one in query.items()})

    async def returned() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=came["code"], state=came.get("state"), iss=None)

    async with serving(work, callers, listening=listening) as server:
        sign_in = OAuthClientProvider(
            server.url,
            OAuthClientMetadata(redirect_uris=[AnyUrl(back)], token_endpoint_auth_method="none"),
            kept,
            browse,
            returned,
        )
        async with httpx2.AsyncClient(timeout=LIMIT_S, auth=sign_in) as wire:
            transport = streamable_http_client(server.url, http_client=wire)
            async with Client(transport) as client:
                listed = [tool.name for tool in (await client.list_tools()).tools]
                read = await client.call_tool(READ, {"path": "a.txt"})
    assert listed == [READ]  # what policy can never grant is not listed
    assert not read.is_error
    assert kept.tokens is not None
    assert kept.tokens.scope == SCOPE


def test_a_callers_token_is_judged_anew_when_its_time_is_over(work: Path, issuer: Running) -> None:
    known = issuer_of(places(), "http://127.0.0.1:1/mcp")
    assert known is not None
    now = [time.time()]
    callers = Callers(None, known, clock=lambda: now[0])
    given = f"Bearer {token(issuer, known().resource)}".encode()
    first = callers.of(given)
    assert first == "ide for ana@acme.example"
    assert callers.of(given) == first
    now[0] += 3600
    assert not isinstance(callers.of(given), str)
    now[0] -= 3600
    issuer.set(claims={"groups": ["data"]})
    other = f"Bearer {token(issuer, known().resource)}".encode()
    again = callers.of(other)
    assert again == "ide for ana@acme.example, 2"  # other groups, another session
    assert isinstance(again, str)
    who = callers.principal(again)
    assert who is not None
    assert who.groups == ("data",)


def test_a_key_that_the_bundle_has_no_more_counts_no_more_and_a_new_one_at_once(
    work: Path, tmp_path: Path, org: Organisation, issuer: Running
) -> None:
    known = issuer_of(places(), "http://127.0.0.1:1/mcp")
    assert known is not None
    callers = Callers(None, known)
    given = f"Bearer {token(issuer, known().resource)}".encode()
    assert callers.of(given) == "ide for ana@acme.example"
    put(org, issuer, kid="another")
    assert sync_here(tmp_path / "etc/org.json").outcome == "updated"
    refused = callers.of(given)
    assert isinstance(refused, Refusal)
    assert refused.status == 401
    put(org, issuer)
    assert sync_here(tmp_path / "etc/org.json").outcome == "updated"
    assert callers.of(given) == "ide for ana@acme.example"
