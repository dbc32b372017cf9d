"""``devagent review``: sessions that are worth a look, and reviewers' marks on them."""

import sys

import click

from devagent.cli.keys import use_keys_at_hand
from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "list": Entry("devagent.cli.review.listing", "list_queue", "The queue, newest first."),
    "walk": Entry("devagent.cli.review.walk", "walk", "Go through the queue, one after the other."),
    "mark": Entry("devagent.cli.review.mark", "mark", "Mark one session: seen, noted, escalated."),
    "marks": Entry("devagent.cli.review.marks", "marks", "Who marked what, and whether it stands."),
}


@click.group(cls=LazyGroup, table=COMMANDS, invoke_without_command=True)
@click.pass_context
def review(ctx: click.Context) -> None:
    """Go through sessions that are flagged, and mark them.

    Flagged are break-glass rules, production data, a yes in under a second, denials, and sessions that were
    locked to reading; `[review]` in the configuration says what is break-glass and what production. Marks go into a
    signed log of your own; nothing is written into what is reviewed. At a terminal the queue is gone through,
    else it is printed.
    """
    use_keys_at_hand()
    if ctx.invoked_subcommand is None:
        name = "walk" if sys.stdin.isatty() and sys.stdout.isatty() else "list"
        command = ctx.command
        found = command.get_command(ctx, name) if isinstance(command, LazyGroup) else None
        if found is not None:
            ctx.invoke(found)
