"""Keys that never leave their hardware or service: their public halves, and whoever signs with them, through securesystemslib.

    hsm:2?label=TOKEN             PKCS#11: the key 2 of a token; PYKCS11LIB names the token's library
    awskms:KEY                    an AWS key; region and login are those of AWS's own tools
    gcpkms:projects/…/cryptoKeyVersions/1
    azurekms:VAULT/KEY
    hv:KEY                        a key of HashiCorp Vault's transit engine
    file2:/path/key.pem           a PEM that is not encrypted, for CI's secrets

Machines verify two kinds, Ed25519 and ECDSA on P-256: another is refused here, before anything is signed with it.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from devagent.core.errors import ConfigError
from devagent.org.libraries import SIGNER_FOR_URI_SCHEME, Key, Signature, Signer, SSlibKey

KINDS = ("hsm", "awskms", "gcpkms", "azurekms", "hv", "file2")
SCHEMES = ("ed25519", "ecdsa-sha2-nistp256")
P256 = "ecdsa-sha2-nistp256"
Ask = Callable[[str], str]
"""What a secret is called (``pin``) → the secret. Raises ConfigError where nobody can be asked."""


def is_service(uri: str) -> bool:
    """Whether this names a key by where it is, and not an age recipient."""
    kind, colon, _ = uri.partition(":")
    return bool(colon) and kind in KINDS


def public_key(uri: str, ask: Ask) -> SSlibKey:
    """The public half of the key at that URI. Raises ConfigError where it cannot be had, or machines would not verify it."""
    kind, _, rest = uri.partition(":")
    parts = urlsplit(uri)
    made: Any = SIGNER_FOR_URI_SCHEME[kind]
    try:
        match kind:
            case "hsm":
                label = parse_qs(parts.query).get("label", [None])[0]
                number = int(parts.path) if parts.path else None
                key = made.import_(number, label, ask)[1]
            case "awskms":
                key = made.import_(rest, P256)[1]
            case "azurekms":
                vault, _, name = rest.partition("/")
                key = made.import_(vault, name)[1]
            case "file2":
                with open(parts.path, "rb") as file:
                    private: Any = load_pem_private_key(file.read(), None)
                key = SSlibKey.from_crypto(private.public_key())
            case _:
                key = made.import_(rest)[1]
    except ConfigError:
        raise
    except Exception as e:  # each token and service raises what its own library raises
        raise _unusable(uri, e) from e
    if key.scheme not in SCHEMES:
        raise ConfigError(
            f"the key {uri} is of the kind {key.scheme}, which machines do not verify",
            hint=f"Make one of the kinds {', '.join(SCHEMES)}.",
        )
    return key


def signer(uri: str, public: Key, ask: Ask) -> Signer:
    """Whoever signs with the key at that URI. Raises ConfigError."""
    try:
        return _Translated(uri, Signer.from_priv_key_uri(uri, public, ask))
    except ConfigError:
        raise
    except Exception as e:
        raise _unusable(uri, e) from e


class _Translated(Signer):
    """A signer whose failures are ours: a token says only when it signs that the PIN is wrong."""

    def __init__(self, uri: str, signer: Signer) -> None:
        self._uri, self._signer = uri, signer

    @property
    def public_key(self) -> Key:
        return self._signer.public_key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: Ask | None = None
    ) -> Signer:
        """As ``Signer`` has it; not registered for any scheme."""
        return cls(
            priv_key_uri, Signer.from_priv_key_uri(priv_key_uri, public_key, secrets_handler)
        )

    def sign(self, payload: bytes) -> Signature:
        try:
            return self._signer.sign(payload)
        except ConfigError:
            raise
        except Exception as e:
            raise _unusable(self._uri, e) from e


def _unusable(uri: str, error: Exception) -> ConfigError:
    kind = uri.partition(":")[0]
    return ConfigError(
        f"the key {kind}:… cannot be used ({type(error).__name__}: {error})",
        hint="Look at its URI in keys.toml, and at the library that it needs.",
    )
