"""``devagent tickets status``: the trackers, and what is missing."""

import click

from devagent.cli.tickets.shared import commands, failures, surroundings
from devagent.core.text import one_line


@click.command()
def status() -> None:
    """Each tracker: its projects, where it is, and how many tickets are kept here. No server is asked."""
    with failures():
        found = commands().status(surroundings())
    for one in found:
        tracker = one.tracker
        where = tracker.host or "on this computer"
        projects = ", ".join(tracker.projects)
        click.echo(
            one_line(
                f"{tracker.name}: {tracker.type}, {where}: {projects}; {one.kept} kept here", 300
            )
        )
        if one.fault:
            click.echo(f"  {one_line(one.fault, 300)}", err=True)
