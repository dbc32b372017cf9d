"""``devagent bundle``: an organisation's policy, made, approved, rolled out and taken back."""

import click

from devagent.cli.lazy import Entry, LazyGroup

MAKE = "Make"
ROLL_OUT = "Roll out"
TAKE_BACK = "Take back"
WHO = "Who signs"

COMMANDS: dict[str, Entry] = {
    "init": Entry("devagent.cli.bundle.init", "init", "Make a policy repository with its keys.", MAKE),
    "pin": Entry("devagent.cli.bundle.pin", "pin", "Look at an MCP server of the content, and pin its tools.", MAKE),
    "build": Entry("devagent.cli.bundle.build", "build", "Make a bundle of the content, checked.", MAKE),
    "impact": Entry("devagent.cli.bundle.impact", "impact", "What a bundle would change in recorded calls.", MAKE),
    "promote": Entry("devagent.cli.bundle.promote", "promote", "Put a bundle up for an environment, or a ring of it.", ROLL_OUT),
    "approve": Entry("devagent.cli.bundle.approve", "approve", "Look at what is put up, and sign it too.", ROLL_OUT),
    "publish": Entry("devagent.cli.bundle.publish", "publish", "Bring out what is signed, and renew the timestamp.", ROLL_OUT),
    "ring": Entry("devagent.cli.bundle.ring", "ring", "Who gets which bundle: list, widen, end.", ROLL_OUT),
    "drop": Entry("devagent.cli.bundle.drop", "drop", "Take back what is put up and not published.", ROLL_OUT),
    "verify": Entry("devagent.cli.bundle.verify", "verify", "Check a published tree as a machine would.", ROLL_OUT),
    "status": Entry("devagent.cli.bundle.status", "status", "Which machines run which revision, by collected logs.", ROLL_OUT),
    "rollback": Entry("devagent.cli.bundle.rollback", "rollback", "Put an earlier bundle up again, as a new revision.", TAKE_BACK),
    "revoke": Entry("devagent.cli.bundle.revoke", "revoke", "Take a bundle, extension, key or principal out of use.", TAKE_BACK),
    "keys": Entry("devagent.cli.bundle.keys", "keys", "Make an identity, list keys, replace one.", WHO),
    "team": Entry("devagent.cli.bundle.team", "team", "Let a team sign its own policy file within the org's envelopes.", WHO),
}  # fmt: skip


@click.group(cls=LazyGroup, table=COMMANDS)
def bundle() -> None:
    """Make, approve, roll out and take back an organisation's policy.

    Run these in the policy repository (or name it with -C). `docs/admin-guide.md` goes through all of them.
    """
