"""Signing in to servers behind HTTP: tokens are for one server, kept in the keyring, refreshed, and never shown."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthFlowError

from devagent.cli.ext.browser import TerminalBrowser
from devagent.cli.ext.conformance import InMemory, StandInBrowser
from devagent.core.errors import ConfigError
from devagent.core.ports import ToolFailure
from devagent.host.mcp.config import parse_server
from devagent.host.mcp.extension import McpExtension
from tests.support.hostile_http import HttpServer
from tests.support.mcp_servers import NAME, fault, lock_in
from tests.support.oauth import Authorization


@asynccontextmanager
async def extension_of(
    folder: Path, url: str, ring: InMemory, *, browser: StandInBrowser | None = None, **more: Any
) -> AsyncGenerator[McpExtension]:
    folder.mkdir(exist_ok=True)
    extension = McpExtension(
        parse_server(NAME, {"type": "http", "url": url, "start_s": 10, **more}, fault),
        lock_in(folder / "data"),
        folder=str(folder),
        secrets=ring,
        browser=browser,
    )
    try:
        yield extension
    finally:
        await extension.aclose()


@asynccontextmanager
async def protected() -> AsyncGenerator[tuple[Authorization, HttpServer]]:
    async with Authorization() as issuer, HttpServer(other=issuer.guards) as remote:
        issuer.resource = remote.url
        yield issuer, remote


async def signed_in(folder: Path, remote: HttpServer, ring: InMemory, **more: Any) -> None:
    async with extension_of(
        folder, remote.url, ring, browser=StandInBrowser(), **more
    ) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")


async def call(extension: McpExtension) -> tuple[str, str]:
    result = await extension.run("echo", {"text": "hi"}, {})
    return result.text, result.error


async def test_signed_in_once_a_later_session_needs_nobody(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, ring)
        async with extension_of(tmp_path, remote.url, ring) as extension:
            assert await call(extension) == ("hi", "")
            key = extension.running.sign_in_key
        assert [form["grant_type"] for form in issuer.granted] == ["authorization_code"]
        assert "client_id" in issuer.granted[0]
        (token,) = issuer.tokens
        assert token in ring.read(key)
        assert not any(token in json.dumps(one.headers) for one in issuer.requests)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert token not in kept


async def test_the_tokens_of_one_server_are_not_anothers(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, ring)
        for query, client in ("?x=1", "other"), ("", "me"):
            oauth = {"client_id": client}
            async with extension_of(tmp_path, remote.url + query, ring, oauth=oauth) as extension:
                with pytest.raises(ToolFailure, match="devagent ext login odd"):
                    await extension.look()
        assert len(issuer.granted) == 1
        assert len([one for one in issuer.requests if one.path == "/register"]) == 1


async def test_a_token_that_has_expired_is_refreshed_where_it_came_from(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, ring)
        (old,) = issuer.tokens
        for key, value in list(ring._kept.items()):  # pyright: ignore[reportPrivateUsage]
            ring.keep(key, json.dumps({**json.loads(value), "expires_at": 1}))
        issuer.tokens.discard(old)
        async with extension_of(tmp_path, remote.url, ring) as extension:
            assert await call(extension) == ("hi", "")
        refreshed = issuer.granted[-1]
        assert (refreshed["grant_type"], refreshed["resource"]) == ("refresh_token", remote.url)
        assert len([one for one in issuer.requests if one.path.startswith("/authorize")]) == 1


async def test_a_token_taken_back_before_its_time_is_refreshed_once(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, ring)
        issuer.tokens.clear()
        async with extension_of(tmp_path, remote.url, ring) as extension:
            assert await call(extension) == ("hi", "")
            issuer.tokens.clear()
            issuer.refresh.clear()
            text, error = await call(extension)
            assert (error, "devagent ext login odd" in text) == ("not_signed_in", True)
            assert "token-" not in text
        assert len([one for one in issuer.requests if one.path.startswith("/authorize")]) == 1


class Turned(StandInBrowser):
    """Comes back from somebody else than it was sent to."""

    async def answer(self) -> AuthorizationCodeResult:
        said = await super().answer()
        return AuthorizationCodeResult(code=said.code, state=said.state, iss="https://evil.example")


async def test_an_answer_of_another_issuer_gets_no_code(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        async with extension_of(tmp_path, remote.url, ring, browser=Turned()) as extension:
            with pytest.raises(ToolFailure, match="signing in failed") as info:
                await extension.look()
            assert info.value.error == "not_signed_in"
        assert issuer.granted == []


def authorized(issuer: Authorization) -> dict[str, str]:
    """What the person's browser brought to the issuer."""
    (query,) = (
        urlsplit(one.path).query for one in issuer.requests if one.path.startswith("/authorize")
    )
    return {name: values[0] for name, values in parse_qs(query).items()}


