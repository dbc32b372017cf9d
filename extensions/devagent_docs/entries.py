"""What a source of documents gives: entries, each with what tells that it changed, and their bytes."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from devagent_docs.formats import Document, read
from devagent_docs.globs import compile_glob
from devagent_docs.settings import Collection

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache", "_static",
     "_sources", "_images", "_modules", "_downloads"}
)  # fmt: skip
"""Folders that are never looked into, unless ``include`` names them."""
_LEFT_OUT_FILES = ("genindex", "search.html", "searchindex", "py-modindex", "sitemap", "bookindex.html", "robots.txt", "requirements")  # fmt: skip


class Entry(NamedTuple):
    """One document of a source: its path there, and a stamp that differs when it may have changed."""

    path: str
    stamp: str
    format: str


class Source(Protocol):
    """A place that documents come from."""

    def entries(self) -> Iterator[Entry]:
        """All documents, by path. Raises DocsError unreadable."""
        ...

    def data(self, entry: Entry) -> bytes:
        """The document's bytes. Raises Unreadable."""
        ...

    def document(self, entry: Entry, data: bytes) -> Document:
        """The document in these bytes. Raises Unreadable."""
        ...

    def version(self) -> str:
        """What the source says of its version; "" where nothing does."""
        ...

    def stamp(self, path: str) -> str:
        """The document's stamp now, to tell whether an indexed one is still as it was; "" = it is gone."""
        ...


class Chosen:
    """Which paths a collection takes, by its include and exclude."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._include = [compile_glob(glob) for glob in collection.include]
        self._exclude = [compile_glob(glob) for glob in collection.exclude]

    def takes(self, path: str) -> bool:
        """Whether the document belongs to the collection."""
        if any(matches(path) for matches in self._exclude):
            return False
        if self._include:
            return any(matches(path) for matches in self._include)
        return not path.rpartition("/")[2].startswith(_LEFT_OUT_FILES)

    def document(self, entry: Entry, data: bytes) -> Document:
        """As ``Source.document``."""
        return read(data, entry.path, entry.format)
