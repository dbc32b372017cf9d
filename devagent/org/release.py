"""What administrators do with bundles: build, promote, approve, roll out in rings, roll back, revoke.

Each act stages; whoever else must agree approves; ``Repository.publish`` brings it out. The digest that was tested is the
digest that is promoted: nothing is built twice.
"""

import os
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import parse, sha256
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.org import archive, rollout
from devagent.org import manifest as manifests
from devagent.org.in_force import env_role, envelope_path
from devagent.org.libraries import AnyMetadata, Key, Signer, TargetFile
from devagent.org.manifest import Manifest
from devagent.org.refusals import Refused
from devagent.org.repository import REVOKE, Repository, owner_of
from devagent.org.rollout import REVOCATIONS, RINGS, Revocations, RevokedTool, Ring, Rings
from devagent.org.statement import (
    Approval,
    Statement,
    envelope,
    opened,
    pae,
    payload,
    signers,
    statement_of,
)
from devagent.org.trusted import OWNER
from devagent.org.trusted import Key as PublicKey
from devagent.org.trusted import Role as PublicRole

__all__ = ["REVOKE", "Key", "owner_of"]

EVERYONE = "everyone"
BUNDLED = ("policy/", "tests/", "recipes/", "docs/")
BUNDLED_FILES = (
    "prices.json",
    "principals.toml",
    "tools.lock",
    "extensions.toml",
    "docs.toml",
    "style.md",
    "README.md",
)


class Built(Struct, frozen=True):
    """An archive, and what is in it."""

    data: bytes
    files: dict[str, bytes]
    manifest: Manifest

    @property
    def digest(self) -> str:
        return sha256(self.data)

    @property
    def name(self) -> str:
        return f"{self.manifest.org}-{self.manifest.revision}.tar.gz"


def content_of(folder: str) -> dict[str, bytes]:
    """The files of a content folder. Raises ConfigError for what a bundle does not hold."""
    files: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            full = os.path.join(place, name)
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            if not path.startswith(BUNDLED) and path not in BUNDLED_FILES:
                raise ConfigError(
                    "a bundle has no place for this file",
                    file=full,
                    hint=f"There are {', '.join((*BUNDLED, *BUNDLED_FILES))}.",
                )
            if os.path.islink(full) or not os.path.isfile(full):
                raise ConfigError("is no regular file", file=full)
            with open(full, "rb") as file:
                files[path] = file.read()
    return files


def build(files: Mapping[str, bytes], described: Manifest) -> Built:
    """The archive: the same bytes for the same files and manifest, on every machine. Raises Refused, ConfigError."""
    whole = replace(described, files={path: sha256(data) for path, data in sorted(files.items())})
    complete = dict(files) | {manifests.FILE: manifests.written(whole)}
    manifests.check_files(whole, complete)
    return Built(archive.packed(complete), complete, whole)


def opened_archive(data: bytes) -> Built:
    """An archive that was built before. Raises Refused."""
    files = archive.unpacked(data)
    described = manifests.read(files.get(manifests.FILE, b""), client="9999")
    manifests.check_files(described, files)
    return Built(data, files, described)


def highest_revision(repository: Repository) -> int:
    """The highest revision that any environment has or is to have; 0 for none."""
    paths = (
        target.path
        for environment in repository.environments()
        for target in repository.newest(env_role(environment)).signed.targets.values()
    )
    numbers = (p.removesuffix(".tar.gz").rpartition("-")[2] for p in paths if p.endswith(".tar.gz"))
    return max(map(int, numbers), default=0)


class Evidence(Struct, frozen=True):
    """What lint, tests and replay found, as counts by name."""

    lint: dict[str, int]
    tests: dict[str, int]
    replay: dict[str, int]


