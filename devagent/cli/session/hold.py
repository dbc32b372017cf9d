"""``devagent session hold`` and ``release``: legal hold."""

import os
import time

import click

from devagent.audit.holds import change_hold, held
from devagent.audit.layout import find_session
from devagent.cli.redacting import redacted
from devagent.cli.session.erase import reason_of, reason_option
from devagent.core.errors import UsageError
from devagent.core.text import one_line
from devagent.settings.identity import principal
from devagent.settings.places import places


@click.command()
@click.argument("name", metavar="[ID|last]")
@reason_option
def hold(name: str, reason: str) -> None:
    """Keep a session from being erased or removed until `session release` lifts that. It may be running."""
    folder = find_session(places().sessions, name)
    change_hold(folder, hold=True, by=str(principal()), reason=redacted(reason_of(reason)))
    click.echo(f"{os.path.basename(folder)} is held.")


@click.command()
@click.argument("name", metavar="[ID|last]")
@reason_option
def release(name: str, reason: str) -> None:
    """Lift a session's hold. Who put it on, who lifted it and why stays with the session."""
    folder = find_session(places().sessions, name)
    sid = os.path.basename(folder)
    before = held(folder)
    if before is None:
        raise UsageError(f"Session {sid} is not held.")
    change_hold(folder, hold=False, by=str(principal()), reason=redacted(reason_of(reason)))
    since = time.strftime("%Y-%m-%d", time.gmtime(before.at / 1_000_000))
    click.echo(
        one_line(f"{sid} is held no longer (since {since} by {before.by}: {before.reason}).", 400)
    )
