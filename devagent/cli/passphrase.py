"""The passphrase of the key's file, asked for at the terminal."""

import click


def asked_passphrase() -> str:
    """What the person types, not echoed."""
    text: str = click.prompt("Passphrase of the key's file", hide_input=True, err=True)
    return text