def promote(
    repository: Repository,
    environment: str,
    built: Built,
    evidence: Evidence,
    *,
    signer: Signer,
    ring: Ring | None = None,
    ticket: str = "",
) -> str:
    """Stage the bundle for an environment, with the first signature; the role that is staged.

    ``ring``: only for these machines (its ``bundle`` is filled in), the others keep what they have. Raises DevagentError.
    """
    _check_environment(repository, environment)
    metadata = repository.change(env_role(environment))
    path = f"{environment}/{built.name}"
    known: TargetFile | None = metadata.signed.targets.get(path)
    if known is not None and known.hashes["sha256"] != built.digest:
        raise DevagentError(
            f"revision {built.manifest.revision} of {environment} has another digest",
            hint="Build it with a higher revision: what is signed is never replaced.",
        )
    rings = current_rings(repository, environment, built.manifest.org)
    if ring is None:
        rings = replace(rings, rings=(Ring(name=EVERYONE, percent=100, bundle=built.digest),))
    else:
        rings = with_ring(rings, replace(ring, bundle=built.digest))
    metadata.signed.targets[path] = repository.put(path, built.data)
    _stage_rings(repository, environment, metadata, rings)
    _stage_envelope(repository, environment, built, evidence, ticket)
    sign(repository, env_role(environment), signer)
    return env_role(environment)


def _stage_envelope(
    repository: Repository, environment: str, built: Built, evidence: Evidence, ticket: str
) -> None:
    """The statement about a bundle, with the signatures that it has already."""
    said = Approval(
        org=built.manifest.org,
        environment=environment,
        revision=built.manifest.revision,
        author=built.manifest.author,
        ticket=ticket,
        lint=evidence.lint,
        tests=evidence.tests,
        replay=evidence.replay,
    )
    manifest_digest = sha256(built.files[manifests.FILE])
    body = payload(Statement(built.name, built.digest, manifest_digest, said))
    place = envelope_path(environment, built.digest)
    signatures = _signatures(repository, place, body)
    repository.put_plain(place, envelope(body, signatures))


def shadow(
    repository: Repository,
    environment: str,
    built: Built,
    evidence: Evidence,
    *,
    ring: str,
    signer: Signer,
    ticket: str = "",
) -> str:
    """Stage the bundle as a candidate that is judged and logged beside what holds; the role that is staged."""
    _check_environment(repository, environment)
    rings = current_rings(repository, environment, built.manifest.org)
    wanted = ring or EVERYONE
    if not any(one.name == wanted for one in rings.rings):
        raise UsageError(f"there is no ring {wanted} in {environment}")
    changed = tuple(
        replace(one, shadow=built.digest) if one.name == wanted else one for one in rings.rings
    )
    metadata = repository.change(env_role(environment))
    path = f"{environment}/{built.name}"
    metadata.signed.targets[path] = repository.put(path, built.data)
    _stage_rings(repository, environment, metadata, replace(rings, rings=changed))
    _stage_envelope(repository, environment, built, evidence, ticket)
    sign(repository, env_role(environment), signer)
    return env_role(environment)


def put_team_policy(repository: Repository, team: str, data: bytes, *, signer: Signer) -> str:
    """Stage a team's policy file, signed; the role that is staged."""
    role = f"team-{team}"
    metadata = repository.change(role)
    path = f"team/{team}/policy.toml"
    metadata.signed.targets = {path: repository.put(path, data)}
    repository.stage(role, metadata)
    repository.sign(role, signer)
    return role


def _signatures(repository: Repository, place: str, body: bytes) -> dict[str, bytes]:
    """Those that an envelope at that place has already, for the same statement."""
    try:
        known, signatures = opened(repository.target(place))
    except ConfigError:
        return {}
    return signatures if known == body else {}


def sign(repository: Repository, role: str, signer: Signer) -> None:
    """Sign a staged role, and with an environment's role the envelopes of the bundles that its rings name."""
    repository.sign(role, signer)
    if role.startswith("env-"):
        for place in envelopes(repository, role.removeprefix("env-")):
            body, signatures = opened(repository.target(place))
            if signer.public_key.keyid not in signatures:
                made = signer.sign(pae(body))
                signatures[made.keyid] = bytes.fromhex(made.signature)
                repository.put_plain(place, envelope(body, signatures))


def envelopes(repository: Repository, environment: str) -> list[str]:
    """The places of the envelopes of the bundles that the newest rings name."""
    rings = current_rings(repository, environment, "")
    digests = [one for ring in rings.rings for one in (ring.bundle, ring.shadow) if one]
    return [envelope_path(environment, digest) for digest in dict.fromkeys(digests)]


