"""``devagent bundle rollback``: an earlier content again, as a new revision."""

import os

import click

from devagent.cli.bundle.evidence import evidence
from devagent.cli.bundle.shared import BUILD, Workplace, in_folder, signing_as, told_pending
from devagent.org import release


@click.command()
@click.argument("environment")
@click.option("--to", "revision", metavar="REVISION", type=click.IntRange(min=1), required=True, help="The revision whose content is to hold again.")  # fmt: skip
@in_folder
@signing_as
@click.option(
    "--ticket",
    metavar="KEY",
    default="",
    help="The ticket that says why; it stands in the approval.",
)
def rollback(environment: str, revision: int, folder: str, person: str, ticket: str) -> None:
    """Put the content of an earlier REVISION up for everybody in ENVIRONMENT (rings end), and sign it.

    It becomes a new revision: versions only rise, so that no machine takes an older state for news. A second person
    approves it as ever. To stop running sessions at once, revoke the bundle that was bad.
    """
    workplace = Workplace(folder)
    repository = workplace.repository
    past = release.past_bundle(repository, environment, workplace.settings.org, revision)
    built = release.rolled_back(repository, past, person)
    path = workplace.path(BUILD, built.name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(built.data)
    found = evidence(built, "", lambda line: click.echo(line, err=True))
    signer = workplace.signers(person, f"env-{environment}")[0]
    role = release.promote(
        repository,
        environment,
        built,
        found,
        signer=signer,
        ticket=ticket or f"rollback to {revision}",
    )
    click.echo(
        f"{role}: revision {built.manifest.revision} with the content of {revision}, put up by {person}"
    )
    told_pending(workplace, lambda line: click.echo(line, err=True))
