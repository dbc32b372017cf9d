"""``devagent docs search``: search as the agent does."""

import click

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.core.text import visible

NOTHING = 1


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--collection", default="", metavar="NAME", help="Else all.")
@click.option(
    "--limit",
    metavar="N",
    default=5,
    type=click.IntRange(1, 20),
    show_default=True,
    help="At most so many.",
)
def search(words: tuple[str, ...], collection: str, limit: int) -> int:
    """Sections that answer the question in WORDS, best first. Exit code 1: nothing was found."""
    with failures():
        answer = commands().search(
            surroundings(), " ".join(words), collection=collection, limit=limit
        )
    for was, now in answer.corrections.items():
        click.echo(f"Read {was!r} as {now!r}.", err=True)
    for hit in answer.hits:
        click.echo(visible(f"{hit.citation}:{hit.chunk.line}  ({hit.freshness})"))
        click.echo(visible(f"  {' › '.join(hit.chunk.crumbs)}"))
        click.echo(visible(f"  {hit.snippet}\n"))
    for name in answer.missing:
        click.echo(f"{name} is not indexed; run `devagent docs index {name}`", err=True)
    if not answer.hits:
        click.echo("Nothing was found.", err=True)
        return NOTHING
    return 0
