"""What a witness has on record of a device: the largest checkpoint of each of its sessions, one note after another.

``GET <witness>/devices/<id>`` gives it. Held against what lies on the device's disk it shows what that disk alone
cannot: a newest session that was taken away, and lines cut back to an earlier checkpoint together with everything
that the device had on record of them.
"""

import os
from collections.abc import Iterable

from msgspec import Struct

from devagent.audit.checkpoints import Note, check_signature, cosigned_at, parse_key, parse_notes
from devagent.audit.layout import is_ulid
from devagent.audit.lines import Damage
from devagent.audit.record import to_base64
from devagent.core.errors import LogError, UsageError

MOST_BYTES = 64 << 20
"""Some 200,000 sessions of one device."""


class Listing(Struct, frozen=True):
    """``claims``: session → ``<sid> <size> <root>``, all signed by that ``device`` (eight hex digits). ``cosigned``
    says that each bears the witness's own signature as well, so that it proves itself wherever it came from."""

    device: str
    claims: dict[str, str]
    cosigned: bool

    def missing(self, here: Iterable[str]) -> list[str]:
        """Sentences for the sessions that are on record and not ``here`` (their ids), the oldest first."""
        gone = sorted(self.claims.keys() - set(here))
        return [
            f"session {sid} is missing: the witness has {self.claims[sid].split(' ')[1]} lines of it"
            for sid in gone
        ]


def read_listing(source: str, device_key: str, *, witness_key: str = "") -> Listing:
    """The listing that ``source`` holds: a witness's address (http or https), or a file that was saved from one.

    ``device_key`` is the verifier key of the device that it must be of, ``witness_key`` that of the witness.
    Raises UsageError where there is none, LogError where it cannot be had, or is not what it says.
    """
    if not device_key:
        raise UsageError(
            "There is no key of this device to hold a witness's listing against.",
            hint="It is made at the first session. For another device's sessions give --key.",
        )
    device = parse_key(device_key)
    name = device.name.rpartition("/")[2]
    if source.startswith(("http://", "https://")):
        from devagent.audit.witness_protocol import (  # noqa: PLC0415  (HTTP, for this alone)
            Unanchored,
            get,
        )

        try:
            data = get(f"{source.rstrip('/')}/devices/{name}", MOST_BYTES)
        except Unanchored as e:
            raise LogError(f"The witness's listing cannot be had from {source}: {e.why}.") from e
    else:
        data = _file(source)
    if len(data) > MOST_BYTES:
        raise LogError(f"The listing {source} has more than {MOST_BYTES >> 20} MB.")
    try:
        notes, torn = parse_notes(data)
        if torn:
            raise Damage(source, 0, "its last note is not whole")
        witness = parse_key(witness_key, witness=True) if witness_key else None
        claims: dict[str, str] = {}
        cosigned = bool(witness)
        for note in notes:
            sid = _session(note, name, source)
            if not check_signature(note, device):
                raise Damage(source, note.line, f"bears no good signature of {device.name}")
            cosigned = cosigned and witness is not None and bool(cosigned_at(note, witness))
            if sid in claims:
                raise Damage(source, note.line, f"names session {sid} once more")
            claims[sid] = f"{sid} {note.size} {to_base64(note.root)}"
    except Damage as e:
        raise LogError(f"The witness's listing is not usable: {e}.") from e
    except ModuleNotFoundError as e:
        raise LogError("A witness's listing is checked with the cryptography library.") from e
    return Listing(name, claims, cosigned)


def _session(note: Note, device: str, source: str) -> str:
    before, _, sid = note.origin.rpartition("/")
    if not is_ulid(sid) or not before.endswith(f"/{device}"):
        raise Damage(source, note.line, f"{note.origin} is no session of device {device}")
    return sid


def _file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as e:
        raise UsageError(
            f"--listing: {path} cannot be read: {os.strerror(e.errno or 0)}.",
            hint="Give a witness's address, or a file saved from <address>/devices/<id>.",
        ) from e
