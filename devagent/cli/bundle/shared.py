"""What the bundle commands share: the policy repository's own files, its keys, and who signs."""

import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import click
from msgspec import Struct, ValidationError, convert, field

from devagent.core.codec import sha256
from devagent.core.errors import ConfigError, UsageError
from devagent.org.building import Built, opened_archive
from devagent.org.keys import KeyFolder
from devagent.org.libraries import Key, Signer
from devagent.org.manifest import Manifest
from devagent.org.repository import Repository, owner_of
from devagent.org.terms import Terms
from devagent.settings.places import places
from devagent.settings.reading_key import identities

SETTINGS, KEYS_FILE, KEYS, CONTENT, BUILD = "bundle.toml", "keys.toml", "keys", "content", "build"
ONLINE = ("snapshot", "timestamp")
SHORTEST = 12

in_folder = click.option("-C", "--folder", default=".", metavar="FOLDER", help="The policy repository.")  # fmt: skip
signing_as = click.option("--as", "person", required=True, metavar="PERSON", help="Who signs: a name of keys.toml.")  # fmt: skip


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``bundle.toml``. ``order``: the environments that a bundle goes through, each after the one before."""

    org: str
    revision: int = 1
    min_client: str = ""
    max_client: str = ""
    note: str = ""
    order: tuple[str, ...] = ("dev", "test", "prod")
    terms: Terms = Terms()
    client: dict[str, Any] = field(default_factory=dict)


class KeyEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One key of ``keys.toml``: where it is, whose, and its id. No secret."""

    uri: str
    owner: str
    id: str


def keys_text(every: Mapping[str, KeyEntry]) -> str:
    """``keys.toml``."""
    lines = [
        "# Where each key is, and whose. No secret: the files are sealed (age) for their owners.",
        "",
    ]
    for name, one in every.items():
        title = name if name.replace("-", "").isalnum() else f'"{name}"'
        uri = one.uri.replace("\\", "\\\\").replace('"', '\\"')
        lines += [f"[{title}]", f'uri = "{uri}"', f'owner = "{one.owner}"', f'id = "{one.id}"', ""]
    return "\n".join(lines)


class Workplace:
    """A policy repository's folder. Raises ConfigError where it is none."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.settings = self._load(SETTINGS, Settings)
        self.repository = Repository(self.folder, self.settings.terms)
        self._key_folder: KeyFolder | None = None

    def path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _load(self, name: str, kind: Any) -> Any:
        path = self.path(name)
        try:
            with open(path, "rb") as file:
                return convert(tomllib.load(file), kind)
        except FileNotFoundError as e:
            raise ConfigError(
                f"{self.folder} is no policy repository: it has no {name}",
                hint="`devagent bundle init FOLDER` makes one.",
            ) from e
        except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as e:
            raise ConfigError(str(e), file=path) from e

    def keys(self) -> dict[str, KeyEntry]:
        """Key name → where it is."""
        found: dict[str, KeyEntry] = self._load(KEYS_FILE, dict[str, KeyEntry])
        return found

    def use(self, folder: KeyFolder) -> None:
        """Sign with this folder's keys, some of which may be open still."""
        self._key_folder = folder

    def key_folder(self) -> KeyFolder:
        if self._key_folder is None:
            self._key_folder = KeyFolder(
                self.path(KEYS),
                identities=identities(places().data, os.environ),
                passphrase=asked_passphrase,
            )
        return self._key_folder

    def signers(self, person: str, role: str) -> list[Signer]:
        """The person's keys that may sign a role, opened. Raises UsageError where they have none."""
        allowed = self.repository.may_sign(role)
        mine = [key for key in allowed.values() if owner_of(key) == person]
        if not mine:
            owners = ", ".join(sorted({owner_of(key) for key in allowed.values()}))
            raise UsageError(
                f"{person} has no key that may sign {role}", hint=f"These do: {owners}."
            )
        known = {entry.id for entry in self.keys().values()}
        # A key that was replaced may still be asked for by the root before; who lost it does not have it.
        return [self.signer(key) for key in mine if key.keyid in known] or [self.signer(mine[0])]

    def signer(self, key: Key) -> Signer:
        for entry in self.keys().values():
            if entry.id == key.keyid:
                return self.key_folder().signer(entry.uri, key)
        raise ConfigError(
            f"keys.toml does not say where {owner_of(key)}'s key {key.keyid[:8]} is",
            file=self.path(KEYS_FILE),
        )

    def online(self) -> dict[str, Signer]:
        """The signers of snapshot and timestamp."""
        found: dict[str, Signer] = {}
        for role in ONLINE:
            keys = list(self.repository.keys_of(role).values())
            found[role] = self.signer(keys[0])
        return found

    def described(self, person: str, revision: int) -> Manifest:
        own = self.settings
        return Manifest(
            schema=1,
            org=own.org,
            revision=revision,
            author=person,
            files={},
            min_client=own.min_client,
            max_client=own.max_client,
            note=own.note,
        )

    def built(self, file: str) -> Built:
        """A built bundle: the file named, or that of the revision in ``bundle.toml``. Raises DevagentError."""
        path = file or self.path(BUILD, f"{self.settings.org}-{self.settings.revision}.tar.gz")
        try:
            with open(path, "rb") as archive:
                return opened_archive(archive.read())
        except OSError as e:
            raise ConfigError(
                f"the bundle cannot be read ({e.strerror})",
                file=path,
                hint="`devagent bundle build` makes it.",
            ) from e

    def root_sha256(self) -> str:
        """What machines are enrolled with."""
        with open(os.path.join(self.repository.metadata, "1.root.json"), "rb") as file:
            return sha256(file.read())


def asked_passphrase(name: str) -> str:
    """The passphrase of a key, from a person. Raises ConfigError where nobody is there."""
    if not sys.stdin.isatty():
        raise ConfigError(
            f"the key {name} asks for its passphrase, and nobody is there to give it",
            hint="In CI name the file of an age identity in DEVAGENT_IDENTITY, and have the key sealed for it.",
        )
    text: str = click.prompt(f"Passphrase of {name}", hide_input=True, err=True)
    return text


def new_passphrase(whose: str, instead: str) -> str:
    """A passphrase for new keys, typed twice. Raises UsageError where nobody is there, or it is too short."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"nothing says what {whose} are to be sealed for", hint=f"Name an age key: {instead}."
        )
    text: str = click.prompt(
        f"A passphrase for {whose}", hide_input=True, confirmation_prompt=True, err=True
    )
    if len(text) < SHORTEST:
        raise UsageError(
            f"a passphrase needs {SHORTEST} characters at least", hint="Four words will do."
        )
    return text


def told_pending(workplace: Workplace, tell: Callable[[str], None]) -> bool:
    """Say what is put up and what it still needs; whether anything is."""
    pending = workplace.repository.pending()
    for one in pending:
        have = ", ".join(one.signed_by) or "nobody"
        state = "ready to publish" if one.ready else f"needs {one.threshold}"
        old = (
            f", and {one.before[1]} of the keys before ({one.before[0]} have)"
            if one.before[1]
            else ""
        )
        tell(f"  {one.role} {one.version}: signed by {have}; {state}{old if not one.ready else ''}")
    return bool(pending)
