"""``devagent bundle init``: a policy repository with its keys, walked through."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from devagent import __version__
from devagent.cli.bundle.shared import (
    CONTENT,
    KEYS,
    KEYS_FILE,
    ONLINE,
    SETTINGS,
    KeyEntry,
    Workplace,
    asked_passphrase,
    keys_text,
    new_passphrase,
)
from devagent.cli.bundle.templates import CI_GITHUB, CI_GITLAB, IGNORED, README, settings_text
from devagent.core.errors import ConfigError, UsageError
from devagent.org import delegating, publishing, revoking
from devagent.org.key_services import is_service
from devagent.org.keys import KeyFolder, recipient_of
from devagent.org.manifest import ORG_NAME
from devagent.org.repository import Repository
from devagent.org.terms import Terms
from devagent_policies import path_of

CI = "ci"


@click.command()
@click.argument("folder")
@click.option("--org", "org", metavar="NAME", prompt="Name of the organisation (a-z, 0-9, -)", help="The organisation's name.")  # fmt: skip
@click.option("--person", "people", multiple=True, metavar="NAME[=KEY]", help="Who signs, with the age key to seal theirs for (age1…, or a file), or where their key is (hsm:, awskms:, …). Without it a passphrase is asked for. Three or more.")  # fmt: skip
@click.option("--root-key", "root_keys", multiple=True, metavar="NAME=KEY", help="Where the root key of a person is, or is sealed for [as --person].")  # fmt: skip
@click.option("--ci", "ci_key", default="", metavar="KEY", help="The age key (age1…, or a file) of whatever publishes, or where its key is.")  # fmt: skip
@click.option("--root-threshold", metavar="N", type=click.IntRange(min=2), default=2, show_default=True, help="So many must sign a change of keys.")  # fmt: skip
@click.option("--prod-threshold", metavar="N", type=click.IntRange(min=2), default=2, show_default=True, help="So many must sign what prod gets.")  # fmt: skip
@click.option("--timestamp-days", metavar="DAYS", type=float, default=3.0, show_default=True, help="How long a machine offline stays fresh.")  # fmt: skip
@click.option("--snapshot-days", metavar="DAYS", type=float, default=14.0, show_default=True, help="How long it may work at all.")  # fmt: skip
def init(
    folder: str,
    org: str,
    people: tuple[str, ...],
    root_keys: tuple[str, ...],
    ci_key: str,
    root_threshold: int,
    prod_threshold: int,
    timestamp_days: float,
    snapshot_days: float,
) -> None:
    """Make a policy repository in FOLDER: keys, roles, a first policy, and templates for CI.

    Each person gets two keys: one for the root, to be kept offline, and one for everyday signing. Root needs two
    of them, and so does the environment prod, unless you say more; dev and test need one.
    """
    if not ORG_NAME.fullmatch(org):
        raise UsageError(
            f"{org!r} cannot be an organisation's name", hint="a-z, 0-9 and -, up to 40."
        )
    named = dict(_named(people) or _asked_people())
    if len(named) < 2:
        raise UsageError(
            "a policy needs two people at least",
            hint="Nobody approves their own: name --person twice or more.",
        )
    if max(root_threshold, prod_threshold) > len(named):
        raise UsageError(f"{len(named)} people cannot make a threshold of {max(root_threshold, prod_threshold)}")  # fmt: skip
    roots_of = _roots_of(named, dict(_named(root_keys)))
    if os.path.exists(os.path.join(folder, SETTINGS)):
        raise ConfigError(f"{folder} holds a policy repository already")
    terms = Terms(timestamp=timestamp_days, snapshot=snapshot_days)
    os.makedirs(folder, exist_ok=True)
    made = _Keys(KeyFolder(os.path.join(folder, KEYS), passphrase=asked_passphrase))
    made.ask(*(n for n in named if not (named[n] and roots_of[n])), *(() if ci_key else (CI,)))
    roots = [made.key(f"root-{name}", name, key) for name, key in roots_of.items()]
    everyday = [made.key(name, name, key) for name, key in named.items()]
    online = {role: made.key(role, CI, ci_key) for role in ONLINE}
    repository = Repository(folder, terms)
    delegating.found(
        repository,
        roots,
        root_threshold=root_threshold,
        people=everyday,
        targets_threshold=2,
        online=online,
        environments={"dev": 1, "test": 1, "prod": prod_threshold},
        client={"poll_s": 60},
    )
    _write(folder, SETTINGS, settings_text(org, terms))
    _write(folder, KEYS_FILE, keys_text(made.entries))
    _write(folder, ".gitignore", IGNORED)
    _write(folder, "README.md", README.format(org=org))
    _write(folder, ".github/workflows/policy.yml", CI_GITHUB.format(version=__version__))
    _write(folder, ".gitlab-ci.yml", CI_GITLAB.format(version=__version__))
    _first_content(folder, org)
    _found(Workplace(folder), made, list(named))
    _tell(folder, org, list(named), (root_threshold, prod_threshold))


class _Keys:
    """Makes the keys, and remembers them open for the first signatures."""

    def __init__(self, folder: KeyFolder) -> None:
        self.folder = folder
        self.entries: dict[str, KeyEntry] = {}
        self._passphrases: dict[str, str] = {}

    def ask(self, *owners: str) -> None:
        """Ask for all passphrases first: sealing with one takes a second, and nobody should wait between two questions."""
        if owners:
            click.echo("Keys are sealed with a passphrase each, typed twice: whoever it belongs to types it.", err=True)  # fmt: skip
        for owner in owners:
            if owner == CI:
                click.echo("Whatever publishes has keys too (ci). With a passphrase a person must run `publish`; a pipeline wants --ci age1….", err=True)  # fmt: skip
            self._passphrase(owner)
        if owners:
            click.echo("Sealing the keys; a moment.", err=True)

    def key(self, name: str, owner: str, sealed_for: str) -> Any:
        if is_service(sealed_for):
            public = self.folder.named(sealed_for, owner)
            for other in self.entries.values():
                if (other.id == public.keyid) and other.owner != owner:
                    raise UsageError(f"{owner} and {other.owner} have one and the same key: {sealed_for}", hint="Two people have two keys.")  # fmt: skip
            self.entries[name] = KeyEntry(sealed_for, owner, public.keyid)
            return public
        recipient = recipient_of(sealed_for) if sealed_for else ""
        passphrase = "" if recipient else self._passphrase(owner)
        public = self.folder.new(
            name, owner, recipients=[recipient] if recipient else [], passphrase=passphrase
        )
        self.entries[name] = KeyEntry(f"age:{name}.age", owner, public.keyid)
        return public

    def _passphrase(self, owner: str) -> str:
        if owner not in self._passphrases:
            where = "--ci age1…" if owner == CI else f"--person {owner}=age1…"
            self._passphrases[owner] = new_passphrase(f"{owner}'s keys", where)
        return self._passphrases[owner]


def _roots_of(named: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Name → what their root key is sealed for, or where it is. Raises UsageError."""
    found: dict[str, str] = {}
    for name, key in named.items():
        found[name] = given.get(name, key)
        if name not in given and is_service(key):
            raise UsageError(
                f"{name}'s everyday key is in {key.partition(':')[0]}, and nothing says where the root key is",
                hint=f"Name it: --root-key {name}=age1… (or another key of a token or service).",
            )
    if unknown := sorted(set(given) - set(named)):
        raise UsageError(f"--root-key names {unknown[0]!r}, and --person does not")
    return found


