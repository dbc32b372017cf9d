"""A session made ready for a report or an export: verified first, then read once, its entries and their summary."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Literal

from devagent.audit.device import own_key
from devagent.audit.entry import Entry
from devagent.audit.reader import Record, read
from devagent.audit.record import to_base64
from devagent.audit.reveal import revealed
from devagent.audit.review import entries
from devagent.audit.summary import Summary
from devagent.audit.verification import Verification
from devagent.cli.session.shared import verified
from devagent.core.errors import LogError


class Review:
    """One session. ``summary`` is whole once ``entries`` has been gone through.

    What is read is what was verified: events that a running session adds meanwhile are left out.
    """

    def __init__(self, folder: str, *, name: str, key: str, data: str, most_text: int) -> None:
        own = "" if key else own_key(folder, data)
        self.folder = folder
        self.name = name
        self.verified: Verification = verified(folder, key)
        self.key = key or own
        self.key_is = "given" if key else "this computer's" if own else "the folder's own"
        self.summary = Summary()
        self.unreadable = ""
        self._most_text = most_text

    @property
    def sid(self) -> str:
        return self.verified.sid or os.path.basename(os.path.abspath(self.folder))

    @property
    def root(self) -> str:
        """The tree head over the lines that verify (base64), to be compared with one from elsewhere."""
        return to_base64(self.verified.tail.tree.root())

    @property
    def verdict(self) -> Literal["good", "weak", "bad"]:
        """weak: nothing is wrong with the log, but no key from elsewhere says that it is the one that was written."""
        if not self.verified.ok:
            return "bad"
        unchecked = any("not checked" in note for note in self.verified.notes)
        return "good" if self.verified.checkpoints and self.key and not unchecked else "weak"

    @property
    def integrity(self) -> list[str]:
        """What else is to be said of the log: how it is signed, what is torn, erased, unread."""
        found = self.verified
        said = [revealed(note)[0] for note in found.notes]
        if found.checkpoints:
            after = found.tail.seq - found.tail.signed
            said.insert(
                0,
                f"{found.checkpoints:,} signed checkpoints, checked with {self.key_is} key; "
                f"the last is over {found.tail.signed:,} lines, {after:,} come after it",
            )
        if self.unreadable:
            said.append(self.unreadable)
        if self.summary.forked_from:
            said.append(
                f"forked from session {self.summary.forked_from}: that one's log has what was said before"
            )
        return said

    def entries(self) -> Iterator[Entry]:
        """The entries, each taken into the summary."""
        for entry in entries(self._records(), most_text=self._most_text):
            self.summary.apply(entry)
            yield entry

    def _records(self) -> Iterator[Record]:
        """As far as they can be read: a log that is no good must be seen all the more."""
        records = read(self.folder)
        most = self.verified.events if self.verified.ok else None
        try:
            for record in islice(records, most):
                self.summary.see(record)
                yield record
        except LogError as error:
            self.unreadable = revealed(
                f"it cannot be read beyond event {self.summary.events - 1}: {error.what}"
            )[0]
        finally:
            records.close()
