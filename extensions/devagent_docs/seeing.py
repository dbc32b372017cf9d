"""Which words a call may know of: those of documents that it may read.

An index counts the words of all its documents. A word that stands in few chunks is known to a call only if it may read one
of them: else it is treated as one that no document has, so that neither a correction nor how sure an answer
is tells that a document that may not be read has it. One that stands in more chunks is taken for known.
"""

from devagent_docs.contract import Surroundings, may_read
from devagent_docs.opening import Opened

FEW = 40
"""Chunks up to which a word's documents are asked about."""


class Sight:
    """What one call may know of."""

    def __init__(self, here: Surroundings | None = None) -> None:
        """Without surroundings, or where no house stands around, everything may be known."""
        self._here = here if getattr(here, "may_read", None) else None
        self._known: dict[tuple[int, str, str], bool] = {}
        self._readable: dict[tuple[int, str], bool] = {}

    def knows(self, one: Opened, field: str, term: str) -> bool:
        """Whether the collection has the term, as far as the call may know."""
        count = one.frequency(field, term)
        if self._here is None or not 0 < count <= FEW:
            return count > 0
        key = (id(one), field, term)
        if key not in self._known:
            chunks = one.having(field, term, FEW)
            self._known[key] = any(
                self._may_read(self._here, one, path, tags) for path, tags in chunks
            )
        return self._known[key]

    def _may_read(self, here: Surroundings, one: Opened, path: str, tags: tuple[str, ...]) -> bool:
        key = (id(one), path)
        if key not in self._readable:
            (self._readable[key],) = may_read(here, [one.collection.resource(path, tags)])
        return self._readable[key]
