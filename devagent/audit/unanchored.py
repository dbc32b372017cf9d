"""Sessions whose checkpoints the witness has not seen to the end: what is still to be sent, kept across processes.

``unanchored.json`` beside the device's key: session → since when its oldest checkpoint waits (microseconds since
1970, UTC; 0 where none does at the moment), and how many lines the witness has. A session is in it from its
first checkpoint until the witness has its last.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

from msgspec import Struct, field

from devagent.core.codec import canonical, from_plain, parse
from devagent.core.errors import LogError
from devagent.disk import locked, replace_file

FILE, LOCK = "unanchored.json", "unanchored.lock"


class Waiting(Struct, frozen=True):
    since: int
    size: int = 0


class _File(Struct):
    v: int = 1
    sessions: dict[str, Waiting] = field(default_factory=dict)


class Queue:
    """In the ``folder`` of the device. All methods raise LogError where the file cannot be used."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def sessions(self) -> dict[str, Waiting]:
        """What waits, the oldest session first."""
        return dict(sorted(self._read().sessions.items()))

    def put(self, sid: str, since: int) -> None:
        """A checkpoint of that session waits since then, unless an older one does."""
        with self._locked() as file:
            before = file.sessions.get(sid, Waiting(0))
            file.sessions[sid] = Waiting(before.since or since, before.size)

    def anchored(self, sid: str, size: int, *, since: int = 0, whole: bool = False) -> None:
        """The witness has so many lines. ``since``: what was written meanwhile waits since then; ``whole``: no
        more will come."""
        with self._locked() as file:
            if whole and not since:
                file.sessions.pop(sid, None)
            else:
                file.sessions[sid] = Waiting(since, size)

    def drop(self, sid: str) -> None:
        """Nothing of that session can be sent any more."""
        with self._locked() as file:
            file.sessions.pop(sid, None)

    def _read(self) -> _File:
        path = os.path.join(self._folder, FILE)
        try:
            with open(path, "rb") as file:
                return from_plain(parse(file.read()), _File)
        except FileNotFoundError:
            return _File()
        except (OSError, ValueError) as e:
            raise LogError(
                f"What the witness has not seen cannot be read: {path}: {e}.",
                hint="Mend the file, or remove it: then `devagent session anchor --all` finds them anew.",
            ) from e

    @contextmanager
    def _locked(self) -> Generator[_File]:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with locked(os.path.join(self._folder, LOCK), error=LogError):
                file = self._read()
                yield file
                replace_file(
                    os.path.join(self._folder, FILE), canonical(file) + b"\n", to_disk=False
                )
        except OSError as e:
            raise _unusable(self._folder, e) from e


def _unusable(path: str, error: OSError) -> LogError:
    return LogError(
        f"What the witness has not seen cannot be kept: {path}: {os.strerror(error.errno or 0)}."
    )
