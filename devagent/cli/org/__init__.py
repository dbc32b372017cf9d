"""``devagent org``: this machine's organisation, and its policy here."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "join": Entry("devagent.cli.org.join", "join", "Enrol this machine, by the digest of a root."),
    "sync": Entry("devagent.cli.org.sync", "sync", "Fetch what is new."),
    "status": Entry("devagent.cli.org.status", "status", "Which policy is in force, and until when."),
    "login": Entry("devagent.cli.org.login", "login", "Say who you are, to the organisation's provider."),
    "leave": Entry("devagent.cli.org.leave", "leave", "End an enrolment of your own."),
}  # fmt: skip


@click.group(cls=LazyGroup, table=COMMANDS)
def org() -> None:
    """Belong to an organisation, and follow its signed policy."""
