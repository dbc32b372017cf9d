"""The bundle that governs this machine, verified from the pin up: what a session starts on.

The way of trust, each step by signatures or digests alone:

    pin → root … root → timestamp → snapshot → targets → env role → rings → the machine's ring → envelope → manifest → files

A pure look at what lies here: no network, no TUF library, the clock as an argument. ``refresh`` puts the same questions to
what it fetched before it lets it into force.
"""

import os
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.org import manifest as manifests
from devagent.org import marks as marking
from devagent.org.ladder import Standing, standing
from devagent.org.manifest import Manifest
from devagent.org.marks import Marks
from devagent.org.pin import Pin
from devagent.org.refusals import Refused
from devagent.org.rollout import (
    REVOCATIONS,
    RINGS,
    Revocations,
    Ring,
    revocations_of,
    ring_for,
    rings_of,
)
from devagent.org.state import BUNDLES, State, roles_of, roots_of, target_name
from devagent.org.statement import Approved, approved
from devagent.org.trusted import Role, Target, Trusted, verify
from devagent.policy.plain import is_list

REVOKE = "revoke"
"""The role that signs revocations: it can only take away, so one key is enough."""
TEAM = "team-"
POLICY_FOLDER = "policy/"
CASES = ".test.toml"


class Machine(Struct, frozen=True):
    """What of this machine counts in a rollout: its device id, and the names of who runs it as rules have them."""

    device: str
    names: frozenset[str]
    client: str


class Chosen(Struct, frozen=True):
    """What signed data says this machine must have. ``bundle`` and ``shadow`` are signed files; ``envelope`` is
    the path of the bundle's, which bears signatures of its own and is vouched for by nothing else."""

    trusted: Trusted
    standing: Standing
    ring: Ring
    bundle: Target
    envelope: str
    revocations: Revocations
    shadow: Target | None = None


class TeamFile(Struct, frozen=True):
    """A team's policy. ``principals``: whom the organisation lets it speak for; ``lapsed``: its term is over; ``broken``: why it
    cannot be relied on, which is the matter of those principals alone."""

    team: str
    data: bytes
    principals: tuple[str, ...]
    lapsed: bool
    broken: str = ""


class InForce(Struct, frozen=True):
    """A bundle in force. ``folder`` holds its files; what ``read`` gives is verified. ``shadow`` is the candidate that is
    judged beside it."""

    pin: Pin
    chosen: Chosen
    manifest: Manifest
    approved: Approved
    state: State
    stamp: tuple[int, int]
    teams: tuple[TeamFile, ...] = ()
    shadow: "InForce | None" = None

    @property
    def digest(self) -> str:
        return self.chosen.bundle.sha256

    @property
    def standing(self) -> Standing:
        return self.chosen.standing

    @property
    def folder(self) -> str:
        return self.state.bundle(self.digest)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, *name.split("/"))

    def read(self, name: str) -> bytes:
        """A file of the bundle. Raises Refused where it is not there, or not as it was signed."""
        digest = self.manifest.files.get(name)
        if digest is None:
            raise Refused("manifest", f"{name} is not in it")
        data = self.state.read(os.path.join(BUNDLES, self.digest, name))
        if sha256(data) != digest:
            raise Refused("changed", name)
        return data

    def narrowing(self) -> list[str]:
        """The policy files beside the org's own, each one more layer."""
        return sorted(
            name
            for name in self.manifest.files
            if name.startswith(POLICY_FOLDER)
            and name.endswith(".toml")
            and not name.endswith(CASES)
            and name != manifests.ORG_POLICY
        )


def env_role(environment: str) -> str:
    return f"env-{environment}"


def signed_targets(pin: Pin, trusted: Trusted) -> tuple[dict[str, Target], Target]:
    """What the environment's role signs for, by path; and the revocations' file. Raises Refused."""
    revocations = trusted.delegated[REVOKE].targets().get(REVOCATIONS)
    if revocations is None:
        raise Refused("missing", REVOCATIONS)
    return trusted.delegated[env_role(pin.environment)].targets(), revocations


def check_state(
    pin: Pin, files: Mapping[str, bytes], *, now: float, marks: Collection[Marks]
) -> tuple[Trusted, Standing]:
    """The signed metadata in a generation's files, verified, and how it stands. Raises Refused."""
    wanted = (env_role(pin.environment), REVOKE)
    trusted = verify(pin.root_sha256, roots_of(files), roles_of(files), wanted, also=TEAM)
    marking.check(trusted, (marking.of_pin(pin.at_least), *marks))
    known = max((one.time for one in marks), default=0)
    return trusted, standing(trusted, now=now, known=known)


def choose(
    pin: Pin,
    files: Mapping[str, bytes],
    machine: Machine,
    *,
    now: float,
    marks: Collection[Marks],
) -> Chosen:
    """What a generation's files say this machine must have. Raises Refused."""
    trusted, stands = check_state(pin, files, now=now, marks=marks)
    targets, revocations_at = signed_targets(pin, trusted)
    rings_at = targets.get(f"{pin.environment}/{RINGS}")
    if rings_at is None:
        raise Refused("missing", RINGS)
    rings = rings_of(_signed(rings_at, files), org=pin.org, environment=pin.environment)
    revocations = revocations_of(_signed(revocations_at, files), org=pin.org)
    # From the latest moment that is known: a clock set back does not undo a ring's beginning.
    ring = ring_for(rings, device=machine.device, names=machine.names, now=max(now, trusted.issued))
    if ring.bundle in revocations.bundles:
        raise Refused(
            "revoked",
            f"bundle {ring.bundle[:12]}: {revocations.bundles[ring.bundle] or 'no reason given'}",
        )
    bundle = bundle_target(targets, ring.bundle)
    judged = ring.shadow and ring.shadow not in revocations.bundles
    shadow = bundle_target(targets, ring.shadow) if judged else None
    envelope = envelope_path(pin.environment, ring.bundle)
    return Chosen(trusted, stands, ring, bundle, envelope, revocations, shadow)


