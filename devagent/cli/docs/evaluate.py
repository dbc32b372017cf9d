"""``devagent docs eval``: measure search by a file of questions."""

import click

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.core.text import one_line


@click.command(name="eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--missed", is_flag=True, help="With the questions that have no right hit in five.")
def evaluate(file: str, missed: bool) -> None:
    """recall@1, recall@5, recall@10, MRR and nDCG by kind of question, and how surely "not there" is told.

    FILE is tab-separated, with the head kind, question, sections. Sections are the right answers, separated by
    spaces: collection:path or collection:path#anchor; none means that there is no answer.
    """
    with failures():
        found = commands().evaluate(surroundings(), file)
        lines = commands().table(found)
    for line in lines:
        click.echo(line)
    for one in found.missed if missed else ():
        click.echo(f"missed ({one.kind}): {one_line(one.text, 200)}")
