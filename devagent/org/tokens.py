"""Identity tokens (JWT): believed by the keys that the organisation's bundle names, and by nothing that is looked up.

Checked by PyJWT: signature with the algorithm that the key is of, issuer, audience, expiry; here: that the claims say who it is.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.principal import Principal
from devagent.org.principals import Ci, Issuer, Oidc, Principals
from devagent.org.refusals import Refused

ALGORITHMS = ("RS256", "ES256", "EdDSA", "PS256", "ES384")
LEEWAY_S = 60
_LONGEST_NAME = 200


def claims_of(token: str, issuer: Issuer, audience: str) -> dict[str, Any]:
    """The claims of a token of this issuer for this audience. Raises Refused."""
    # 40 ms, and only where an organisation uses tokens.
    import jwt  # noqa: PLC0415

    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
        for one in issuer.keys:
            named = header.get("kid")
            if named and one.get("kid") and one["kid"] != named:
                continue
            key = jwt.PyJWK(one)
            if key.algorithm_name not in ALGORITHMS or header.get("alg") != key.algorithm_name:
                continue
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=audience,
                issuer=issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            return claims
    except jwt.PyJWTError as e:
        raise Refused("identity", f"{type(e).__name__}: {e}") from e
    raise Refused("identity", f"no key of {issuer.issuer} in the bundle signed it")


def person_of(token: str, oidc: Oidc, who: Principal, *, nonce: str = "") -> Principal:
    """Who logged in. Raises Refused."""
    claims = claims_of(token, oidc, oidc.client_id)
    if nonce and claims.get("nonce") != nonce:
        raise Refused("identity", "the token answers another login (nonce)")
    return _person(claims, oidc, who)


class Access(Struct, frozen=True):
    """What an access token says: who, by which client, until when (seconds since 1970), for which scopes."""

    who: Principal
    client: str
    until: float
    scopes: frozenset[str]


def access_of(token: str, oidc: Oidc, resource: str) -> Access:
    """An access token as a JWT (RFC 9068) for this resource and no other. Raises Refused."""
    claims = claims_of(token, oidc, resource)
    if claims["aud"] not in (resource, [resource]):
        raise Refused("identity", "the token is for others, too")
    client = claims.get("client_id") or claims.get("azp")
    if not isinstance(client, str) or not client.isprintable() or len(client) > _LONGEST_NAME:
        raise Refused("identity", "the token does not say which client it was given to")
    scopes = " ".join(str(claims.get(name) or "") for name in ("scope", "scp")).split()
    who = _person(claims, oidc, Principal(agent=f"mcp-{client}"))
    return Access(who, client, float(claims["exp"]), frozenset(scopes))


def _person(claims: Mapping[str, Any], oidc: Oidc, who: Principal) -> Principal:
    user = claims.get(oidc.user_claim)
    if not isinstance(user, str) or not user:
        raise Refused("identity", f"the token says nothing of {oidc.user_claim}")
    if oidc.user_claim == "email" and claims.get("email_verified") in (
        False,
        "false",
    ):  # some say it as text
        raise Refused("identity", "the issuer has not verified the address")
    groups = claims.get(oidc.groups_claim, [])
    named = tuple(one for one in groups if isinstance(one, str)) if isinstance(groups, list) else ()  # pyright: ignore[reportUnknownVariableType]
    return replace(who, user=user, groups=named)


def job_of(token: str, known: Principals, who: Principal) -> Principal:
    """Which CI job holds the token: ``ci:OWNER/REPOSITORY@REF``, on behalf of who started it. Raises Refused."""
    last = Refused("identity", "the organisation's bundle names no issuer of CI tokens")
    for one in known.ci:
        try:
            return _job(claims_of(token, one, one.audience), one, who)
        except Refused as refused:
            last = refused
    raise last


def _job(claims: Mapping[str, Any], ci: Ci, who: Principal) -> Principal:
    """GitHub says ``repository``, ``ref`` and ``actor``; GitLab ``project_path``, ``ref`` and ``user_login``."""
    repository = claims.get("repository") or claims.get("project_path")
    ref = claims.get("ref")
    if not isinstance(repository, str) or not isinstance(ref, str) or not repository or not ref:
        raise Refused("identity", "the token names no repository and ref")
    actor = claims.get("actor") or claims.get("user_login") or ""
    return Principal(
        agent=who.agent,
        groups=ci.groups,
        ci=f"{repository}@{ref}",
        on_behalf_of=actor if isinstance(actor, str) else "",
    )
