"""``devagent bundle revoke``: what must not be used any more, from the next look of each machine on."""

import click

from devagent.cli.bundle.shared import Workplace, in_folder, signing_as
from devagent.core.errors import UsageError
from devagent.org import revoking
from devagent.org.terms import REVOKE

KINDS = ("bundle", "extension", "key", "principal")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("what")
@in_folder
@signing_as
@click.option("--why", required=True, help="Told to whoever meets it.")
def revoke(kind: str, what: str, folder: str, person: str, why: str) -> None:
    """Take something out of use: a bundle (its digest), an extension (NAME, or NAME@DIGEST of its tools), a key (its id), a principal
    (user:NAME, group:NAME).

    One signature is enough: a revocation can only take away. Running sessions see it within the time that the
    organisation has them look in (`poll_s`), once it is published.
    """
    workplace = Workplace(folder)
    repository = workplace.repository
    if kind == "principal" and what.partition(":")[0] not in (
        "user",
        "group",
        "ci",
        "agent",
        "for",
    ):
        raise UsageError(
            f"{what!r} is no principal",
            hint="Write user:NAME, group:NAME or ci:OWNER/REPOSITORY@REF.",
        )
    if kind == "key" and len(what) < 64:
        what = _whole_id(workplace, what)
    signer = workplace.signers(person, REVOKE)[0]
    found = revoking.revocations(repository, workplace.settings.org)
    revoking.set_revocations(repository, revoking.revoked(found, kind, what, why), signer=signer)
    click.echo(
        f"revoke: {kind} {what[:60]} put up by {person}; `devagent bundle publish` brings it out"
    )


def _whole_id(workplace: Workplace, start: str) -> str:
    known = workplace.keys()
    found = [one.id for name, one in known.items() if one.id.startswith(start) or name == start]
    if len(found) != 1:
        raise UsageError(
            f"{start!r} names {len(found)} keys",
            hint="`devagent bundle keys list` shows their ids.",
        )
    return found[0]
