"""The organisation's issuer of access tokens, as the bundle in force names it and its keys."""

from typing import TYPE_CHECKING

from devagent.gateway.callers import Issuer, Proved
from devagent.session.enrolled import enrolled
from devagent.settings.identity import principal
from devagent.settings.places import Places

if TYPE_CHECKING:
    from devagent.org.principals import Oidc


def issuer_of(here: Places, resource: str) -> Issuer | None:
    """Who gives access tokens for this resource; None where no organisation's bundle names somebody. Raises Refused."""
    found = enrolled(here, principal(), online=True)
    if found is None or found.in_force is None:
        return None
    from devagent.org import principals  # noqa: PLC0415  (only on an enrolled machine)
    from devagent.org.tokens import access_of  # noqa: PLC0415

    if principals.FILE not in found.in_force.manifest.files:
        return None
    oidc: Oidc | None = principals.read(found.in_force.read(principals.FILE)).oidc
    if oidc is None:
        return None

    def judged(token: str) -> Proved:
        access = access_of(token, oidc, resource)
        return Proved(access.who, access.client, access.until, access.scopes)

    return Issuer(oidc.issuer, resource, oidc.gateway_scope, judged)
