"""The witness: whoever keeps what this device has signed where this device cannot take it back.

Each checkpoint is sent by a thread of its own, which loads what it needs only then; nothing waits for it but the
end of a session, half a second at most and only where the witness answers. What it has not seen stays in a queue
(``unanchored``) that later sessions, and ``devagent session anchor``, work off. Cosigned checkpoints go to the
session's own file, where they are the newest.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from devagent.audit.checkpoints import cosigned_at, parse_key, parse_notes, signed_note
from devagent.audit.layout import CHECKPOINTS, DEVICE_KEY, LOCK, folder_of, is_ulid, newest_first
from devagent.audit.lines import Damage, open_to_read
from devagent.audit.unanchored import Queue
from devagent.core.errors import LogError
from devagent.core.keeping import Witness

if TYPE_CHECKING:
    from devagent.audit.witness_protocol import Sender

LAST_WAIT_S = 0.5
PATIENCE_S = 10.0
"""How long a witness that cannot be reached is left alone."""
AT_ONCE = 20
"""Earlier sessions that one session sends on the way."""


class Progress(Struct, frozen=True):
    """What became of one session that was waiting; ``why`` says why it still waits."""

    sid: str
    size: int = 0
    why: str = ""
    refused: bool = False


class Witnessing:
    """One session's checkpoints on their way. ``clock`` gives seconds since 1970, UTC."""

    def __init__(
        self, witness: Witness, sessions: str, data: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.witness = witness
        self.why = ""
        """Why the last attempt failed; empty after one that did not."""
        self.refused = ""
        """What the witness said no to: it has other lines, or does not take this device's."""
        self._sessions = sessions
        self._queue = Queue(data)
        self._clock = clock
        self._earlier = self._queue.sessions()
        self._own_since = 0
        self._folder = self._sid = self._key = ""
        self._newest: tuple[bytes, int, int] | None = None
        self._cosigned: tuple[bytes, int] | None = None
        self._sent = 0
        self._closing = self._hurry = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._sender: Sender | None = None

    def waiting_s(self) -> float:
        """For how long the oldest checkpoint of this device waits for the witness; 0 where none does."""
        since = self._since()
        return max(0.0, self._clock() - since / 1_000_000) if since else 0.0

    def told(self, folder: str, note: bytes, size: int, key: str) -> None:
        """A new checkpoint is on the disk; it is sent when the one on its way has gone. Raises LogError."""
        now = int(self._clock() * 1_000_000)
        if not self._sid:
            self._folder, self._sid = folder, os.path.basename(os.path.abspath(folder))
            self._key = key
            self._queue.put(self._sid, now)
        with self._changed:
            self._own_since = self._own_since or now
            self._newest = (note, size, now)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def take(self, size: int) -> bytes:
        """The cosigned checkpoint over so many lines, once; empty where there is none (yet)."""
        if self._cosigned is None:
            return b""
        with self._changed:
            cosigned, self._cosigned = self._cosigned, None
        return cosigned[0] if cosigned and cosigned[1] == size else b""

    def settle(self, limit_s: float) -> bool:
        """Try at once, and wait so long at most until nothing waits any more; whether that is so."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._since(), limit_s)

    def finish(self, size: int) -> bytes:
        """The session is closed with so many lines: its last checkpoint cosigned, where that takes a moment only.

        Raises LogError where it cannot be written down that it still waits.
        """
        with self._changed:
            if self._newest and not self.why:
                self._changed.wait_for(lambda: not self._own_since or bool(self.why), LAST_WAIT_S)
            self._closing = True
            self._changed.notify_all()
            waits = self._own_since
        if self._sid:
            if waits:
                self._queue.put(self._sid, waits)
            else:
                self._queue.anchored(self._sid, size, whole=True)
        return self.take(size)

    def _since(self) -> int:
        every = [self._own_since, *(one.since for one in self._earlier.values())]
        return min((one for one in every if one), default=0)

    def _run(self) -> None:
        try:
            while not self._closing:
                with self._changed:
                    self._changed.wait_for(self._has_work)
                    newest, self._hurry = self._newest, False
                if self._closing:
                    return
                reached = not self._own_since or newest is None or self._send(*newest)
                if reached:
                    reached = self._send_earlier()
                if not reached:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing or self._hurry, PATIENCE_S)
        except LogError as e:  # the session's own thread meets what is wrong with its log by itself
            self.why = e.what

    def _has_work(self) -> bool:
        return self._closing or self._hurry or bool(self._own_since)

    def _send(self, note: bytes, size: int, _: int) -> bool:
        from devagent.audit.witness_protocol import Sender, Unanchored  # noqa: PLC0415

        if self._sender is None:
            before = self._earlier.pop(self._sid, None)
            seen = before.size if before else 0
            self._sender = Sender(self.witness, self._folder, self._key, seen=seen)
        try:
            cosigned = self._sender.send(note)
        except Unanchored as e:
            with self._changed:
                self.why = e.why
                self.refused = e.why if e.refused else ""
                self._changed.notify_all()
            return False
        with self._changed:
            newest = self._newest
            self._own_since = newest[2] if newest and newest[1] > size else 0
            self._cosigned = (cosigned, size)
            self.why = self.refused = ""
            self._queue.anchored(self._sid, size, since=self._own_since)
            self._changed.notify_all()
        return True

    def _send_earlier(self) -> bool:
        """Sessions that other processes could not send; whether the witness could be reached."""
        for sid in list(self._earlier)[:AT_ONCE]:
            if self._closing:
                return True
            waiting = self._earlier[sid]
            done = send_waiting(self.witness, self._sessions, self._queue, sid, waiting.size)
            if done and done.why:
                with self._changed:
                    self.why = f"session {sid}: {done.why}" if done.refused else done.why
                    self.refused = self.why if done.refused else ""
                return False
            with self._changed:
                self._earlier.pop(sid)
                self._changed.notify_all()
        return True


def send_all(witness: Witness, sessions: str, data: str) -> list[Progress]:
    """Send what waits, the oldest session first, until the witness cannot be reached. Raises LogError."""
    queue = Queue(data)
    found: list[Progress] = []
    for sid, waiting in queue.sessions().items():
        done = send_waiting(witness, sessions, queue, sid, waiting.size)
        if done:
            found.append(done)
            if done.why and not done.refused:
                break
    return found


def queue_all(witness: Witness, sessions: str, data: str) -> None:
    """Put every session in the queue whose last checkpoint the witness has not cosigned. Raises LogError."""
    queue = Queue(data)
    known = queue.sessions()
    key = parse_key(witness.key, witness=True) if witness.key else None
    for folder in newest_first(sessions):
        sid = os.path.basename(folder)
        file = open_to_read(os.path.join(folder, CHECKPOINTS))
        if file is None or sid in known:
            continue
        with file:
            text = file.read()
        try:
            notes, _ = parse_notes(text)
        except Damage:
            notes = []  # sending says what is wrong with them
        if not (notes and key and cosigned_at(notes[-1], key)):
            queue.put(sid, time.time_ns() // 1000)


def send_waiting(
    witness: Witness, sessions: str, queue: Queue, sid: str, seen: int
) -> Progress | None:
    """Send the last checkpoint of a session that nobody writes to. None where there is nothing to send: its own
    process does that, or it is gone. Raises LogError."""
    from devagent.audit.witness_protocol import Sender, Unanchored  # noqa: PLC0415

    folder = folder_of(sessions, sid) if is_ulid(sid) else ""
    if not os.path.isdir(folder):
        queue.drop(sid)
        return None  # the collector knows what it has of it
    lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)  # fmt: skip
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        note, size, key, torn = _last_note(folder)
        if not note:
            queue.drop(sid)
            return None
        cosigned = Sender(witness, folder, key, seen=seen).send(note)
        if not torn:  # what comes after a torn note could not be read
            _append(os.path.join(folder, CHECKPOINTS), cosigned)
        queue.anchored(sid, size, whole=True)
        return Progress(sid, size)
    except BlockingIOError:
        return None  # its own process sends it
    except Unanchored as e:
        return Progress(sid, why=e.why, refused=e.refused)
    except Damage as e:
        return Progress(sid, why=f"its checkpoints are damaged: {e.what}", refused=True)
    except OSError as e:
        raise LogError(f"The session {folder} cannot be anchored: {e}.") from e
    finally:
        os.close(lock)


def _last_note(folder: str) -> tuple[bytes, int, str, bool]:
    """The last checkpoint with the device's signature alone, its size, the device's key, and whether a torn one
    follows. Raises Damage."""
    found: list[bytes] = []
    for name in (CHECKPOINTS, DEVICE_KEY):
        file = open_to_read(os.path.join(folder, name))
        with file or open(os.devnull, "rb") as one:
            found.append(one.read())
    notes, torn = parse_notes(found[0])
    if not notes:
        return b"", 0, "", False
    key = found[1].decode("utf-8", "replace").strip()
    name = key.partition("+")[0]
    last = notes[-1]
    own = next((signed for signer, signed in last.signatures if signer == name), b"")
    if not own:
        raise Damage(CHECKPOINTS, last.line, f"bears no signature of {name}")
    return signed_note(last.text, key, own[4:]), last.size, key, bool(torn)


def _append(path: str, note: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.write(descriptor, note) != len(note):
            raise OSError("the disk took only a part")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
