"""Who governs this machine: its enrolment in an organisation, the bundle in force, and what that says of the person.

Settled before anything else of a session. Where nobody is enrolled this costs two look-ups of files that are not there.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from devagent import __version__
from devagent.audit.bundles_seen import bundles_seen
from devagent.audit.device import Device
from devagent.core.errors import ConfigError, DevagentError
from devagent.core.events import Event
from devagent.core.events.ground import BundleInForce, BundleSynced
from devagent.core.principal import Principal
from devagent.policy import CompiledPolicy
from devagent.session.who import person
from devagent.settings.credentials import from_keyring, to_keyring
from devagent.settings.places import Places, enrolments
from devagent.settings.policies import (
    EffectivePolicy,
    SignedFile,
    SignedPolicy,
    Tools,
    effective_policy,
)
from devagent.settings.trusted_file import read_trusted

if TYPE_CHECKING:
    from devagent.org.client import Client, Synced
    from devagent.org.equipment import Equipment
    from devagent.org.in_force import InForce
    from devagent.org.pin import Pin

ONLINE_S = 8.0
"""How long a session that would begin stale or locked waits for the server."""
_KEYRING = "org-marks:"


class Enrolled(Struct, frozen=True):
    """An enrolled machine. ``file`` is its pin. ``client`` is None where the pin itself is not usable; without
    ``in_force`` the machine is locked, for the reason ``refused``."""

    file: str
    client: "Client | None" = None
    in_force: "InForce | None" = None
    refused: str = ""
    synced: "Synced | None" = None
    who: Principal = Principal()
    """Who runs this, in the organisation's words."""
    equipment: "Equipment | None" = None
    """What the bundle in force brings beside policy."""

    def policy(self) -> SignedPolicy:
        """What stands in the org's place."""
        if self.in_force is None:
            return SignedPolicy(refused=self.refused)
        return self._policy(self.in_force)

    def candidate(
        self, here: Places, narrowing: Collection[str], tools: Tools | None
    ) -> CompiledPolicy | None:
        """The policy that is judged beside the one in force, where there is one that can be; with the same files below."""
        shadow = self.in_force.shadow if self.in_force else None
        if shadow is None:
            return None
        policy = effective_policy(
            here, narrowing=tuple(narrowing), tools=tools, signed=self._policy(shadow)
        )
        return None if policy.locked else policy.compiled

    def _policy(self, found: "InForce") -> SignedPolicy:
        from devagent.org.layers import layers  # noqa: PLC0415  (only on an enrolled machine)
        from devagent.org.refusals import Refused  # noqa: PLC0415

        try:
            files = tuple(
                SignedFile(one.layer, one.path, one.data, one.principals, one.lapsed, one.broken)
                for one in layers(found)
            )
        except Refused as refused:
            return SignedPolicy(refused=refused.what)
        return SignedPolicy(files, who=self.who)

    def events(self) -> list[Event]:
        """For the record: what was fetched just now, and what is in force."""
        found: list[Event] = []
        if self.client is not None and self.synced is not None:
            found.append(synced_event(self.client.pin, self.synced))
        if self.in_force is not None:
            found.append(in_force_event(self.in_force))
        return found


def synced_event(pin: "Pin", synced: "Synced") -> BundleSynced:
    return BundleSynced(
        org=pin.org,
        environment=pin.environment,
        outcome=synced.outcome,
        before=synced.before,
        after=synced.after,
        err=synced.code,
        reason=synced.reason,
    )


def in_force_event(found: "InForce") -> BundleInForce:
    trusted = found.chosen.trusted
    return BundleInForce(
        org=found.pin.org,
        environment=found.pin.environment,
        ring=found.chosen.ring.name,
        revision=found.manifest.revision,
        bundle=found.digest,
        state=found.standing.state,
        age_s=found.standing.age_s,
        issued=trusted.issued,
        approved_by=found.approved.by,
        versions=trusted.versions(),
        keys={
            one.role.name: one.role.fingerprint
            for one in trusted.every()
            if one.role.name != "root"
        },
        shadow=found.chosen.shadow.sha256 if found.chosen.shadow else "",
        why=found.standing.why,
    )


