"""``devagent mcp token``: who may come to ``devagent mcp serve --http``."""

import click

from devagent.cli.lazy import Group
from devagent.settings.gateway_tokens import GatewayTokens
from devagent.settings.places import places


@click.group(cls=Group)
def token() -> None:
    """Let clients in over HTTP, by a token each. A running server knows of a change at once."""


@token.command()
@click.argument("name")
def add(name: str) -> None:
    """Make a token for the client NAME and print it, this once. Rules see it as `agent:mcp-NAME`."""
    click.echo(GatewayTokens(places().data).add(name))


@token.command("list")
def names() -> None:
    """The clients that have a token."""
    for name in GatewayTokens(places().data).names():
        click.echo(name)


@token.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take the token of the client NAME back."""
    GatewayTokens(places().data).remove(name)
