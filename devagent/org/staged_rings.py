"""The rings of an environment, as its role has them staged or published."""

from msgspec.structs import replace

from devagent.core.codec import parse
from devagent.core.errors import DevagentError
from devagent.org import rollout
from devagent.org.in_force import env_role
from devagent.org.libraries import AnyMetadata, TargetFile
from devagent.org.repository import Repository
from devagent.org.rollout import RINGS, Ring, Rings

EVERYONE = "everyone"


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


def stage_rings(
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
