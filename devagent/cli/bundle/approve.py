"""``devagent bundle approve``: a second person looks at what is put up, and signs it."""

import sys

import click

from devagent.cli.bundle.shared import Workplace, in_folder, signing_as, told_pending
from devagent.core.errors import DevagentError, UsageError
from devagent.core.text import one_line
from devagent.org import approving, staged_rings
from devagent.org.repository import owner_of


@click.command()
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@in_folder
@signing_as
@click.option("--yes", is_flag=True, help="Ask nothing: I have looked at it.")
def approve(roles: tuple[str, ...], folder: str, person: str, *, yes: bool) -> None:
    """Show what is put up (all of it, or these roles), and add your signature.

    Who wrote a bundle is not a second person for it.
    """
    workplace = Workplace(folder)
    signed = 0
    for one in workplace.repository.pending():
        if roles and one.role not in roles:
            continue
        if one.ready and not roles:
            continue
        allowed = workplace.repository.may_sign(one.role).values()
        if person not in {owner_of(key) for key in allowed} or person in one.signed_by:
            continue
        _tell(workplace, one.role)
        if one.role.startswith("env-") and one.threshold > 1:
            _second_person(workplace, one.role.removeprefix("env-"), person, one.signed_by)
        if not yes:
            _ask(one.role)
        for signer in workplace.signers(person, one.role):
            approving.sign(workplace.repository, one.role, signer)
        signed += 1
        click.echo(f"{one.role}: signed by {person}")
    if not signed:
        raise UsageError(f"nothing that is put up waits for {person}", hint="`devagent bundle publish` brings out what is ready.")  # fmt: skip
    told_pending(workplace, lambda line: click.echo(line, err=True))


def _tell(workplace: Workplace, role: str) -> None:
    click.echo(f"{role}:", err=True)
    if not role.startswith("env-"):
        return
    environment = role.removeprefix("env-")
    for ring in staged_rings.current_rings(workplace.repository, environment, "").rings:
        named = f" and {', '.join(ring.allow)}" if ring.allow else ""
        shadow = f", {ring.shadow[:12]} in its shadow" if ring.shadow else ""
        click.echo(
            f"  ring {ring.name}: {ring.percent:g} %{named}: {ring.bundle[:12]}{shadow}", err=True
        )
    for digest, (said, by) in approving.approvals(workplace.repository, environment).items():
        counts = {
            **{f"lint {k}": v for k, v in said.lint.items()},
            **{f"tests {k}": v for k, v in said.tests.items()},
        }
        counts |= {f"replay {k}": v for k, v in said.replay.items()}
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        ticket = f" ({one_line(said.ticket, 80)})" if said.ticket else ""
        click.echo(f"  {digest[:12]} revision {said.revision} by {said.author}{ticket}, signed by {', '.join(by)}", err=True)  # fmt: skip
        click.echo(f"    {told}", err=True)


def _second_person(
    workplace: Workplace, environment: str, person: str, before: tuple[str, ...]
) -> None:
    for digest, (said, by) in approving.approvals(workplace.repository, environment).items():
        others = {*by, *before} - {said.author}
        if said.author == person and before and not others:
            raise DevagentError(
                f"{person} wrote revision {said.revision} ({digest[:12]}), and nobody else has signed it",
                hint="Somebody else must look at it: author and approver are two people.",
            )


def _ask(role: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to say yes", hint="In a script say --yes.")
    if not click.confirm(f"Sign {role}?", err=True):
        raise UsageError(f"{role} was not signed")
