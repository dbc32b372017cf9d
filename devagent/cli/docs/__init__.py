"""``devagent docs``: documentation collections: name them, index them, search them, measure the search."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "add": Entry("devagent.cli.docs.add", "add", "Look at a collection, print its config."),
    "index": Entry("devagent.cli.docs.index", "index", "Bring the index up to date."),
    "status": Entry("devagent.cli.docs.status", "status", "The collections, and what is stale."),
    "search": Entry("devagent.cli.docs.search", "search", "Search as the agent does."),
    "eval": Entry(
        "devagent.cli.docs.evaluate", "evaluate", "Measure search by a file of questions."
    ),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def docs() -> None:
    """Documentation that the agent can search, offline: which there is, and how well it is found."""
