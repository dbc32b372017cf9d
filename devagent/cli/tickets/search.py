"""``devagent tickets search``: search as the agent does."""

import click

from devagent.cli.tickets.shared import commands, failures, surroundings
from devagent.core.text import visible

NOTHING = 1


@click.command()
@click.argument("words", nargs=-1)
@click.option("--project", default="", metavar="NAME", help="Else all.")
@click.option("--status", default="", metavar="STATUS", help="open, closed, or a status.")
@click.option("--assignee", default="", metavar="NAME", help="me, none, or a name.")
@click.option("--label", default="", metavar="LABEL", help="Only those with this label.")
@click.option(
    "--limit",
    metavar="N",
    default=10,
    type=click.IntRange(1, 50),
    show_default=True,
    help="At most so many.",
)
def search(
    words: tuple[str, ...], project: str, status: str, assignee: str, label: str, limit: int
) -> int:
    """Tickets with WORDS in them, a line each. Exit code 1: none fits."""
    with failures():
        found = commands().search(
            surroundings(), query=" ".join(words), project=project, status=status, assignee=assignee,
            label=label, limit=limit,
        )  # fmt: skip
    click.echo(visible(found["text"]))
    return 0 if found["rows"] else NOTHING
