"""``devagent policy explain``: why a call would be allowed, asked about or denied."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from devagent.cli.formats import formats
from devagent.cli.policy.explain_recorded import explain_record, find_event, find_last_denial
from devagent.cli.policy.explain_text import in_text
from devagent.cli.policy.shared import (
    first_party,
    first_party_tools,
    policy_files,
    policy_in_force,
    read_policies,
)
from devagent.core.codec import to_plain
from devagent.core.errors import UsageError
from devagent.core.verdicts import Request
from devagent.policy import explain, request_from_json
from devagent.policy.names import nearest_name
from devagent.policy.syntax import CLASSES
from devagent.settings.day import today
from devagent.settings.identity import principal


@click.command("explain")
@click.argument("tool", metavar="[EXTENSION.TOOL]", required=False)
@click.option("--last-denial", is_flag=True, help="The last recorded denial, of the newest session that has one.")  # fmt: skip
@click.option("--event", metavar="SESSION:SEQ", help="The recorded decision of that number in that session.")  # fmt: skip
@click.option("--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument; its value as JSON, or else as text.")  # fmt: skip
@click.option("--args", "arguments_json", metavar="JSON", help="All arguments as one JSON object.")
@click.option("--resource", "resources", multiple=True, metavar="ID", help="A resource that the call touches, as kind:name [those of the call here].")  # fmt: skip
@click.option(
    "--class",
    "tool_class",
    type=click.Choice(CLASSES),
    help="The tool's class [its own; exec where it is not known].",
)
@click.option("--user", metavar="NAME", help="Who calls [you].")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="A group of theirs.")
@click.option(
    "--mode", metavar="MODE", default="chat", show_default=True, help="The session's mode."
)
@policy_files
@formats("text", "json")
def explain_command(
    tool: str | None,
    last_denial: bool,
    event: str | None,
    arguments: tuple[str, ...],
    arguments_json: str | None,
    resources: tuple[str, ...],
    tool_class: str | None,
    user: str | None,
    groups: tuple[str, ...],
    mode: str,
    files: tuple[str, ...],
    output_format: str,
) -> None:
    """Why a call would be allowed, asked about or denied; nothing is run.

    Without --policy the policy in force here is asked. A recorded decision (--last-denial, --event) is shown as it
    was made, and judged again.
    """
    compiled = read_policies(files) if files else policy_in_force().compiled
    if last_denial or event is not None:
        if tool is not None or (last_denial and event is not None):
            raise click.UsageError("name a call, --last-denial or --event: one of them")
        record = find_last_denial() if event is None else find_event(event)
        explain_record(record, compiled, output_format)
        return
    if tool is None:
        raise click.UsageError("name a call (extension.tool), --last-denial or --event SESSION:SEQ")
    extension, dot, name = tool.partition(".")
    if not (extension and dot and name):
        raise UsageError(
            f"{tool!r} is no tool", hint="A tool is called extension.tool, as git.push."
        )
    _tell_of_a_slip(extension, name)
    who = principal()
    request = _request(
        {
            "principal": {"user": user or who.user, "groups": list(groups), "agent": who.agent},
            "extension": extension,
            "tool": name,
            "class": tool_class,
            "args": _arguments(arguments, arguments_json),
            "resources": list(resources) or None,
            "context": {"mode": mode},
        }
    )
    explanation = explain(compiled, request)
    if output_format == "json":
        click.echo(msgspec.json.encode(to_plain(explanation)))
    else:
        click.echo("\n".join(in_text(request, explanation)))


def _tell_of_a_slip(extension: str, name: str) -> None:
    """A policy may well speak of a tool that is not here, so this is a note and no refusal."""
    names = [spec.name for spec in first_party_tools() if spec.extension == extension]
    if names and name not in names:
        near = nearest_name(name, names)
        meant = f" Did you mean {extension}.{near}?" if near else ""
        click.echo(f"devagent: {extension} has no tool {name!r}; judged by name.{meant}", err=True)


def _request(data: dict[str, Any]) -> Request:
    try:
        return request_from_json(data, today=today(), known=first_party())
    except ValueError as error:
        raise UsageError(
            f"the call cannot be judged: {error}",
            hint="Say what it touches yourself, as --resource branch:origin/main.",
        ) from error


def _arguments(pairs: Sequence[str], whole: str | None) -> dict[str, Any]:
    try:
        arguments: dict[str, Any] = msgspec.json.decode(whole or "{}", type=dict[str, Any])
    except ValueError as error:
        raise UsageError(f"--args is no JSON object: {error}") from error
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--arg {pair!r} has no value", hint="Write --arg name=value.")
        try:
            arguments[name] = msgspec.json.decode(value)
        except ValueError:
            arguments[name] = value
    return arguments
