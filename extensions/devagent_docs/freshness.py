"""When a document was indexed, and whether its file is still as it was then."""

from devagent_docs.contract import DocsError, Surroundings
from devagent_docs.entries import Source
from devagent_docs.opening import Opened, Stored
from devagent_docs.sources import open_source


class Freshness:
    """The freshness of documents; each collection's source is opened once."""

    def __init__(self, here: Surroundings) -> None:
        self._here = here
        self._sources: dict[str, Source | None] = {}

    def of(self, one: Opened, chunk: Stored) -> str:
        """As ``indexed 2026-11-20, unchanged since``."""
        day = one.current.indexed_at[:10]
        name = one.collection.name
        if name not in self._sources:
            try:
                self._sources[name] = open_source(one.collection, self._here.folder)
            except DocsError:
                self._sources[name] = None
        source = self._sources[name]
        now = source.stamp(chunk.path) if source else ""
        if not now:
            return f"indexed {day}, source gone since"
        same = now == chunk.stamp
        return f"indexed {day}, {'unchanged' if same else 'CHANGED'} since"
