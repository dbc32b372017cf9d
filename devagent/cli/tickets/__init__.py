"""``devagent tickets``: the trackers that the config names: how they stand, what is in them, in and out of a local one."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "status": Entry("devagent.cli.tickets.status", "status", "The trackers, and what is missing."),
    "search": Entry("devagent.cli.tickets.search", "search", "Search as the agent does."),
    "import": Entry("devagent.cli.tickets.moving", "take_in", "Take tickets into a local project."),
    "export": Entry("devagent.cli.tickets.moving", "give_out", "Write a local project's tickets."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def tickets() -> None:
    """Tickets of the team's tracker, or local ones, as the agent sees them."""
