"""The person's approvals on file, beside their other data, where no tool can write.

One JSON file, replaced whole. What is taken back there answers nothing any more, also in a session that runs; what
others add answers from the next session on. A file that is damaged or not the person's own is no approval at all, and
is said: an ask then asks again.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Self

from msgspec import Struct

from devagent.core.approvals import StandingApproval
from devagent.core.codec import canonical, from_plain, parse
from devagent.core.errors import ConfigError, DevagentError
from devagent.disk import locked, replace_file
from devagent.settings.trusted_file import read_trusted

VERSION = 1


class _File(Struct, frozen=True):
    version: int
    approvals: list[StandingApproval]


Writing = Callable[[str], AbstractContextManager[None]]
"""What surrounds a change of the file at this path."""


class ApprovalsOnFile:
    """The approvals of one person (``core.ports.Approvals``)."""

    def __init__(
        self,
        path: str,
        approvals: Sequence[StandingApproval] = (),
        writing: Writing = nullcontext,
    ) -> None:
        self._path = path
        self._writing = writing
        self._approvals = list(approvals)
        self._stamp = _stamp(path)

    @classmethod
    def load(cls, path: str, writing: Writing = nullcontext) -> Self:
        """Read the file; none where it is not there. ``writing`` is around each change of it. Raises ConfigError for one
        that is not usable."""
        found = cls(path, writing=writing)
        found._approvals = found._read()
        return found

    def _read(self) -> list[StandingApproval]:
        path = self._path
        try:
            data = read_trusted(path, error=ConfigError)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            read = from_plain(parse(data), _File)
        except ValueError as e:
            raise ConfigError(
                f"is no file of approvals ({e})",
                file=path,
                hint="Remove it; you will be asked again.",
            ) from e
        if read.version != VERSION:
            raise ConfigError(f"has version {read.version}, not {VERSION}", file=path)
        return read.approvals

    def standing(self) -> Sequence[StandingApproval]:
        """Those that were there or were added here, and are there still; expired ones too. Raises as ``load``."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            there = self._read()
            self._approvals = [one for one in self._approvals if one in there]
            self._stamp = stamp
        return tuple(self._approvals)

    def keep(self, approval: StandingApproval) -> None:
        """Add one. Raises DevagentError where it cannot be written."""
        self._change(lambda known: [*(a for a in known if a.id != approval.id), approval])

    def revoke(self, id: str) -> StandingApproval | None:
        """Take one back; it, or None where there is none of that id."""
        found = next((a for a in self._approvals if a.id == id), None)
        if found is not None:
            self._change(lambda known: [a for a in known if a.id != id])
        return found

    def _change(self, change: Callable[[list[StandingApproval]], list[StandingApproval]]) -> None:
        """Read again, change, replace: two sessions at once lose nothing of each other's."""
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with locked(f"{self._path}.lock"), self._writing(self._path):
                whole = _File(version=VERSION, approvals=change(self._read()))
                replace_file(self._path, canonical(whole))
                self._approvals = change(self._approvals)
        except OSError as e:
            raise DevagentError(f"the approval cannot be kept in {self._path}: {e.strerror}") from e


class Together:
    """What is on file, and beside it approvals from signed files (``core.ports.Approvals``); those that policy has
    ``revoked`` are left out of both."""

    def __init__(
        self,
        on_file: ApprovalsOnFile,
        signed: Sequence[StandingApproval],
        revoked: Collection[str],
    ) -> None:
        self._on_file = on_file
        self._signed = tuple(signed)
        self._revoked = revoked

    def standing(self) -> Sequence[StandingApproval]:
        every = (*self._on_file.standing(), *self._signed)
        return tuple(one for one in every if one.id not in self._revoked)

    def keep(self, approval: StandingApproval) -> None:
        self._on_file.keep(approval)


def _stamp(path: str) -> tuple[int, ...]:
    """What changes with the file; empty where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
