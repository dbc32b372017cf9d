"""``devagent policy``: what policy says, and why."""

import click

from devagent.cli.keys import use_keys_at_hand
from devagent.cli.lazy import Entry, LazyGroup

COMMANDS: dict[str, Entry] = {
    "approvals": Entry(
        "devagent.cli.policy.approvals", "approvals", "What you have approved beyond a single call."
    ),
    "check": Entry("devagent.cli.policy.check", "check", "Judge requests by policy files alone."),
    "explain": Entry(
        "devagent.cli.policy.explain",
        "explain_command",
        "Why a call is allowed, asked about or denied.",
    ),
    "diff": Entry(
        "devagent.cli.policy.diff", "diff", "Which recorded calls another policy answers otherwise."
    ),
    "suggest": Entry(
        "devagent.cli.policy.suggest",
        "suggest_command",
        "The narrowest rules that would have saved the asks.",
    ),
    "matrix": Entry(
        "devagent.cli.policy.matrix", "matrix_command", "Who may use which tool, for reviewers."
    ),
    "export": Entry(
        "devagent.cli.policy.export", "export_command", "The policy in another engine's language."
    ),
    "lint": Entry(
        "devagent.cli.policy.lint", "lint_command", "Slips, dead rules and traps in policy files."
    ),
    "test": Entry(
        "devagent.cli.policy.test", "test_command", "Run the examples and test files of policies."
    ),
    "show": Entry(
        "devagent.cli.policy.show",
        "show_command",
        "The policy in force, and where each part comes from.",
    ),
    "schema": Entry(
        "devagent.cli.policy.schema",
        "schema_command",
        "The JSON Schema of policy files, for editors.",
    ),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def policy() -> None:
    """Ask what policy says, and why."""
    use_keys_at_hand()
