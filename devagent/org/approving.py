"""Who stands for a bundle: its envelope is staged beside it, and signed with the role that names it."""

from msgspec import Struct

from devagent.core.codec import sha256
from devagent.core.errors import ConfigError
from devagent.org import manifest as manifests
from devagent.org.building import Built
from devagent.org.in_force import env_role, envelope_path
from devagent.org.libraries import Key, Signer
from devagent.org.public_keys import Key as PublicKey
from devagent.org.repository import Repository
from devagent.org.staged_rings import current_rings
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
from devagent.org.trusted import Role as PublicRole


class Evidence(Struct, frozen=True):
    """What lint, tests and replay found, as counts by name."""

    lint: dict[str, int]
    tests: dict[str, int]
    replay: dict[str, int]


def stage_envelope(
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
