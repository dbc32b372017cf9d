"""``devagent tickets import`` and ``export``: tickets into a local project and out of it."""

import click

from devagent.cli.tickets.shared import commands, failures, surroundings


@click.command(name="import")
@click.argument("project")
@click.argument("path", type=click.Path(exists=True))
def take_in(project: str, path: str) -> None:
    """Take the tickets of PATH into a local PROJECT: JSON lines, a Markdown file, or a folder of these.

    All or none are taken. A ticket whose key is of the project keeps it, and replaces the one that has it.
    """
    with failures():
        name, new, replaced = commands().take_in(surroundings(), project, path)
    click.echo(f"{name}: {new} new, {replaced} replaced")


@click.command(name="export")
@click.argument("project")
@click.argument("path", type=click.Path())
@click.option("--markdown", is_flag=True, help="A folder with a Markdown file for each ticket.")
def give_out(project: str, path: str, markdown: bool) -> None:
    """Write the tickets of a local PROJECT to PATH: a new file of JSON lines, comments included."""
    with failures():
        count = commands().give_out(surroundings(), project, path, markdown=markdown)
    click.echo(f"{count} tickets")
