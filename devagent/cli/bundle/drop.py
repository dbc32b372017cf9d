"""``devagent bundle drop``: what was put up is taken back."""

import click

from devagent.cli.bundle.shared import Workplace, in_folder
from devagent.core.errors import UsageError


@click.command()
@click.argument("role")
@in_folder
def drop(role: str, folder: str) -> None:
    """Take back what is put up for ROLE (env-prod, revoke, …) and not published."""
    workplace = Workplace(folder)
    known = [one.role for one in workplace.repository.pending()]
    if role not in known:
        raise UsageError(
            f"nothing is put up for {role}", hint=f"Put up: {', '.join(known) or 'nothing'}."
        )
    workplace.repository.drop(role)
    click.echo(f"{role}: taken back")
