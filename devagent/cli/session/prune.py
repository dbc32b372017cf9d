"""``devagent session prune``: what policy keeps no longer is erased or removed, and each leaves its trace."""

import click

from devagent.audit.device import Device
from devagent.audit.retention import Due, carry_out, due
from devagent.audit.search import forget_what_is_gone
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.redacting import redactor_for
from devagent.cli.session.erase import confirm, yes_option
from devagent.cli.session.shared import WIDTH, Format, format_option, write
from devagent.core.codec import canonical
from devagent.core.errors import LogError
from devagent.core.text import one_line
from devagent.policy.bounds import keeping
from devagent.settings.identity import principal
from devagent.settings.places import places

_WORDS = {"erase": "content erased", "remove": "removed"}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@yes_option
@format_option
def prune(dry_run: bool, yes: bool, output_format: Format) -> None:
    """Erase and remove sessions that are older than policy keeps them ([log] keep_content_days, keep_days).

    Of erased content the log says who and why; of a removed session a signed tombstone stays. What is held,
    running or not verifying stays as it is, and is told. Exit code 1 where something could not be done.
    """
    here = places()
    files = policy_in_force().compiled.files
    terms = keeping(files)
    if terms.keep_days is None and terms.keep_content_days is None:
        click.echo("Policy does not say how long sessions are kept, so all of them are.", err=True)
    every = list(due(here.sessions, terms))
    doable = [one for one in every if not one.why_not]
    if doable and not dry_run:
        confirm(f"Erase or remove {len(doable)} sessions? They cannot be had back.", yes)
    device = Device(here.data)
    redact = redactor_for(files)
    failed: dict[str, str] = {}
    for one in () if dry_run else doable:
        try:
            carry_out(one, terms, here.sessions, who=principal(), device=device, redact=redact)
        except LogError as error:
            failed[one.folder] = error.what
    if doable and not dry_run:
        forget_what_is_gone(here.sessions)
    for one in every:
        _tell(one, failed.get(one.folder, ""), dry_run, output_format)
    if not every and output_format == "text":
        click.echo("No session is older than it is kept.", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _tell(one: Due, failed: str, dry_run: bool, output_format: Format) -> None:
    why_not = failed or one.why_not
    if output_format == "json":
        done = not (why_not or dry_run)
        plain = {"sid": one.sid, "action": one.action, "days": one.days, "done": done}
        write(canonical({**plain, "why_not": why_not} if why_not else plain).decode())
        return
    would = "would be " if dry_run else ""
    what = f"left as it is: {why_not}" if why_not else f"{would}{_WORDS[one.action]}"
    write(one_line(f"{one.sid}  {one.days:>5} days  {what}", WIDTH))
