"""``devagent mcp serve``: the extensions as an MCP server, behind policy and on record."""

import asyncio
import signal

import click

from devagent.cli.entry import leave
from devagent.cli.workspace import workspace
from devagent.core.errors import ConfigError, DevagentError, Stop, UsageError
from devagent.gateway.callers import Callers
from devagent.gateway.calling import ByTheClient
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, open_served
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

    async def open_for(client: str) -> Served:
        return await open_served(
            Options(
                folder=place,
                mode="gateway",
                agent=f"mcp-{client}",
                approver=client_side,
                elicitor=client_side,
                sampler=client_side,
                policies=policies,
                extensions=extensions,
            )
        )

    return asyncio.run(_serve(Sessions(open_for), address, hosts))


async def _serve(sessions: Sessions, address: str | None, hosts: tuple[str, ...]) -> int:
    stop: Stop = "done"
    code, reason = 0, ""
    try:
        if address is None:
            await _over_stdio(sessions)
        else:
            await _over_http(sessions, *host_and_port(address), hosts)
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


async def _over_http(sessions: Sessions, host: str, port: int, hosts: tuple[str, ...]) -> None:
    tokens = GatewayTokens(places().data)
    if not tokens.names():
        raise ConfigError(
            "no client has a token for this server yet",
            hint="Make one with `devagent mcp token add NAME`.",
        )
    from devagent.gateway.http import listen, serve_http  # noqa: PLC0415  (mcp takes a second)

    listening, url = listen(host, port)
    await serve_http(
        sessions,
        listening,
        callers=Callers(tokens.name_of),
        hosts=hosts,
        ready=lambda: click.echo(f"devagent: serving {url}", err=True),
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
