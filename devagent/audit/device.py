"""This computer's identity in the record: a signing key, and a counter that goes up with each session.

One Ed25519 key for each person and computer, made at the first session and kept, readable by its owner
alone, beside their other data (ADR 6 says why not in a keyring). Every session names its number and the
last signed checkpoint of the session before it, so that a session that was taken away leaves a gap.
"""

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from devagent.audit.checkpoints import parse_notes, vkey
from devagent.audit.layout import (
    CHECKPOINTS,
    DEVICE_KEY,
    find_session,
)
from devagent.audit.lines import Damage
from devagent.audit.record import to_base64
from devagent.core.codec import canonical, from_plain, parse
from devagent.core.errors import DevagentError, LogError
from devagent.disk import locked, names_to_disk, replace_file

KEY, STATE, PUBLIC, LOCK = "device.key", "device.json", "device.vkey", "device.lock"


class State(Struct, frozen=True):
    """The newest session's number, and the last checkpoint that is known of it."""

    count: int = 0
    sid: str = ""
    size: int = 0
    root: str = ""


class Device:
    """The device's files lie in ``folder``; nothing is read or made before it is needed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._key: Any = None
        self._id = ""

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return self._folder

    @property
    def id(self) -> str:
        """Eight hex digits of the public key's digest."""
        self._load()
        return self._id

    @property
    def name(self) -> str:
        """What its signatures are named by."""
        return f"devagent/{self.id}"

    @property
    def vkey(self) -> str:
        """The verifier key: ``name+<hex key id>+<base64 of 0x01 ‖ public key>``."""
        return vkey(self.name, self._public())

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature. Raises LogError where the key cannot be read or made."""
        self._load()
        signature: bytes = self._key.sign(text)
        return signature

    def begin(self, sessions: str, sid: str) -> tuple[int, str]:
        """Number a new session: its count, and the last checkpoint of the one before as
        ``<sid> <size> <root>`` (empty for the first). Raises LogError."""
        with self._locked():
            before = self.state()
            self._keep(State(count=before.count + 1, sid=sid))
        if not before.sid:
            return before.count + 1, ""
        size, root = _last_checkpoint(sessions, before.sid) or (before.size, before.root)
        return before.count + 1, f"{before.sid} {size} {root}".rstrip()

    def end(self, sid: str, size: int, root: bytes) -> None:
        """A session's last checkpoint, for the next to name. Raises LogError."""
        with self._locked():
            state = self.state()
            if state.sid == sid:
                self._keep(State(count=state.count, sid=sid, size=size, root=to_base64(root)))

    def _load(self) -> None:
        if self._key is not None:
            return
        # 15 ms, and only when something is signed.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        with self._locked():
            seed = self._read(KEY)
            if seed is None:
                seed = Ed25519PrivateKey.generate().private_bytes_raw()
                self._write(KEY, seed, to_disk=True)
            if len(seed) != 32:
                raise _unusable(self._path(KEY), "it is no device key")
            key = Ed25519PrivateKey.from_private_bytes(seed)
            public = key.public_key().public_bytes_raw()
            self._id = hashlib.sha256(public).hexdigest()[:8]
            self._key = key
            if self._read(PUBLIC) is None:
                self._write(PUBLIC, self.vkey.encode() + b"\n", to_disk=True)

    def _public(self) -> bytes:
        self._load()
        public: bytes = self._key.public_key().public_bytes_raw()
        return public

    def state(self) -> State:
        """What is kept of the newest session. Raises LogError where that cannot be read."""
        data = self._read(STATE)
        if data is None:
            return State()
        try:
            return from_plain(parse(data), State)
        except ValueError as e:
            raise _unusable(self._path(STATE), f"it does not parse ({e})") from e

    def _keep(self, state: State) -> None:
        self._write(STATE, canonical(state))

    @contextmanager
    def _locked(self) -> Generator[None]:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with locked(self._path(LOCK), error=LogError):
                yield
        except OSError as e:
            raise _unusable(self._folder, os.strerror(e.errno or 0)) from e

    def _read(self, name: str) -> bytes | None:
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise _unusable(self._path(name), os.strerror(e.errno or 0)) from e
        with os.fdopen(descriptor, "rb") as file:
            return file.read(4096)

    def _write(self, name: str, data: bytes, *, to_disk: bool = False) -> None:
        """``to_disk``: before this returns, so that what it signs or verifies never outlives it. The counter is
        written at each session's two ends and is not waited for: one that a power cut takes is a gap that shows."""
        path = self._path(name)
        try:
            replace_file(path, data, to_disk=to_disk)
            if to_disk:  # the folder may be new too
                names_to_disk(os.path.join(self._folder, ".."))
        except OSError as e:
            raise _unusable(path, os.strerror(e.errno or 0)) from e

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def own_key(session: str, folder: str) -> str:
    """This computer's verifier key, where the session says it was signed here; else "".

    The key beside a log proves little: whoever rewrote the log could have put it there. This one lies
    elsewhere.
    """
    own = device_key(folder)
    theirs = _first_line(os.path.join(session, DEVICE_KEY))
    return own if own and own.partition("+")[0] == theirs.partition("+")[0] else ""


def device_key(folder: str) -> str:
    """The verifier key of the device whose files lie in ``folder``; "" where it has none yet."""
    return _first_line(os.path.join(folder, PUBLIC))


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(4096).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _last_checkpoint(sessions: str, sid: str) -> tuple[int, str] | None:
    """Size and root (base64) of the session's last whole note, where one can be read."""
    try:
        with open(os.path.join(find_session(sessions, sid), CHECKPOINTS), "rb") as file:
            notes, _ = parse_notes(file.read())
    except (OSError, Damage, DevagentError):
        return None
    return (notes[-1].size, to_base64(notes[-1].root)) if notes else None


def _unusable(path: str, why: str) -> LogError:
    return LogError(
        f"The record cannot be signed: {path}: {why}.",
        hint=f"Check `ls -l {path}`; nothing runs without its record.",
    )
