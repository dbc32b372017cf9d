"""``devagent bundle revoke``: what must not be used any more, from the next look of each machine on."""

import re
from collections.abc import Collection

import click

from devagent.cli.bundle.shared import Workplace, in_folder, signing_as
from devagent.core.errors import UsageError
from devagent.org import release, revoking
from devagent.org.terms import REVOKE

KINDS = ("bundle", "extension", "key", "principal")
LEAST = 8
"""So many characters of a digest or id name it, where only one begins so."""
_PRINCIPAL = re.compile(r"(user|group|ci|agent|for):\S.*")
_EXTENSION = re.compile(r"[a-z0-9][a-z0-9_-]*(@[0-9a-f]{64})?")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("what")
@in_folder
@signing_as
@click.option("--why", metavar="WHY", required=True, help="Told to whoever meets it.")
def revoke(kind: str, what: str, folder: str, person: str, why: str) -> None:
    """Take something out of use: a bundle (its digest), an extension (NAME, or NAME@DIGEST of its tools), a key (its id), a principal
    (user:NAME, group:NAME).

    One signature is enough: a revocation can only take away. Running sessions see it within the time that the
    organisation has them look in (`poll_s`), once it is published.
    """
    workplace = Workplace(folder)
    repository = workplace.repository
    if kind == "principal" and not _PRINCIPAL.fullmatch(what):
        raise UsageError(
            f"{what!r} is no principal",
            hint="Write user:NAME, group:NAME or ci:OWNER/REPOSITORY@REF.",
        )
    # What names nothing would be signed, and revoke nothing.
    if kind == "key":
        what = _whole_id(workplace, what)
    if kind == "bundle":
        what = _whole_digest(workplace, what)
    if kind == "extension" and not _EXTENSION.fullmatch(what):
        raise UsageError(
            f"{what!r} is no extension and no version of one",
            hint="Write NAME, or NAME@DIGEST with the whole digest: `devagent ext list --digests` has it.",
        )
    signer = workplace.signers(person, REVOKE)[0]
    found = revoking.revocations(repository, workplace.settings.org)
    revoking.set_revocations(repository, revoking.revoked(found, kind, what, why), signer=signer)
    click.echo(
        f"revoke: {kind} {what[:60]} put up by {person}; `devagent bundle publish` brings it out"
    )


def _whole_id(workplace: Workplace, start: str) -> str:
    """The id of the key that a name or the start of an id stands for. Raises UsageError where it is not one."""
    named = {one.id for name, one in workplace.keys().items() if name == start}
    return next(iter(named), "") or _one(start, workplace.repository.every_key(), "key", "`devagent bundle keys list` shows their ids.")  # fmt: skip


def _whole_digest(workplace: Workplace, start: str) -> str:
    """The digest of the bundle that was put up here and begins so. Raises UsageError where it is not one."""
    return _one(start, release.every_bundle(workplace.repository), "bundle", "`devagent bundle ring prod` and `devagent org status` show them.")  # fmt: skip


def _one(start: str, known: Collection[str], kind: str, hint: str) -> str:
    found = [one for one in known if one.startswith(start.lower())] if len(start) >= LEAST else []
    if len(found) != 1:
        raise UsageError(f"{start!r} names {len(found)} {kind}s that were put up here", hint=hint)
    return found[0]
