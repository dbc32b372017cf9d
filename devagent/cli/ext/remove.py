"""``devagent ext remove``: forget a server that was let in."""

import click

from devagent.cli.ext.shared import tools_lock
from devagent.core.errors import UsageError
from devagent.settings.config import load_config
from devagent.settings.places import places


@click.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the server NAME and its tools; what the config says of it stays."""
    if not tools_lock().remove(name):
        raise UsageError(f"no server {name!r} is on record", hint="See `devagent ext list`.")
    click.echo(f"{name} is forgotten.")
    file = places().config
    if name in load_config(file).extensions:
        click.echo(f"It is still in {file}: take [extensions.{name}] out, or it is let in again.")
