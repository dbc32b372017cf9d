"""``devagent ext remove``: forget a server that was let in."""

import click

from devagent.cli.ext.shared import tools_lock
from devagent.core.errors import ConfigError, UsageError
from devagent.host.mcp.lock import sign_in_key
from devagent.settings.config import load_config
from devagent.settings.keyring_secrets import KeyringSecrets
from devagent.settings.places import places


@click.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the server NAME and its tools; what the config says of it stays."""
    known = tools_lock().servers().get(name)
    if known is None or not tools_lock().remove(name):
        raise UsageError(f"no server {name!r} is on record", hint="See `devagent ext list`.")
    if known.url:
        try:
            KeyringSecrets().forget(sign_in_key(name, known.identity))
        except ConfigError as error:
            click.echo(f"Tokens of a sign-in may be left: {error.what}.", err=True)
    click.echo(f"{name} is forgotten.")
    file = places().config
    if name in load_config(file).extensions:
        click.echo(f"It is still in {file}: take [extensions.{name}] out, or it is let in again.")