async def test_the_code_is_bound_to_its_asker_and_the_token_to_its_server(tmp_path: Path) -> None:
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, InMemory())
        asked, (granted,) = authorized(issuer), issuer.granted
        assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
        assert asked["resource"] == granted["resource"] == remote.url
        assert len(asked["state"]) >= 20
        # The issuer of these tests has checked the verifier against the challenge; it went there alone.
        assert len(granted["code_verifier"]) >= 43
        assert not any(granted["code_verifier"] in one.body for one in remote.requests)


async def test_without_a_client_of_its_own_devagent_registers_itself_once(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        await signed_in(tmp_path, remote, ring)
        (registered,) = [one.message for one in issuer.requests if one.path == "/register"]
        assert registered["client_name"] == "devagent"
        assert registered["grant_types"] == ["authorization_code", "refresh_token"]
        assert {urlsplit(str(uri)).hostname for uri in registered["redirect_uris"]} == {"localhost"}
        assert issuer.granted[0]["client_id"] == "registered"
        issuer.tokens.clear()
        async with extension_of(tmp_path, remote.url, ring) as extension:
            assert await call(extension) == ("hi", "")
        assert len([one for one in issuer.requests if one.path == "/register"]) == 1
        assert issuer.granted[-1]["client_id"] == "registered"


@pytest.mark.parametrize("takes", [True, False])
async def test_a_client_metadata_document_is_the_client_where_the_issuer_takes_such(
    tmp_path: Path, takes: bool
) -> None:
    document = "https://devagent.example/client.json"
    async with protected() as (issuer, remote):
        issuer.says = {"client_id_metadata_document_supported": takes}
        await signed_in(tmp_path, remote, InMemory(), oauth={"client_metadata_url": document})
        assert authorized(issuer)["client_id"] == (document if takes else "registered")
        assert any(one.path == "/register" for one in issuer.requests) != takes


async def test_a_client_that_the_config_names_is_not_registered(tmp_path: Path) -> None:
    async with protected() as (issuer, remote):
        oauth = {"client_id": "me", "issuer": issuer.origin}
        await signed_in(tmp_path, remote, InMemory(), oauth=oauth)
        assert authorized(issuer)["client_id"] == "me"
        assert not any(one.path == "/register" for one in issuer.requests)


@pytest.mark.parametrize(
    ("says", "iss"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, ""),
        ({"code_challenge_methods_supported": None}, ""),
        ({"issuer": "https://evil.example"}, ""),
        ({}, "none"),  # it says that it names itself in its answers, and did not
        ({}, "https://evil.example"),
    ],
)
async def test_an_issuer_that_cannot_be_trusted_gets_no_code(
    tmp_path: Path, says: dict[str, Any], iss: str
) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        issuer.says, issuer.iss = says, iss
        async with extension_of(tmp_path, remote.url, ring, browser=StandInBrowser()) as extension:
            with pytest.raises(ToolFailure, match="signing in failed") as info:
                await extension.look()
            assert info.value.error == "not_signed_in"
        assert issuer.granted == []
        assert not issuer.tokens


async def test_a_client_secret_goes_to_no_issuer_but_the_one_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_SECRET", "s3cr3t-client")
    oauth = {
        "grant": "client_credentials",
        "client_id": "me",
        "client_secret": "env:CI_SECRET",
        "issuer": "https://login.example",
    }
    async with protected() as (issuer, remote):
        async with extension_of(tmp_path, remote.url, InMemory(), oauth=oauth) as extension:
            with pytest.raises(ToolFailure) as info:
                await extension.look()
            assert (info.value.error, "s3cr3t" in info.value.text) == ("not_signed_in", False)
        assert issuer.granted == []
        assert not any("authorization" in one.headers for one in issuer.requests)


