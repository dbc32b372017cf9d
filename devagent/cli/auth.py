"""``devagent auth``: the model service's key, kept in the keyring and never shown."""

import os

import click

from devagent.core.errors import ConfigError, UsageError
from devagent.settings.credentials import find_credential, forget, to_keyring


@click.group()
def auth() -> None:
    """Keep the model service's key in the keyring."""


@auth.command()
def login() -> None:
    """Ask for an API key (it is not echoed) and keep it in the keyring."""
    key = click.prompt("API key", hide_input=True, default="", show_default=False).strip()
    if not key:
        raise UsageError("no key was given")
    if any(c.isspace() or not c.isprintable() for c in key):
        raise UsageError("that is not a key: it has spaces or control characters in it")
    click.echo(f"Kept in {to_keyring(key)}. `devagent auth logout` removes it.")


@auth.command()
def logout() -> None:
    """Remove the key from the keyring."""
    click.echo("Removed." if forget() else "There was no key in the keyring.")


@auth.command()
def status() -> int:
    """Say where the key comes from, never what it is."""
    try:
        found = find_credential(os.environ)
    except ConfigError as error:
        click.echo(str(error))
        return error.exit_code
    click.echo(f"The key comes from {found.source}.")
    return 0
