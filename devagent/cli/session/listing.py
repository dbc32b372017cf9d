"""``devagent session list``: the sessions, newest first."""

import time

import click

from devagent.audit.reader import Session, sessions
from devagent.cli.session.shared import Format, format_option, write
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line, visible
from devagent.settings.places import places


@click.command("list")
@format_option
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many."
)
def list_sessions(output_format: Format, limit: int) -> None:
    """The sessions, newest first."""
    found = [one for one, _ in zip(sessions(places().sessions), range(limit), strict=False)]
    if output_format == "json":
        write(canonical([to_plain(one) for one in found]).decode())
        return
    if not found:
        click.echo("There is no session yet. Start one with `devagent`.", err=True)
    for one in found:
        write(_row(one))


def _row(one: Session) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.started / 1000))
    state = one.stop or one.state
    prompt = one_line(one.prompt, 60)
    line = f"{one.sid}  {when}  {state:<11}  {one.events:>5} events  {one.mode:<4}  {prompt}"
    return visible(line).rstrip()
