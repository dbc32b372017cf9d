"""``devagent policy``: what policy says, and why."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "check": Entry("devagent.cli.policy.check", "check", "Judge requests by policy files alone."),
    "explain": Entry(
        "devagent.cli.policy.explain",
        "explain_command",
        "Why a call is allowed, asked about or denied.",
    ),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def policy() -> None:
    """Ask what policy says, and why."""
