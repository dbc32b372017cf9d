"""Content at rest under a key: one for each session, wrapped by age for whoever may read it.

``keys.age`` holds the session's 32 bytes, encrypted for the reviewers' keys and the person's own (X25519). Each
body line is sealed by itself with ChaCha20-Poly1305, its session and number as associated data, so that a
line can be erased, or a log cut at any byte, without the others. Whoever writes needs public keys alone.
"""

import hashlib
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from devagent.audit.record import from_base64, to_base64
from devagent.core.errors import ConfigError

KEY_BYTES, NONCE_BYTES = 32, 12
MISSING = "devagent's `encryption` extra is not installed"
INSTALL = "Install it: `pip install pyrage` into devagent's environment, or `devagent[encryption]`."


def digest_of(sealed: str) -> str:
    """What a header says of its sealed content (hex SHA-256 of the text), so that whoever has no key can tell whether it
    is still the one that was written."""
    return hashlib.sha256(sealed.encode()).hexdigest()


class Sealing(Struct, frozen=True):
    """For whom content is sealed: age recipients (``age1…``). ``policy`` names the file that asks for it."""

    recipients: tuple[str, ...]
    policy: str = ""

    def wrap(self, key: bytes) -> bytes:
        """What ``keys.age`` holds. Raises ConfigError without the library, or for what is no recipient."""
        age = _age()
        if age is None:
            raise ConfigError(
                f"the content of sessions must be sealed, but {MISSING}",
                file=self.policy,
                hint=INSTALL,
            )
        recipients: list[Any] = []
        for text in dict.fromkeys(self.recipients):
            try:
                recipients.append(age.x25519.Recipient.from_str(text))
            except age.RecipientError as e:
                raise ConfigError(
                    f"{text} is no age key ({e}), so content cannot be sealed for it",
                    file=self.policy,
                ) from e
        sealed: bytes = age.encrypt(key, recipients)
        return sealed


class SessionKey:
    """One session's key, in memory alone."""

    def __init__(self, sid: str, key: bytes, random: Callable[[int], bytes]) -> None:
        # Some 20 ms, and only where content is sealed.
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415
            ChaCha20Poly1305,
        )

        self._sid = sid
        self._cipher = ChaCha20Poly1305(key)
        self._random = random

    def seal(self, seq: int, line: bytes) -> str:
        """What stands in ``sealed`` for an open line (without newline)."""
        nonce = self._random(NONCE_BYTES)
        return to_base64(nonce + self._cipher.encrypt(nonce, line, self._bound_to(seq)))

    def open(self, seq: int, sealed: str) -> bytes:
        """The open line. Raises ValueError where it was not sealed under this key, or is another event's."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        data = from_base64(sealed)
        if len(data) < NONCE_BYTES:
            raise ValueError("it is too short")
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], self._bound_to(seq))
        except InvalidTag:
            raise ValueError("it was not sealed under the session's key") from None

    def _bound_to(self, seq: int) -> bytes:
        return f"{self._sid}/{seq}".encode()


def unwrap(data: bytes, identities: Sequence[str]) -> bytes:
    """The key in ``keys.age``; empty where none of the identities opens it, or the library is not installed.
    Raises ConfigError for an identity that is none."""
    age = _age()
    if age is None:
        return b""
    try:
        own = [age.x25519.Identity.from_str(text) for text in identities]
    except age.IdentityError as e:
        raise ConfigError(f"an age identity is not usable: {e}") from e
    try:
        key: bytes = age.decrypt(data, own)
    except age.DecryptError:
        return b""
    return key if len(key) == KEY_BYTES else b""


def can_open() -> bool:
    """Whether the library is installed."""
    return _age() is not None


def new_identity() -> tuple[str, str]:
    """A new pair: the secret (``AGE-SECRET-KEY-1…``) and its recipient. Raises ConfigError without the library."""
    age = _age()
    if age is None:
        raise ConfigError(f"the content of sessions must be sealed, but {MISSING}", hint=INSTALL)
    made = age.x25519.Identity.generate()
    return str(made), str(made.to_public())


def _age() -> Any:
    """The library, or None where it is not installed. It has no types; all of it that is used is in here."""
    try:
        return importlib.import_module("pyrage")
    except ModuleNotFoundError:
        return None
