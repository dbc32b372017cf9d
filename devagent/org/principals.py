"""``principals.toml`` of a bundle: who an account of a machine is, in the organisation's words.

    unknown = "refuse"                      # accounts that are not named here; "keep" takes them as they are

    [users.ana]                             # an account of the operating system
    user = "ana@acme.example"
    groups = ["data-eng"]

    [users.buildbot]
    user = "buildbot"
    on_behalf_of = "release-team"           # rules speak of `for:release-team`

    [oidc]                                  # `devagent org login`; see ``tokens``
    issuer = "https://login.acme.example"
    client_id = "devagent"
    gateway_scope = "devagent"              # access tokens at `devagent mcp serve` must have it

    [[ci]]                                  # identity tokens of CI: the principal is ci:OWNER/REPOSITORY@REF
    issuer = "https://token.actions.githubusercontent.com"
    audience = "devagent"

Strict: an entry that is not known refuses the file, and with it the bundle.
"""

import tomllib
from typing import Any, Literal

from msgspec import Struct, ValidationError, convert, field
from msgspec.structs import replace

from devagent.core.principal import Principal
from devagent.org.refusals import Refused

FILE = "principals.toml"


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str
    groups: tuple[str, ...] = ()
    on_behalf_of: str = ""


class Issuer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``keys``: its public keys as JWKs: pinned here, so that no look-up of the moment decides whom to believe."""

    issuer: str
    keys: tuple[dict[str, Any], ...]


class Oidc(Issuer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``required``: without a login that holds, this machine is locked. ``gateway_scope``: what an access token must
    be good for at `devagent mcp serve` ("" = nothing in particular)."""

    client_id: str
    user_claim: str = "email"
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "email", "offline_access")
    required: bool = False
    gateway_scope: str = ""


class Ci(Issuer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    audience: str
    groups: tuple[str, ...] = ()


class Principals(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    unknown: Literal["keep", "refuse"] = "keep"
    users: dict[str, Account] = field(default_factory=dict)
    oidc: Oidc | None = None
    ci: tuple[Ci, ...] = ()


def read(data: bytes) -> Principals:
    """Raises Refused."""
    try:
        return convert(tomllib.loads(data.decode()), Principals)
    except (ValueError, ValidationError, RecursionError) as e:
        raise Refused("policy", f"{FILE}: {e}") from e


def of_account(known: Principals, who: Principal) -> Principal:
    """Who an account of the operating system is. Raises Refused where the organisation does not know it."""
    account = known.users.get(who.user)
    if account is not None:
        return replace(
            who, user=account.user, groups=account.groups, on_behalf_of=account.on_behalf_of
        )
    if known.unknown == "refuse":
        raise Refused("policy", f"the organisation's {FILE} knows no account {who.user!r}")
    return who
