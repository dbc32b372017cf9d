"""``devagent policy suggest``: rules that would have saved the asks, as a file to review."""

from datetime import date

import click

from devagent.cli.formats import formats
from devagent.cli.policy.recorded import HELP, METAVAR, RecordedSessions
from devagent.cli.policy.shared import policy_files, policy_in_force, read_policies
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line
from devagent.policy.suggest import suggest
from devagent.settings.day import today


@click.command("suggest")
@click.option("--from", "sessions", metavar=METAVAR, required=True, help=f"Which: {HELP}.")
@click.option("--unanswered", is_flag=True, help="For the asks that nobody was there to answer (`run`, CI), in place of those answered yes.")  # fmt: skip
@click.option("--min-count", metavar="N", type=click.IntRange(1), help="Asked at least so many times [2; with --unanswered 1].")  # fmt: skip
@policy_files
@formats("toml", "json")
def suggest_command(
    sessions: str,
    unanswered: bool,
    min_count: int | None,
    files: tuple[str, ...],
    output_format: str,
) -> None:
    """The narrowest rules that would have saved you the asks you answered yes, as a local policy file.

    Printed for review, never put in force: `devagent policy edit` is where rules of yours go. Without --policy it goes
    beside the policy in force here.
    """
    policy = read_policies(files) if files else policy_in_force().compiled
    read = RecordedSessions(sessions)
    day, least = date.fromisoformat(today()), min_count or (1 if unanswered else 2)
    found = suggest(read, policy, today=day, least=least, unanswered=unanswered)
    if output_format == "json":
        click.echo(canonical({**to_plain(found), "unreadable": read.unreadable}))
        return
    click.echo(found.text, nl=False)
    for unreadable in read.unreadable:
        click.echo(f"devagent: not read to its end: {one_line(unreadable, 400)}", err=True)
