"""``devagent ext route``: which tools the model would be told of, which a question would find, and why."""

import asyncio

import click

from devagent.cli.workspace import workspace
from devagent.core.text import one_line
from devagent.repl.approver import Unattended
from devagent.session import Options
from devagent.session.routing import route as routed

SHOWN = 10


@click.command()
@click.argument("question")
@click.option("-C", "--folder", default=".", metavar="FOLDER", help="As in this folder.")
def route(question: str, folder: str) -> None:
    """Show which tools QUESTION finds, and by which words. Nothing is started, and no model asked."""
    options = Options(folder=workspace(folder), mode="run", approver=Unattended())
    found = asyncio.run(routed(options, question))
    total = len(found.told) + len(found.to_be_found) - bool(found.to_be_found)
    click.echo(
        f"{total} tools, about {found.tokens:,} tokens; {found.hidden} more are hidden by policy"
    )
    if found.to_be_found:
        click.echo(
            f"At first the model is told of {len(found.told) - 1} and of devagent.find_tools, which looks through "
            f"{len(found.to_be_found)}.\n"
        )
    else:
        click.echo("The model is told of all of them; find_tools is not needed.\n")
    for one in found.ranked[:SHOWN]:
        why = "; ".join(f"{field}: {', '.join(words)}" for field, words in one.why)
        click.echo(f"{one.score:6.2f}  {one.tool.qualified:40} {one_line(why, 200)}")
    if not found.ranked:
        click.echo("No tool has any of these words.")
    elif len(found.ranked) > SHOWN:
        click.echo(f"        … and {len(found.ranked) - SHOWN} that fit less")
