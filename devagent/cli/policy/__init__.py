"""``devagent policy``: what policy says, and why."""

import click

from devagent.cli.keys import use_keys_at_hand
from devagent.cli.lazy import Entry, LazyGroup

ASK = "Ask"
WRITE = "Write and check"
COMPARE = "Compare"

COMMANDS: dict[str, Entry] = {
    "explain": Entry("devagent.cli.policy.explain", "explain_command", "Why a call is allowed, asked about or denied.", ASK),
    "show": Entry("devagent.cli.policy.show", "show_command", "The policy in force, and where each part comes from.", ASK),
    "matrix": Entry("devagent.cli.policy.matrix", "matrix_command", "Who may use which tool, for reviewers.", ASK),
    "approvals": Entry("devagent.cli.policy.approvals", "approvals", "What you have approved beyond a single call.", ASK),
    "edit": Entry("devagent.cli.policy.edit", "edit_command", "Your own policy file, in your editor.", WRITE),
    "lint": Entry("devagent.cli.policy.lint", "lint_command", "Slips, dead rules and traps in policy files.", WRITE),
    "test": Entry("devagent.cli.policy.test", "test_command", "Run the examples and test files of policies.", WRITE),
    "suggest": Entry("devagent.cli.policy.suggest", "suggest_command", "The narrowest rules that would have saved the asks.", WRITE),
    "schema": Entry("devagent.cli.policy.schema", "schema_command", "The JSON Schema of policy files, for editors.", WRITE),
    "check": Entry("devagent.cli.policy.check", "check", "Judge requests, as JSON, by policy files alone.", COMPARE),
    "diff": Entry("devagent.cli.policy.diff", "diff", "Which recorded calls another policy answers otherwise.", COMPARE),
    "export": Entry("devagent.cli.policy.export", "export_command", "The policy in another engine's language.", COMPARE),
}  # fmt: skip


@click.group(cls=LazyGroup, table=COMMANDS)
def policy() -> None:
    """Ask what policy says, and why; write, check and compare policies."""
    use_keys_at_hand()
