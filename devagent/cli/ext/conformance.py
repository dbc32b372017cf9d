"""``ext conformance``: one scenario of the official MCP conformance suite, against its client leg.

The connection is a configured server's own: parsed settings, transport, limits, sign-in, pinning. Two things stand
in for what a terminal would have: a script for the model (which tool, which arguments), and somebody who agrees to
everything for the person. That is why it talks to this machine's loopback alone, keeps nothing, and is not in the help.

The suite sets ``MCP_CONFORMANCE_SCENARIO``, ``MCP_CONFORMANCE_PROTOCOL_VERSION`` and ``MCP_CONFORMANCE_CONTEXT``.
"""

import asyncio
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import httpx2
from mcp import MCPDeprecationWarning
from mcp.client.auth import AuthorizationCodeResult
from mcp.types import (
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitResult,
    ListRootsResult,
    TextContent,
)
from msgspec.structs import replace

from devagent.core.errors import ConfigError, UsageError
from devagent.core.ports import ToolFailure
from devagent.host.mcp.config import parse_server
from devagent.host.mcp.extension import McpExtension
from devagent.host.mcp.handles import Handle
from devagent.host.mcp.http_config import SignIn, is_loopback
from devagent.host.mcp.launch import Answers
from devagent.host.mcp.lock import PinnedServer, ToolsLock
from devagent.policy.plain import is_table
from devagent.settings.trusted_file import read_trusted

NAME = "suite"
CLIENT_DOCUMENT = "https://conformance-test.local/client-metadata.json"
SECRET = "MCP_CONFORMANCE_CLIENT_SECRET"  # noqa: S105  (a variable's name)
MODERN = "2026-07-28"
ONLY_LISTED = ("initialize", "json-schema-ref-no-deref")
"""Scenarios without a call; the mock of the second knows the handshake alone, whatever version it names."""
ROUNDS = (
    "test_mrtr_echo_state",
    "test_mrtr_unrelated",
    "test_mrtr_no_state",
    "test_mrtr_no_result_type",
)
STUBS: dict[str, Any] = {
    "string": "x",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "object": {},
    "array": [],
    "null": None,
}
START_S, CALL_S = 25.0, 20.0


@click.command(hidden=True)
@click.argument("url")
def conformance(url: str) -> int:
    """Do what one scenario of the MCP conformance suite asks of a client, against URL on this machine."""
    host = urlsplit(url).hostname or ""
    if not is_loopback(host):
        raise UsageError(f"{host or url!r} is not this machine: this command agrees to everything")
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "tools_call")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", MODERN)
    context: Any = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    legacy = version < MODERN or scenario == "json-schema-ref-no-deref"
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_scenario(url, scenario, context, folder, legacy=legacy))


async def _scenario(
    url: str, scenario: str, context: Mapping[str, Any], folder: str, *, legacy: bool
) -> int:
    table: dict[str, Any] = {"type": "http", "url": url, "start_s": START_S, "call_s": CALL_S}
    settings = parse_server(NAME, table, _fault)
    if scenario.startswith("auth/"):
        settings = replace(settings, oauth=_oauth(scenario, context))
    lock = ToolsLock(folder, partial(read_trusted, error=ConfigError))
    extension = McpExtension(
        settings,
        lock,
        folder=folder,
        secrets=InMemory(),
        browser=StandInBrowser(),
        answers=Answers(elicitation=_accept, sampling=_sampled, roots=_no_roots),
    )
    if legacy:
        known = PinnedServer(identity=extension.identity, url=url, legacy=True)
        extension.pin(known, how="approved", on="")
    try:
        seen = await extension.look()
        extension.pin(seen, how="approved", on="")
        for left in seen.left_out:
            click.echo(f"left out: {left.name}: {left.why}", err=True)
        for name, arguments in _calls(scenario, context, seen):
            result = await extension.run(name, arguments, {})
            word = result.error or "ok"
            click.echo(f"{name}: {word}: {result.text[:300]}", err=True)
    except ToolFailure as failure:
        click.echo(failure.text, err=True)
        return 1
    finally:
        await extension.aclose()
        sys.stderr.flush()
    return 0