def envelope_path(environment: str, digest: str) -> str:
    """Where the envelope of a bundle lies for an environment."""
    return f"{environment}/{digest}.dsse.json"


def bundle_target(targets: Mapping[str, Target], digest: str) -> Target:
    """The archive with that digest. Raises Refused."""
    for path, target in sorted(targets.items()):
        if target.sha256 == digest and path.endswith(".tar.gz"):
            return target
    raise Refused("missing", f"no bundle {digest[:12]} that a ring names is signed")


def approval_of(pin: Pin, chosen: Chosen, envelope: bytes) -> Approved:
    """The envelope, verified: by whom, for this bundle and environment. Raises Refused; ``revoked`` where only keys that were
    revoked since make it up to the threshold."""
    role = chosen.trusted.delegations[env_role(pin.environment)]
    found = approved(envelope, role)
    lost = [why for id, why in chosen.revocations.keys.items() if id in role.keys]
    if lost:
        try:
            found = approved(envelope, without(role, chosen.revocations))
        except Refused as e:
            raise Refused(
                "revoked",
                f"a key that bundle {chosen.bundle.sha256[:12]} was approved with: {lost[0] or 'no reason given'}",
            ) from e
    said = found.statement.approval
    if found.statement.archive != chosen.bundle.sha256:
        raise Refused("approval", "the envelope is of another bundle")
    if (said.org, said.environment) != (pin.org, pin.environment):
        raise Refused("elsewhere", f"it was approved for {said.org}, {said.environment}")
    return found


def manifest_of(data: bytes, approval: Approved, machine: Machine) -> Manifest:
    """The manifest that the approval covers. Raises Refused."""
    if sha256(data) != approval.statement.manifest:
        raise Refused("changed", manifests.FILE)
    manifest = manifests.read(data, client=machine.client)
    said = approval.statement.approval
    if (manifest.org, manifest.revision, manifest.author) != (said.org, said.revision, said.author):
        raise Refused("approval", "the envelope and the manifest differ in org, revision or author")
    return manifest


def in_force(
    pin: Pin, state: State, machine: Machine, *, now: float, marks: Collection[Marks]
) -> InForce:
    """The bundle in force on this machine. Raises Refused: then it is locked."""
    stamp = state.stamp()
    files = state.generation(state.current())
    chosen = choose(pin, files, machine, now=now, marks=marks)
    envelope = files.get(target_name(chosen.envelope))
    if envelope is None:
        raise Refused("missing", f"the envelope of {chosen.bundle.path}")
    approval = approval_of(pin, chosen, envelope)
    data = state.read(os.path.join(BUNDLES, chosen.bundle.sha256, manifests.FILE))
    found = InForce(
        pin,
        chosen,
        manifest_of(data, approval, machine),
        approval,
        state,
        stamp,
        tuple(_teams(chosen.trusted, files, max(now, chosen.trusted.issued))),
    )
    return replace(found, shadow=_beside(found, files, machine)) if chosen.shadow else found


def _beside(found: InForce, files: Mapping[str, bytes], machine: Machine) -> InForce | None:
    """The candidate, approved like what holds; None where this machine cannot judge by it."""
    shadow = found.chosen.shadow
    envelope = (
        files.get(target_name(envelope_path(found.pin.environment, shadow.sha256)))
        if shadow
        else None
    )
    if shadow is None or envelope is None:
        return None
    chosen = replace(found.chosen, bundle=shadow, shadow=None)
    try:
        approval = approval_of(found.pin, chosen, envelope)
        data = found.state.read(os.path.join(BUNDLES, shadow.sha256, manifests.FILE))
        described = manifest_of(data, approval, machine)
    except Refused:
        return None
    return replace(found, chosen=chosen, manifest=described, approved=approval)


def team_path(role: str) -> str:
    return f"team/{role.removeprefix(TEAM)}/policy.toml"


def _teams(trusted: Trusted, files: Mapping[str, bytes], now: float) -> Iterable[TeamFile]:
    """The files that teams have signed, each for its principals. A team can do harm to itself alone."""
    for name, one in trusted.delegated.items():
        if not name.startswith(TEAM):
            continue
        named = one.role.extra.get("x-devagent-for", [])
        principals = tuple(str(who) for who in named) if is_list(named) else ()
        team, lapsed = name.removeprefix(TEAM), now >= one.expires
        try:
            target = one.targets().get(team_path(name))
            if target is not None:
                yield TeamFile(team, _signed(target, files), principals, lapsed)
        except Refused as refused:
            yield TeamFile(team, b"", principals, lapsed, refused.what)


def without(role: Role, revocations: Revocations) -> Role:
    """The role without the keys that were revoked."""
    keys = {id: key for id, key in role.keys.items() if id not in revocations.keys}
    return replace(role, keys=keys)


def _signed(target: Target, files: Mapping[str, bytes]) -> bytes:
    data = files.get(target_name(target.path))
    if data is None:
        raise Refused("missing", target.path)
    if len(data) != target.length or sha256(data) != target.sha256:
        raise Refused("changed", target.path)
    return data
