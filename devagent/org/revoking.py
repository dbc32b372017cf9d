"""What holds no longer: the staged and published revocations, and one more of them."""

from msgspec.structs import replace

from devagent.core.errors import UsageError
from devagent.org import rollout
from devagent.org.libraries import Signer, TargetFile
from devagent.org.repository import Repository
from devagent.org.rollout import REVOCATIONS, Revocations, RevokedTool
from devagent.org.terms import REVOKE


def revocations(repository: Repository, org: str) -> Revocations:
    """The newest revocations."""
    target: TargetFile | None = repository.newest(REVOKE).signed.targets.get(REVOCATIONS)
    if target is None:
        return Revocations(schema=rollout.SCHEMA, org=org)
    return rollout.revocations_of(repository.signed_target(target), org=org)


def set_revocations(repository: Repository, found: Revocations, *, signer: Signer | None) -> str:
    """Stage other revocations; the role that is staged."""
    metadata = repository.change(REVOKE)
    metadata.signed.targets[REVOCATIONS] = repository.put(REVOCATIONS, rollout.written(found))
    repository.stage(REVOKE, metadata)
    if signer is not None:
        repository.sign(REVOKE, signer)
    return REVOKE


def revoked(found: Revocations, kind: str, what: str, why: str) -> Revocations:
    """The revocations with one more. ``kind``: bundle, extension (NAME or NAME@DIGEST), key or principal."""
    match kind:
        case "bundle":
            return replace(found, bundles={**found.bundles, what: why})
        case "extension":
            name, _, digest = what.partition("@")
            one = RevokedTool(extension=name, digest=digest, why=why)
            return replace(found, extensions=(*found.extensions, one))
        case "key":
            return replace(found, keys={**found.keys, what: why})
        case "principal":
            return replace(found, principals={**found.principals, what: why})
        case _:
            raise UsageError(
                f"{kind} cannot be revoked", hint="bundle, extension, key and principal can."
            )
