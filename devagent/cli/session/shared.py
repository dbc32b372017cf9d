"""What the session commands share: which session is meant, and how its lines are written."""

import os
import sys
from typing import Literal

import click

from devagent.audit import layout
from devagent.audit.claims import claim
from devagent.audit.device import own_key
from devagent.audit.names import names
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.cli.formats import formats
from devagent.core.errors import LogError, UsageError
from devagent.settings.places import places

Format = Literal["text", "json"]
WIDTH = 400
format_option = formats("text", "json")


def folder_of(name: str) -> str:
    """The folder that a person means: a folder's path, an id or a few of its letters, or ``last``."""
    if os.path.isfile(os.path.join(name, layout.EVENTS)) or (
        os.sep in name and os.path.isdir(name)
    ):
        return name
    if os.sep in name:
        raise UsageError(
            f"There is no folder {name}.", hint="`devagent session list` shows the sessions."
        )
    return layout.find_session(places().sessions, name)


def verified(folder: str, key: str = "", witness: str = "", anchored: str = "") -> Verification:
    """The session checked with the key given, or this computer's, and against what others say of its end; what is
    sealed is looked into where a key is at hand. ``witness``: the verifier key of whoever cosigns; ``anchored``: what it
    has on record of this session.

    Raises LogError where a file cannot be read.
    """
    here = places()
    return verify_session(
        folder,
        key=key or own_key(folder, here.data),
        claimed=claim(folder, here.sessions, here.data),
        anchored=anchored,
        opened=True,
        witness=witness,
    )


def known_names() -> dict[str, str]:
    """Session id → name; where they cannot be read that is told, and the ids do."""
    try:
        return names(places().sessions)
    except LogError as error:
        click.echo(f"devagent: {error}", err=True)
        return {}


def write(text: str) -> None:
    """A line of standard output; characters that its encoding lacks become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))