def enrolled(
    here: Places, who: Principal, *, online: bool = False, proved: Principal | None = None
) -> Enrolled | None:
    """This machine's enrolment; None where nobody enrolled it. ``proved``: who acts, where a token has told it already.

    ``online``: a policy that is missing, stale or over is fetched, within a limit, before it is said to be.
    """
    file = next((file for file in enrolments() if os.path.lexists(file)), "")
    if not file:
        return None
    from devagent.org.refusals import Refused  # noqa: PLC0415  (only on an enrolled machine)

    try:
        client = client_of(here, who, file)
        found = client.look()
        synced = None
        if online and (isinstance(found, Refused) or found.standing.why):
            from devagent.org.sources import source_for  # noqa: PLC0415  (and only where it must be fetched)

            with closing(source_for(client.pin.url, file_s=ONLINE_S)) as source:
                synced = client.sync(source)
            found = client.look()
    except DevagentError as error:
        return Enrolled(file, refused=error.what)
    if isinstance(found, Refused):
        return Enrolled(file, client, refused=found.what, synced=synced)
    from devagent.org import equipment  # noqa: PLC0415

    try:
        brought = equipment.of(found)
        who = proved or person(found, here, who, os.environ, online=online)
    except Refused as refused:
        return Enrolled(file, client, refused=refused.what, synced=synced)
    if reason := revoked_principal(found, who.names()):
        return Enrolled(file, client, refused=reason, synced=synced, who=who)
    return Enrolled(file, client, found, synced=synced, who=who, equipment=brought)


def revoked_principal(found: "InForce", names: Collection[str]) -> str:
    """Why who runs this may do nothing any more; "" where nobody revoked them."""
    for name, why in found.chosen.revocations.principals.items():
        if name in names:
            return f"{name} was revoked: {why or 'no reason given'}"
    return ""


def client_of(here: Places, who: Principal, file: str) -> "Client":
    """The client of the enrolment in that file. Raises ConfigError."""
    from devagent.org import pin as pins  # noqa: PLC0415  (only on an enrolled machine)
    from devagent.org.client import Client, Keeper  # noqa: PLC0415
    from devagent.org.in_force import Machine  # noqa: PLC0415
    from devagent.org.marks import Mark, Marks  # noqa: PLC0415
    from devagent.org.refusals import Refused  # noqa: PLC0415

    machine_wide = file == enrolments()[0]
    try:
        pin = pins.read(read_trusted(file, root_only=machine_wide, error=ConfigError))
    except FileNotFoundError as e:
        raise Refused("pin", f"{file} is a link that leads nowhere") from e
    name = f"{_KEYRING}{pin.org}-{pin.root_sha256[:16]}-{pin.environment}"
    return Client(
        pin,
        cache=here.cache,
        data=here.data,
        read=partial(read_trusted, error=ConfigError),
        machine=Machine(Device(here.data).id, frozenset(who.names()), __version__),
        seen=[
            Marks(
                {
                    role: Mark(version, one.keys.get(role, ""))
                    for role, version in one.versions.items()
                },
                one.time,
            )
            for one in bundles_seen(here.sessions, pin.org, pin.environment)
        ],
        keeper=Keeper(read=lambda: _remembered(name), write=lambda text: _remember(name, text)),
    )


def _remembered(name: str) -> str:
    text, found = from_keyring(name)
    if not text and found != "no entry":
        raise ConfigError(f"the keyring does not say how far this machine has come ({found})")
    return text


def _remember(name: str, text: str) -> None:
    to_keyring(text, name)


def policy_in_force(
    here: Places,
    who: Principal,
    *,
    tools: Tools | None = None,
    given: Mapping[str, str] = {},
    narrowing: Collection[str] = (),
    online: bool = False,
) -> tuple[EffectivePolicy, Enrolled | None]:
    """The policy in force, and the enrolment that it comes from, where there is one.

    ``given``: files in the places of ``org`` and ``local``, for the demo. Raises PolicyError as ``effective_policy``.
    """
    governs = None if given.get("org") else enrolled(here, who, online=online)
    return policy_under(governs, here, tools=tools, given=given, narrowing=narrowing), governs


def policy_under(
    governs: Enrolled | None,
    here: Places,
    *,
    tools: Tools | None = None,
    given: Mapping[str, str] = {},
    narrowing: Collection[str] = (),
) -> EffectivePolicy:
    """The policy in force under an enrolment that was looked at already."""
    return effective_policy(
        here,
        org_file=given.get("org", ""),
        local_file=given.get("local", ""),
        narrowing=tuple(narrowing),
        tools=tools,
        signed=None if governs is None else governs.policy(),
    )
