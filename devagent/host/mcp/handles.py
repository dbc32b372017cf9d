"""Where a secret is, in place of the secret: ``env:NAME``, ``keyring:NAME``, with an optional word before it.

A config file, the lock, the record and the screen have handles alone; a value is looked up when a request is
made, and goes nowhere but into that request.
"""

import os
import re
from typing import Literal, Protocol

from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.core.ports import ToolFailure

_HANDLE = re.compile(
    r"(?:(?P<word>[A-Za-z][A-Za-z0-9-]*) )?(?P<store>env|keyring):(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)"
)


class Handle(Struct, frozen=True):
    """A secret by where it is kept; ``word`` (as ``Bearer``) stands before it where it is sent."""

    store: Literal["env", "keyring"]
    name: str
    word: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.store}:{self.name}".strip()


class Secrets(Protocol):
    """The person's keyring, as far as servers of third parties have to do with it."""

    def read(self, name: str) -> str:
        """The value kept under the name; "" where there is none. Raises ConfigError for an unusable keyring."""
        ...

    def keep(self, name: str, value: str) -> None:
        """Keep a value. Raises ConfigError for an unusable keyring."""
        ...

    def forget(self, name: str) -> bool:
        """Remove it; whether it was there. Raises ConfigError for an unusable keyring."""
        ...


class NoKeyring:
    """Where there is none: nothing is in it, and it keeps nothing (``Secrets``)."""

    def read(self, name: str) -> str:
        del name
        return ""

    def keep(self, name: str, value: str) -> None:
        del name, value
        raise ConfigError("there is no keyring here")

    def forget(self, name: str) -> bool:
        del name
        return False


def handle(text: object) -> Handle:
    """Read a handle. Raises ValueError for what is none, without repeating it: it may be the secret itself."""
    found = _HANDLE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            "must name where the secret is (env:NAME or keyring:NAME), never its value"
        )
    store: Literal["env", "keyring"] = "env" if found["store"] == "env" else "keyring"
    return Handle(store, found["name"], found["word"] or "")


def value_of(one: Handle, secrets: Secrets, server: str) -> str:
    """The secret as it is sent. Raises ToolFailure, which names the handle alone."""
    try:
        value = os.environ.get(one.name, "") if one.store == "env" else secrets.read(one.name)
    except ConfigError as e:
        text = f"The MCP server {server} needs {one}, and {e.what}"
        raise ToolFailure(text, error="no_secret") from e
    value = value.strip()
    if not value:
        where = "is not set" if one.store == "env" else "is not in the keyring"
        text = f"The MCP server {server} needs {one}, which {where}"
        raise ToolFailure(text, error="no_secret")
    if not value.isascii() or not value.isprintable():
        text = f"The MCP server {server} needs {one}, which has characters that no header can have"
        raise ToolFailure(text, error="no_secret")
    return f"{one.word} {value}".strip()
