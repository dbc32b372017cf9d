"""``devagent policy approvals``: what you have approved beyond a single call, and taking it back."""

import os
from typing import Literal

import click

from devagent.audit.layout import EVENTS, newest_first
from devagent.cli.formats import formats
from devagent.cli.lazy import Group
from devagent.cli.policy.signed_approvals import check, export, key
from devagent.core.approvals import StandingApproval
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import UsageError
from devagent.core.text import one_line, visible
from devagent.settings.approvals import ApprovalsOnFile
from devagent.settings.places import places

_format = formats("text", "json")
Format = Literal["text", "json"]
FEW = 4
"""So many resources are named in the list: all of a push's."""


@click.group(cls=Group)
def approvals() -> None:
    """What you have approved beyond a single call."""


@approvals.command("list")
@_format
def list_approvals(output_format: Format) -> None:
    """The approvals on file: what, how far, until when, how often used."""
    found = _on_file().standing()
    if output_format == "json":
        click.echo(canonical([{**to_plain(a), "uses": _uses(a)} for a in found]))
        return
    if not found:
        click.echo("There are no approvals on file.", err=True)
    for one in found:
        touched = ", ".join(r.id for r in one.resources[:FEW]) or "exactly these arguments"
        more = f" and {len(one.resources) - FEW} more" if len(one.resources) > FEW else ""
        reach = f"{_reach(one)}, until {one.expires}, by {one.by}, used {_times(_uses(one))}"
        click.echo("  ".join(map(one_line, (one.id, one.tool, touched + more))))
        click.echo(f"              {one_line(reach)}")


@approvals.command()
@click.argument("id")
@_format
def show(id: str, output_format: Format) -> None:
    """One approval, whole."""
    one = next((a for a in _on_file().standing() if a.id == id), None)
    if one is None:
        raise _unknown(id)
    if output_format == "json":
        click.echo(canonical({**to_plain(one), "uses": _uses(one)}))
        return
    lines = [
        f"{one.id}  {one.tool}",
        f"  given    {one.given} by {one.by}",
        f"  reaches  {_reach(one)}, until {one.expires}",
        f"  answers  {', '.join(one.rules) or 'the default of the policy'}",
        f"  tool     as of definition {one.definition[:12]}",
        f"  used     {_times(_uses(one))}",
        *(f"  {r.access:7}  {r.id}  {' '.join(r.tags)}".rstrip() for r in one.resources),
    ]
    for line in lines:
        click.echo(visible(line))


@approvals.command()
@click.argument("id")
def revoke(id: str) -> None:
    """Take one back; the next such call asks again."""
    if _on_file().revoke(id) is None:
        raise _unknown(id)
    click.echo(f"Revoked {id}.")


approvals.add_command(export)
approvals.add_command(check)
approvals.add_command(key)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _on_file() -> ApprovalsOnFile:
    return ApprovalsOnFile.load(places().approvals)


def _unknown(id: str) -> UsageError:
    return UsageError(
        f"there is no approval {id!r}", hint="`devagent policy approvals list` shows them."
    )


def _reach(one: StandingApproval) -> str:
    return f"in {one.folder}" if one.scope == "project" else "everywhere"


def _uses(one: StandingApproval) -> int:
    """How many asks it has answered: counted in the session logs, which are the record."""
    wanted = f'"approval_id":"{one.id}"'.encode()
    uses = 0
    for folder in newest_first(places().sessions):
        try:
            with open(os.path.join(folder, EVENTS), "rb") as file:
                uses += sum(wanted in line and b'"method":"file"' in line for line in file)
        except OSError:
            continue  # a log that cannot be read now counts nothing; `session verify` tells of it
    return uses
