"""``devagent session anchor``: what the witness has not seen yet is sent now."""

import click

from devagent.cli.policy.shared import policy_in_force
from devagent.cli.session.shared import WIDTH, write
from devagent.core.errors import UsageError
from devagent.core.text import one_line
from devagent.policy.bounds import witness
from devagent.settings.places import places


@click.command()
@click.option(
    "--all", "every", is_flag=True, help="Also sessions that do not wait, but were never anchored."
)
def anchor(every: bool) -> None:
    """Send what the witness has not seen yet: the last checkpoint of each session that waits.

    Sessions do that by themselves; this is for the end of a CI job, and to see what is in the way. Exit code 1
    where anything still waits.
    """
    from devagent.audit.witness import (  # noqa: PLC0415  (its threads and HTTP are for this only)
        queue_all,
        send_all,
    )

    named = witness(policy_in_force().compiled.files)
    if named is None:
        raise UsageError("Policy names no witness.", hint="It is [log.witness] url.")
    here = places()
    if every:
        queue_all(named, here.sessions, here.data)
    found = send_all(named, here.sessions, here.data)
    for one in found:
        what = f"waits: {one.why}" if one.why else f"anchored, {one.size} lines"
        write(one_line(f"{one.sid}  {what}", WIDTH))
    if not found:
        click.echo("Nothing waits for the witness.", err=True)
    if any(one.why for one in found):
        raise click.exceptions.Exit(1)
