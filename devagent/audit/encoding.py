"""An event as the two lines that the log has of it: redacted, committed to, sealed where the session is."""

import os
from collections.abc import Callable
from typing import Any

from devagent.audit.lines import MAX_LINE
from devagent.audit.record import VERSION, commitment, leaf_hash, split, to_base64
from devagent.audit.sealing import SessionKey, digest_of
from devagent.core.codec import canonical, well_formed_value
from devagent.core.errors import LogError
from devagent.core.events import Event, Unlogged

Fields = dict[str, Any]
Redact = Callable[[Fields, Fields], tuple[Fields, Fields, dict[str, int]]]
"""An event's header and body in; both with what must not be kept replaced, and how often by its kind."""

_SALT_BYTES = 16
_DRAW_BYTES = 1024


def unredacted(header: Fields, body: Fields) -> tuple[Fields, Fields, dict[str, int]]:
    return header, body, {}


class Encoder:
    """One session's. ``clock`` and ``monotonic`` give nanoseconds, ``random(n)`` n bytes; ``redact`` sees every event's
    own fields once. ``key`` seals content; where the session ``is_sealed`` nothing with content goes without it."""

    def __init__(
        self,
        sid: str,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        random: Callable[[int], bytes],
        redact: Redact,
        key: SessionKey | None,
        is_sealed: bool,
    ) -> None:
        self.redactions = 0
        """How much was replaced so far."""
        self._sid = sid
        self._clock, self._monotonic, self._redact = clock, monotonic, redact
        self._random = _Drawn(random) if random is os.urandom else random
        self._key = key
        self._is_sealed = is_sealed

    def lines(self, event: Event, seq: int, prev: str) -> tuple[bytes, bytes, str]:
        """The header's line, the body's (empty where there is no content), and the header's leaf hash, for the event of
        that number after the line with the leaf hash ``prev``. Raises LogError for what cannot be written down."""
        if isinstance(event, Unlogged):
            raise LogError(f"A {type(event).__name__} is never logged: the whole of it is.")
        try:
            header, body = split(event)
            header, body, redacted = self._redact(header, body)
            envelope: dict[str, Any] = {
                "v": VERSION,
                "seq": seq,
                "sid": self._sid,
                "ts": self._clock() // 1000,
                "mono": self._monotonic(),
                "prev": prev,
            }
            if redacted:
                envelope["redacted"] = redacted
                self.redactions += sum(redacted.values())
            body_line = b""
            if body:
                content = _canonical(body)
                salt = self._random(_SALT_BYTES)
                envelope["body"] = commitment(salt, content)
                body_line = canonical(
                    {"seq": seq, "salt": to_base64(salt), "content": content.decode()}
                )
                if self._key:
                    sealed = self._key.seal(seq, body_line)
                    envelope["sealed"] = digest_of(sealed)
                    body_line = canonical({"seq": seq, "sealed": sealed})
                elif self._is_sealed:
                    raise LogError(f"A {type(event).__name__} cannot be sealed without the key.")
            line = _canonical({**header, **envelope})
            if max(len(line), len(body_line)) >= MAX_LINE:  # nobody could read it back
                raise ValueError(f"it takes more than {MAX_LINE >> 20} MiB")
        except (TypeError, ValueError, OverflowError, RecursionError) as e:
            raise LogError(f"A {type(event).__name__} cannot be written down: {e}.") from e
        return line + b"\n", body_line and body_line + b"\n", leaf_hash(line)


class _Drawn:
    """Random bytes from large draws: each call of the system lets other threads in between. For one log alone."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._source = random
        self._left = b""

    def __call__(self, size: int) -> bytes:
        if len(self._left) < size:
            self._left = self._source(max(size, _DRAW_BYTES))
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def _canonical(value: Any) -> bytes:
    try:
        return canonical(value)
    except UnicodeEncodeError:  # a lone surrogate, from an odd file name or a tool's bytes
        return canonical(well_formed_value(value))
