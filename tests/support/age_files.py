"""Files in age's own form for a passphrase, at a cost that tests can pay (the real one is seconds by design).

Made by the format's specification (age-encryption.org/v1, the scrypt recipient), so that the age library reads them.
"""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

COST = 10
"""log2 of scrypt's N; the age library itself takes 18 and more."""


def sealed_cheaply(data: bytes, passphrase: str) -> bytes:
    """The data (one chunk: at most 64 KiB), sealed."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrapping = hashlib.scrypt(
        passphrase.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << COST, r=8, p=1, dklen=32
    )  # fmt: skip
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    header = (
        f"age-encryption.org/v1\n-> scrypt {_text(salt)} {COST}\n{_text(wrapped)}\n---".encode()
    )
    mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
    content = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    # The nonce of the first chunk, which is the last.
    return header + f" {_text(mac)}\n".encode() + nonce + content.encrypt(bytes(11) + b"\1", data, None)  # fmt: skip


def _derived(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, purpose).derive(key)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
