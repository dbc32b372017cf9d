"""An organisation's repository, as administrators change it: staged, signed by one after the other, published.

    published/metadata, published/targets     the tree that any static server serves, and what is in force
    staged/<role>.json                        the next version of a role with the signatures that it has so far
    staged/targets/                           files that staged roles sign for, and envelopes

Nothing is published before its threshold is met. python-tuf makes and checks every piece of metadata.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from devagent.core.codec import sha256
from devagent.core.errors import ConfigError
from devagent.org.libraries import (
    AnyMetadata,
    DelegatedRole,
    JSONSerializer,
    Key,
    Metadata,
    RepositoryError,
    Role,
    Root,
    Signer,
    TargetFile,
    Targets,
)
from devagent.org.terms import Terms

PUBLISHED, STAGED = "published", "staged"


ONLINE = ("snapshot", "timestamp")


class Pending(Struct, frozen=True):
    """A staged role: whose signatures it has, and how many it needs."""

    role: str
    version: int
    signed_by: tuple[str, ...]
    threshold: int
    before: tuple[int, int] = (0, 0)
    """Of a changed root: how many keys of the root before have signed, and how many must."""

    @property
    def ready(self) -> bool:
        return len(self.signed_by) >= self.threshold and self.before[0] >= self.before[1]


class Repository:
    """The repository in ``folder``."""

    def __init__(self, folder: str, terms: Terms, *, now: datetime | None = None) -> None:
        self.folder = os.path.abspath(folder)
        self.terms = terms
        self.now = now or datetime.now(UTC)

    @property
    def metadata(self) -> str:
        return os.path.join(self.folder, PUBLISHED, "metadata")

    @property
    def targets(self) -> str:
        return os.path.join(self.folder, PUBLISHED, "targets")

    @property
    def staged(self) -> str:
        return os.path.join(self.folder, STAGED)

    # --- reading -----------------------------------------------------------------------------------

    def current(self, role: str) -> AnyMetadata:
        """The published version of a role. Raises ConfigError where there is none."""
        version = self.version(role)
        if not version:
            raise ConfigError(f"{role} is not published yet", hint="Run `devagent bundle publish`.")
        name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        return self.read(os.path.join(self.metadata, name))

    def newest(self, role: str) -> AnyMetadata:
        """The staged version of a role, else the published one."""
        path = self.staged_path(role)
        return self.read(path) if os.path.exists(path) else self.current(role)

    def is_published(self, role: str) -> bool:
        return bool(self.version(role))

    def version(self, role: str) -> int:
        """Of the published role; 0 where there is none."""
        if role == "timestamp":
            path = os.path.join(self.metadata, "timestamp.json")
            return self.read(path).signed.version if os.path.exists(path) else 0
        names = os.listdir(self.metadata) if os.path.isdir(self.metadata) else []
        numbers = [n.partition(".")[0] for n in names if n.partition(".")[2] == f"{role}.json"]
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def read(self, path: str) -> AnyMetadata:
        """The metadata in a file. Raises ConfigError."""
        try:
            metadata: AnyMetadata = Metadata[Any].from_file(path)
            return metadata
        except (OSError, RepositoryError) as e:
            raise ConfigError(f"is no metadata ({e})", file=path) from e

    def environments(self) -> dict[str, int]:
        """Name → threshold."""
        return {
            name.removeprefix("env-"): role.threshold
            for name, role in self._delegations().items()
            if name.startswith("env-")
        }

    def _delegations(self) -> Mapping[str, DelegatedRole]:
        return delegations_of(self.newest("targets").signed)[0]

    def keys_of(self, role: str) -> dict[str, Key]:
        """The keys that may sign a role, by id."""
        if role in ("root", "targets", *ONLINE):
            root: Root = self.newest("root").signed
            return {id: root.keys[id] for id in root.roles[role].keyids}
        roles, known = delegations_of(self.newest("targets").signed)
        return {id: known[id] for id in roles[role].keyids}

    def every_key(self) -> set[str]:
        """The ids of all keys that may sign something, by what is published or put up."""
        found: set[str] = set()
        for metadata in (self.newest("root"), self.newest("targets"), self.current("root"), self.current("targets")):  # fmt: skip
            signed = metadata.signed
            found |= set(signed.keys if isinstance(signed, Root) else delegations_of(signed)[1])
        return found

    def role_of(self, role: str) -> Role:
        if role in ("root", "targets", *ONLINE):
            return self.newest("root").signed.roles[role]
        return self._delegations()[role]

    # --- staging -----------------------------------------------------------------------------------

    def change(self, role: str) -> AnyMetadata:
        """The role's next version, to be changed and given to ``stage``: the staged one where there is one."""
        if os.path.exists(self.staged_path(role)):
            return self.newest(role)
        metadata = self.current(role)
        metadata.signed.version += 1
        metadata.signatures.clear()
        return metadata

    def stage(self, role: str, metadata: AnyMetadata) -> None:
        """Keep a changed role; what had signed it before has not signed this."""
        metadata.signatures.clear()
        metadata.signed.expires = self.until(role)
        self.stage_as_it_is(role, metadata)

    def stage_as_it_is(self, role: str, metadata: AnyMetadata) -> None:
        """Keep a role with its term and signatures."""
        os.makedirs(self.staged, exist_ok=True)
        metadata.to_file(self.staged_path(role), JSONSerializer())

    def put(self, path: str, data: bytes) -> TargetFile:
        """A file for a staged role to sign for, named by its digest; what the role has to say of it."""
        folder, slash, name = path.rpartition("/")
        self.put_plain(f"{folder}{slash}{sha256(data)}.{name}", data)
        return TargetFile.from_data(path, data, ["sha256"])

    def put_plain(self, path: str, data: bytes) -> None:
        """A file that bears its own signatures: an envelope."""
        full = os.path.join(self.staged, "targets", *path.split("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)

    def target(self, path: str) -> bytes:
        """A file of the targets, staged or published. Raises ConfigError."""
        for place in (os.path.join(self.staged, "targets"), self.targets):
            full = os.path.join(place, *path.split("/"))
            if os.path.exists(full):
                with open(full, "rb") as file:
                    return file.read()
        raise ConfigError(f"{path} is not among the repository's files")

    def signed_target(self, target: TargetFile) -> bytes:
        folder, slash, name = target.path.rpartition("/")
        return self.target(f"{folder}{slash}{target.hashes['sha256']}.{name}")

    def sign(self, role: str, signer: Signer) -> None:
        """Add a signature to a staged role."""
        metadata = self.read(self.staged_path(role))
        metadata.sign(signer, append=True)
        metadata.to_file(self.staged_path(role), JSONSerializer())

    def pending(self) -> list[Pending]:
        """The staged roles, in the order in which they are published."""
        names = os.listdir(self.staged) if os.path.isdir(self.staged) else []
        roles = sorted(
            (name.removesuffix(".json") for name in names if name.endswith(".json")),
            key=lambda name: (name != "root", name != "targets", name),
        )
        return [self._pending(role) for role in roles]

    def _pending(self, role: str) -> Pending:
        metadata = self.read(self.staged_path(role))
        good = self._good(role, metadata, self.keys_of(role))
        before = (0, 0)
        if role == "root" and self.is_published("root"):
            root: Root = self.current("root").signed
            old = root.roles["root"]
            known = {id: root.keys[id] for id in old.keyids}
            before = len(self._good(role, metadata, known)), old.threshold
        names = tuple(sorted(owner_of(key) for key in good))
        return Pending(role, metadata.signed.version, names, self.role_of(role).threshold, before)

    def _good(self, role: str, metadata: AnyMetadata, keys: Mapping[str, Key]) -> list[Key]:
        """Those of the keys that have signed."""
        good: list[Key] = []
        for id, signature in metadata.signatures.items():
            if id in keys:
                try:
                    keys[id].verify_signature(signature, metadata.signed_bytes)
                except Exception as e:  # each kind of key raises what its library raises
                    raise ConfigError(
                        f"a signature of the staged {role} is not good ({type(e).__name__})"
                    ) from e
                good.append(keys[id])
        return good

    def may_sign(self, role: str) -> dict[str, Key]:
        """The keys whose signature a staged role may need: its own, and for a root those of the root before."""
        keys = self.keys_of(role)
        if role == "root" and self.is_published("root"):
            root: Root = self.current("root").signed
            keys = {id: root.keys[id] for id in root.roles["root"].keyids} | keys
        return keys

    def drop(self, role: str) -> None:
        """Take a staged role back."""
        path = self.staged_path(role)
        if os.path.exists(path):
            os.unlink(path)

    def staged_path(self, role: str) -> str:
        return os.path.join(self.staged, f"{role}.json")

    def until(self, role: str) -> datetime:
        """The end of what is signed now."""
        return (self.now + timedelta(days=self.terms.of(role))).replace(microsecond=0)


def delegations_of(targets: Targets) -> tuple[dict[str, DelegatedRole], dict[str, Key]]:
    """The delegated roles by name, and the keys by id. Raises ConfigError."""
    found = targets.delegations
    if found is None or found.roles is None:
        raise ConfigError("the targets role delegates nothing")
    return found.roles, found.keys


def owner_of(key: Key) -> str:
    return str(key.unrecognized_fields.get("x-devagent-owner", key.keyid[:8]))
