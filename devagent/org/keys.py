"""The keys that administrators sign with: files encrypted by age, hardware and key services.

A key is named by a URI: ``age:prod-ana.age`` (a file in the key folder), or where ``key_services`` finds it. Its public half
and its owner are in signed metadata; the URI is in ``keys.toml`` of whoever holds it, and is no secret.
"""

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devagent.core.errors import ConfigError
from devagent.org import key_services
from devagent.org.libraries import CryptoSigner, Key, Signer, SSlibKey

AGE = "age"
SUFFIX = ".age"
Passphrase = Callable[[str], str]
"""What a key file is called → its passphrase. Raises ConfigError where nobody can be asked."""


class KeyFolder:
    """A folder of key files. ``identities``: age secrets that open them; else ``passphrase`` is asked."""

    def __init__(
        self, folder: str, *, identities: Sequence[str] = (), passphrase: Passphrase | None = None
    ) -> None:
        self.folder = folder
        self._identities = tuple(identities)
        self._passphrase = passphrase
        self._opened: dict[str, bytes] = {}

    def new(
        self, name: str, owner: str, *, recipients: Sequence[str], passphrase: str = ""
    ) -> SSlibKey:
        """Make an Ed25519 key; its public half, with its owner. Raises ConfigError where one is there already."""
        private = Ed25519PrivateKey.generate()
        data = private.private_bytes_raw()
        age = _age()
        if recipients:
            try:
                keys = [age.x25519.Recipient.from_str(one) for one in recipients]
            except age.RecipientError as e:
                raise ConfigError(f"a recipient is no age key ({e})") from e
            sealed: bytes = age.encrypt(data, keys)
        else:
            sealed = age.passphrase.encrypt(data, passphrase)
        path = os.path.join(self.folder, name + SUFFIX)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(sealed)
        except FileExistsError as e:
            raise ConfigError("there is a key of that name already", file=path) from e
        self._opened[name] = data
        public = SSlibKey.from_crypto(private.public_key())
        public.unrecognized_fields["x-devagent-owner"] = owner
        return public

    def signer(self, uri: str, public: Key) -> Signer:
        """Whoever signs with the key of that URI. Raises ConfigError."""
        kind, _, rest = uri.partition(":")
        if kind == AGE and isinstance(public, SSlibKey):
            private = Ed25519PrivateKey.from_private_bytes(self._secret(rest.removesuffix(SUFFIX)))
            return CryptoSigner(private, public)
        return key_services.signer(uri, public, self._ask)

    def named(self, uri: str, owner: str) -> SSlibKey:
        """The public half of a key in hardware or a service, with its owner. Raises ConfigError."""
        public = key_services.public_key(uri, self._ask)
        public.unrecognized_fields["x-devagent-owner"] = owner
        return public

    def _ask(self, secret: str) -> str:
        if self._passphrase is None:
            raise ConfigError(f"the key asks for its {secret}, and nobody is there to give it")
        return self._passphrase(f"the token ({secret})")

    def _secret(self, name: str) -> bytes:
        if name in self._opened:
            return self._opened[name]
        path = os.path.join(self.folder, name + SUFFIX)
        try:
            with open(path, "rb") as file:
                sealed = file.read(65_536)
        except OSError as e:
            raise ConfigError(f"the key cannot be read ({e.strerror})", file=path) from e
        age = _age()
        try:
            if self._identities and not _is_by_passphrase(sealed):
                keys = [age.x25519.Identity.from_str(one) for one in self._identities]
                data: bytes = age.decrypt(sealed, keys)
            elif self._passphrase is not None and _is_by_passphrase(sealed):
                data = age.passphrase.decrypt(sealed, self._passphrase(name))
            else:
                raise ConfigError(
                    "the key is sealed, and nothing here opens it",
                    file=path,
                    hint="Name the file of your age identity in DEVAGENT_IDENTITY, or run this in a terminal.",
                )
        except (age.DecryptError, age.IdentityError) as e:
            raise ConfigError(f"the key cannot be opened ({e})", file=path) from e
        self._opened[name] = data
        return data


def _is_by_passphrase(sealed: bytes) -> bool:
    return b"\n-> scrypt " in sealed[:200]


def _age() -> Any:
    try:
        return importlib.import_module("pyrage")
    except ModuleNotFoundError as e:
        raise ConfigError(
            "keys in files are encrypted with age, and devagent's `org` extra is not installed",
            hint="Install it: `pip install 'devagent[org]'`, or ./install.sh --with org.",
        ) from e


def recipient_of(key: str) -> str:
    """The age recipient (``age1…``) that a text or a file of an identity or recipient names. Raises ConfigError."""
    if key.startswith("age1"):
        return key
    try:
        with open(key, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"is neither age1… nor a file of an age key ({e})", file=key) from e
    for line in lines:
        if line.startswith("age1"):
            return line
        if line.startswith("AGE-SECRET-KEY-1"):
            age = _age()
            try:
                return str(age.x25519.Identity.from_str(line).to_public())
            except age.IdentityError as e:
                raise ConfigError(f"is no age identity ({e})", file=key) from e
    raise ConfigError("holds no age key", file=key)


def new_identity(path: str) -> str:
    """Write a new age identity to a file that only its owner reads; its recipient. Raises ConfigError."""
    made = _age().x25519.Identity.generate()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(f"# public key: {made.to_public()}\n{made}\n")
    except OSError as e:
        raise ConfigError(f"cannot be made ({e.strerror})", file=path) from e
    return str(made.to_public())
