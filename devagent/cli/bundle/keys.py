"""``devagent bundle keys``: an identity, the keys there are, and one in the place of another."""

import os

import click

from devagent.cli.bundle.shared import (
    KEYS_FILE,
    KeyEntry,
    Workplace,
    in_folder,
    keys_text,
    new_passphrase,
    told_pending,
)
from devagent.cli.lazy import Group
from devagent.core.errors import UsageError
from devagent.org import delegating
from devagent.org.key_services import is_service
from devagent.org.keys import new_identity, recipient_of


@click.group(cls=Group)
def keys() -> None:
    """Make an age identity, list keys, replace one that is lost or stolen."""


@keys.command()
@click.argument("file")
def identity(file: str) -> None:
    """Make an age identity in FILE, which opens the keys that are sealed for it. Prints what to seal them for.

    Name the file in DEVAGENT_IDENTITY when you sign. Keep a copy where the computer is not.
    """
    click.echo(new_identity(os.path.expanduser(file)))


@keys.command("list")
@in_folder
def listing(folder: str) -> None:
    """Which keys there are, whose, and what each may sign."""
    workplace = Workplace(folder)
    repository = workplace.repository
    roles = ["root", "targets", *(f"env-{name}" for name in repository.environments()), "revoke"]
    for name, entry in workplace.keys().items():
        may = [
            role
            for role in (*roles, "snapshot", "timestamp")
            if entry.id in repository.keys_of(role)
        ]
        click.echo(
            f"{name:16} {entry.owner:12} {entry.id[:12]}  {', '.join(may) or 'nothing any more'}"
        )


@keys.command()
@click.argument("name")
@in_folder
@click.option("--for", "sealed_for", default="", metavar="KEY", help="The age key (age1…, or a file) to seal the new one for, or where the new one is (hsm:, awskms:, …).")  # fmt: skip
def rotate(name: str, folder: str, sealed_for: str) -> None:
    """Put a new key in the place of NAME's, in every role that has it. What changes is put up to be signed.

    Lost or stolen, it is the same: the others sign. For a root key two of the root keys before must sign, and two of
    those after.
    """
    workplace = Workplace(folder)
    every = workplace.keys()
    if name not in every:
        raise UsageError(f"there is no key {name}", hint=f"There are {', '.join(every)}.")
    old = every[name]
    number = 2
    base = name.rpartition("~")[0] or name
    while f"{base}~{number}" in every:
        number += 1
    fresh = f"{base}~{number}"
    if is_service(sealed_for):
        uri, public = sealed_for, workplace.key_folder().named(sealed_for, old.owner)
        if public.keyid in {entry.id for entry in every.values()}:
            raise UsageError(f"{sealed_for} is a key that somebody signs with already", hint="`devagent bundle keys list` shows whose.")  # fmt: skip
    else:
        recipient = recipient_of(sealed_for) if sealed_for else ""
        passphrase = "" if recipient else new_passphrase(fresh, "--for age1…")
        uri = f"age:{fresh}.age"
        public = workplace.key_folder().new(
            fresh, old.owner, recipients=[recipient] if recipient else [], passphrase=passphrase
        )
    changed = delegating.replace_key(workplace.repository, old.id, public)
    del every[name]
    every[fresh] = KeyEntry(uri=uri, owner=old.owner, id=public.keyid)
    _write(workplace, every)
    click.echo(f"{fresh} stands in the place of {name}: {', '.join(changed) or 'no role had it'}")
    told_pending(workplace, lambda line: click.echo(line, err=True))


def _write(workplace: Workplace, every: dict[str, KeyEntry]) -> None:
    path = workplace.path(KEYS_FILE)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(keys_text(every))
    os.replace(f"{path}.new", path)
