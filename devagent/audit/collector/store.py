"""What a collector knows: devices with their keys, and of each session the largest checkpoint.

A checkpoint is taken in this order, and the first that fails is the answer (C2SP tlog-witness):

1. Its device is known (404), and signed it (403), under the one origin that it gave the session (403): a second one
   would be a second history.
2. ``old`` is the size that is on record (409 with that size), and no larger than the checkpoint (400).
3. The proof shows that what is on record is its beginning (422); of the same size, it is the same (409).

Then it is on the disk with its cosignature, and only then does anyone get that.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager

from msgspec import Struct

from devagent.audit.checkpoints import (
    Note,
    check_signature,
    cosignature_line,
    cosigned_text,
    parse_key,
    vkey,
)
from devagent.audit.layout import is_ulid
from devagent.audit.lines import Damage
from devagent.audit.merkle import is_consistent
from devagent.core.codec import sha256
from devagent.core.errors import LogError

DATABASE, KEY = "collector.sqlite", "collector.key"
_PRIVATE = 0o600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (id TEXT PRIMARY KEY, vkey TEXT NOT NULL, added INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    origin TEXT PRIMARY KEY, device TEXT NOT NULL REFERENCES device(id), sid TEXT NOT NULL, size INTEGER NOT NULL,
    root BLOB NOT NULL, note BLOB NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS newest ON checkpoint(device, sid);
"""


class Refused(Exception):
    """No: the status, and the text that goes with it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Device(Struct, frozen=True):
    """A device with how many sessions it has, its newest one, and when that was last heard of (seconds)."""

    id: str
    vkey: str
    sessions: int
    newest: str
    at: int


class Collector:
    """In the folder ``data``. ``is_open``: a device that is not known may introduce itself. All methods raise LogError
    where the folder cannot be used."""

    def __init__(
        self, data: str, name: str, *, is_open: bool, clock: Callable[[], float] = time.time
    ) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 (heavy)
            Ed25519PrivateKey,
        )

        self._is_open = is_open
        self._clock = clock
        try:
            os.makedirs(data, mode=0o700, exist_ok=True)
            self._key = Ed25519PrivateKey.from_private_bytes(
                _seed(os.path.join(data, KEY), Ed25519PrivateKey.generate().private_bytes_raw())
            )
            self._path = os.path.join(data, DATABASE)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE))
            with closing(self._connected()) as database:
                database.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")
        except (OSError, ValueError, sqlite3.Error) as e:
            raise LogError(f"The collector's folder {data} cannot be used: {e}.") from e
        self.vkey = vkey(name, self._key.public_key().public_bytes_raw(), witness=True)

    def introduce(self, text: str) -> None:
        """Take in a device by its verifier key, which its id belongs to. Raises Refused."""
        try:
            key = parse_key(text)
        except Damage as e:
            raise Refused(400, e.what) from e
        device = device_of(key.name)
        if not device or sha256(key.public)[:8] != device:
            raise Refused(400, "the device's id does not belong to its key")
        with self._transaction() as run:
            known = run("SELECT vkey FROM device WHERE id = ?", (device,)).fetchone()
            if known and known[0] != text.strip():
                raise Refused(403, "another device has that id")
            if not known:
                if not self._is_open:
                    raise Refused(403, "this collector takes in no devices by itself")
                run("INSERT INTO device VALUES (?, ?, ?)", (device, text.strip(), int(self._clock())))  # fmt: skip

    def add(self, old: int, proof: Sequence[bytes], note: Note, data: bytes) -> str:
        """Take a checkpoint in; the cosignature's line. Raises Refused."""
        device, _, sid = note.origin.rpartition("/")
        device = device.rpartition("/")[2]
        with self._transaction() as run:
            known = run("SELECT vkey FROM device WHERE id = ?", (device,)).fetchone()
            if not known or not note.origin.startswith("devagent/") or not is_ulid(sid):
                raise Refused(404, "no device of that origin is known")
            if not check_signature(note, parse_key(known[0])):
                raise Refused(403, f"it bears no good signature of {known[0].partition('+')[0]}")
            if old > note.size:
                raise Refused(400, "the old size is larger than the checkpoint's")
            row = run(
                "SELECT origin, size, root FROM checkpoint WHERE device = ? AND sid = ?",
                (device, sid),
            ).fetchone()
            origin, size, root = row or (note.origin, 0, b"")
            if origin != note.origin:
                raise Refused(403, f"that session is on record as {origin}")
            if old != size:
                raise Refused(409, str(size))
            if size and size == note.size and root != note.root:
                raise Refused(409, str(size))
            begins = not proof and note.size > 0
            goes_on = size and is_consistent(size, root, note.size, note.root, proof)
            if not (goes_on if size else begins):
                raise Refused(422, "the proof does not show that it goes on from what is on record")
            seconds = int(self._clock())
            signature = self._key.sign(cosigned_text(note.text, seconds))
            line = cosignature_line(self.vkey, seconds, signature)
            run(
                "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    note.origin,
                    device,
                    sid,
                    note.size,
                    note.root,
                    data[:-1] + line.encode() + b"\n",
                    seconds,
                ),
            )
        return line

    def devices(self) -> list[Device]:
        """All of them, by their ids."""
        with self._reading() as run:
            rows = run(
                "SELECT id, vkey, count(sid), coalesce(max(sid), ''), coalesce(max(at), 0) FROM device "
                "LEFT JOIN checkpoint ON device = id GROUP BY id ORDER BY id"
            )
            return [Device(*row) for row in rows]

    def notes(self, device: str, sid: str = "") -> list[bytes]:
        """The largest checkpoint of each of the device's sessions with its cosignature, the oldest session first; or of
        one."""
        with self._reading() as run:
            rows = run(
                "SELECT note FROM checkpoint WHERE device = ? AND (sid = ? OR ? = '') ORDER BY sid",
                (device, sid, sid),
            )
            return [row[0] for row in rows]

    @contextmanager
    def _transaction(self) -> Generator[Callable[..., sqlite3.Cursor]]:
        """One at a time, and on the disk when it is left; undone where that raises. Raises LogError."""
        with self._reading() as run:
            run("BEGIN IMMEDIATE")
            yield run
            run("COMMIT")

    @contextmanager
    def _reading(self) -> Generator[Callable[..., sqlite3.Cursor]]:
        """What is not committed when it is left is undone. Raises LogError where the database cannot be used."""
        try:
            with closing(self._connected()) as database:
                yield database.execute
        except sqlite3.Error as e:
            raise LogError(f"The collector's database {self._path} cannot be used: {e}.") from e

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database


def device_of(name: str) -> str:
    """The id in a device's name (``devagent/<id>``), or ""."""
    first, _, device = name.partition("/")
    return device if first == "devagent" and len(device) == 8 else ""


def _seed(path: str, made: bytes) -> bytes:
    """The key's 32 bytes, put there where there are none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, _PRIVATE)
    except FileExistsError:
        with open(path, "rb") as file:
            return file.read(64)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    return made
