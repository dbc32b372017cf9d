"""``devagent ext login`` and ``logout``: signing in to an MCP server behind HTTP."""

import sys

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.ext.shared import attended, configured_server
from devagent.core.errors import ConfigError, UsageError
from devagent.core.ports import ToolFailure
from devagent.host.mcp.extension import McpExtension
from devagent.settings.keyring_secrets import KeyringSecrets


@click.command()
@click.argument("name")
def login(name: str) -> int:
    """Sign in to the server NAME of the config. The tokens are kept in the keyring, for this server alone."""
    extension = _remote(name)
    settings = extension.settings
    if any(header.lower() == "authorization" for header in settings.headers):
        raise UsageError(f"{name} has an Authorization header in the config, and no sign-in")
    if settings.oauth.grant != "client_credentials" and not sys.stdin.isatty():
        raise UsageError("signing in is for a person to do, and nobody can be asked here")
    secrets = KeyringSecrets()
    secrets.forget(extension.running.sign_in_key)
    run_until_done(_signed_in(extension))
    if secrets.read(extension.running.sign_in_key):
        click.echo(f"Signed in to {name}. `devagent ext logout {name}` forgets it.")
    else:
        click.echo(f"{name} answered without asking who you are: there is nothing to sign in to.")
    return 0


@click.command()
@click.argument("name")
def logout(name: str) -> None:
    """Forget the tokens of the server NAME; what it has granted there stays until it expires."""
    extension = _remote(name)
    if not KeyringSecrets().forget(extension.running.sign_in_key):
        raise UsageError(f"nobody is signed in to {name}")
    click.echo(f"The tokens of {name} are forgotten.")


def _remote(name: str) -> McpExtension:
    extension = configured_server(name)
    if extension.settings.kind != "http":
        raise UsageError(f"{name} is a program on this machine: there is nothing to sign in to")
    return extension


async def _signed_in(extension: McpExtension) -> None:
    async with attended(extension) as present:
        try:
            await present.look()
        except ToolFailure as failure:
            raise ConfigError(failure.text) from failure
