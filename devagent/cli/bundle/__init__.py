"""``devagent bundle``: an organisation's policy, made, approved, rolled out and taken back."""

import click

from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "init": Entry("devagent.cli.bundle.init", "init", "Make a policy repository with its keys."),
    "pin": Entry("devagent.cli.bundle.pin", "pin", "Look at an MCP server of the content, and pin its tools."),
    "build": Entry("devagent.cli.bundle.build", "build", "Make a bundle of the content, checked."),
    "promote": Entry("devagent.cli.bundle.promote", "promote", "Put a bundle up for an environment, or a ring of it."),
    "approve": Entry("devagent.cli.bundle.approve", "approve", "Look at what is put up, and sign it too."),
    "publish": Entry("devagent.cli.bundle.publish", "publish", "Bring out what is signed, and renew the timestamp."),
    "ring": Entry("devagent.cli.bundle.ring", "ring", "Who gets which bundle: list, widen, end."),
    "rollback": Entry("devagent.cli.bundle.rollback", "rollback", "Put an earlier bundle up again, as a new revision."),
    "revoke": Entry("devagent.cli.bundle.revoke", "revoke", "Take a bundle, extension, key or principal out of use."),
    "team": Entry("devagent.cli.bundle.team", "team", "Let a team sign its own policy file within the org's envelopes."),
    "keys": Entry("devagent.cli.bundle.keys", "keys", "Make an identity, list keys, replace one."),
    "status": Entry("devagent.cli.bundle.status", "status", "Which machines run which revision, by collected logs."),
    "impact": Entry("devagent.cli.bundle.impact", "impact", "What a bundle would change in recorded calls."),
    "verify": Entry("devagent.cli.bundle.verify", "verify", "Check a published tree as a machine would."),
    "drop": Entry("devagent.cli.bundle.drop", "drop", "Take back what is put up and not published."),
}  # fmt: skip


@click.group(cls=LazyGroup, table=COMMANDS)
def bundle() -> None:
    """Make, approve, roll out and take back an organisation's policy.

    Run these in the policy repository (or name it with -C). `docs/admin-guide.md` goes through all of them.
    """
