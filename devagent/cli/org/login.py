"""``devagent org login``: who you are, by the organisation's own provider."""

import os
import time

import click

from devagent.cli.org.shared import client
from devagent.core.errors import ConfigError, UsageError
from devagent.org import principals
from devagent.org.login import Provider
from devagent.org.tokens import person_of
from devagent.session.who import keep
from devagent.settings.identity import principal
from devagent.settings.places import places


@click.command()
@click.option("--browser", is_flag=True, help="By a browser on this machine (code with PKCE), not by a code to type.")  # fmt: skip
def login(*, browser: bool) -> None:
    """Log in with the provider that the organisation's bundle names. Its token is checked against the keys in the bundle."""
    here = places()
    found = client(here).in_force()
    if principals.FILE not in found.manifest.files:
        raise UsageError("the organisation's bundle names no provider to log in with")
    known = principals.read(found.read(principals.FILE))
    if known.oidc is None:
        raise UsageError("the organisation's bundle names no provider to log in with")
    provider = Provider(known.oidc)
    nonce = ""
    if browser:
        tokens, nonce = provider.by_browser(_browse)
    else:
        tokens = provider.by_device(_tell, wait=time.sleep)
    who = person_of(tokens.id_token, known.oidc, principal(), nonce=nonce)
    try:
        keep(known.oidc, here, tokens)
    except ConfigError as error:
        click.echo(
            f"devagent: logged in until the token is over; it cannot be renewed: {error.what}",
            err=True,
        )
    groups = f" ({', '.join(who.groups)})" if who.groups else ""
    click.echo(f"you are {who.user}{groups}")


def _tell(where: str, code: str) -> None:
    click.echo(f"Open {where} and enter {code}", err=True)


def _browse(url: str) -> None:
    import webbrowser  # noqa: PLC0415  (only where one is to be used)

    click.echo(f"Open {url}", err=True)
    if "DISPLAY" in os.environ or os.name == "nt":
        webbrowser.open(url)
