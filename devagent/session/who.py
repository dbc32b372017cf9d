"""Who runs this, where an organisation says how that is known: an account, a login, or a CI job's identity token.

In this order: a CI token in the environment (it proves itself), a login with the organisation's provider, the account of the
operating system by the bundle's ``principals.toml``.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from devagent.core.errors import ConfigError
from devagent.core.principal import Principal
from devagent.disk import replace_file
from devagent.settings.credentials import from_keyring, to_keyring
from devagent.settings.places import Places
from devagent.settings.trusted_file import read_trusted

if TYPE_CHECKING:
    from devagent.org.in_force import InForce
    from devagent.org.login import Tokens
    from devagent.org.principals import Oidc, Principals

CI_TOKEN = "DEVAGENT_ID_TOKEN"  # noqa: S105  (the variable's name)
"""Holds a CI job's identity token (GitLab: ``id_tokens``)."""
_GITHUB = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
LOGIN = "org-login.jwt"
"""The last ID token, beside the person's other data; the refresh token is in the keyring."""
_KEYRING = "org-login:"


def person(
    found: "InForce", here: Places, who: Principal, environment: Mapping[str, str], *, online: bool
) -> Principal:
    """Who this is in the organisation's words. Raises Refused where that must be known and is not."""
    from devagent.org import principals  # noqa: PLC0415  (only on an enrolled machine)

    if principals.FILE not in found.manifest.files:
        return who
    known = principals.read(found.read(principals.FILE))
    token = ci_token(known, environment) if known.ci else ""
    if token:
        from devagent.org.tokens import job_of  # noqa: PLC0415  (only where there is one)

        return job_of(token, known, who)
    if known.oidc is not None and (logged_in := _logged_in(known.oidc, here, who, online=online)):
        return logged_in
    return principals.of_account(known, who)


def ci_token(known: "Principals", environment: Mapping[str, str]) -> str:
    """The CI job's token, from its variable or from GitHub's own service; "" where there is none. Raises Refused."""
    if token := environment.get(CI_TOKEN, ""):
        return token
    url, bearer = (environment.get(name, "") for name in _GITHUB)
    if not url or not bearer:
        return ""
    from urllib.parse import quote  # noqa: PLC0415  (in CI alone)

    from devagent.org.login import ask  # noqa: PLC0415

    audience = quote(known.ci[0].audience, safe="")
    answer = ask(f"{url}&audience={audience}", headers={"authorization": f"Bearer {bearer}"})
    value = answer.get("value")
    return value if isinstance(value, str) else ""


def _logged_in(oidc: "Oidc", here: Places, who: Principal, *, online: bool) -> Principal | None:
    from devagent.org.refusals import Refused  # noqa: PLC0415
    from devagent.org.tokens import person_of  # noqa: PLC0415

    refused: Refused | None = None
    try:
        token = read_trusted(os.path.join(here.data, LOGIN), error=ConfigError).decode(
            "ascii", "replace"
        )
        return person_of(token.strip(), oidc, who)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except Refused as e:
        refused = e
        refresh = from_keyring(_KEYRING + oidc.issuer)[0] if online else ""
        if refresh:
            try:
                return person_of(refreshed(oidc, here, refresh), oidc, who)
            except Refused as again:
                refused = again
    if not oidc.required:
        return None
    why = refused.what if refused else "nobody has logged in"
    raise Refused("identity", f"{why}; run `devagent org login`")


def refreshed(oidc: "Oidc", here: Places, refresh: str) -> str:
    """A new ID token for what the keyring has. Raises Refused."""
    from devagent.org.login import Provider  # noqa: PLC0415  (only where one is over)

    tokens = Provider(oidc).refreshed(refresh)
    keep(oidc, here, tokens)
    return tokens.id_token


def keep(oidc: "Oidc", here: Places, tokens: "Tokens") -> None:
    """Put a login where sessions find it. Raises ConfigError where the keyring takes no refresh token."""
    os.makedirs(here.data, mode=0o700, exist_ok=True)
    replace_file(os.path.join(here.data, LOGIN), tokens.id_token.encode("ascii") + b"\n")
    if tokens.refresh:
        to_keyring(tokens.refresh, _KEYRING + oidc.issuer)
