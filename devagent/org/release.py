"""What administrators do with bundles: promote, put up beside what holds, roll out in rings, roll back.

Each act stages; whoever else must agree approves (``approving``); ``publishing`` brings it out. The digest that was tested
is the digest that is promoted: nothing is built twice.
"""

import os
from collections.abc import Sequence

from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.core.errors import DevagentError, UsageError
from devagent.org import manifest as manifests
from devagent.org.approving import Evidence, sign, stage_envelope
from devagent.org.building import Built, build, opened_archive
from devagent.org.in_force import env_role
from devagent.org.libraries import Signer, TargetFile
from devagent.org.refusals import Refused
from devagent.org.repository import Repository
from devagent.org.rollout import Ring, Rings
from devagent.org.staged_rings import EVERYONE, current_rings, stage_rings, with_ring


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
    stage_rings(repository, environment, metadata, rings)
    stage_envelope(repository, environment, built, evidence, ticket)
    sign(repository, env_role(environment), signer)
    return env_role(environment)


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
    stage_rings(repository, environment, metadata, replace(rings, rings=changed))
    stage_envelope(repository, environment, built, evidence, ticket)
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


def set_rings(repository: Repository, rings: Rings, *, signer: Signer) -> str:
    """Stage other rings; the role that is staged."""
    role = env_role(rings.environment)
    metadata = repository.change(role)
    stage_rings(repository, rings.environment, metadata, rings)
    sign(repository, role, signer)
    return role


def is_current(repository: Repository, environment: str, digest: str) -> bool:
    """Whether a bundle is published for anybody in an environment."""
    role = env_role(environment)
    if not repository.is_published(role):
        return False
    signed = repository.current(role).signed
    return any(target.hashes["sha256"] == digest for target in signed.targets.values())


def highest_revision(repository: Repository) -> int:
    """The highest revision that any environment has or is to have; 0 for none."""
    paths = (
        target.path
        for environment in repository.environments()
        for target in repository.newest(env_role(environment)).signed.targets.values()
    )
    numbers = (p.removesuffix(".tar.gz").rpartition("-")[2] for p in paths if p.endswith(".tar.gz"))
    return max(map(int, numbers), default=0)


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


def every_bundle(repository: Repository) -> set[str]:
    """The digests of all bundles that were ever put up in this folder."""
    found: set[str] = set()
    for top in (repository.targets, os.path.join(repository.staged, "targets")):
        for environment in repository.environments():
            folder = os.path.join(top, environment)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                digest, _, rest = name.partition(".")
                if rest.endswith(".tar.gz"):
                    found.add(digest)
    return found


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


def _check_environment(repository: Repository, environment: str) -> None:
    known: Sequence[str] = list(repository.environments())
    if environment not in known:
        raise UsageError(
            f"there is no environment {environment}", hint=f"There are {', '.join(known)}."
        )
