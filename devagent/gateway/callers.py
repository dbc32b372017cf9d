"""Who calls over HTTP: a client with a token of this gateway's, or somebody with an access token of the organisation's issuer.

The gateway is an OAuth 2.0 resource server (RFC 6750, RFC 9728): it says where its tokens come from, judges each one, and
passes none on: not to a server behind it, and to no log.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from msgspec import Struct

from devagent.core.codec import canonical
from devagent.core.errors import DevagentError
from devagent.core.principal import Principal

ANYBODY = "anybody"
PATH = "/mcp"
METADATA = "/.well-known/oauth-protected-resource"
_KEPT = 4_096
"""Access tokens whose judgement is remembered."""
_KEPT_S = 60.0
_MOST_CALLERS = 10_000

Named = Callable[[str], str | None]
"""A token of ``devagent mcp token`` to its client's name, or None."""


class Proved(Struct, frozen=True):
    """What an access token says: who, by which client, until when (seconds since 1970), with which scopes."""

    who: Principal
    client: str
    until: float
    scopes: frozenset[str]


class Issuer(Struct, frozen=True):
    """The organisation's issuer. ``judged`` raises DevagentError for a token that does not hold."""

    url: str
    resource: str
    """The address that clients know this gateway by: what the tokens must be for."""
    scope: str
    """What a token must be good for ("" = nothing in particular)."""
    judged: Callable[[str], Proved]


class Refusal(Struct, frozen=True):
    """401 or 403, and what the ``WWW-Authenticate`` header says."""

    status: int
    challenge: str
    why: str


class Callers:
    """Tells callers apart. Without ``named`` and ``issuer`` nobody is asked for a token. ``issuer`` gives who it is now; what
    another said of a token is forgotten."""

    def __init__(
        self,
        named: Named | None,
        issuer: Callable[[], Issuer] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._named = named
        self._now = issuer
        self._last: Issuer | None = None
        self._clock = clock
        self._judged: OrderedDict[bytes, tuple[Proved, float]] = OrderedDict()
        self._known: dict[str, Principal] = {}

    def principal(self, caller: str) -> Principal | None:
        """Who a caller is that came with an access token; None for the others, who act for whoever runs this."""
        return self._known.get(caller)

    @property
    def _issuer(self) -> Issuer | None:
        issuer = self._now() if self._now is not None else None
        if issuer is not self._last:
            self._last = issuer
            self._judged.clear()
        return issuer

    @property
    def metadata_paths(self) -> tuple[str, ...]:
        """Where the metadata lie (RFC 9728, section 3.1)."""
        issuer = self._issuer
        path = urlsplit(issuer.resource).path if issuer is not None else PATH
        return (METADATA, METADATA + path)

    def metadata(self) -> bytes | None:
        """The protected resource's metadata (RFC 9728, section 2); None where there is no issuer."""
        issuer = self._issuer
        if issuer is None:
            return None
        return canonical(
            {
                "resource": issuer.resource,
                "authorization_servers": [issuer.url],
                "bearer_methods_supported": ["header"],
                "resource_name": "devagent",
                **({"scopes_supported": [issuer.scope]} if issuer.scope else {}),
            }
        )

    def of(self, authorization: bytes | None) -> str | Refusal:
        """The caller by the request's Authorization header."""
        if self._named is None and self._now is None:
            return ANYBODY
        scheme, _, token = (authorization or b"").decode("latin-1").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return self._refusal(401, "", "a bearer token is needed")
        if self._named is not None and (name := self._named(token)) is not None:
            return name
        issuer = self._issuer
        if issuer is None or token.count(".") != 2:
            return self._refusal(401, "invalid_token", "this token is not known")
        return self._by_access_token(token, issuer)

    def _by_access_token(self, token: str, issuer: Issuer) -> str | Refusal:
        now = self._clock()
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._judged.get(key)
        if known is None or known[1] < now:
            try:
                known = (issuer.judged(token), now + _KEPT_S)
            except DevagentError as refused:
                return self._refusal(401, "invalid_token", refused.what)
            self._judged[key] = known
            if len(self._judged) > _KEPT:
                self._judged.popitem(last=False)
        proved = known[0]
        if proved.until < now:
            return self._refusal(401, "invalid_token", "the token is over")
        if issuer.scope and issuer.scope not in proved.scopes:
            return self._refusal(403, "insufficient_scope", f"the token lacks {issuer.scope}")
        return self._caller(proved)

    def _caller(self, proved: Proved) -> str | Refusal:
        """The same name for the same principal by the same client: one session, as long as nothing of it changes."""
        plain = f"{proved.client} for {proved.who.user}"
        for number in range(1, _MOST_CALLERS):
            name = plain if number == 1 else f"{plain}, {number}"
            known = self._known.get(name)
            if known is None and len(self._known) >= _MOST_CALLERS:
                break
            if known is None or known == proved.who:
                self._known[name] = proved.who
                return name
        return self._refusal(403, "", "too many callers")

    def _refusal(self, status: int, error: str, why: str) -> Refusal:
        parts = ['realm="devagent"']
        if error:
            parts.append(f'error="{error}"')
        if (issuer := self._issuer) is not None:
            at = urlsplit(issuer.resource)
            parts.append(f'resource_metadata="{at.scheme}://{at.netloc}{METADATA}{at.path}"')
            if issuer.scope:
                parts.append(f'scope="{issuer.scope}"')
        return Refusal(status, "Bearer " + ", ".join(parts), why)
