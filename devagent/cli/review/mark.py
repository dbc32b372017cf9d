"""``devagent review mark``: one session marked, for scripts and for whoever has read its report."""

import click

from devagent.audit.flags import flags_of
from devagent.audit.marks import Marking, facts_of
from devagent.cli.review.shared import marked, reviewer, rules
from devagent.cli.session.shared import WIDTH, folder_of, verified
from devagent.core.events.people import Mark
from devagent.core.text import one_line


@click.command()
@click.argument("name", metavar="ID|DIR|last")
@click.argument("as_what", metavar="seen|noted|escalated", type=click.Choice(["seen", "noted", "escalated"]))  # fmt: skip
@click.option("--note", default="", metavar="TEXT", help="What is to be said about it.")
@click.option("--to", default="", metavar="WHO", help="Whom it is escalated to.")
def mark(name: str, as_what: Mark, note: str, to: str) -> None:
    """Mark one session, after verifying it: seen, noted (with --note) or escalated (with --note and --to).

    The mark names the session's tree head: it vouches for what is there now, and for nothing that comes later.
    """
    folder = folder_of(name)
    found = verified(folder)
    flags = flags_of(facts_of(folder), rules())
    with Marking(reviewer()) as marking:
        log = marking.mark(marked(found, tuple(flags), as_what, note=note, to=to))
    click.echo(f"{found.sid} is {as_what}, on record in {log}")
    click.echo(one_line(found.headline, WIDTH))
