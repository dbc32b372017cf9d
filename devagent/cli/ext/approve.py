"""``devagent ext approve``: look at a configured server as it is now, and let it in."""

import click

from devagent.cli.ext.shared import configured_server, let_in

DECLINED = 1


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Ask nothing; for scripts that have looked before.")
def approve(name: str, yes: bool) -> int:
    """Show the server NAME of the config, start it, show its tools and what changed, and let it in.

    What is let in is recorded in tools.lock: the program, its arguments, and each tool's definition.
    """
    return 0 if let_in(configured_server(name), yes=yes) else DECLINED
