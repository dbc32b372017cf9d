"""Signed tree heads: C2SP signed notes (tlog-checkpoint) with Ed25519 signatures, read and checked.

A note is its text (origin, size, base64 of the root, each on its line), an empty line, and one line a
signature: ``— name base64(key id ‖ signature)``. In the file each note is followed by an empty line.
"""

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from devagent.audit.layout import CHECKPOINTS, DEVICE_KEY
from devagent.audit.lines import Damage
from devagent.audit.merkle import Tree
from devagent.audit.record import from_base64, to_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"
_COSIGNATURE = b"\x04"
_DASH = "— "
_SIZES_END = 1 << 63
"""No log comes near; whoever keeps sizes can keep them as 64 bits."""


class Note(Struct, frozen=True):
    """``line`` is where it begins in its file; ``signatures`` are (name, key id ‖ signature) pairs; ``extensions`` the
    lines after the root, which a checkpoint of a log has none of."""

    line: int
    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]
    extensions: tuple[str, ...] = ()


class Key(Struct, frozen=True):
    """A verifier's key: ``name+<hex key id>+<base64 of 0x01 ‖ public key>``; 0x04 for a witness's cosignatures."""

    name: str
    id: bytes
    public: bytes


def note_text(origin: str, size: int, root: bytes) -> str:
    """What is signed."""
    return f"{origin}\n{size}\n{to_base64(root)}\n"


def key_id(name: str, public: bytes, kind: bytes = _ED25519) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def vkey(name: str, public: bytes, *, witness: bool = False) -> str:
    """A verifier key's text; of a signer, or of a ``witness``."""
    kind = _COSIGNATURE if witness else _ED25519
    return f"{name}+{key_id(name, public, kind).hex()}+{to_base64(kind + public)}"


def cosigned_text(text: str, seconds: int) -> bytes:
    """What a witness signs (C2SP tlog-cosignature): the time since 1970, UTC, and the note's text."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def cosignature_line(key: str, seconds: int, signature: bytes) -> str:
    """A witness's line of a note; ``key`` is its verifier key."""
    witness = parse_key(key, witness=True)
    return f"{_DASH}{witness.name} {to_base64(witness.id + seconds.to_bytes(8) + signature)}\n"


def cosigned_at(note: Note, key: Key) -> int:
    """When the witness cosigned the note (seconds since 1970, UTC), by its own good signature; else 0.

    Raises ModuleNotFoundError without ``cryptography``.
    """
    for name, signed in note.signatures:
        if name == key.name and signed[:4] == key.id and len(signed) == 4 + 8 + 64:
            seconds = int.from_bytes(signed[4:12])
            if _is_signed(key, signed[12:], cosigned_text(note.text, seconds)):
                return seconds
    return 0


def signed_note(text: str, key: str, signature: bytes) -> bytes:
    """The whole note, with the empty line that ends it in the file; ``key`` is the signer's verifier key."""
    signer = parse_key(key)
    return f"{text}\n{_DASH}{signer.name} {to_base64(signer.id + signature)}\n\n".encode()


def witnessed(notes: list[Note], key: str) -> int:
    """The size of the largest checkpoint that bears a good cosignature of that witness; 0 where none does, or where
    that cannot be checked. Raises Damage for what is no witness's key."""
    parsed = parse_key(key, witness=True)
    try:
        return next((note.size for note in reversed(notes) if cosigned_at(note, parsed)), 0)
    except ModuleNotFoundError:
        return 0


def parse_key(text: str, *, witness: bool = False) -> Key:
    """A signer's key, or a ``witness``'s. Raises Damage where it is no such Ed25519 verifier key."""
    kind = _COSIGNATURE if witness else _ED25519
    name, _, rest = text.strip().partition("+")
    hex_id, _, encoded = rest.partition("+")
    try:
        kind_and_public = from_base64(encoded)
    except ValueError:
        kind_and_public = b""
    if not name or kind_and_public[:1] != kind or len(kind_and_public) != 33:
        raise Damage(
            DEVICE_KEY, 0, "the key is not of the form name+<key id>+<base64 of an Ed25519 key>"
        )
    public = kind_and_public[1:]
    if key_id(name, public, kind).hex() != hex_id:
        raise Damage(DEVICE_KEY, 0, "the key's id does not belong to its name and key")
    return Key(name, bytes.fromhex(hex_id), public)


