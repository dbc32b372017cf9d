"""``devagent mcp serve``: the extensions as an MCP server, behind policy and on record."""

import asyncio
import signal
import socket
from urllib.parse import urlsplit

import click
from msgspec import Struct

from devagent.cli.entry import leave
from devagent.cli.workspace import workspace
from devagent.core.errors import ConfigError, DevagentError, Stop, UsageError
from devagent.core.principal import Principal
from devagent.gateway.callers import ANYBODY, Callers
from devagent.gateway.calling import ByTheClient
from devagent.gateway.front import listen
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, check_served, open_served
from devagent.settings.gateway_tokens import GatewayTokens
from devagent.settings.places import places

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option(
    "--http",
    "address",
    metavar="HOST:PORT",
    help="Serve many clients over streamable HTTP at /mcp; without it one over standard input and output.",
)
@click.option(
    "--policy", "policies", multiple=True, metavar="FILE",
    help="A further policy file; it can only narrow. May be repeated.",
)  # fmt: skip
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="NAME",
    help="Only this extension. May be repeated.",
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A name of a proxy before this server, for its Host and Origin headers. May be repeated.",
)
@click.option(
    "--resource",
    metavar="URL",
    help="The address that clients know this server by, where a proxy stands before it: access tokens of the organisation's issuer must be for it.",
)
@click.option(
    "--profile",
    type=click.Choice(["conformance"]),
    help="Serve the official suite's fixture instead, without tokens; for --http on loopback.",
)
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="Work in this folder.")
def serve(
    address: str | None,
    policies: tuple[str, ...],
    extensions: tuple[str, ...],
    hosts: tuple[str, ...],
    resource: str | None,
    profile: str | None,
    folder: str,
) -> int:
    """Serve the extensions to MCP clients, behind policy and on record.

    A client sees the tools that policy may grant it. What policy asks a person about is asked through the client
    where it can ask (elicitation), else it is denied. Each client has a session of its own in the log.
    """
    if profile is not None:
        from devagent.cli.mcp.conformance import serve_fixture  # noqa: PLC0415  (mcp takes a second)

        return serve_fixture(*host_and_port(address or ""))
    place = workspace(folder)
    client_side = ByTheClient()
    door = _door(address, resource) if address is not None else None

    def options(client: str, who: Principal | None) -> Options:
        return Options(
            folder=place,
            mode="gateway",
            agent=who.agent if who is not None else f"mcp-{client}",
            principal=who,
            approver=client_side,
            elicitor=client_side,
            sampler=client_side,
            policies=policies,
            extensions=extensions,
        )

    async def open_for(client: str) -> Served:
        who = door.callers.principal(client) if door is not None else None
        return await open_served(options(client, who))

    return asyncio.run(_serve(Sessions(open_for), door, hosts, options(ANYBODY, None)))


class _Door(Struct):
    """Where clients come in over HTTP."""

    listening: socket.socket
    url: str
    callers: Callers


def _door(address: str, resource: str | None) -> _Door:
    """Raises ConfigError where nobody could come in, UsageError for an address that cannot be had."""
    from devagent.gateway.issuing import issuer_of  # noqa: PLC0415  (only over HTTP)

    host, port = host_and_port(address)
    here = places()
    tokens = GatewayTokens(here.data)
    try:
        listening, url = listen(host, port)
    except OSError as e:
        raise UsageError(f"{address} cannot be served on: {e.strerror}") from e
    issuer = issuer_of(here, _resource(resource) if resource else url)
    if issuer is None and not tokens.names():
        listening.close()
        raise ConfigError(
            "no client has a token for this server yet",
            hint="Make one with `devagent mcp token add NAME`.",
        )
    return _Door(listening, url, Callers(tokens.name_of, issuer))


def _resource(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"{url!r} is no address of a server", hint="For example https://tools.acme.example/mcp."
        )
    return url


async def _serve(
    sessions: Sessions, door: _Door | None, hosts: tuple[str, ...], anybodys: Options
) -> int:
    """``anybodys`` are the options of a session here: what is wrong with them is said before anybody is served."""
    stop: Stop = "done"
    code, reason = 0, ""
    try:
        if door is None:
            await _over_stdio(sessions)
        else:
            with door.listening:
                await check_served(anybodys)
                await _over_http(sessions, door, hosts)
    except asyncio.CancelledError:
        stop, code, reason = "interrupted", 130, "a signal ended the server"
    except DevagentError as error:
        stop, code, reason = error.stop, error.exit_code, error.what
        raise
    finally:
        await sessions.close(stop, code, reason)
    if code:
        leave(code)  # a thread may still wait for standard input, which nobody can interrupt
    return 0


async def _over_stdio(sessions: Sessions) -> None:
    """Raises CancelledError where a signal ends it."""
    from devagent.gateway.stdio import serve_stdio  # noqa: PLC0415  (mcp takes a second)

    loop = asyncio.get_running_loop()
    signalled = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: signalled.done() or signalled.set_result(None))
    serving = loop.create_task(serve_stdio(sessions))
    await asyncio.wait({serving, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        raise asyncio.CancelledError
    serving.result()


async def _over_http(sessions: Sessions, door: _Door, hosts: tuple[str, ...]) -> None:
    from devagent.gateway.http import serve_http  # noqa: PLC0415  (mcp takes a second)

    await serve_http(
        sessions,
        door.listening,
        callers=door.callers,
        hosts=hosts,
        ready=lambda: click.echo(f"devagent: serving {door.url}", err=True),
    )


def host_and_port(address: str) -> tuple[str, int]:
    """The address to serve on. Raises UsageError for none, and for one beyond this machine."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{address!r} is no HOST:PORT", hint="For example 127.0.0.1:8808.")
    if host not in _LOOPBACK:
        raise UsageError(
            f"{host or address!r} is not this machine's loopback, and this server speaks plain HTTP",
            hint="Serve on 127.0.0.1 behind a proxy that speaks TLS, and name it with --allowed-host.",
        )
    return host, int(port)
