"""A signed file of approvals: given by a person in one place, answering asks where nobody can be asked.

    devagent/approvals/1
    {"approvals":[…],"expires":"2026-12-01","issued":"2026-11-21"}

    — devagent/1f0e2a91 <base64 of 4-byte key id ‖ Ed25519 signature over the text above the empty line>

A C2SP signed note, as the checkpoints of the log are. Each approval in it is bound as one on file is: to who
asks, the tool's definition, the rules that ask, and the resources or arguments. What such a file may not do
is what no approval may: touch a deny, answer an ask that is sticky, or reach further than policy lets it.
"""

import os
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from devagent.audit.checkpoints import (
    Key,
    Note,
    check_signature,
    parse_key,
    signed_note,
    vkey,
)
from devagent.audit.device import Device
from devagent.audit.lines import Damage
from devagent.audit.record import from_base64
from devagent.core.approvals import StandingApproval
from devagent.core.codec import canonical, from_plain, parse, sha256
from devagent.core.errors import ConfigError
from devagent.core.events.ground import ApprovalsLoaded

FIRST_LINE = "devagent/approvals/1"
MAX_BYTES = 4_000_000
_SIGNATURE = "\n\n— "


class Approvals(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content. ``issued`` and ``expires`` are ISO dates; the file holds up to and with the latter."""

    issued: str
    expires: str
    approvals: tuple[StandingApproval, ...]


class SignedFile(Struct, frozen=True):
    """A file whose signature is good: what it holds, and what the record says of it."""

    content: Approvals
    event: ApprovalsLoaded


class PrivateKey:
    """An Ed25519 key in a PEM file, that signs as ``name``. Raises ConfigError for what is no such key."""

    def __init__(self, file: str, name: str) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (15 ms)
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )

        try:
            with open(file, "rb") as source:
                key = load_pem_private_key(source.read(MAX_BYTES), None)
        except OSError as e:
            raise ConfigError(f"cannot be read ({e.strerror})", file=file) from e
        except (ValueError, TypeError, UnsupportedAlgorithm) as e:
            raise ConfigError("is no unencrypted private key in PEM", file=file, hint=_MAKE) from e
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError("is no Ed25519 key", file=file, hint=_MAKE)
        self._key = key
        self.vkey = vkey(name, key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        return self._key.sign(text)


_MAKE = "Make one with `openssl genpkey -algorithm ed25519`."


def write(content: Approvals, signer: Device | PrivateKey) -> bytes:
    """The file's bytes. Raises LogError where the device's key cannot be read."""
    text = f"{FIRST_LINE}\n{canonical(content).decode()}\n"
    return signed_note(text, signer.vkey, signer.sign(text.encode()))


def read(path: str, *, device: Device, user: str, keys: Sequence[str], today: str) -> SignedFile:
    """The file at ``path``, signed by one of the ``keys`` (verifier keys) or by this computer's own.

    What this computer signed holds for ``user`` alone: nobody gives another's yes. Raises ConfigError for a file
    that cannot be read, is not signed by a known key, was changed, or has expired.
    """
    data = _bytes(path)
    try:
        text, separator, signatures = data.decode().partition(_SIGNATURE)
    except UnicodeDecodeError as e:
        raise ConfigError("is no file of approvals: it is not UTF-8", file=path) from e
    first, _, body = text.partition("\n")
    if first != FIRST_LINE or not separator:
        raise ConfigError(
            f"is no signed file of approvals: it must begin with {FIRST_LINE!r} and end with a signature",
            file=path,
            hint="`devagent policy approvals export` makes one.",
        )
    signer, own = _signer(f"{text}\n", signatures, keys, device, path)
    if signer is None:
        raise ConfigError(
            "is signed neither by this computer nor by a key that the organisation's policy names",
            file=path,
            hint="[modes.approvals] keys in that policy says whose signature is taken.",
        )
    try:
        content = from_plain(parse(body), Approvals)
    except ValueError as e:
        raise ConfigError(f"is no file of approvals ({e})", file=path) from e
    if today > content.expires:
        raise ConfigError(
            f"expired on {content.expires}",
            file=path,
            hint="Have it exported again: whoever approved looks at it once more.",
        )
    if today < content.issued:
        raise ConfigError(f"holds from {content.issued} on only", file=path)
    given = (one for one in content.approvals if not own or one.user == user)
    # Nothing in it outlives the file.
    content = replace(
        content,
        approvals=tuple(replace(a, expires=min(a.expires, content.expires)) for a in given),
    )
    event = ApprovalsLoaded(
        key=signer.name,
        digest=sha256(data),
        ids=tuple(one.id for one in content.approvals),
        expires=content.expires,
        file=os.path.basename(path),
    )
    return SignedFile(content, event)


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror})", file=path) from e
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES:,} bytes", file=path)
    return data


def _signer(
    text: str, signatures: str, keys: Sequence[str], device: Device, path: str
) -> tuple[Key | None, bool]:
    """Who signed, of those whose word counts, and whether it is this computer; None where nobody did."""
    known = [(key, False) for key in _parsed(keys)] + [(parse_key(device.vkey), True)]
    for name, signature in _signatures(signatures, path):
        for key, own in known:
            if key.name == name and key.id == signature[:4]:
                note = Note(0, text, "", 0, b"", ((name, signature),))
                if not check_signature(note, key):
                    raise ConfigError(
                        "was changed after it was signed: the signature does not fit", file=path
                    )
                return key, own
    return None, False


def _parsed(keys: Iterable[str]) -> list[Key]:
    try:
        return [parse_key(key) for key in keys]
    except Damage as e:
        raise ConfigError(
            f"[modes.approvals] keys in the organisation's policy: {e}",
            hint="`devagent policy approvals key` prints one.",
        ) from e


def _signatures(text: str, path: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for line in text.strip("\n").split("\n"):
        name, _, encoded = line.removeprefix("— ").partition(" ")
        try:
            found.append((name, from_base64(encoded)))
        except ValueError as e:
            raise ConfigError("has a signature that is not base64", file=path) from e
    return found
