"""``devagent session``: session logs."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "list": Entry("devagent.cli.session.listing", "list_sessions", "The sessions, newest first."),
    "show": Entry(
        "devagent.cli.session.show", "show", "What happened, as it was shown while it happened."
    ),
    "verify": Entry(
        "devagent.cli.session.verify", "verify", "Check that a log is whole and unchanged."
    ),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def session() -> None:
    """List, show and verify session logs."""
