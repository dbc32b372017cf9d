"""``devagent review list``: the sessions that wait for a reviewer."""

import click

from devagent.audit.reader import glance
from devagent.cli.review.shared import escalated_option, flag_option, line_of, tell, waiting
from devagent.cli.session.shared import Format, format_option, write
from devagent.core.codec import canonical, to_plain


@click.command("list")
@flag_option
@escalated_option
@click.option("--all", "every", is_flag=True, help="All that are flagged, marked or not.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="At most so many.",
)
@format_option
def list_queue(
    flags: tuple[str, ...] = (),
    escalated: bool = False,
    every: bool = False,
    limit: int = 20,
    output_format: Format = "text",
) -> None:
    """The queue, newest first: new sessions, and those that were flagged again since their mark."""
    found = waiting(flags, escalated=escalated, every=every)
    tell(found.notes)
    shown = found.sessions[:limit]
    if output_format == "json":
        write(canonical([{**to_plain(one), "state": one.state} for one in shown]).decode())
        return
    if not shown:
        click.echo("Nothing waits for a reviewer.", err=True)
    for one in shown:
        write(line_of(one, glance(one.folder).prompt))
    if more := len(found.sessions) - len(shown):
        click.echo(f"… {more:,} more: --limit {len(found.sessions)} shows all.", err=True)
