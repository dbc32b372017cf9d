"""What is left of a session that retention removed: a signed note of what it was, who removed it, when and why.

A checkpoint (C2SP tlog-checkpoint) over all lines that were there, with extension lines:

    devagent/<org or local>/<device id>/<sid>
    <number of leaves>
    <base64 of the root over them>
    removed <microseconds since 1970, UTC>
    count <the device's counter>
    previous <the last checkpoint of the session before>
    by <who>
    policy <the file whose retention asked for it>
    reason <why>

So the chain of a device's sessions has no gap where one was removed in order, and shows one where it was not.
"""

from typing import BinaryIO

from msgspec import Struct

from devagent.audit.checkpoints import (
    Note,
    check_signature,
    note_text,
    parse_key,
    parse_notes,
    signed_note,
)
from devagent.audit.device import Device
from devagent.audit.layout import DEVICE_KEY, TOMBSTONE
from devagent.audit.lines import Damage
from devagent.audit.record import to_base64
from devagent.core.text import one_line

_LARGEST = 1 << 16
_WIDTH = 2_000


class Tombstone(Struct, frozen=True):
    """``removed`` in microseconds since 1970, UTC; ``note`` is what it was read from."""

    sid: str
    removed: int
    count: int
    previous: str
    by: str
    policy: str
    reason: str
    note: Note

    def check(self, sid: str, *claims: str, given: str, own: str) -> list[str]:
        """What a reader must know of it. Raises Damage where it is not this session's, is not signed by the key,
        or contradicts what is on record elsewhere (``claims``, each ``<sid> <size> <root>``)."""
        if self.sid != sid:
            raise Damage(TOMBSTONE, 1, f"is of session {self.sid}, not of {sid}")
        for claim in claims:
            match claim.split(" "):
                case [_, size, root] if size.isdecimal() and (
                    int(size) > self.note.size
                    or (int(size) == self.note.size and root != to_base64(self.note.root))
                ):
                    what = "is not of the log that its device, its next session or the witness has on record"
                    raise Damage(TOMBSTONE, 1, what)
                case _:
                    pass
        notes = [
            f"removed by {self.by}: {self.reason}" + (f" ({self.policy})" if self.policy else "")
        ]
        if not (given or own):
            return [*notes, f"{TOMBSTONE}: signature not checked, there is no key ({DEVICE_KEY})"]
        key = parse_key(given or own)
        try:
            if not check_signature(self.note, key):
                raise Damage(TOMBSTONE, 1, f"bears no good signature of {key.name}")
        except ModuleNotFoundError:
            return [*notes, f"{TOMBSTONE}: signature not checked, cryptography is not installed"]
        if not given:
            notes.append(f"{TOMBSTONE}: self-signed (the key is the folder's own {DEVICE_KEY})")
        return notes


def new_tombstone(
    device: Device,
    sid: str,
    size: int,
    root: bytes,
    *,
    removed: int,
    count: int,
    previous: str,
    by: str,
    policy: str,
    reason: str,
) -> bytes:
    """The signed note. Raises LogError where it cannot be signed."""
    fields = {
        "removed": str(removed), "count": str(count), "previous": previous, "by": by, "policy": policy, "reason": reason,
    }  # fmt: skip
    extensions = "".join(
        f"{name} {one_line(value, _WIDTH)}\n" for name, value in fields.items() if value
    )
    text = note_text(f"devagent/local/{device.id}/{sid}", size, root) + extensions
    return signed_note(text, device.vkey, device.sign(text.encode()))


def read_tombstone(file: BinaryIO | None) -> Tombstone | None:
    """The tombstone, or None where there is no whole one. Raises Damage for what is none."""
    if file is None:
        return None
    notes, torn = parse_notes(file.read(_LARGEST), extended=True)
    if len(notes) != 1 or torn:
        raise Damage(TOMBSTONE, 1, "is no signed note")
    (note,) = notes
    fields = {name: value for name, _, value in (line.partition(" ") for line in note.extensions)}
    try:
        return Tombstone(
            sid=note.origin.rpartition("/")[2],
            removed=int(fields["removed"]),
            count=int(fields.get("count", "0")),
            previous=fields.get("previous", ""),
            by=fields.get("by", ""),
            policy=fields.get("policy", ""),
            reason=fields["reason"],
            note=note,
        )
    except (KeyError, ValueError) as e:
        raise Damage(TOMBSTONE, 1, "does not say when and why the session was removed") from e
