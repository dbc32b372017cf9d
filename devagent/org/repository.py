"""An organisation's repository, as administrators change it: staged, signed by one after the other, published.

    published/metadata, published/targets     the tree that any static server serves, and what is in force
    staged/<role>.json                        the next version of a role with the signatures that it has so far
    staged/targets/                           files that staged roles sign for, and envelopes

Nothing is published before its threshold is met. python-tuf makes and checks every piece of metadata.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from devagent.core.codec import sha256
from devagent.core.errors import ConfigError, DevagentError
from devagent.org.libraries import (
    AnyMetadata,
    DelegatedRole,
    Delegations,
    JSONSerializer,
    Key,
    Metadata,
    MetaFile,
    RepositoryError,
    Role,
    Root,
    Signer,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
    UnsignedMetadataError,
)
from devagent.org.times import told
from devagent.org.trusted import ISSUED

PUBLISHED, STAGED = "published", "staged"
REVOKE = "revoke"
ONLINE = ("snapshot", "timestamp")


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days each role is signed. The timestamp's is how long a machine offline stays fresh, the
    snapshot's how long it may work at all."""

    root: float = 365
    targets: float = 90
    environment: float = 90
    revoke: float = 90
    team: float = 30
    snapshot: float = 14
    timestamp: float = 3

    def of(self, role: str) -> float:
        own = {"root": self.root, "targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp, REVOKE: self.revoke}  # fmt: skip
        return own.get(role, self.team if role.startswith("team-") else self.environment)


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
        self._terms = terms
        self._now = now or datetime.now(UTC)

    @property
    def metadata(self) -> str:
        return os.path.join(self.folder, PUBLISHED, "metadata")

    @property
    def targets(self) -> str:
        return os.path.join(self.folder, PUBLISHED, "targets")

    @property
    def staged(self) -> str:
        return os.path.join(self.folder, STAGED)

    def found(
        self,
        root_keys: Sequence[Key],
        *,
        root_threshold: int,
        people: Sequence[Key],
        targets_threshold: int,
        online: Mapping[str, Key],
        environments: Mapping[str, int],
        client: Mapping[str, Any],
    ) -> None:
        """Stage the first version of every role. ``environments``: name → threshold."""
        if os.path.exists(self.metadata):
            raise ConfigError(f"{self.folder} holds a repository already")
        root = Root(expires=self._until("root"), consistent_snapshot=True)
        root.unrecognized_fields["x-devagent-client"] = dict(client)
        for key in root_keys:
            root.add_key(key, "root")
        root.roles["root"].threshold = root_threshold
        for key in people:
            root.add_key(key, "targets")
        root.roles["targets"].threshold = targets_threshold
        for name, key in online.items():
            root.add_key(key, name)
        self._stage("root", Metadata(root))
        targets = Targets(expires=self._until("targets"))
        targets.delegations = Delegations({}, {})
        for name, threshold in environments.items():
            self._delegate(targets, f"env-{name}", people, threshold, [f"{name}/*"])
        self._delegate(targets, REVOKE, people, 1, ["revocations.json"])
        self._stage("targets", Metadata(targets))
        for name in environments:
            self._stage(f"env-{name}", Metadata(Targets(expires=self._until(f"env-{name}"))))
        self._stage(REVOKE, Metadata(Targets(expires=self._until(REVOKE))))

    def _delegate(
        self,
        targets: Targets,
        name: str,
        keys: Sequence[Key],
        threshold: int,
        paths: list[str],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        roles, known = _delegations_of(targets)
        role = DelegatedRole(name, [key.keyid for key in keys], threshold, True, paths=paths)
        role.unrecognized_fields.update(extra or {})
        roles[name] = role
        for key in keys:
            known[key.keyid] = key

    # --- reading -----------------------------------------------------------------------------------

    def current(self, role: str) -> AnyMetadata:
        """The published version of a role. Raises ConfigError where there is none."""
        version = self._version(role)
        if not version:
            raise ConfigError(f"{role} is not published yet", hint="Run `devagent bundle publish`.")
        name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        return self._read(os.path.join(self.metadata, name))

    def newest(self, role: str) -> AnyMetadata:
        """The staged version of a role, else the published one."""
        path = self._staged_path(role)
        return self._read(path) if os.path.exists(path) else self.current(role)

    def is_published(self, role: str) -> bool:
        return bool(self._version(role))

    def _version(self, role: str) -> int:
        if role == "timestamp":
            path = os.path.join(self.metadata, "timestamp.json")
            return self._read(path).signed.version if os.path.exists(path) else 0
        names = os.listdir(self.metadata) if os.path.isdir(self.metadata) else []
        numbers = [n.partition(".")[0] for n in names if n.partition(".")[2] == f"{role}.json"]
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def _read(self, path: str) -> AnyMetadata:
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
        return _delegations_of(self.newest("targets").signed)[0]

    def keys_of(self, role: str) -> dict[str, Key]:
        """The keys that may sign a role, by id."""
        if role in ("root", "targets", *ONLINE):
            root: Root = self.newest("root").signed
            return {id: root.keys[id] for id in root.roles[role].keyids}
        roles, known = _delegations_of(self.newest("targets").signed)
        return {id: known[id] for id in roles[role].keyids}

    def role_of(self, role: str) -> Role:
        if role in ("root", "targets", *ONLINE):
            return self.newest("root").signed.roles[role]
        return self._delegations()[role]

    # --- staging -----------------------------------------------------------------------------------

    def change(self, role: str) -> AnyMetadata:
        """The role's next version, to be changed and given to ``stage``: the staged one where there is one."""
        if os.path.exists(self._staged_path(role)):
            return self.newest(role)
        metadata = self.current(role)
        metadata.signed.version += 1
        metadata.signatures.clear()
        return metadata

    def stage(self, role: str, metadata: AnyMetadata) -> None:
        """Keep a changed role; what had signed it before has not signed this."""
        metadata.signatures.clear()
        metadata.signed.expires = self._until(role)
        self._stage(role, metadata)

    def _stage(self, role: str, metadata: AnyMetadata) -> None:
        os.makedirs(self.staged, exist_ok=True)
        metadata.to_file(self._staged_path(role), JSONSerializer())

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
        metadata = self._read(self._staged_path(role))
        metadata.sign(signer, append=True)
        metadata.to_file(self._staged_path(role), JSONSerializer())

    def pending(self) -> list[Pending]:
        """The staged roles, in the order in which they are published."""
        names = os.listdir(self.staged) if os.path.isdir(self.staged) else []
        roles = sorted(
            (name.removesuffix(".json") for name in names if name.endswith(".json")),
            key=lambda name: (name != "root", name != "targets", name),
        )
        return [self._pending(role) for role in roles]

    def _pending(self, role: str) -> Pending:
        metadata = self._read(self._staged_path(role))
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
        path = self._staged_path(role)
        if os.path.exists(path):
            os.unlink(path)

    # --- publishing --------------------------------------------------------------------------------

    def publish(self, online: Mapping[str, Signer]) -> list[str]:
        """Bring the staged roles that are ready into the published tree, with a new snapshot and timestamp; their
        names. Raises DevagentError where one is not signed as its delegation asks."""
        done: list[str] = []
        os.makedirs(self.metadata, exist_ok=True)
        os.makedirs(self.targets, exist_ok=True)
        for one in self.pending():
            if not one.ready:
                continue
            metadata = self._read(self._staged_path(one.role))
            self._check(one.role, metadata)
            os.replace(
                self._staged_path(one.role),
                os.path.join(self.metadata, f"{one.version}.{one.role}.json"),
            )
            done.append(one.role)
        if not self.is_published("targets"):
            raise DevagentError(
                "root and targets are not signed by enough people yet",
                hint="`devagent bundle approve` adds a signature.",
            )
        self._move_targets()
        self._snapshot(online["snapshot"], changed=bool(done))
        self._timestamp(online["timestamp"])
        return done

    def _check(self, role: str, metadata: AnyMetadata) -> None:
        try:
            data, signatures = metadata.signed_bytes, metadata.signatures
            if role == "root":
                if self.is_published("root"):
                    self._root().verify_delegate("root", data, signatures)
                metadata.signed.verify_delegate("root", data, signatures)
            elif role == "targets":
                self._root().verify_delegate("targets", data, signatures)
            else:
                targets: Targets = self.current("targets").signed
                targets.verify_delegate(role, data, signatures)
        except UnsignedMetadataError as e:
            raise DevagentError(
                f"{role} is not signed as it must be: {e}",
                hint="A changed root needs the keys of the root before it, and its own.",
            ) from e

    def _root(self) -> Root:
        signed: Root = self.current("root").signed
        return signed

    def _move_targets(self) -> None:
        """Every file that a published role signs for, and every envelope, goes where servers look."""
        place = os.path.join(self.staged, "targets")
        wanted = {
            f"{folder}{slash}{target.hashes['sha256']}.{name}"
            for role in self._published_roles()
            for target in self.current(role).signed.targets.values()
            for folder, slash, name in [target.path.rpartition("/")]
        }
        digests = {path.rpartition("/")[2].partition(".")[0] for path in wanted}
        for folder, _, names in os.walk(place):
            for name in names:
                full = os.path.join(folder, name)
                path = os.path.relpath(full, place).replace(os.sep, "/")
                is_envelope = name.endswith(".dsse.json") and name.partition(".")[0] in digests
                if path in wanted or is_envelope:
                    target = os.path.join(self.targets, *path.split("/"))
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.move(full, target)

    def _published_roles(self) -> list[str]:
        roles, _ = _delegations_of(self.current("targets").signed)
        return [name for name in roles if self.is_published(name)]

    def _snapshot(self, signer: Signer, *, changed: bool) -> None:
        version = self._version("snapshot")
        if version and not changed:
            left = self.current("snapshot").signed.expires - self._now
            if left > timedelta(days=self._terms.snapshot) / 2:
                return
        snapshot = Snapshot(version=version + 1, expires=self._until("snapshot"))
        snapshot.meta = {
            f"{role}.json": MetaFile(version=self._version(role))
            for role in ("targets", *self._published_roles())
        }
        metadata = Metadata(snapshot)
        metadata.sign(signer)
        metadata.to_file(
            os.path.join(self.metadata, f"{version + 1}.snapshot.json"), JSONSerializer()
        )

    def _timestamp(self, signer: Signer) -> None:
        version = self._version("snapshot")
        with open(os.path.join(self.metadata, f"{version}.snapshot.json"), "rb") as file:
            data = file.read()
        timestamp = Timestamp(
            version=self._version("timestamp") + 1,
            expires=self._until("timestamp"),
            snapshot_meta=MetaFile.from_data(version, data, ["sha256"]),
        )
        timestamp.unrecognized_fields[ISSUED] = told(self._now.timestamp())
        metadata = Metadata(timestamp)
        metadata.sign(signer)
        temporary = os.path.join(self.metadata, ".timestamp.json")
        metadata.to_file(temporary, JSONSerializer())
        os.replace(temporary, os.path.join(self.metadata, "timestamp.json"))

    # --- keys --------------------------------------------------------------------------------------

    def replace_key(self, old: str, new: Key) -> list[str]:
        """Put a new key in the place of another in every role that has it; the roles that must be signed anew."""
        changed: list[str] = []
        root = self.change("root")
        for name, role in root.signed.roles.items():
            if old in role.keyids:
                root.signed.revoke_key(old, name)
                root.signed.add_key(new, name)
                changed.append(name)
        if changed:
            self.stage("root", root)
        targets = self.change("targets")
        roles, known = _delegations_of(targets.signed)
        delegated = [name for name, role in roles.items() if old in role.keyids]
        for name in delegated:
            roles[name].keyids = [new.keyid if id == old else id for id in roles[name].keyids]
            known[new.keyid] = new
        known.pop(old, None)
        restage = ["root"] if changed else []
        if delegated or "targets" in changed:
            self.stage("targets", targets)
            restage.append("targets")
        for name in delegated:
            if self.is_published(name):
                self.stage(name, self.change(name))
                restage.append(name)
        return restage

    def add_team(
        self, name: str, keys: Sequence[Key], threshold: int, principals: Sequence[str]
    ) -> None:
        """Let a team sign files of its own below ``team/NAME/``, for these principals."""
        targets = self.change("targets")
        role = f"team-{name}"
        extra = {"x-devagent-for": list(principals)}
        self._delegate(targets.signed, role, keys, threshold, [f"team/{name}/*"], extra)
        self.stage("targets", targets)
        self._stage(role, Metadata(Targets(expires=self._until(role))))

    def _staged_path(self, role: str) -> str:
        return os.path.join(self.staged, f"{role}.json")

    def _until(self, role: str) -> datetime:
        return (self._now + timedelta(days=self._terms.of(role))).replace(microsecond=0)


def _delegations_of(targets: Targets) -> tuple[dict[str, DelegatedRole], dict[str, Key]]:
    """The delegated roles by name, and the keys by id. Raises ConfigError."""
    found = targets.delegations
    if found is None or found.roles is None:
        raise ConfigError("the targets role delegates nothing")
    return found.roles, found.keys


def owner_of(key: Key) -> str:
    return str(key.unrecognized_fields.get("x-devagent-owner", key.keyid[:8]))
