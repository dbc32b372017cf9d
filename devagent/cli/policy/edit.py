"""``devagent policy edit``: the person's own policy file, in their editor."""

from collections.abc import Sequence

import click

from devagent.cli.editing import edit
from devagent.cli.policy.lint import in_text
from devagent.cli.policy.shared import files_in_force, first_party_tools, read_policy
from devagent.policy import parse
from devagent.policy.document import decoded
from devagent.policy.lint import lint
from devagent.policy.syntax import speaks_of_arguments
from devagent.policy.tool_types import check_tools
from devagent.settings.day import today
from devagent.settings.places import places

STARTER = """\
# Your own policy. It narrows whatever your organisation says, and allows what
# is left to you. The language is one page, docs/policy.md, and
# `devagent policy explain git.commit` asks what holds.
version = 1
name = "mine"
layer = "local"

# [[rule]]
# id = "commits"
# effect = "allow"              # allow | ask | deny
# tools = ["git.add", "git.commit"]
# why = "Commits stay on this machine, and can be undone"

# [[rule]]
# id = "tests"
# effect = "allow"
# tools = ["workspace.shell"]
# resources = ["command:pytest", "command:pytest **"]
# why = "Tests of this project may run"
"""


@click.command("edit")
def edit_command() -> int:
    """Open your own policy.toml in your editor (VISUAL or EDITOR), and put it in force only where it is right.

    What is no policy is told with its line, and may be edited again; until then the file stays as it was. What `policy
    lint` warns of is told, and does not keep it from being in force.
    """
    return edit(places().policy, STARTER, _check)


def _check(content: bytes) -> Sequence[str]:
    own = places().policy
    file = parse(content, own, org=False)
    if speaks_of_arguments(file):
        check_tools(file, first_party_tools(), decoded(content, own))
    others = [name for name in files_in_force() if name != own]
    sources = [*((name, read_policy(name)) for name in others), (own, content)]
    findings = lint(sources, first_party_tools(), today(), org=others[0])
    told = [one for one in findings if one.file == own and one.severity in ("error", "warning")]
    return list(in_text(told))