def _oauth(scenario: str, context: Mapping[str, Any]) -> SignIn:
    """What the config would say; but the suite names no issuer, without which the config takes no secret."""
    if "client_secret" in context:
        os.environ[SECRET] = str(context["client_secret"])
    credentials = scenario.startswith("auth/client-credentials")
    return SignIn(
        client_id=context.get("client_id", ""),
        client_secret=Handle("env", SECRET) if "client_secret" in context else None,
        client_metadata_url=CLIENT_DOCUMENT,
        grant="client_credentials" if credentials else "authorization_code",
    )


def _calls(
    scenario: str, context: Mapping[str, Any], seen: PinnedServer
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the model would call in this scenario."""
    tools = {tool.wire: tool for tool in seen.tools}
    if scenario in ONLY_LISTED:
        return
    if scenario == "http-custom-headers":
        for call in context.get("toolCalls", []):
            if call["name"] in tools:
                yield tools[call["name"]].name, call.get("arguments") or {}
    elif scenario == "json-schema-2020-12-preservation":
        yield "json_schema_echo", {"schema": tools["json_schema_2020_12_tool"].input_schema}
    elif scenario.startswith("auth/"):
        for tool in seen.tools[:1]:
            yield tool.name, {}
    elif scenario == "sep-2322-client-request-state":
        yield from ((name, {}) for name in ROUNDS)
    else:
        for wire, tool in tools.items():
            arguments = {"a": 5, "b": 3} if wire == "add_numbers" else _stub(tool.input_schema)
            yield tool.name, arguments


def _stub(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {
        name: STUBS.get(properties.get(name, {}).get("type"), "x")
        for name in schema.get("required", ())
    }


class StandInBrowser:
    """One GET of the authorization URL; where it would be sent on to is the answer (``host.mcp.sign_in.Browser``)."""

    redirect_uri = "http://localhost:3000/callback"

    def __init__(self) -> None:
        self._answer: dict[str, str] = {}

    async def open(self, url: str) -> None:
        if not is_loopback(urlsplit(url).hostname or ""):
            raise UsageError("the suite's authorization server is not on this machine")
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            response = await client.get(url, follow_redirects=False)
        query = urlsplit(response.headers["location"]).query
        self._answer = {name: values[0] for name, values in parse_qs(query).items()}

    async def answer(self) -> AuthorizationCodeResult:
        said = self._answer
        return AuthorizationCodeResult(
            code=said["code"], state=said.get("state"), iss=said.get("iss")
        )


class InMemory:
    """A keyring for as long as this process lives (``host.mcp.handles.Secrets``)."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def read(self, name: str) -> str:
        return self._kept.get(name, "")

    def keep(self, name: str, value: str) -> None:
        self._kept[name] = value

    def forget(self, name: str) -> bool:
        return self._kept.pop(name, None) is not None


async def _accept(context: object, params: object) -> ElicitResult:
    """The form with the defaults of its schema, and yes to the rest."""
    del context
    if not isinstance(params, ElicitRequestFormParams):
        return ElicitResult(action="decline")
    content: dict[str, Any] = {}
    for name, schema in params.requested_schema.get("properties", {}).items():
        if is_table(schema) and "default" in schema:
            content[name] = schema["default"]
        elif is_table(schema) and schema.get("type") == "boolean":
            content[name] = True
    return ElicitResult(action="accept", content=content)


async def _sampled(context: object, params: object) -> CreateMessageResult:
    del context, params
    return CreateMessageResult(
        role="assistant", model="none", content=TextContent(type="text", text="ok")
    )


async def _no_roots(context: object) -> ListRootsResult:
    del context
    return ListRootsResult(roots=[])


def _fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    del path
    return ConfigError(what, hint=hint)
