"""``devagent auth``: the model service's key, kept in the keyring and never shown."""

import os
import sys

import click

from devagent.cli.asynchronous import run_until_done
from devagent.core.errors import ConfigError, UsageError
from devagent.settings.config import load_config
from devagent.settings.credentials import check_keyring, find_credential, forget, to_keyring
from devagent.settings.places import places

LONGEST = 10_000
"""No key has more characters; a longer line is not read to its end."""


@click.group()
def auth() -> None:
    """Keep the model service's key in the keyring."""


@auth.command()
@click.option("--no-check", is_flag=True, help="Do not ask the service whether it takes the key.")
def login(no_check: bool = False) -> None:
    """Keep an API key in the keyring.

    At a terminal it is asked for and not echoed; else the first line of standard input is it. A key that
    the service refuses is not kept.
    """
    check_keyring()
    if sys.stdin.isatty():
        key = click.prompt("API key", hide_input=True, default="", show_default=False).strip()
    else:
        key = sys.stdin.readline(LONGEST).strip()
    if not key:
        raise UsageError("no key was given")
    if any(c.isspace() or not c.isprintable() for c in key):
        raise UsageError("that is not a key: it has spaces or control characters in it")
    unchecked = "as asked" if no_check else run_until_done(_check(key))
    click.echo(f"Kept in {to_keyring(key)}. `devagent auth logout` removes it.")
    click.echo(f"Not checked: {unchecked}" if unchecked else "The service takes it.")


async def _check(key: str) -> str:
    """Why the key could not be checked, or "". Raises ConfigError for one that the service refuses."""
    from devagent.session.key_check import check_key  # noqa: PLC0415  (network code, for this alone)

    return await check_key(load_config(places().config), os.environ, key)


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
