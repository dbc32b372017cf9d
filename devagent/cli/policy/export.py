"""``devagent policy export``: the policy in another engine's language."""

import sys

import click
import msgspec

from devagent.cli.policy.shared import policy_files, policy_in_force, read_policies
from devagent.cli.policy.tool_specs import tool_files, tool_specs
from devagent.core.errors import DevagentError, UsageError
from devagent.core.text import one_line
from devagent.core.verdicts import Effect
from devagent.policy.cedar import CedarPolicies, export_cedar


@click.command("export")
@click.option("--cedar", is_flag=True, help="As a Cedar policy set, to standard output.")
@policy_files
@tool_files
@click.option("--schema", "schema_file", metavar="FILE", help="Write the Cedar schema there.")
@click.option("--entities", "entities_file", metavar="FILE", help="Write the org's groups as Cedar entities (JSON) there.")  # fmt: skip
@click.option(
    "--least",
    type=click.Choice(["allow", "ask"]),
    default="allow",
    show_default=True,
    help="What Cedar's Allow means: allowed, or at least asked about.",
)
@click.option("--exact", is_flag=True, help="Refuse what can only be exported more strictly.")
def export_command(
    cedar: bool,
    files: tuple[str, ...],
    tool_files: tuple[str, ...],
    schema_file: str | None,
    entities_file: str | None,
    least: str,
    exact: bool,
) -> None:
    """The policy in another engine's language; never more permissive than it is.

    Cedar knows no ask: two sets, --least allow and --least ask, say together what one policy says. What can not be
    carried over as it stands is named on standard error and in the set. Without --policy it is the policy in force here.
    """
    if not cedar:
        raise click.UsageError("name the language: --cedar")
    compiled = read_policies(files) if files else policy_in_force().compiled
    effect: Effect = "ask" if least == "ask" else "allow"
    exported = export_cedar(compiled, tool_specs(tool_files), least=effect)
    for note in exported.notes:
        click.echo(f"not carried over as it stands: {one_line(str(note), 400)}", err=True)
    if exact and exported.stricter:
        raise DevagentError(
            f"{len(exported.stricter)} parts of the policy can only be exported more strictly",
            hint="They are named above. Leave --exact out to export them so.",
        )
    _write_beside(exported, schema_file, entities_file)
    sys.stdout.write(exported.policies)


def _write_beside(exported: CedarPolicies, schema: str | None, entities: str | None) -> None:
    if schema:
        _write(schema, exported.schema.encode())
    if entities:
        _write(entities, msgspec.json.format(msgspec.json.encode(exported.entities)) + b"\n")


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from error
