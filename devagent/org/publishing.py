"""What is signed by enough people goes out: the staged roles that are ready, a new snapshot, a new timestamp."""

import os
import shutil
from collections.abc import Mapping
from datetime import timedelta

from devagent.core.errors import DevagentError
from devagent.org.libraries import (
    AnyMetadata,
    JSONSerializer,
    Metadata,
    MetaFile,
    Root,
    Signer,
    Snapshot,
    Targets,
    Timestamp,
    UnsignedMetadataError,
)
from devagent.org.repository import Repository, delegations_of
from devagent.org.times import told
from devagent.org.trusted import ISSUED


def publish(repository: Repository, online: Mapping[str, Signer]) -> list[str]:
    """Bring the staged roles that are ready into the published tree, with a new snapshot and timestamp; their
    names. Raises DevagentError where one is not signed as its delegation asks."""
    done: list[str] = []
    os.makedirs(repository.metadata, exist_ok=True)
    os.makedirs(repository.targets, exist_ok=True)
    for one in repository.pending():
        if not one.ready:
            continue
        metadata = repository.read(repository.staged_path(one.role))
        _check(repository, one.role, metadata)
        os.replace(
            repository.staged_path(one.role),
            os.path.join(repository.metadata, f"{one.version}.{one.role}.json"),
        )
        done.append(one.role)
    if not repository.is_published("targets"):
        raise DevagentError(
            "root and targets are not signed by enough people yet",
            hint="`devagent bundle approve` adds a signature.",
        )
    _move_targets(repository)
    _snapshot(repository, online["snapshot"], changed=bool(done))
    _timestamp(repository, online["timestamp"])
    return done


def _check(repository: Repository, role: str, metadata: AnyMetadata) -> None:
    try:
        data, signatures = metadata.signed_bytes, metadata.signatures
        if role == "root":
            if repository.is_published("root"):
                _root(repository).verify_delegate("root", data, signatures)
            metadata.signed.verify_delegate("root", data, signatures)
        elif role == "targets":
            _root(repository).verify_delegate("targets", data, signatures)
        else:
            targets: Targets = repository.current("targets").signed
            targets.verify_delegate(role, data, signatures)
    except UnsignedMetadataError as e:
        raise DevagentError(
            f"{role} is not signed as it must be: {e}",
            hint="A changed root needs the keys of the root before it, and its own.",
        ) from e


def _root(repository: Repository) -> Root:
    signed: Root = repository.current("root").signed
    return signed


def _move_targets(repository: Repository) -> None:
    """Every file that a published role signs for, and every envelope, goes where servers look."""
    place = os.path.join(repository.staged, "targets")
    wanted = {
        f"{folder}{slash}{target.hashes['sha256']}.{name}"
        for role in _published_roles(repository)
        for target in repository.current(role).signed.targets.values()
        for folder, slash, name in [target.path.rpartition("/")]
    }
    digests = {path.rpartition("/")[2].partition(".")[0] for path in wanted}
    for folder, _, names in os.walk(place):
        for name in names:
            full = os.path.join(folder, name)
            path = os.path.relpath(full, place).replace(os.sep, "/")
            is_envelope = name.endswith(".dsse.json") and name.partition(".")[0] in digests
            if path in wanted or is_envelope:
                target = os.path.join(repository.targets, *path.split("/"))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.move(full, target)


def _published_roles(repository: Repository) -> list[str]:
    roles, _ = delegations_of(repository.current("targets").signed)
    return [name for name in roles if repository.is_published(name)]


def _snapshot(repository: Repository, signer: Signer, *, changed: bool) -> None:
    version = repository.version("snapshot")
    if version and not changed:
        left = repository.current("snapshot").signed.expires - repository.now
        if left > timedelta(days=repository.terms.snapshot) / 2:
            return
    snapshot = Snapshot(version=version + 1, expires=repository.until("snapshot"))
    snapshot.meta = {
        f"{role}.json": MetaFile(version=repository.version(role))
        for role in ("targets", *_published_roles(repository))
    }
    metadata = Metadata(snapshot)
    metadata.sign(signer)
    metadata.to_file(
        os.path.join(repository.metadata, f"{version + 1}.snapshot.json"), JSONSerializer()
    )


def _timestamp(repository: Repository, signer: Signer) -> None:
    version = repository.version("snapshot")
    with open(os.path.join(repository.metadata, f"{version}.snapshot.json"), "rb") as file:
        data = file.read()
    timestamp = Timestamp(
        version=repository.version("timestamp") + 1,
        expires=repository.until("timestamp"),
        snapshot_meta=MetaFile.from_data(version, data, ["sha256"]),
    )
    timestamp.unrecognized_fields[ISSUED] = told(repository.now.timestamp())
    metadata = Metadata(timestamp)
    metadata.sign(signer)
    temporary = os.path.join(repository.metadata, ".timestamp.json")
    metadata.to_file(temporary, JSONSerializer())
    os.replace(temporary, os.path.join(repository.metadata, "timestamp.json"))