def approvals(repository: Repository, environment: str) -> dict[str, tuple[Approval, list[str]]]:
    """Digest → what its envelope says, and who has signed that, of the bundles that the newest rings name."""
    keys = {id: _public(key) for id, key in repository.keys_of(env_role(environment)).items()}
    role = PublicRole(env_role(environment), keys, 1)
    found: dict[str, tuple[Approval, list[str]]] = {}
    for place in envelopes(repository, environment):
        body, signatures = opened(repository.target(place))
        statement = statement_of(body)
        by = sorted(key.owner for key in signers(body, signatures, role))
        found[statement.archive] = statement.approval, by
    return found


def _public(key: Key) -> PublicKey:
    owner = key.unrecognized_fields.get(OWNER, "")
    return PublicKey(key.keyid, key.scheme, key.keyval["public"], str(owner))


def current_rings(repository: Repository, environment: str, org: str) -> Rings:
    """The newest rings of an environment; none where nothing was promoted there yet."""
    signed = repository.newest(env_role(environment)).signed
    target: TargetFile | None = signed.targets.get(f"{environment}/{RINGS}")
    if target is None:
        return Rings(schema=rollout.SCHEMA, org=org, environment=environment, rings=())
    data = repository.signed_target(target)
    owner = org or str(parse(data)["org"])
    return rollout.rings_of(data, org=owner, environment=environment)


def with_ring(rings: Rings, ring: Ring) -> Rings:
    """The rings with this one in the place of its namesake, or before all others, so that the narrower comes first."""
    others = [one for one in rings.rings if one.name != ring.name]
    every = sorted([ring, *others], key=lambda one: one.percent)
    if not any(one.percent >= 100 for one in every):
        raise DevagentError(
            "a ring needs others to stand beside: nothing holds for everyone yet",
            hint="Promote a bundle without --ring first.",
        )
    return replace(rings, rings=tuple(every))


def set_rings(repository: Repository, rings: Rings, *, signer: Signer) -> str:
    """Stage other rings; the role that is staged."""
    role = env_role(rings.environment)
    metadata = repository.change(role)
    _stage_rings(repository, rings.environment, metadata, rings)
    sign(repository, role, signer)
    return role


def _stage_rings(
    repository: Repository, environment: str, metadata: AnyMetadata, rings: Rings
) -> None:
    """Stage the role with these rings, and without the bundles that none of them names any more."""
    path = f"{environment}/{RINGS}"
    named = {one for ring in rings.rings for one in (ring.bundle, ring.shadow)}
    targets = metadata.signed.targets
    for old in [
        p for p, t in targets.items() if p.endswith(".tar.gz") and t.hashes["sha256"] not in named
    ]:
        del targets[old]
    targets[path] = repository.put(path, rollout.written(rings))
    repository.stage(env_role(environment), metadata)


def bundle_in(repository: Repository, environment: str, digest: str) -> Built:
    """A bundle that an environment's newest role signs for. Raises ConfigError."""
    for target in repository.newest(env_role(environment)).signed.targets.values():
        if target.hashes["sha256"] == digest:
            return opened_archive(repository.signed_target(target))
    raise ConfigError(f"no bundle {digest[:12]} is signed for {environment}")


def is_current(repository: Repository, environment: str, digest: str) -> bool:
    """Whether a bundle is published for anybody in an environment."""
    role = env_role(environment)
    if not repository.is_published(role):
        return False
    signed = repository.current(role).signed
    return any(target.hashes["sha256"] == digest for target in signed.targets.values())


def past_bundle(repository: Repository, environment: str, org: str, revision: int) -> Built:
    """A bundle that was published once, by its revision. Raises UsageError."""
    folder = os.path.join(repository.targets, environment)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in sorted(names):
        if name.partition(".")[2] == f"{org}-{revision}.tar.gz":
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            if sha256(data) != name.partition(".")[0]:
                raise Refused("changed", name)
            return opened_archive(data)
    raise UsageError(f"revision {revision} was never published in {environment}")


def rolled_back(repository: Repository, built: Built, author: str) -> Built:
    """The content of an earlier bundle as a new revision: the version still rises."""
    files = {path: data for path, data in built.files.items() if path != manifests.FILE}
    described = replace(
        built.manifest,
        revision=highest_revision(repository) + 1,
        rollback_of=built.manifest.revision,
        author=author,
    )
    return build(files, described)


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


def _check_environment(repository: Repository, environment: str) -> None:
    known: Sequence[str] = list(repository.environments())
    if environment not in known:
        raise UsageError(
            f"there is no environment {environment}", hint=f"There are {', '.join(known)}."
        )
