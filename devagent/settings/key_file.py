"""The model service's key in a file that a passphrase opens: for where no keyring answers.

JSON: the parameters of scrypt, a salt, a nonce, and the key sealed with ChaCha20-Poly1305 under what scrypt makes of
the passphrase; the parameters are bound to it. The passphrase is asked for at a terminal, or is the first line of the
file that ``DEVAGENT_PASSPHRASE_FILE`` names, which nobody but its owner may read; it stands in no argument, no variable
and no log.
"""

import hashlib
import os
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.disk import replace_file
from devagent.settings.trusted_file import read_trusted

VARIABLE = "DEVAGENT_PASSPHRASE_FILE"
NAME = "key.sealed"
SHORTEST = 12
"""Characters of a passphrase."""
Ask = Callable[[], str]

_N, _R, _P = 1 << 16, 8, 1
_MOST_N = 1 << 20
_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12


class _Sealed(Struct, frozen=True, forbid_unknown_fields=True):
    n: int
    r: int
    p: int
    salt: bytes
    nonce: bytes
    sealed: bytes
    v: int = 1

    @property
    def bound(self) -> bytes:
        return f"devagent key {self.v} scrypt {self.n} {self.r} {self.p}".encode()


class KeyFile:
    """The file in the folder ``data``. Nothing of it is read before it is asked for."""

    def __init__(self, data: str) -> None:
        self.path = os.path.join(data, NAME)

    def is_there(self) -> bool:
        return os.path.lexists(self.path)

    def keep(self, key: str, passphrase: str) -> None:
        """Seal the key. Raises ConfigError for a short passphrase, or where it cannot be written."""
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415  (only where there is a file)
            ChaCha20Poly1305,
        )

        if len(passphrase) < SHORTEST:
            raise ConfigError(
                f"the passphrase is too short: it has {len(passphrase)} characters",
                hint=f"At least {SHORTEST}: several words.",
            )
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        empty = _Sealed(n=_N, r=_R, p=_P, salt=salt, nonce=nonce, sealed=b"")
        sealed = ChaCha20Poly1305(_stretched(passphrase, empty)).encrypt(
            nonce, key.encode(), empty.bound
        )
        whole = msgspec.json.encode(msgspec.structs.replace(empty, sealed=sealed))
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            replace_file(self.path, whole + b"\n")
        except OSError as e:
            raise ConfigError(
                f"the key cannot be kept ({os.strerror(e.errno or 0)})", file=self.path
            ) from e

    def open(self, passphrase: str) -> str:
        """The key. Raises ConfigError: a damaged file, or one that the passphrase does not open."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415

        try:
            kept = msgspec.json.decode(read_trusted(self.path, error=ConfigError), type=_Sealed)
            if kept.v != 1 or not 1 < kept.n <= _MOST_N or (kept.r, kept.p) != (_R, _P):
                raise ValueError(kept.v)
            key = ChaCha20Poly1305(_stretched(passphrase, kept)).decrypt(
                kept.nonce, kept.sealed, kept.bound
            )
            return key.decode()
        except InvalidTag:
            raise ConfigError(
                "the passphrase does not open the key's file", file=self.path
            ) from None
        except (ValueError, FileNotFoundError) as e:
            hint = "Remove it with `devagent auth logout`, and log in anew."
            raise ConfigError("the key's file is damaged", file=self.path, hint=hint) from e

    def forget(self) -> bool:
        """Remove it; False where there was none."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return False
        return True


def passphrase_of(environment: Mapping[str, str]) -> str:
    """What the variable's file says, or "" where none is named. Raises ConfigError for one that others can read."""
    path = environment.get(VARIABLE, "")
    if not path:
        return ""
    try:
        if os.stat(path).st_mode & 0o077:
            raise ConfigError(
                f"{VARIABLE} names it, and others can read it", file=path, hint=f"chmod 600 {path}"
            )
        text = read_trusted(path, error=ConfigError).decode("utf-8", "replace")
    except FileNotFoundError as e:
        raise ConfigError(f"{VARIABLE} names it, but there is no such file", file=path) from e
    return text.partition("\n")[0].rstrip("\r")


def _stretched(passphrase: str, kept: _Sealed) -> bytes:
    return hashlib.scrypt(
        passphrase.encode("utf-8", "surrogatepass"),
        salt=kept.salt,
        n=kept.n,
        r=kept.r,
        p=kept.p,
        maxmem=256 * kept.n * kept.r,
        dklen=_KEY_BYTES,
    )
