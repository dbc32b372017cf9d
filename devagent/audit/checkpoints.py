"""Signed tree heads: C2SP signed notes (tlog-checkpoint) with Ed25519 signatures, read and checked.

A note is its text (origin, size, base64 of the root, each on its line), an empty line, and one line a
signature: ``— name base64(key id ‖ signature)``. In the file each note is followed by an empty line.
"""

import hashlib

from msgspec import Struct

from devagent.audit.layout import CHECKPOINTS, DEVICE_KEY
from devagent.audit.lines import Damage
from devagent.audit.merkle import Tree
from devagent.audit.record import from_base64, to_base64

_ED25519 = b"\x01"
_DASH = "— "


class Note(Struct, frozen=True):
    """``line`` is where it begins in its file; ``signatures`` are (name, key id ‖ signature) pairs."""

    line: int
    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]


class Key(Struct, frozen=True):
    """A verifier's key: ``name+<hex key id>+<base64 of 0x01 ‖ public key>``."""

    name: str
    id: bytes
    public: bytes


def note_text(origin: str, size: int, root: bytes) -> str:
    """What is signed."""
    return f"{origin}\n{size}\n{to_base64(root)}\n"


def key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    """A verifier key's text."""
    return f"{name}+{key_id(name, public).hex()}+{to_base64(_ED25519 + public)}"


def signed_note(text: str, key: str, signature: bytes) -> bytes:
    """The whole note, with the empty line that ends it in the file; ``key`` is the signer's verifier key."""
    signer = parse_key(key)
    return f"{text}\n{_DASH}{signer.name} {to_base64(signer.id + signature)}\n\n".encode()


def parse_key(text: str) -> Key:
    """Raises Damage where it is no Ed25519 verifier key."""
    name, _, rest = text.strip().partition("+")
    hex_id, _, encoded = rest.partition("+")
    try:
        kind_and_public = from_base64(encoded)
    except ValueError:
        kind_and_public = b""
    if not name or kind_and_public[:1] != _ED25519 or len(kind_and_public) != 33:
        raise Damage(
            DEVICE_KEY, 0, "the key is not of the form name+<key id>+<base64 of an Ed25519 key>"
        )
    public = kind_and_public[1:]
    if key_id(name, public).hex() != hex_id:
        raise Damage(DEVICE_KEY, 0, "the key's id does not belong to its name and key")
    return Key(name, bytes.fromhex(hex_id), public)


def parse_notes(data: bytes) -> tuple[list[Note], int]:
    """The file's whole notes, and how many bytes of a torn last one follow. Raises Damage."""
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
        notes.append(_note(line, head, signatures))
        line += head.count("\n") + signatures.count("\n") + 4
    return notes, unsigned


def check_signature(note: Note, key: Key) -> bool:
    """Whether the note bears a good signature under the key. Raises ModuleNotFoundError without ``cryptography``."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (heavy; for signed logs only)
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    public = ed25519.Ed25519PublicKey.from_public_bytes(key.public)
    for name, signed in note.signatures:
        if name == key.name and signed[:4] == key.id:
            try:
                public.verify(signed[4:], note.text.encode())
            except InvalidSignature:
                return False
            return True
    return False


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


def _note(line: int, head: str, signatures: str) -> Note:
    try:
        origin, size, root = head.split("\n")
        pairs = tuple(_signature(one) for one in signatures.split("\n"))
        decoded = from_base64(root)
        if len(decoded) != 32 or not size.isascii() or str(int(size)) != size:
            raise ValueError
    except ValueError as e:
        raise Damage(CHECKPOINTS, line, "is not a checkpoint") from e
    return Note(line, head + "\n", origin, int(size), decoded, pairs)


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not name:
        raise ValueError
    return name, from_base64(encoded)
