"""The person's own key to sealed content: an age pair, made when content is first sealed here.

The secret half is kept in the keyring, or, where none answers, in ``data/age.key``, readable by its owner alone;
the public half in ``data/age.pub``, which is all that writing needs. A reviewer's identities are read from the
file that ``DEVAGENT_IDENTITY`` names.
"""

import os
from collections.abc import Callable, Mapping

from devagent.core.errors import ConfigError
from devagent.disk import locked, replace_file
from devagent.settings.credentials import from_keyring, to_keyring
from devagent.settings.trusted_file import read_trusted

VARIABLE = "DEVAGENT_IDENTITY"
PUBLIC, SECRET, LOCK = "age.pub", "age.key", "age.lock"
KEYRING_NAME = "age"
_SECRET = "AGE-SECRET-KEY-1"  # noqa: S105  (how every identity begins)
LOCK_WAIT_S = 20.0
"""Another process makes the pair: that takes moments, and a keyring may ask the person."""


def own_recipient(data: str, make: Callable[[], tuple[str, str]]) -> str:
    """The public half (``age1…``); a pair is made (secret, public) where there is none. Raises ConfigError."""
    if known := _read(os.path.join(data, PUBLIC)):
        return known
    try:
        os.makedirs(data, mode=0o700, exist_ok=True)
        with locked(os.path.join(data, LOCK), wait_s=LOCK_WAIT_S, error=ConfigError):
            if known := _read(os.path.join(data, PUBLIC)):
                return known
            secret, public = make()
            try:
                to_keyring(secret, KEYRING_NAME)
            except ConfigError:
                _write(os.path.join(data, SECRET), secret)
            _write(os.path.join(data, PUBLIC), public)
            return public
    except OSError as e:
        raise _unusable(data, e) from e


def identities(data: str, environment: Mapping[str, str]) -> list[str]:
    """The secret halves that are at hand here: those of ``DEVAGENT_IDENTITY``'s file, and the person's own.

    Raises ConfigError where a file cannot be read, or others can write to it.
    """
    found: list[str] = []
    if path := environment.get(VARIABLE, ""):
        try:
            text = read_trusted(path, error=ConfigError).decode("utf-8", "replace")
        except FileNotFoundError as e:
            raise ConfigError(f"{VARIABLE} names it, but there is no such file", file=path) from e
        found += [line.strip() for line in text.splitlines() if line.startswith(_SECRET)]
        if not found:
            raise ConfigError(f"{VARIABLE} names it, but it holds no age identity", file=path)
    if own := _read(os.path.join(data, SECRET)):
        found.append(own)
    elif os.path.exists(os.path.join(data, PUBLIC)):
        stored, _ = from_keyring(KEYRING_NAME)
        if stored:
            found.append(stored)
    return found


def _read(path: str) -> str:
    try:
        return read_trusted(path, error=ConfigError).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _write(path: str, text: str) -> None:
    try:
        replace_file(path, text.encode() + b"\n")
    except OSError as e:
        raise _unusable(path, e) from e


def _unusable(path: str, error: OSError) -> ConfigError:
    return ConfigError(
        f"the key to sealed content cannot be kept ({os.strerror(error.errno or 0)})",
        file=path,
        hint="Without it nobody here could read what is sealed. Mend the place, or ask for open content.",
    )