def _found(workplace: Workplace, made: _Keys, people: list[str]) -> None:
    """The first signatures and the first publication, with the keys that are still open."""
    repository = workplace.repository
    workplace.use(made.folder)
    revoking.set_revocations(
        repository, revoking.revocations(repository, workplace.settings.org), signer=None
    )
    for one in repository.pending():
        for person in people[: one.threshold]:
            for signer in workplace.signers(person, one.role):
                repository.sign(one.role, signer)
    publishing.publish(repository, workplace.online())


def _named(people: tuple[str, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for one in people:
        name, _, key = one.partition("=")
        if not ORG_NAME.fullmatch(name) or name == CI or name.startswith("root-") or name in ONLINE:
            raise UsageError(f"{name!r} cannot be a person's name here", hint="a-z, 0-9 and -.")
        found.append((name, key))
    return found


def _asked_people() -> list[tuple[str, str]]:
    if not sys.stdin.isatty():
        return []
    click.echo(
        "Who signs? Three people are best: two of them must agree, and one may lose a key.",
        err=True,
    )
    text: str = click.prompt("Their names, with spaces between", err=True)
    return _named(tuple(text.split()))


def _first_content(folder: str, org: str) -> None:
    with open(path_of("baseline"), encoding="utf-8") as file:
        text = file.read()
    first = text.index("version = 1")
    text = text[first:].replace('name = "baseline"', f'name = "{org}"', 1)
    _write(folder, f"{CONTENT}/policy/org.toml", text)


def _write(folder: str, name: str, text: str) -> None:
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _tell(folder: str, org: str, people: list[str], thresholds: tuple[int, int]) -> None:
    workplace, count = Workplace(folder), len(people)
    click.echo(f"made {folder}: {org}, signed by {', '.join(people)}")
    click.echo(f"root sha256 {workplace.root_sha256()}")
    click.echo(
        f"  root: {thresholds[0]} of {count}; prod: {thresholds[1]} of {count}; dev, test, revocations: 1 of {count}",
        err=True,
    )
    click.echo(
        f"  Take {folder}/keys/root-*.age offline, each to its owner, and out of the repository.",
        err=True,
    )
    if count < 3:
        click.echo(
            "  With two people a lost root key cannot be replaced: a third is better.", err=True
        )
    click.echo(
        "  Next: `devagent bundle build --as NAME`, then `bundle promote dev --as NAME`.", err=True
    )
