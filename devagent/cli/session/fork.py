"""``devagent session fork``: a new session that goes on from another's conversation."""

import os
import platform

import click

from devagent import __version__
from devagent.audit.device import Device
from devagent.audit.forks import fork as make_fork
from devagent.audit.layout import find_session
from devagent.cli.policy.shared import policy_in_force
from devagent.session.keeping import sealed_for
from devagent.settings.identity import principal
from devagent.settings.places import places


@click.command()
@click.argument("session", metavar="[ID|last]", default="last")
@click.option(
    "--at",
    type=click.IntRange(0),
    metavar="EVENT",
    help="The last event that is taken over (`session show`); all of them without it.",
)
def fork(session: str, at: int | None) -> None:
    """Begin a new session that goes on from another's conversation, and print its ID.

    The other session is named, not copied, and stays as it is. Go on with `devagent session resume`.
    """
    click.echo(fork_of(session, at))


def fork_of(session: str, at: int | None) -> str:
    """The id of a new fork of the session. Raises UsageError, LogError."""
    here = places()
    folder = make_fork(
        here.sessions,
        find_session(here.sessions, session),
        at,
        who=principal(),
        versions={"devagent": __version__, "python": platform.python_version(), "log": "1"},
        device=Device(here.data),
        sealing=sealed_for(policy_in_force(), here, os.environ),
    )
    return os.path.basename(folder)
