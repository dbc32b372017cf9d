"""The passphrase of the key's file, asked for at the terminal before a chat takes the screen."""

import os
from collections.abc import Callable

import click

from devagent.settings.credentials import from_keyring
from devagent.settings.key_file import VARIABLE, KeyFile
from devagent.settings.places import places

BEFORE_IT = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", VARIABLE)


def asked_beforehand() -> Callable[[], str] | None:
    """What the person typed, not echoed; None where the key lies elsewhere, or something else opens the file."""
    if any(os.environ.get(name) for name in BEFORE_IT) or not KeyFile(places().data).is_there():
        return None
    if from_keyring()[0]:
        return None
    text: str = click.prompt("Passphrase of the key's file", hide_input=True, err=True)
    return lambda: text
