"""``devagent sql``: questions to databases."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "ask": Entry("devagent.cli.sql.ask", "ask", "Answer a question with one governed query."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def sql() -> None:
    """Databases, under policy."""