async def test_a_token_follows_no_redirect_to_another_server(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote), HttpServer() as elsewhere:
        await signed_in(tmp_path, remote, ring)
        async with extension_of(tmp_path, remote.url, ring) as extension:
            assert await call(extension) == ("hi", "")
            remote.mode = f"redirect {elsewhere.url}"
            assert (await call(extension))[1] == "refused"
        assert elsewhere.requests == []
        assert len(issuer.granted) == 1


async def test_metadata_for_another_resource_begins_nothing(tmp_path: Path) -> None:
    ring = InMemory()
    async with protected() as (issuer, remote):
        issuer.resource = "https://bank.example/mcp"
        async with extension_of(tmp_path, remote.url, ring, browser=StandInBrowser()) as extension:
            with pytest.raises(ToolFailure, match="does not match expected"):
                await extension.look()
        assert issuer.requests == []


async def test_client_credentials_need_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_SECRET", "s3cr3t-client")
    async with protected() as (issuer, remote):
        oauth = {
            "client_id": "me",
            "client_secret": "env:ODD_SECRET",
            "grant": "client_credentials",
            "issuer": issuer.origin,
        }
        async with extension_of(tmp_path, remote.url, InMemory(), oauth=oauth) as extension:
            extension.pin(await extension.look(), how="approved", on="2026-11-20")
            assert await call(extension) == ("hi", "")
        assert [form["grant_type"] for form in issuer.granted] == ["client_credentials"]
        monkeypatch.setenv("ODD_SECRET", "s3cr3t-wrong")
        async with extension_of(tmp_path, remote.url, InMemory(), oauth=oauth) as extension:
            text, error = await call(extension)
            assert (error, "s3cr3t" in text) == ("not_signed_in", False)


class NoRing(InMemory):
    def keep(self, name: str, value: str) -> None:
        raise ConfigError("the keyring is not usable (Locked)")


async def test_without_a_keyring_nobody_is_signed_in_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    async with (
        protected() as (_, remote),
        extension_of(tmp_path, remote.url, NoRing(), browser=StandInBrowser()) as extension,
    ):
        with pytest.raises(ToolFailure, match="the keyring is not usable"):
            await extension.look()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_person_sees_where_and_agrees_before_a_browser_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def confirm(*_: object, **__: object) -> bool:
        return True

    def open_(url: str) -> None:
        opened.append(url)
        sent_on = httpx2.get(url, follow_redirects=False, trust_env=False).headers["location"]
        wrong = httpx2.get(sent_on.replace("/callback", "/other"), trust_env=False)
        assert wrong.status_code == 404
        base = sent_on.partition("?")[0]
        for guess in ("?code=c", "?error=access_denied", "?code=c&state=guessed"):
            assert httpx2.get(base + guess, trust_env=False).status_code == 400
        assert "close this page" in httpx2.get(sent_on, trust_env=False).text

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr("webbrowser.open", open_)
    ring = InMemory()
    async with protected() as (issuer, remote), TerminalBrowser(NAME) as browser:
        async with extension_of(tmp_path, remote.url, ring) as extension:
            present = extension.attended(browser, 30)
            seen = await present.look()
            await present.aclose()
            extension.pin(seen, how="approved", on="2026-11-20")
            assert await call(extension) == ("hi", "")
        assert opened[0].startswith(f"{issuer.origin}/authorize?")
        assert opened[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://evil.example\\.bank.example/",
    ],
)
async def test_what_is_no_web_page_is_never_opened(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.confirm", None)
    async with TerminalBrowser(NAME) as browser:
        with pytest.raises(OAuthFlowError, match="the address to sign in at is refused"):
            await browser.open(url)


async def test_a_host_in_other_letters_than_it_seems_is_pointed_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def confirm(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr("click.confirm", confirm)
    async with TerminalBrowser(NAME) as browser:
        await browser.open("https://xn--pple-43d.com/authorize")
    assert "LOOK: аpple.com, with letters of CYRILLIC" in capsys.readouterr().out
