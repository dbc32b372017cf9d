"""``devagent auth``: the model service's key, kept in the keyring or an encrypted file and never shown."""

import os
import sys

import click

from devagent.cli.asynchronous import run_until_done
from devagent.cli.lazy import Group
from devagent.core.errors import ConfigError, UsageError
from devagent.settings.config import load_config
from devagent.settings.credentials import check_keyring, find_credential, forget, to_keyring
from devagent.settings.key_file import SHORTEST, VARIABLE, KeyFile, passphrase_of
from devagent.settings.places import places

LONGEST = 10_000
"""No key has more characters; a longer line is not read to its end."""


@click.group(cls=Group)
def auth() -> None:
    """Keep the model service's key in the keyring, or in an encrypted file."""


@auth.command()
@click.option("--no-check", is_flag=True, help="Do not ask the service whether it takes the key.")
@click.option(
    "--file",
    "in_file",
    is_flag=True,
    help="Keep it in an encrypted file, though there may be a keyring.",
)
def login(no_check: bool = False, in_file: bool = False) -> None:
    """Keep an API key in the keyring; where none answers, in a file that a passphrase opens.

    At a terminal it is asked for and not echoed; else the first line of standard input is it. A key that
    the service refuses is not kept.
    """
    in_file = in_file or not _has_keyring()
    if sys.stdin.isatty():
        key = click.prompt("API key", hide_input=True, default="", show_default=False).strip()
    else:
        key = sys.stdin.readline(LONGEST).strip()
    if not key:
        raise UsageError("no key was given")
    if any(c.isspace() or not c.isprintable() for c in key):
        raise UsageError("that is not a key: it has spaces or control characters in it")
    unchecked = "as asked" if no_check else run_until_done(_check(key))
    if in_file:
        sealed = KeyFile(places().data)
        sealed.keep(key, _new_passphrase())
        where = f"the encrypted file {sealed.path}"
    else:
        where = to_keyring(key)
    click.echo(f"Kept in {where}. `devagent auth logout` removes it.")
    click.echo(f"Not checked: {unchecked}" if unchecked else "The service takes it.")


def _has_keyring() -> bool:
    """Whether one answers. Raises ConfigError where none does and nobody could give a passphrase."""
    try:
        check_keyring()
    except ConfigError:
        if not sys.stdin.isatty() and not os.environ.get(VARIABLE):
            raise
        click.echo("No keyring answers here, so the key goes into an encrypted file.", err=True)
        return False
    return True


def _new_passphrase() -> str:
    if given := passphrase_of(os.environ):
        return given
    if not sys.stdin.isatty():
        raise ConfigError(
            "nobody can be asked for a passphrase",
            hint=f"Name a file that holds it in {VARIABLE}; nobody but you may read that file.",
        )
    text: str = click.prompt(
        f"Passphrase of the file (at least {SHORTEST} characters)",
        hide_input=True,
        confirmation_prompt="Once more",
        value_proc=_long_enough,
    )
    return text


def _long_enough(text: str) -> str:
    """Asked for again where it is not: the key that was typed before is not lost for that."""
    if len(text) < SHORTEST:
        raise click.BadParameter(f"it has {len(text)} characters, and needs {SHORTEST}")
    return text


async def _check(key: str) -> str:
    """Why the key could not be checked, or "". Raises ConfigError for one that the service refuses."""
    from devagent.session.key_check import check_key  # noqa: PLC0415  (network code, for this alone)

    return await check_key(load_config(places().config), os.environ, key)


@auth.command()
def logout() -> None:
    """Remove the key from the keyring, and its encrypted file."""
    removed = KeyFile(places().data).forget()
    try:
        removed = forget() or removed
    except ConfigError:
        if not removed:
            raise
    click.echo("Removed." if removed else "There was no key in the keyring, and no encrypted file.")


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
