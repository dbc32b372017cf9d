"""``devagent session rename``: a name for a session, to be used in the place of its id."""

import os

import click

from devagent.audit import names
from devagent.audit.layout import find_session
from devagent.cli.redacting import redacted
from devagent.core.errors import UsageError
from devagent.settings.places import places


@click.command()
@click.argument("session", metavar="ID")
@click.argument("name")
def rename(session: str, name: str) -> None:
    """Give a session a NAME, which may then stand wherever an ID may; '' takes it away.

    The name is a label beside the record: nothing in the log changes.
    """
    if redacted(name) != name:
        raise UsageError(
            "A name must hold no secret, and no personal data that policy keeps out of the record.",
            hint="Give another one.",
        )
    root = places().sessions
    sid = os.path.basename(find_session(root, session))
    before = names.rename(root, sid, name)
    was = f" (it was {before})" if before and before != name else ""
    click.echo(f"{sid} is now {name}{was}" if name else f"{sid} has no name now{was}")
