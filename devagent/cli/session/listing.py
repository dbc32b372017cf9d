"""``devagent session list``: the sessions, newest first."""

import time

import click

from devagent.audit.reader import Session, sessions
from devagent.cli.session.shared import Format, format_option, known_names, write
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line, visible
from devagent.settings.places import places


@click.command("list")
@format_option
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="At most so many.",
)
def list_sessions(output_format: Format, limit: int) -> None:
    """The sessions, newest first."""
    root = places().sessions
    found = [one for one, _ in zip(sessions(root), range(limit), strict=False)]
    known = known_names()
    if output_format == "json":
        plain = [{**to_plain(one), "name": known.get(one.sid, "")} for one in found]
        write(canonical(plain).decode())
        return
    if not found:
        click.echo("There is no session yet. Start one with `devagent`.", err=True)
    for one in found:
        write(_row(one, known.get(one.sid, "")))


def _row(one: Session, name: str) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.started / 1000))
    state = one.stop or one.state
    ticket = f"{one.ticket}: " if one.ticket else ""
    prompt = one_line(f"[{name}] {ticket}{one.prompt}" if name else f"{ticket}{one.prompt}", 60)
    line = f"{one.sid}  {when}  {state:<11}  {one.events:>5} events  {one.mode:<4}  {prompt}"
    return visible(line).rstrip()
