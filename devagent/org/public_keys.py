"""The public keys that metadata names, and whether one of them signed.

Loaded with care: Ed25519 is what a session pays for its record anyway; ECDSA and the encodings that it comes in are 5 ms more,
for an organisation whose keys are in hardware or a service.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

ED25519 = "ed25519"
P256 = "ecdsa-sha2-nistp256"
"""What most key services and tokens can do."""


class Key(Struct, frozen=True):
    """A public key that metadata names. ``owner``: the person who holds it, or ""."""

    id: str
    scheme: str
    public: str
    owner: str

    @property
    def same(self) -> str:
        """Equal for two spellings of one key; the text itself where it is none."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

        try:
            if self.scheme == ED25519:
                return bytes.fromhex(self.public).hex()
            if self.scheme == P256:
                numbers = _on_curve(self.public).public_numbers()
                return f"{numbers.x:x}-{numbers.y:x}"
        except (UnsupportedAlgorithm, ValueError):
            pass
        return self.public


def is_signed(key: Key, hex_signature: str, data: bytes) -> bool:
    """Whether the key signed the data; False for a scheme that is not known here."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415

    try:
        signature = bytes.fromhex(hex_signature)
        if key.scheme == ED25519:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
                Ed25519PublicKey,
            )

            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public)).verify(signature, data)
            return True
        if key.scheme == P256:
            from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
            from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

            _on_curve(key.public).verify(signature, data, ECDSA(SHA256()))
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        pass
    return False


def _on_curve(pem: str) -> "EllipticCurvePublicKey":
    """Raises ValueError, UnsupportedAlgorithm."""
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    loaded = load_pem_public_key(pem.encode())
    if not isinstance(loaded, EllipticCurvePublicKey):
        raise ValueError("is no key on a curve")
    return loaded