def parse_notes(data: bytes, *, extended: bool = False) -> tuple[list[Note], int]:
    """The file's whole notes, and how many bytes of a torn last one follow. Raises Damage.

    Lines after the root are refused, unless they are to be expected (``extended``).
    """
    whole, separator, torn = data.rpartition(b"\n\n")
    try:
        text = (whole + separator).decode()
    except UnicodeDecodeError as e:
        raise Damage(CHECKPOINTS, 0, "is not UTF-8") from e
    parts = text.split("\n\n")[:-1]
    unsigned = len(torn)
    if len(parts) % 2:
        unsigned += len(parts.pop().encode()) + 2
    notes: list[Note] = []
    line = 1
    for head, signatures in zip(parts[::2], parts[1::2], strict=True):
        notes.append(_note(line, head, signatures, extended=extended))
        line += head.count("\n") + signatures.count("\n") + 4
    return notes, unsigned


def check_signature(note: Note, key: Key) -> bool:
    """Whether the note bears a good signature under the key. Raises ModuleNotFoundError without ``cryptography``."""
    for name, signed in note.signatures:
        if name == key.name and signed[:4] == key.id:
            return _is_signed(key, signed[4:], note.text.encode())
    return False


def _is_signed(key: Key, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (heavy; for signed logs only)

    try:
        _public(key.public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=8)
def _public(key: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    return ed25519.Ed25519PublicKey.from_public_bytes(key)


def check(
    notes: list[Note], roots: dict[int, bytes], sid: str, lines: int, *, given: str, own: str
) -> list[str]:
    """Check each note against the log: ``lines`` whole ones, ``roots`` by size. What a reader must know besides.

    ``given`` and ``own`` are verifier keys: the caller's, and the one that lies in the folder. Raises Damage.
    """
    if not notes:
        return [
            "no signed checkpoints: lines cut from the end, or the last line changed, would not show"
        ]
    key = parse_key(given or own) if given or own else None
    remarks: list[str] = []
    size = 0
    for note in notes:
        if note.origin != notes[0].origin:
            what = f"is of {note.origin}, the first one of {notes[0].origin}"
            raise Damage(CHECKPOINTS, note.line, what)
        _fits(note, roots, sid, lines, at_least=size)
        size = note.size
    if key is None:
        remarks.append(f"checkpoints: signatures not checked, there is no key ({DEVICE_KEY})")
    else:
        remarks += _check_signatures(notes, key)
    if own and not given:
        remarks.append(f"checkpoints: self-signed (the key is the folder's own {DEVICE_KEY})")
    if size < lines:
        remarks.append(f"the last {lines - size} lines come after the last checkpoint")
    return remarks


def _fits(note: Note, roots: dict[int, bytes], sid: str, lines: int, *, at_least: int) -> None:
    if note.origin.rpartition("/")[2] != sid:
        what = f"its origin {note.origin} is not of session {sid}"
    elif note.size < at_least:
        what = f"shrinks from {at_least} to {note.size} lines"
    elif note.size > lines:
        what = f"truncated: {note.size} lines were signed, {lines} are there"
    elif note.root != (roots[note.size] if note.size else Tree().root()):
        what = f"its root is not the root over the first {note.size} lines"
    else:
        return
    raise Damage(CHECKPOINTS, note.line, what)


def _check_signatures(notes: list[Note], key: Key) -> list[str]:
    try:
        for note in notes:
            if not check_signature(note, key):
                raise Damage(CHECKPOINTS, note.line, f"bears no good signature of {key.name}")
    except ModuleNotFoundError:
        return ["checkpoints: signatures not checked, the cryptography library is not installed"]
    return []


def _note(line: int, head: str, signatures: str, *, extended: bool) -> Note:
    try:
        origin, size, root, *extensions = head.split("\n")
        pairs = tuple(_signature(one) for one in signatures.split("\n"))
        decoded = from_base64(root)
        if len(decoded) != 32 or not size.isascii() or str(int(size)) != size:
            raise ValueError
        if not 0 <= int(size) < _SIZES_END:
            raise ValueError
        if extensions and not extended:
            raise ValueError
    except ValueError as e:
        raise Damage(CHECKPOINTS, line, "is not a checkpoint") from e
    return Note(line, head + "\n", origin, int(size), decoded, pairs, tuple(extensions))


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not name:
        raise ValueError
    return name, from_base64(encoded)
