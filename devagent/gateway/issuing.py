"""The organisation's issuer of access tokens, as the bundle in force names it and its keys.

Each look asks first whether another state has come into force (one ``stat``): so a key that was rotated or taken away in the
bundle counts from then on, without a restart.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from devagent.gateway.callers import Issuer, Proved
from devagent.session.enrolled import enrolled
from devagent.settings.identity import principal
from devagent.settings.places import Places

if TYPE_CHECKING:
    from devagent.org.client import Client
    from devagent.org.in_force import InForce
    from devagent.org.principals import Oidc


def issuer_of(here: Places, resource: str) -> Callable[[], Issuer] | None:
    """Gives who issues access tokens for this resource now; None where no organisation's bundle names somebody. Raises Refused."""
    found = enrolled(here, principal(), online=True)
    if found is None or found.in_force is None or found.client is None:
        return None
    if (oidc := _named(found.in_force)) is None:
        return None
    return _Issuing(found.client, found.in_force.stamp, oidc, resource).now


class _Issuing:
    """The issuer, and which state of the bundle says so."""

    def __init__(
        self, client: "Client", stamp: tuple[int, int], oidc: "Oidc", resource: str
    ) -> None:
        self._client = client
        self._stamp = stamp
        self._resource = resource
        self._issuer = _issuer(oidc, resource)

    def now(self) -> Issuer:
        stamp = self._client.state.stamp()
        if stamp != self._stamp:
            self._stamp, self._issuer = stamp, self._looked()
        return self._issuer

    def _looked(self) -> Issuer:
        """As the state in force has it; one that takes no token where that cannot be relied on, or names nobody."""
        from devagent.org.refusals import Refused  # noqa: PLC0415  (only on an enrolled machine)

        code, why = "identity", "the organisation names no issuer any more"
        try:
            if (oidc := _named(self._client.in_force())) is not None:
                return _issuer(oidc, self._resource)
        except Refused as refused:
            code, why = refused.code, refused.what

        def judged(token: str) -> Proved:
            del token
            raise Refused(code, why)

        return Issuer(self._issuer.url, self._resource, self._issuer.scope, judged)


def _named(found: "InForce") -> "Oidc | None":
    from devagent.org import principals  # noqa: PLC0415  (only on an enrolled machine)

    if principals.FILE not in found.manifest.files:
        return None
    return principals.read(found.read(principals.FILE)).oidc


def _issuer(oidc: "Oidc", resource: str) -> Issuer:
    from devagent.org.tokens import access_of  # noqa: PLC0415  (only on an enrolled machine)

    def judged(token: str) -> Proved:
        access = access_of(token, oidc, resource)
        return Proved(access.who, access.client, access.until, access.scopes)

    return Issuer(oidc.issuer, resource, oidc.gateway_scope, judged)
