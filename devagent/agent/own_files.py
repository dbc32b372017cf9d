"""A watch over the files that govern devagent: what a call did to them is seen when it ends.

The floor refuses calls that name such a file and the sandbox keeps programs from it. Where a program
reached one all the same, through a hard link, a hole or the lack of a sandbox, nothing that follows may
rest on it: the session stops, and its record says which file.
"""

import os
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from msgspec import Struct

from devagent.core.errors import OwnFilesChanged

_MOST_BYTES = 16 * 1024 * 1024
_GONE = (0, 0, 0, 0, 0)


class _Known(Struct, frozen=True):
    """A file at a moment: its inode, size, mode and times, and the digest of its content."""

    state: tuple[int, ...]
    digest: str


class Before:
    """How the files were before a call."""

    __slots__ = ("__weakref__", "files")

    def __init__(self, files: dict[str, _Known]) -> None:
        self.files = files


class OwnFiles:
    """The files at these paths; those that are not there count too: they must not come into being."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._read: dict[str, _Known] = {}
        self._changed: tuple[str, ...] = ()
        self._held: weakref.ref[Before] | None = None

    def now(self) -> Before:
        """How they are: for ``changed_since``, to be asked before a call. What is as it was is not read again.

        While an earlier call still holds its own, that is given: what has changed since then is its matter too.
        """
        held = self._held() if self._held is not None else None
        if held is None:
            held = Before({path: self._known(path) for path in self._paths})
            self._held = weakref.ref(held)
        return held

    def changed_since(self, before: Before) -> tuple[str, ...]:
        """Those whose content or mode is another than before, to be asked after the call."""
        changed: list[str] = []
        for path, known in before.files.items():
            found = self._known(path)
            if (found.digest, _mode(found.state)) != (known.digest, _mode(known.state)):
                changed.append(path)
        self._changed = self._changed or tuple(changed)
        return tuple(changed)

    @contextmanager
    def own_write(self, path: str) -> Generator[None]:
        """Devagent itself writes this one now, because a person said so, while calls may run: that is no call's doing.
        Where a call had changed any of them before, that stays seen."""
        held = self.now()
        changed = self.changed_since(held)
        yield
        if not changed and path in held.files:
            held.files[path] = self._known(path)

    def _known(self, path: str) -> "_Known":
        state = _state(path)
        known = self._read.get(path)
        if known is None or known.state != state:
            known = self._read[path] = _Known(state, _digest(path))
        return known

    def refuse_if_changed(self) -> None:
        """Raise OwnFilesChanged where a call has changed one: for good, as far as this session goes."""
        if self._changed:
            raise OwnFilesChanged(
                f"{', '.join(self._changed)} changed while a call of the agent was running",
                hint="Look at these files (and put them back) before you trust this devagent again; the session's record"
                " says which call it was.",
            )


def _state(path: str) -> tuple[int, ...]:
    try:
        found = os.lstat(path)
    except OSError:
        return _GONE
    return (found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns, found.st_ctime_ns)


def _mode(state: tuple[int, ...]) -> int:
    return state[2]


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return sha256(file.read(_MOST_BYTES)).hexdigest()
    except OSError as e:
        return type(e).__name__
