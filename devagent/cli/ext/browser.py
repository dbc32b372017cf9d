"""A person signing in: sees the whole URL, agrees, and comes back to a port of this machine that is open for that long."""

import asyncio
import secrets
import unicodedata
import webbrowser
from typing import Self
from urllib.parse import parse_qs, urlsplit

import click
from mcp.client.auth import AuthorizationCodeResult, OAuthFlowError

from devagent.core.text import one_line
from devagent.host.mcp.http_config import page_host

ANSWER_S = 300.0
"""How long the person has."""
MAX_REQUEST = 16_384
_PAGE = (
    b"HTTP/1.1 %s\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n"
    b"cache-control: no-store\r\nreferrer-policy: no-referrer\r\n\r\n<p>%s</p>"
)


class TerminalBrowser:
    """A browser that the person at this terminal has (``host.mcp.sign_in.Browser``). Enter it to open the port."""

    def __init__(self, server: str) -> None:
        self._server_name = server
        self.redirect_uri = ""
        self._state = ""
        self._answer: asyncio.Future[AuthorizationCodeResult] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._answer = asyncio.get_running_loop().create_future()
        self._server = await asyncio.start_server(self._came, "127.0.0.1", 0, limit=MAX_REQUEST)
        port = self._server.sockets[0].getsockname()[1]
        self.redirect_uri = f"http://127.0.0.1:{port}/callback"
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        if self._answer is not None:
            self._answer.cancel()

    async def open(self, url: str) -> None:
        """Show where to sign in, and open it if the person says so. Raises OAuthFlowError for what is no web page."""
        try:
            host = page_host(url)
        except ValueError as e:
            raise OAuthFlowError(f"the address to sign in at is refused: {e}") from e
        self._state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        click.echo(f"\nThe MCP server {self._server_name} wants you to sign in at")
        click.echo(f"  {_spelled(host)}\n\n  {one_line(url, 8_000)}\n")
        if await asyncio.to_thread(click.confirm, "Open this in the browser?", default=False):
            await asyncio.to_thread(webbrowser.open, url)
        click.echo(f"Waiting up to {ANSWER_S:g} s for you to come back from there …")

    async def answer(self) -> AuthorizationCodeResult:
        """What the person came back with. Raises OAuthFlowError where nobody did, or was turned away."""
        if self._answer is None:
            raise OAuthFlowError("nobody can come back: the port is not open")
        try:
            return await asyncio.wait_for(asyncio.shield(self._answer), ANSWER_S)
        except TimeoutError:
            raise OAuthFlowError(f"nobody came back within {ANSWER_S:g} s") from None

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, _, rest = head.partition(" ")
            target = urlsplit(rest.partition(" ")[0])
            if method != "GET" or target.path != "/callback":
                writer.write(_PAGE % (b"404 Not Found", b"Not here."))
                return
            self._take({name: values[0] for name, values in parse_qs(target.query).items()})
            writer.write(_PAGE % (b"200 OK", b"devagent has your answer. You can close this page."))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            writer.write(_PAGE % (b"400 Bad Request", b"That was no answer."))
        finally:
            writer.close()

    def _take(self, said: dict[str, str]) -> None:
        """Raises ValueError for what does not answer the question that was asked: any page can knock at this port."""
        if not self._state or not secrets.compare_digest(
            said.get("state", "").encode(), self._state.encode()
        ):
            raise ValueError("another state, or none")
        if self._answer is None or self._answer.done():
            return
        if "code" in said:
            answer = AuthorizationCodeResult(
                code=said["code"], state=said.get("state"), iss=said.get("iss")
            )
            self._answer.set_result(answer)
        else:
            why = one_line(said.get("error_description") or said.get("error", "no reason"), 200)
            self._answer.set_exception(OAuthFlowError(f"you were not let in: {why}"))


def _spelled(host: str) -> str:
    """The host, and where it is written in other letters than it seems, that."""
    if not any(part.startswith("xn--") for part in host.split(".")):
        return host
    try:
        shown = host.encode().decode("idna")
    except UnicodeError:
        return f"{host}  (LOOK: not plain letters)"
    names = {
        unicodedata.name(letter, "?").split(" ")[0] for letter in shown if not letter.isascii()
    }
    return f"{host}  (LOOK: {one_line(shown, 100)}, with letters of {', '.join(sorted(names))})"
