"""``devagent policy show``: the policy in force, and where each part of it comes from."""

from typing import Literal

import click

from devagent.cli.formats import formats
from devagent.cli.policy.shared import policy_files, policy_in_force, read_policies
from devagent.cli.policy.show_text import as_data, as_text, as_toml
from devagent.core.codec import canonical
from devagent.core.text import visible
from devagent.settings.policies import EffectivePolicy


@click.command("show")
@policy_files
@formats("text", "toml", "json")
def show_command(files: tuple[str, ...], output_format: Literal["text", "toml", "json"]) -> None:
    """The policy in force here, layer by layer; with --policy, of those files."""
    policy = (
        EffectivePolicy(compiled=read_policies(files), layers=()) if files else policy_in_force()
    )
    data = as_data(policy.compiled, policy.locked)
    if output_format == "json":
        click.echo(canonical(data))
        return
    for line in as_toml(data) if output_format == "toml" else as_text(data):
        click.echo(visible(line))
