"""Writing the session log: no event is handed on that is not down, and nothing written changes.

For each event: the content's line, then the header that commits to it, each one append. What must
outlive a power cut before the next step is synced to the disk at once (both files, so one pair of calls covers a
verdict and the start it permits); what only read is synced with the next of those, after 64 events, or
at the close. After a failed write the log refuses all that follows: nothing acts without a log.

"Never rewritten" has one exception: when a log is opened again, the torn end that a crash left is copied
to ``torn-<seq>.<n>.events`` or ``.bodies`` and cut off, and ``log.recovered`` of that seq says so.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from devagent.audit.device import Device
from devagent.audit.encoding import Encoder, Redact, unredacted
from devagent.audit.files import Files
from devagent.audit.layout import KEYS, ulid
from devagent.audit.merkle import Tree
from devagent.audit.opening import Opener
from devagent.audit.record import is_afterwards
from devagent.audit.sealing import KEY_BYTES, Sealing, SessionKey
from devagent.audit.signing import Signing
from devagent.audit.verification import Tail
from devagent.audit.verify import verify_session
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolStarted
from devagent.core.events.session import (
    LogErased,
    LogRecovered,
    SessionEnded,
    SessionResumed,
    SessionStarted,
)
from devagent.core.events.turns import TurnCut, TurnEnded

if TYPE_CHECKING:
    from devagent.audit.witness import Witnessing

SYNC_EVERY = 64
"""Events after which even reads are synced."""


class SessionLog:
    """One session's log, open for writing by this process alone (an advisory lock says so).

    Made by ``create`` or ``reopen``. ``clock`` and ``monotonic`` give nanoseconds; ``random(n)`` n bytes;
    ``redact`` sees every event's own fields once, before anything is written (``redaction.redactor``). With
    ``one_task`` the session is expected to end with its turn: what ends the turn is synced together with what
    follows it at once, which is the session's end, or a further turn after all.
    """

    def __init__(
        self,
        files: Files,
        sid: str,
        tail: Tail,
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        random: Callable[[int], bytes] = os.urandom,
        redact: Redact = unredacted,
        signing: Signing | None = None,
        key: SessionKey | None = None,
        ended: bool = False,
        witnessing: "Witnessing | None" = None,
        one_task: bool = False,
    ) -> None:
        self.sid, self.folder = sid, files.folder
        self.failure: LogError | None = None
        self._files = files
        self._monotonic = monotonic
        self._seq, self._prev = tail.seq, tail.prev
        self._unfinished = tail.unfinished
        self._unsynced = 0
        self._ended = ended
        self._signing = signing
        self._witnessing = witnessing
        self._one_task = one_task
        self._end_awaited = False
        self._encoder = Encoder(
            sid,
            clock=clock,
            monotonic=monotonic,
            random=random,
            redact=redact,
            key=key,
            is_sealed=files.has(KEYS),
        )

    @classmethod
    def create(
        cls,
        sessions: str,
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        random: Callable[[int], bytes] = os.urandom,
        redact: Redact = unredacted,
        device: Device | None = None,
        sealing: Sealing | None = None,
        witnessing: "Witnessing | None" = None,
        one_task: bool = False,
    ) -> Self:
        """A new session below the sessions folder. Raises LogError where it cannot be made.

        ``device`` signs its checkpoints; without one it has none. ``witnessing`` is told of each. ``sealing`` says for whom its content is
        sealed; without it, it is open. Raises ConfigError where it cannot be sealed for them.
        """
        sid = ulid(clock() // 1_000_000, random(10))
        key = keys = b""
        if sealing:
            key = random(KEY_BYTES)
            keys = sealing.wrap(key)
        files = Files.create(sessions, sid, keys)
        return cls(
            files,
            sid,
            Tail(),
            clock=clock,
            monotonic=monotonic,
            random=random,
            redact=redact,
            signing=Signing(device, sid, Tree()) if device else None,
            key=SessionKey(sid, key, random) if key else None,
            witnessing=witnessing,
            one_task=one_task,
        )

    @classmethod
    def reopen(
        cls,
        folder: str,
        *,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        random: Callable[[int], bytes] = os.urandom,
        redact: Redact = unredacted,
        device: Device | None = None,
        sealing: Sealing | None = None,
        with_content: bool = True,
        witnessing: "Witnessing | None" = None,
        one_task: bool = False,
    ) -> Self:
        """Go on with a session: what a crash left is set aside and closed first.

        Writes ``log.recovered`` where something was torn, then ``tool.finished`` (cut) for calls that were
        under way and ``turn.cut``. What was sealed stays so, for those whom ``sealing`` names from now on. Raises
        LogError where another process writes to it, where it does not verify (nothing is appended to a log
        that was changed), and where its key is not at hand. Without it only events without content can be
        written (``with_content``).
        """
        files = Files.open(folder)
        try:
            found = verify_session(folder)
            if not found.ok:
                raise LogError(
                    f"Session {found.sid} cannot go on, its log does not verify: {found.problem}.",
                    hint="Start a new session; `devagent session show` reads what stands.",
                )
            sid = found.sid or os.path.basename(os.path.abspath(folder))
            log = cls(
                files,
                sid,
                found.tail,
                clock=clock,
                monotonic=monotonic,
                random=random,
                redact=redact,
                signing=Signing(device, sid, found.tail.tree, signed=found.tail.signed)
                if device
                else None,
                key=_key_of(files, sid, sealing, random) if with_content else None,
                ended=found.closed,
                witnessing=witnessing,
                one_task=one_task,
            )
            if recovered := files.set_torn_aside(found.tail):
                log.write(LogRecovered(bytes=recovered))
            log.close_turn("killed")
        except BaseException:
            files.close()
            raise
        return log

    @property
    def redactions(self) -> int:
        """How much was replaced in what this process has written."""
        return self._encoder.redactions

    @property
    def count(self) -> int:
        """How many events are written: the next one's seq."""
        return self._seq

    def write(self, event: Event) -> int:
        """Append the event; its seq. On return it has left this process, and is on disk where it must be.

        Raises LogError where it cannot be written down or appended; after a failed append always.
        """
        if self.failure:
            raise LogError(self.failure.what, hint=self.failure.hint)
        header_line, body_line, prev = self._encoder.lines(event, self._seq, self._prev)
        try:
            if body_line:
                self._files.append_body(body_line)
            if self._ended:
                self._files.append_event_whole(header_line)
            else:
                self._files.append_event(header_line)
            self._ended = isinstance(event, SessionEnded) or (self._ended and is_afterwards(event))
            self._seq, self._prev = self._seq + 1, prev
            self._unsynced += 1
            self._unfinished.follow(event)
            self._bring_to_disk(event)
        except OSError as e:
            raise self._failed(e) from e
        except BaseException:  # interrupted between two appends: what is on disk is not known here
            self._broken("Writing the session log was interrupted.")
            raise
        return self._seq - 1

    def _bring_to_disk(self, event: Event) -> None:
        """Sync and sign, as the event that was just appended asks for it."""
        after_turn = self._end_awaited
        self._end_awaited = self._one_task and isinstance(event, TurnEnded)
        if not self._end_awaited and (
            after_turn or _must_be_on_disk(event) or self._unsynced >= SYNC_EVERY
        ):
            self.sync()
        if self._signing:
            self._sign(self._signing, event)

    def load_signing(self) -> None:
        """Load what signs (milliseconds), and lay the key that it is checked by beside the log, while something
        else is waited for. Raises nothing: a failure is told by the first checkpoint."""
        if self._signing and self.failure is None and self._signing.load():
            with suppress(OSError):
                self._files.keep_key(self._signing.vkey)

    def _sign(self, signing: Signing, event: Event) -> None:
        signing.push(self._prev)
        now = self._monotonic()
        witnessing = self._witnessing
        if witnessing and (cosigned := witnessing.take(signing.signed)):
            self._files.append_checkpoint(cosigned, signing.vkey)
        if signing.is_due(event, now) and not self._end_awaited:
            self.sync()  # a checkpoint never says more than the disk has
            note = signing.note(now)
            self._files.append_checkpoint(note, signing.vkey)
            if witnessing:
                witnessing.told(self.folder, note, self._seq, signing.vkey)

    @property
    def files(self) -> Files:
        """The files, for what is done with the log as a whole while nobody else may write to it."""
        return self._files

    def sync(self) -> None:
        """Bring all that was written to the disk. Raises LogError."""
        if self._unsynced:
            try:
                self._files.sync()
            except OSError as e:
                raise self._failed(e) from e
            self._unsynced = 0

    def close_turn(self, err: str) -> None:
        """Close what is open: calls under way as ``tool.finished`` (cut), the turn as ``turn.cut``.

        ``err`` is an error class. Nothing is written where no turn is open. Raises LogError.
        """
        for event in self._unfinished.closing(err):
            self.write(event)

    def close(self) -> None:
        """Sync and let go of the files. Raises LogError where that last sync fails; closing twice is fine."""
        try:
            if not self.failure:
                self.sync()
                if self._signing:
                    self._signing.end()
                    self._finish_witnessing(self._signing)
        finally:
            self._files.close()
            if not self.failure:
                self._broken("The session log is closed.")

    def _finish_witnessing(self, signing: Signing) -> None:
        if self._witnessing and (cosigned := self._witnessing.finish(signing.signed)):
            try:
                self._files.append_checkpoint(cosigned, signing.vkey)
            except OSError as e:
                raise self._failed(e) from e

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _failed(self, error: OSError) -> LogError:
        why = os.strerror(error.errno) if error.errno else str(error)
        return self._broken(
            f"The session log {self.folder} cannot be written: {why}.",
            hint=f"Nothing more was done. Make room or mend the disk, then `devagent chat --resume {self.sid}`.",
        )

    def _broken(self, what: str, hint: str = "") -> LogError:
        self.failure = self.failure or LogError(what, hint=hint)
        return self.failure


def _key_of(
    files: Files, sid: str, sealing: Sealing | None, random: Callable[[int], bytes]
) -> SessionKey | None:
    """The key to seal with from here on, wrapped anew for whom ``sealing`` names; None for an open log."""
    key = b""
    if files.has(KEYS):
        opener = Opener(files.folder)
        key = opener.key
        if not key:
            raise LogError(
                f"Session {sid} cannot go on, its content is sealed: {opener.why}.",
                hint="Whoever has its key can; or start a new session.",
            )
    if sealing:
        key = key or random(KEY_BYTES)
        files.replace(KEYS, sealing.wrap(key))
    return SessionKey(sid, key, random) if key else None


def _must_be_on_disk(event: Event) -> bool:
    match event:
        case SessionStarted() | SessionResumed() | SessionEnded() | TurnEnded() | TurnCut():
            return True
        case LogErased():
            return True
        case ToolStarted(tool_class=tool_class):
            return tool_class != "read"
        case _:
            return False
