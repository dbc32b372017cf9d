"""What a search gives: hits with the place that they are cited by, and how sure they are."""

from collections.abc import Sequence
from typing import NamedTuple

from devagent_docs.citing import Citation, cited
from devagent_docs.opening import Stored


class Hit(NamedTuple):
    """One section that may answer. ``freshness`` says when it was indexed and whether its file changed since."""

    collection: str
    version: str
    chunk: Stored
    score: float
    snippet: str
    freshness: str

    @property
    def anchor(self) -> str:
        return self.chunk.anchors[0] if self.chunk.anchors else ""

    @property
    def document(self) -> str:
        """``collection:path``."""
        return f"{self.collection}:{self.chunk.path}"

    @property
    def places(self) -> Sequence[str]:
        """Anchors of its section and those around it, and the names it defines."""
        return (*self.chunk.anchors, *self.chunk.symbols)

    @property
    def citation(self) -> str:
        """``collection@version:path#anchor``."""
        return cited(Citation(self.collection, self.version, self.chunk.path, self.anchor))


class Answer(NamedTuple):
    """Hits, best first; ``confidence`` from 0 to 1; ``corrections`` are those that a hit bears out.

    ``missing`` are collections that were to be searched and have no index yet.
    """

    hits: list[Hit]
    confidence: float
    corrections: dict[str, str]
    missing: list[str]
